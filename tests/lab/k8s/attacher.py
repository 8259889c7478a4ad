"""What a CSI external-attacher and its driver do: for each VolumeAttachment, attach at the cloud; for one that is being
deleted, detach there, and only then let it go."""

import time

from api import now
from cloud import Refused
from flavour import number

PATH = "/apis/storage.k8s.io/v1/volumeattachments"


class Attacher:
    def __init__(self, cloud, api):
        self.cloud, self.api = cloud, api
        self.faults = cloud.faults
        self.since = {}
        self.said = {}

    def tick(self, world):
        if world.pods is None or self.faults.has("attacher-away"):
            return
        numbers = {entry["name"]: key for key, entry in world.instances.items()}
        for attachment in world.attachments:
            spec, status = attachment["spec"], attachment.get("status") or {}
            deleting = attachment["metadata"].get("deletionTimestamp")
            if status.get("attached") and not deleting:
                continue
            pv = self.api.get(f"/api/v1/persistentvolumes/{spec['source']['persistentVolumeName']}")
            handle = pv.get("spec", {}).get("csi", {}).get("volumeHandle")
            instance = numbers.get(spec["nodeName"])
            if handle is None or instance is None:
                continue
            if deleting:
                self.detach(attachment, number(handle), instance)
            else:
                self.attach(attachment, number(handle), instance)

    def attach(self, attachment, volume, instance):
        name = attachment["metadata"]["name"]
        finalizer = "external-attacher/" + attachment["spec"]["attacher"].replace(".", "-")
        if finalizer not in (attachment["metadata"].get("finalizers") or []):
            self.api.patch(f"{PATH}/{name}", {"metadata": {"finalizers": [finalizer]}})
        try:
            self.cloud.attach(volume, instance)
        except Refused as refusal:
            self.say(name, "attachError", f"rpc error: code = FailedPrecondition desc = {refusal}")
            return
        self.api.patch(f"{PATH}/{name}/status", {"status": {"attached": True, "attachError": None}})

    def detach(self, attachment, volume, instance):
        name = attachment["metadata"]["name"]
        if self.faults.has("attacher-stuck"):
            # A driver that has lost its way: it neither asks the cloud nor lets go, whatever the cloud says by now.
            self.say(name, "detachError", "rpc error: code = DeadlineExceeded desc = context deadline exceeded")
            return
        if self.cloud.snapshot()["volumes"][volume]["instance"] == instance:
            self.cloud.detach(volume)
            if time.time() - self.since.setdefault(name, time.time()) > 10:
                self.say(name, "detachError", f"rpc error: code = Internal desc = timed out waiting for volume {volume} to detach")
            return
        if attachment["metadata"].get("finalizers"):
            self.api.patch(f"{PATH}/{name}", {"metadata": {"finalizers": None}})

    def say(self, name, kind, message):
        """An error that stands in the status; its time is renewed with each attempt."""
        if time.time() - self.said.get((name, kind), 0) > 5:
            self.said[name, kind] = time.time()
            self.api.patch(f"{PATH}/{name}/status", {"status": {kind: {"time": now(), "message": message}}})
