"""gcloud compute: https://cloud.google.com/sdk/gcloud/reference/compute/disks/describe and its neighbours."""

import json
import time

from cloud import Refused
from flavour import ZONE, number

from .options import options

PLACE = f"https://www.googleapis.com/compute/v1/projects/lab/zones/{ZONE}"


class Tool:
    failed = 1
    away = "ERROR: gcloud crashed (ConnectionError): the API does not answer"
    unknown = "ERROR: (gcloud.compute) Could not fetch resource: it was not found"

    def __init__(self, cloud):
        self.cloud = cloud

    def disk(self, state, key):
        entry = self.cloud.volume(state, key)
        shown = {"id": str(key), "kind": "compute#disk", "name": f"pd-{entry['label']}-{key}", "sizeGb": str(entry["size"]), "status": "READY",
                 "zone": PLACE, "type": f"{PLACE}/diskTypes/pd-balanced"}
        if entry["instance"]:
            shown["users"] = [f"{PLACE}/instances/{state['instances'][entry['instance']]['name']}"]
        return shown

    def instance(self, state, key):
        entry = self.cloud.instance(state, key)
        turning = {"on": "STAGING", "off": "STOPPING"}[entry["turning"][0]] if entry["turning"] else None
        return {"id": str(key), "kind": "compute#instance", "name": entry["name"], "zone": PLACE,
                "status": turning or {"on": "RUNNING", "off": "TERMINATED"}[entry["power"]]}

    @staticmethod
    def named(state, name):
        found = [key for key, entry in state["instances"].items() if entry["name"] == name]
        if not found:
            raise Refused("Not found")
        return found[0]

    def answer(self, words):
        given, rest = options(words)
        if rest[:1] != ["compute"] or len(rest) < 3:
            raise Refused("the fake knows compute alone")
        kind, verb, *names = rest[1:]
        # A regional disk (`rd-`) is in no zone, and is detached from an instance in one.
        regional = [name for name in (*names, given.get("--disk", "")) if name.startswith("rd-")]
        where = {"--region": ZONE[:-2]} if regional and kind == "disks" else {"--disk-scope": "regional", "--zone": ZONE} if regional else {"--zone": ZONE}
        if any(given.get(option, where.get(option)) != where.get(option) for option in ("--zone", "--region", "--disk-scope")) or (regional and not where.items() <= given.items()):
            raise Refused("Not found")
        state = self.cloud.snapshot()
        if kind == "disks" and verb in ("describe", "list"):
            keys = [number(name) for name in names] or sorted(state["volumes"])
            shown = [self.disk(state, key) for key in keys]
        elif kind == "instances" and verb in ("describe", "list"):
            shown = [self.instance(state, self.named(state, name)) for name in names] or [self.instance(state, key) for key in sorted(state["instances"])]
        elif kind == "instances" and verb in ("stop", "start"):
            self.cloud.power(self.named(state, names[0]), verb == "start")
            return ""
        elif kind == "instances" and verb == "attach-disk":
            self.cloud.attach(number(given["--disk"]), self.named(state, names[0]))
            return ""
        elif kind == "instances" and verb == "detach-disk":
            key = number(given["--disk"])
            if self.cloud.volume(state, key)["instance"] != self.named(state, names[0]):
                raise Refused("ERROR: (gcloud.compute.instances.detach-disk) Could not fetch resource: the disk is not attached to the instance")
            self.cloud.detach(key)
            # The real one waits for the operation's end, too.
            end = time.monotonic() + 600
            while self.cloud.snapshot()["volumes"][key]["instance"] and time.monotonic() < end:
                time.sleep(0.3)
            return f"Updated [{PLACE}/instances/{names[0]}]."
        else:
            raise Refused(f"compute {kind} {verb}: the fake does not know that")
        return json.dumps(shown if verb == "list" else shown[0], indent=2)
