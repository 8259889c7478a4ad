"""aws ec2: https://docs.aws.amazon.com/cli/latest/reference/ec2/describe-volumes.html and its neighbours."""

import json

from cloud import Refused

from .options import options

WHEN = "2026-01-15T09:12:44"


class Tool:
    failed = 254
    away = "Could not connect to the endpoint URL"
    unknown = "An error occurred (InvalidVolume.NotFound): it does not exist."

    def __init__(self, cloud):
        self.cloud = cloud

    @staticmethod
    def number(name):
        kind, _, digits = name.partition("-")
        if kind not in ("vol", "i") or not digits.isdigit():
            raise Refused(f"An error occurred (InvalidParameterValue): Value ({name}) is invalid.")
        return str(int(digits))

    def attachment(self, number, entry):
        return {"AttachTime": WHEN + "+00:00", "Device": "/dev/xvdba", "InstanceId": f"i-{int(entry['instance']):017d}",
                "State": "detaching" if entry["detaching"] else "attached", "VolumeId": f"vol-{int(number):017d}", "DeleteOnTermination": False}

    def volume(self, state, number):
        entry = self.cloud.volume(state, number)
        return {"Attachments": [self.attachment(number, entry)] if entry["instance"] else [], "AvailabilityZone": "eu-central-1a",
                "CreateTime": WHEN + "+00:00", "Encrypted": False, "Size": entry["size"], "State": "in-use" if entry["instance"] else "available",
                "VolumeId": f"vol-{int(number):017d}", "VolumeType": "gp3", "MultiAttachEnabled": False}

    def instance(self, state, number):
        entry = self.cloud.instance(state, number)
        name = {"on": "pending", "off": "stopping"}[entry["turning"][0]] if entry["turning"] else {"on": "running", "off": "stopped"}[entry["power"]]
        code = {"pending": 0, "running": 16, "stopping": 64, "stopped": 80}[name]
        return {"InstanceId": f"i-{int(number):017d}", "State": {"Code": code, "Name": name}, "Tags": [{"Key": "Name", "Value": entry["name"]}]}

    def answer(self, words):
        given, rest = options(words)
        if rest[:1] != ["ec2"] or len(rest) < 2:
            raise Refused("the fake knows ec2 alone")
        verb, more = rest[1], rest[2:]
        if verb in ("detach-volume", "attach-volume"):
            number = self.number(given["--volume-id"])
            before = self.cloud.snapshot()
            entry = self.cloud.volume(before, number)
            if verb == "attach-volume":
                self.cloud.attach(number, self.number(given["--instance-id"]))
            elif not entry["instance"]:
                raise Refused(f"An error occurred (IncorrectState) when calling the DetachVolume operation: Volume '{given['--volume-id']}' is in the "
                              "'available' state.")
            elif "--instance-id" in given and self.number(given["--instance-id"]) != entry["instance"]:
                raise Refused("An error occurred (InvalidAttachment.NotFound) when calling the DetachVolume operation: it is not attached to that instance.")
            else:
                self.cloud.detach(number)
            entry = self.cloud.snapshot()["volumes"][number]
            return json.dumps(self.attachment(number, entry if entry["instance"] else {**before["volumes"][number], "detaching": True}), indent=4)
        if verb in ("stop-instances", "start-instances"):
            numbers = [self.number(name) for name in [given["--instance-ids"], *more]]
            for number in numbers:
                self.cloud.power(number, verb == "start-instances")
            return json.dumps({"StoppingInstances": [{"InstanceId": f"i-{int(number):017d}"} for number in numbers]}, indent=4)
        state = self.cloud.snapshot()
        if verb == "describe-volumes":
            names = [given["--volume-ids"], *more] if "--volume-ids" in given else []
            return json.dumps({"Volumes": [self.volume(state, number) for number in [self.number(name) for name in names] or sorted(state["volumes"])]}, indent=4)
        if verb == "describe-instances":
            names = [given["--instance-ids"], *more] if "--instance-ids" in given else []
            chosen = [self.number(name) for name in names] or sorted(state["instances"])
            return json.dumps({"Reservations": [{"Instances": [self.instance(state, number)]} for number in chosen]}, indent=4)
        raise Refused(f"ec2 {verb}: the fake does not know that")
