"""One node: what a kubelet does at the API server for pods and volumes, and what it mounts. No container runs; in its place
a line a second is written to the pod's volumes."""

import pathlib
import time
import uuid

from api import now, tag
from faults import Faults
from flavour import Flavour, directory, number
from volume import Volume, harm

CAPACITY = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "50Gi"}
HEARTBEAT = 2.0


class Container:
    def __init__(self, pod, handles):
        self.namespace = pod["metadata"]["namespace"]
        self.name = pod["metadata"]["name"]
        self.handles = handles
        self.started = now()
        self.wrote = 0.0
        self.asked_to_stop = None


class Node:
    def __init__(self, lab, name, instance, cloud, api, fleet):
        self.lab, self.name, self.instance, self.cloud, self.api, self.fleet = lab, name, str(instance), cloud, api, fleet
        self.faults = Faults(lab, name)
        self.containers = {}
        self.first_seen = {}
        self.told = {}
        self.beat = 0.0
        self.in_use = None
        self.up = False
        self.boot = ""

    # The machine

    def tick(self, world):
        """`world` is what the API server and the cloud say; None in place of pods while it does not answer."""
        if world.instances[self.instance]["power"] == "off":
            self.containers.clear()
            self.show_mounts()
            self.up = False
            return
        if not self.up:
            self.up, self.boot, self.beat, self.in_use = True, str(uuid.uuid4()), 0.0, None
        self.write(world)
        if world.pods is None or self.faults.has("cut"):
            return
        self.pods(world)
        self.heartbeat()

    def mounted(self):
        return {handle for container in self.containers.values() for handle in container.handles}

    def show_mounts(self):
        place = pathlib.Path(self.lab) / "nodes" / self.name
        place.mkdir(parents=True, exist_ok=True)
        there, wanted = {path.name for path in place.iterdir()}, {directory(handle) for handle in self.mounted()}
        for name in there - wanted:
            (place / name).unlink()
        for name in wanted - there:
            (place / name).symlink_to(f"../../volumes/{name}")

    def sees(self, world, handle):
        volume = world.volumes.get(number(handle))
        return bool(volume) and volume["instance"] == self.instance and volume["seen"]

    def write(self, world):
        moment = time.time()
        for container in self.containers.values():
            if moment - container.wrote < 1 or container.asked_to_stop:
                continue
            container.wrote = moment
            for handle in container.handles:
                if self.sees(world, handle):
                    Volume(self.lab, handle).write(self.name, container.name)
                elif (handle, container.name) not in self.told:
                    self.told[handle, container.name] = True
                    harm(self.lab, "taken away while mounted", volume=handle, node=self.name, pod=container.name)

    # The kubelet

    def heartbeat(self):
        if time.time() - self.beat < HEARTBEAT:
            return
        self.beat = time.time()
        lease = {"spec": {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": now(micro=True)}}
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        if self.api.patch(f"{path}/{self.name}", lease)[0] == 404:
            self.api.call("POST", path, {"metadata": {"name": self.name}, **lease})
        if self.status()[0] == 404:
            self.register()
            self.status()

    def register(self):
        self.api.call("POST", "/api/v1/nodes", {
            "metadata": {"name": self.name, "labels": {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
                         # Without it no VolumeAttachment ever appears.
                         "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
            "spec": {"providerID": Flavour(self.lab).provider_id(self.instance, self.name)}})

    def status(self):
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
                 "lastHeartbeatTime": now(), "lastTransitionTime": now()}
        return self.api.patch(f"/api/v1/nodes/{self.name}/status", {"status": {
            "capacity": CAPACITY, "allocatable": CAPACITY, "conditions": [ready], "volumesInUse": sorted(self.in_use or ()),
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": self.name}],
            "nodeInfo": {"kubeletVersion": "v1.20.2", "osImage": "the lab", "kernelVersion": "", "machineID": "", "systemUUID": "", "bootID": self.boot,
                         "containerRuntimeVersion": "lab://1", "operatingSystem": "linux", "architecture": "amd64", "kubeProxyVersion": ""}}})

    def pods(self, world):
        pods = {pod["metadata"]["uid"]: pod for pod in world.pods if pod["spec"].get("nodeName") == self.name}
        for uid in set(self.containers) - set(pods):
            # Deleted by force: a kubelet that hears of it ends the container.
            if not self.faults.concerns("goes-on", self.containers[uid].name):
                del self.containers[uid]
        wanted = set()
        for uid, pod in pods.items():
            if pod["metadata"].get("deletionTimestamp"):
                self.terminate(uid, pod)
            elif pod["status"].get("phase") not in ("Succeeded", "Failed"):
                if uid not in self.containers:
                    claims = self.claims(pod)
                    wanted |= {unique for _, unique in claims.values()}
                    self.start(world, uid, pod, claims)
                elif ready(pod) == self.faults.concerns("not-ready", pod["metadata"]["name"]):
                    self.running(pod, self.containers[uid])
        self.show_mounts()
        # A kubelet says that a volume is in use before it mounts it, and until after it has unmounted it.
        in_use = wanted | {world.unique(handle) for handle in self.mounted()}
        if in_use != self.in_use:
            self.in_use = in_use
            self.status()

    def late(self, uid, what):
        """Has the node had the time it takes, and that by which it is late?"""
        first = self.first_seen.setdefault((uid, what), time.time())
        return time.time() - first >= 0.2 + self.faults.number("slow", 0)

    def claims(self, pod):
        """Of each claim of the pod: its volume's handle, and the name under which a node attaches it."""
        found = {}
        for volume in pod["spec"].get("volumes") or []:
            claim = volume.get("persistentVolumeClaim")
            if claim:
                name = claim["claimName"]
                bound = self.api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/persistentvolumeclaims/{name}")
                volume_name = bound.get("spec", {}).get("volumeName", "-")
                csi = self.api.get(f"/api/v1/persistentvolumes/{volume_name}").get("spec", {}).get("csi")
                if csi:
                    found[volume_name] = (csi["volumeHandle"], f"kubernetes.io/csi/{csi['driver']}^{csi['volumeHandle']}")
        return found

    def start(self, world, uid, pod, claims):
        if not self.late(uid, "start"):
            return
        attached = {entry["name"] for entry in world.nodes.get(self.name, {}).get("status", {}).get("volumesAttached") or []}
        for name, (handle, unique) in claims.items():
            if unique not in attached:
                if time.time() - self.first_seen[uid, "start"] > 20:
                    self.event(pod, "FailedMount", "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data]: "
                                                   "timed out waiting for the condition")
                return
            if self.faults.has("refuse-mount"):
                reason = self.faults.value("refuse-mount") or "rpc error: code = Internal desc = mount failed: exit status 32"
                self.event(pod, "FailedMount", f'MountVolume.MountDevice failed for volume "{name}" : {reason}')
                return
            if not self.sees(world, handle):
                paths = " ".join(f"/dev/disk/by-id/{kind}{directory(handle).split('-', 1)[1]}" for kind in ("linode-", "scsi-0Linode_Volume_"))
                self.event(pod, "FailedMount", f'MountVolume.MountDevice failed for volume "{name}" : rpc error: code = Internal desc = '
                                               f"Unable to find device path out of attempted paths: [{paths}]")
                return
        for handle, _ in claims.values():
            for other in self.fleet:
                if other is not self and handle in other.mounted():
                    harm(self.lab, "mounted on two nodes at once", volume=handle, nodes=[other.name, self.name])
        self.containers[uid] = Container(pod, [handle for handle, _ in claims.values()])
        world.uniques.update(dict(claims.values()))
        self.running(pod, self.containers[uid])

    def running(self, pod, container):
        meta = pod["metadata"]
        well = not self.faults.concerns("not-ready", meta["name"])
        containers = [{"name": entry["name"], "image": entry["image"], "imageID": "lab", "containerID": f"lab://{meta['uid']}", "ready": well,
                       "restartCount": 0, "started": True, "state": {"running": {"startedAt": container.started}}} for entry in pod["spec"]["containers"]]
        conditions = [{"type": kind, "status": str(well or not kind.endswith("Ready")), "lastTransitionTime": now()}
                      for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")]
        self.api.patch(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status", {"status": {
            "phase": "Running", "podIP": "10.1.0.9", "podIPs": [{"ip": "10.1.0.9"}], "hostIP": "127.0.0.1", "startTime": container.started,
            "conditions": conditions, "containerStatuses": containers}})

    def terminate(self, uid, pod):
        meta = pod["metadata"]
        if self.faults.concerns("never-terminates", meta["name"]):
            return
        container = self.containers.get(uid)
        if container:
            container.asked_to_stop = container.asked_to_stop or now()
        if self.late(uid, "stop"):
            self.containers.pop(uid, None)
            self.api.call("DELETE", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}",
                          {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    def event(self, pod, reason, message):
        """One event for one trouble; told again every ten seconds it is counted."""
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/events"
        key = meta["uid"], reason, message
        name, count, last = self.told.get(key, (f"{meta['name']}.{tag(uuid.uuid4().hex)}", 0, 0.0))
        if time.time() - last < 10:
            return
        self.told[key] = name, count + 1, time.time()
        if count:
            self.api.patch(f"{path}/{name}", {"count": count + 1, "lastTimestamp": now()})
            return
        about = {"kind": "Pod", "apiVersion": "v1", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"],
                 "resourceVersion": meta["resourceVersion"]}
        self.api.call("POST", path, {"metadata": {"name": name, "namespace": meta["namespace"]}, "involvedObject": about, "reason": reason,
                                     "message": message, "type": "Warning", "count": 1, "firstTimestamp": now(), "lastTimestamp": now(),
                                     "source": {"component": "kubelet", "host": self.name}})


def ready(pod):
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions") or [])
