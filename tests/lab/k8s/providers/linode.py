"""linode-cli: https://techdocs.akamai.com/linode-api/reference/get-volume and its neighbours."""

import json

from cloud import Refused

from .options import options

WHEN = "2026-01-15T09:12:44"


class Tool:
    failed = 2
    away = "Request failed: 503"
    unknown = "Request failed: 404\n[errors: reason: Not found]"

    def __init__(self, cloud):
        self.cloud = cloud

    def volume(self, state, number):
        entry = self.cloud.volume(state, number)
        instance = entry["instance"]
        return {"id": int(number), "status": "active", "label": entry["label"], "created": WHEN, "updated": WHEN, "size": entry["size"],
                "region": "eu-central", "linode_id": int(instance) if instance else None,
                # An instance that was deleted may still hold it.
                "linode_label": state["instances"].get(instance, {}).get("name"),
                "filesystem_path": f"/dev/disk/by-id/scsi-0Linode_Volume_{entry['label']}", "tags": [], "hardware_type": "nvme",
                "io_ready": bool(instance)}

    def linode(self, state, number):
        entry = self.cloud.instance(state, number)
        turning = {"on": "booting", "off": "shutting_down"}[entry["turning"][0]] if entry["turning"] else None
        return {"id": int(number), "label": entry["name"], "status": turning or {"on": "running", "off": "offline"}[entry["power"]],
                "region": "eu-central", "type": "g6-standard-4", "created": WHEN, "updated": WHEN, "ipv4": ["192.0.2.1"]}

    def answer(self, words):
        given, rest = options(words)
        kind, verb, *numbers = [*rest, "", ""]
        numbers = [number for number in numbers if number]
        act = {("volumes", "detach"): lambda: self.cloud.detach(numbers[0]),
               ("volumes", "attach"): lambda: self.cloud.attach(numbers[0], given["--linode_id"]),
               ("linodes", "shutdown"): lambda: self.cloud.power(numbers[0], False),
               ("linodes", "boot"): lambda: self.cloud.power(numbers[0], True)}.get((kind, verb))
        if kind not in ("volumes", "linodes") or not (act or verb in ("list", "view", "ls")):
            raise Refused(f"{kind} {verb}: the fake does not know that")
        if act:
            act()
            if verb != "attach":
                return "" if "--json" not in given else "[{}]"
        state = self.cloud.snapshot()
        shape = self.volume if kind == "volumes" else self.linode
        chosen = numbers or sorted(state["volumes" if kind == "volumes" else "instances"], key=int)
        rows = [shape(state, number) for number in chosen]
        if "--json" in given:
            return json.dumps(rows)
        return "\n".join("\t".join(str(value) for value in row.values()) for row in rows)
