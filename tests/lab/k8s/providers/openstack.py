"""openstack: https://docs.openstack.org/python-openstackclient/latest/cli/command-objects/volume.html and its neighbours."""

import json

from cloud import Refused
from flavour import NAMES, number

from .options import options

SERVER = NAMES["openstack"][2].rsplit("/", 1)[1]
VOLUME = NAMES["openstack"][1]


class Tool:
    failed = 1
    away = "Unable to establish connection to the volume endpoint"
    unknown = "No Volume found for that name or ID"

    def __init__(self, cloud):
        self.cloud = cloud

    def volume(self, state, key):
        entry = self.cloud.volume(state, key)
        name = VOLUME.format(number=int(key), label="")
        attachments = [{"id": name, "attachment_id": f"0c0c0c0c-0000-4000-8000-{int(key):012d}", "volume_id": name, "host_name": None, "device": "/dev/vdb",
                        "server_id": SERVER.format(instance=int(entry["instance"])), "attached_at": "2026-01-15T09:12:44.000000"}] if entry["instance"] else []
        status = "detaching" if entry["detaching"] else "in-use" if entry["instance"] else "available"
        return {"id": name, "name": entry["label"], "size": entry["size"], "status": status, "attachments": attachments, "multiattach": False}

    def server(self, state, key):
        entry = self.cloud.instance(state, key)
        off = entry["power"] == "off"
        return {"id": SERVER.format(instance=int(key)), "name": entry["name"], "status": "SHUTOFF" if off else "ACTIVE",
                "OS-EXT-STS:power_state": "Shutdown" if off else "Running",
                "OS-EXT-STS:task_state": {"on": "powering-on", "off": "powering-off"}[entry["turning"][0]] if entry["turning"] else None}

    def answer(self, words):
        given, rest = options(words)
        state = self.cloud.snapshot()
        named = {entry["name"]: key for key, entry in state["instances"].items()}

        def instance(name):
            return named.get(name) or number(name)

        if rest[:2] == ["volume", "show"]:
            shown = self.volume(state, number(rest[2]))
        elif rest[:2] == ["volume", "list"]:
            shown = [self.volume(state, key) for key in sorted(state["volumes"])]
        elif rest[:2] == ["server", "show"]:
            shown = self.server(state, instance(rest[2]))
        elif rest[:2] == ["server", "list"]:
            shown = [self.server(state, key) for key in sorted(state["instances"])]
        elif rest[:3] == ["server", "remove", "volume"]:
            key = number(rest[4])
            if self.cloud.volume(state, key)["instance"] != instance(rest[3]):
                raise Refused("The requested volume is not attached to the server. (HTTP 404)")
            self.cloud.detach(key)
            return ""
        elif rest[:3] == ["server", "add", "volume"]:
            self.cloud.attach(number(rest[4]), instance(rest[3]))
            return ""
        elif rest[:2] in (["server", "stop"], ["server", "start"]):
            self.cloud.power(instance(rest[2]), rest[1] == "start")
            return ""
        else:
            raise Refused(f"{' '.join(rest)}: the fake does not know that")
        if given.get("-f", given.get("--format")) != "json":
            raise Refused("the fake knows -f json alone")
        return json.dumps(shown, indent=2)
