"""az disk and az rest: https://learn.microsoft.com/cli/azure/disk and https://learn.microsoft.com/rest/api/compute. A virtual machine is one of a
scale set, as in AKS. Azure writes the names of resource groups now in small letters, now in capitals (Azure/azure-sdk-for-java#2014)."""

import json
import re

from cloud import Refused
from flavour import GROUP, number

from .options import options

MACHINES = f"{GROUP}/virtualMachineScaleSets/pool/virtualMachines"


class Tool:
    failed = 3
    away = "ERROR: HTTPSConnectionPool(host='management.azure.com', port=443): Max retries exceeded"
    unknown = 'ERROR: Not Found({"error":{"code":"ResourceNotFound","message":"The Resource was not found."}})'

    def __init__(self, cloud):
        self.cloud = cloud

    def disk(self, state, key):
        entry = self.cloud.volume(state, key)
        held = entry["instance"]
        off = held and state["instances"].get(held, {}).get("power") == "off"
        return {"id": f"{GROUP}/disks/pvc-{entry['label']}-{key}", "name": f"pvc-{entry['label']}-{key}", "diskSizeGb": entry["size"], "maxShares": None,
                "diskState": ("Reserved" if off else "Attached") if held else "Unattached", "provisioningState": "Succeeded",
                "managedBy": f"{MACHINES}/{held}".replace("mc_lab", "MC_LAB") if held else None, "managedByExtended": None}

    def instance(self, state, key):
        entry = self.cloud.instance(state, key)
        power = {"on": "starting", "off": "deallocating"}[entry["turning"][0]] if entry["turning"] else {"on": "running", "off": "deallocated"}[entry["power"]]
        return {"statuses": [{"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"},
                             {"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"}]}

    def answer(self, words):
        if words[0].startswith("-"):
            raise Refused(f"az: '{words[0]}' is not in the 'az' command group.")
        given, rest = options(words)
        if rest == ["disk", "show"]:
            self.ours(given["--ids"])
            return json.dumps(self.disk(self.cloud.snapshot(), number(given["--ids"])), indent=2)
        if rest != ["rest"]:
            raise Refused(f"{' '.join(rest)}: the fake does not know that")
        # Without a scheme az takes it as a path of Azure Resource Manager.
        machine, _, verb = given["--url"].partition("?")[0].removeprefix("https://management.azure.com").rpartition("/")
        self.ours(machine)
        state = self.cloud.snapshot()
        key = machine.rpartition("/")[2]
        if not re.fullmatch(r".*[?]api-version=20[0-9-]+", given["--url"]):
            raise Refused('ERROR: Bad Request({"error":{"code":"MissingApiVersionParameter"}})')
        if (given["--method"], verb) == ("get", "instanceView"):
            return json.dumps(self.instance(state, key), indent=2)
        if (given["--method"], verb) == ("post", "attachDetachDataDisks"):
            self.cloud.instance(state, key)
            for disk in json.loads(given["--body"])["dataDisksToDetach"]:
                if self.cloud.volume(state, number(disk["diskId"]))["instance"] != key:
                    raise Refused('ERROR: Conflict({"error":{"code":"OperationNotAllowed","message":"the disk is not attached"}})')
                self.cloud.detach(number(disk["diskId"]))
            return ""
        raise Refused(f"rest {given['--method']} {verb}: the fake does not know that")

    @staticmethod
    def ours(name):
        if not name.lower().startswith(GROUP.lower()):
            raise Refused("Not found")
