"""
What the controllers of Kubernetes do, as far as volumes and replicas are concerned. Each follows the source it names; what it leaves out
(revisions, rolling updates, quotas, back-off) is not needed here.
"""

from . import cluster
from .store import OWN, micro_time


class StatefulSets:
    """updateStatefulSet and processCondemned of pkg/controller/statefulset/stateful_set_control.go. With OrderedReady, the default, one pod at a time
    is made or ended, and one that is ending holds up all others: kubernetes/kubernetes#57865, #36333, #123918."""

    def step(self, world):
        for entry in world.all("statefulsets"):
            if not world.ends(entry):
                self.sync(world, entry)

    def sync(self, world, entry):
        meta, spec = entry["metadata"], entry["spec"]
        ordered = spec.get("podManagementPolicy", "OrderedReady") != "Parallel"
        pods = {ordinal(pod): pod for pod in world.controlled_by(meta["uid"])}
        # From 1.26 on: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#start-ordinal
        start = spec.get("ordinals", {}).get("start", 0)
        wanted = range(start, start + spec["replicas"])
        condemned = sorted((number for number in pods if number not in wanted), reverse=True)
        unwell = [number for number in [*wanted, *condemned[::-1]] if number in pods and not (cluster.is_ready(pods[number]) and not world.ends(pods[number]))]
        for number in wanted:
            pod = pods.get(number)
            # A pod in phase Failed or Succeeded is made anew, under the same name.
            if pod and pod["status"]["phase"] in ("Failed", "Succeeded"):
                world.drop(pod)
                pod = None
            if pod is None:
                claims = {template["metadata"]["name"]: f"{template['metadata']['name']}-{meta['name']}-{number}" for template in spec.get("volumeClaimTemplates", [])}
                world.make_pod(entry, f"{meta['name']}-{number}", claims)
                if ordered:
                    return
            elif ordered and (world.ends(pod) or not cluster.is_ready(pod)):
                return
        for number in condemned:
            pod = pods[number]
            if world.ends(pod):
                if ordered:
                    return
                continue
            if ordered and not cluster.is_ready(pod) and number != unwell[0]:
                return
            world.delete(pod, {}, "the StatefulSet controller")
            if ordered:
                return


def ordinal(pod):
    return int(pod["metadata"]["name"].rpartition("-")[2])


class Deployments:
    """A Deployment hands its replicas to its newest ReplicaSet; an older one keeps its own until the newest is ready, or nothing is wanted
    (pkg/controller/deployment/sync.go and rolling.go, of a rollout that adds a pod first). Of a ReplicaSet, pods that have ended (Failed, Succeeded)
    or are to go do not count, and are not deleted: FilterActivePods in pkg/controller/controller_utils.go; kubernetes/kubernetes#91672, #99986."""

    def step(self, world):
        for entry in world.all("deployments"):
            wanted = entry["spec"]["replicas"]
            *older, newest = [replica_set for replica_set in world.all("replicasets", entry["metadata"]["namespace"])
                              if cluster.controller(replica_set).get("uid") == entry["metadata"]["uid"]] or [None]
            if newest:
                self.hand_over(world, newest, wanted)
                if len([pod for pod in world.controlled_by(newest["metadata"]["uid"]) if cluster.is_ready(pod)]) >= wanted:
                    for replica_set in older:
                        self.hand_over(world, replica_set, 0)
        for replica_set in world.all("replicasets"):
            pods = world.controlled_by(replica_set["metadata"]["uid"])
            active = [pod for pod in pods if not cluster.has_ended(pod) and not world.ends(pod)]
            wanted = replica_set["spec"]["replicas"]
            for pod in active[wanted:]:
                world.delete(pod, {}, "the ReplicaSet controller")
            for _ in range(wanted - len(active)):
                world.make_pod(replica_set, f"{replica_set['metadata']['name']}-{world.suffix()}", {})

    @staticmethod
    def hand_over(world, replica_set, replicas):
        if replica_set["spec"]["replicas"] != replicas:
            replica_set["spec"]["replicas"] = replicas
            world.bump(replica_set)


class NodeLifecycle:
    """A taint with the effect NoExecute evicts the pods of its node that do not tolerate it:
    https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"""

    def step(self, world):
        for node in world.all("nodes"):
            for taint in node["spec"].get("taints") or []:
                if taint["effect"] == "NoExecute":
                    self.evict(world, node, taint)

    @staticmethod
    def evict(world, node, taint):
        for pod in world.on_node(node["metadata"]["name"]):
            tolerated = any(entry.get("operator") == "Exists" and entry.get("key") in (None, taint["key"]) for entry in pod["spec"].get("tolerations", []))
            if not tolerated and not world.ends(pod) and not cluster.has_ended(pod):
                world.delete(pod, {}, f"the taint {taint['key']}")


class PodCollector:
    """pkg/controller/podgc/gc_controller.go: pods of nodes that are no more (after a quarantine), pods that are to go and were on no node, and pods
    that are to go on a node that is not ready and tainted as out of service (KEP-2268: alpha in 1.24, on by default from 1.26)."""

    def step(self, world):
        for pod in world.all("pods"):
            node = pod["spec"].get("nodeName")
            if not node:
                self.collect(world, pod, world.ends(pod))
            elif world.get("nodes", node) is None:
                since = pod.setdefault(OWN + "orphan", world.now())
                self.collect(world, pod, world.now() - since > world.quarantine)
            else:
                gone = world.ends(pod) and not world.ready(node) and world.minor >= 26 and world.tainted(node, cluster.OUT_OF_SERVICE)
                self.collect(world, pod, gone)

    @staticmethod
    def collect(world, pod, due):
        if due:
            world.delete(pod, {"gracePeriodSeconds": 0}, "the pod collector")


class Scheduler:
    """A pod goes to a node that is ready, not cordoned, without taints, and where its volumes can be (spec.nodeAffinity of the volume):
    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#node-affinity"""

    def step(self, world):
        for pod in world.all("pods"):
            if pod["spec"].get("nodeName") or pod["status"]["phase"] != "Pending" or world.ends(pod):
                continue
            fits = [node for node in world.all("nodes") if world.ready(node["metadata"]["name"]) and not node["spec"].get("unschedulable")
                    and not node["spec"].get("taints") and all(reachable(volume, node) for volume in world.volumes_of(pod))]
            if fits:
                pod["spec"]["nodeName"] = min(node["metadata"]["name"] for node in fits)
                pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}]
                world.bump(pod)
            elif not pod["status"].get("conditions"):
                text = f"0/{len(world.all('nodes'))} nodes are available: {len(world.all('nodes'))} node(s) had volume node affinity conflict."
                pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": text}]
                world.bump(pod)


def reachable(volume, node):
    terms = volume["spec"].get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms", [])
    labels = node["metadata"].get("labels", {})
    return not terms or any(all(labels.get(rule["key"]) in rule["values"] for rule in term["matchExpressions"]) for term in terms)


class Kubelets:
    """On a node that answers a pod runs once its volumes are attached there, and the node lists them as in use until they are unmounted (status.
    volumesInUse); a pod that is to go ends within its grace. A node that does not answer does nothing, and what it has said stays."""

    def step(self, world):
        for node in world.all("nodes"):
            if world.ready(node["metadata"]["name"]):
                self.sync(world, node, world.on_node(node["metadata"]["name"]))

    def sync(self, world, node, pods):
        name = node["metadata"]["name"]
        for pod in pods:
            if world.ends(pod):
                if not pod["metadata"].get("finalizers") and world.now() - pod.get(OWN + "told", 0) > world.takes["end"] and name not in world.never_ends:
                    world.drop(pod)
                    world.note(f"Pod {pod['metadata']['name']} has ended on {name}")
            elif pod["status"]["phase"] == "Pending" and all(world.is_attached(volume, name) for volume in world.volumes_of(pod)):
                if world.now() - pod.setdefault(OWN + "attached", world.now()) > world.takes["start"]:
                    pod["status"].update(phase="Running", conditions=[{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
                                         containerStatuses=[{"state": {"running": {}}}])
                    world.bump(pod)
                    world.note(f"Pod {pod['metadata']['name']} runs on {name}")
            elif pod["status"]["phase"] == "Pending" and not pod["status"].get("containerStatuses"):
                pod["status"]["containerStatuses"] = [{"state": {"waiting": {"reason": "ContainerCreating"}}}]
                world.bump(pod)
        mounted = {cluster.unique_name(volume) for pod in world.on_node(name) if not cluster.has_ended(pod) for volume in world.volumes_of(pod)
                   if world.is_attached(volume, name)}
        in_use = sorted(mounted | world.stays_mounted.get(name, set()))
        if node["status"].get("volumesInUse", []) != in_use:
            node["status"]["volumesInUse"] = in_use
            world.bump(node)


class AttachDetach:
    """reconcile of pkg/controller/volume/attachdetach/reconciler/reconciler.go: a volume that no pod of its node needs is detached; one that its node
    lists as in use only when the node is tainted as out of service (from 1.26 on), or not ready for maxWaitForUnmountDuration, six minutes. A volume
    is attached where a pod needs it once it is attached nowhere else (Multi-Attach)."""

    def step(self, world):
        needed = {}
        for pod in world.all("pods"):
            if pod["spec"].get("nodeName") and not cluster.has_ended(pod):
                for volume in world.volumes_of(pod):
                    needed.setdefault(volume["metadata"]["name"], set()).add(pod["spec"]["nodeName"])
        for attachment in world.all("volumeattachments"):
            source, node = attachment["spec"]["source"].get("persistentVolumeName"), attachment["spec"]["nodeName"]
            if source is None or world.ends(attachment):
                continue
            if node in needed.get(source, ()):
                attachment.pop(OWN + "unneeded", None)
            else:
                self.detach(world, attachment, node, source)
        for source, nodes in sorted(needed.items()):
            self.attach(world, source, sorted(nodes))

    @staticmethod
    def detach(world, attachment, node, source):
        unneeded = attachment.setdefault(OWN + "unneeded", world.now())
        volume = world.get("persistentvolumes", source)
        in_use = volume and cluster.unique_name(volume) in ((world.get("nodes", node) or {}).get("status", {}).get("volumesInUse") or [])
        forced = not world.ready(node) and world.now() - unneeded > world.unmount_patience
        taken = world.minor >= 26 and world.tainted(node, cluster.OUT_OF_SERVICE)
        if not in_use or forced or taken:
            world.delete(attachment, {}, "the attach-detach controller")

    @staticmethod
    def attach(world, source, nodes):
        volume = world.get("persistentvolumes", source)
        shared = any(mode in ("ReadWriteMany", "ReadOnlyMany") for mode in volume["spec"]["accessModes"])
        others = [entry for entry in world.all("volumeattachments") if entry["spec"]["source"].get("persistentVolumeName") == source]
        if not world.needs_attachment(volume) or (others and not shared):
            return
        for node in nodes:
            if world.ready(node) and node not in [entry["spec"]["nodeName"] for entry in others]:
                world.put("volumeattachments", cluster.attachment(volume, node, attached=False))
                world.note(f"{source} is to be attached to {node}")


class Attacher:
    """kubernetes-csi/external-attacher: it holds each attachment by a finalizer of its own, attaches and detaches at the provider, and tells errors in
    status.attachError and status.detachError (https://kubernetes-csi.github.io/docs/external-attacher.html). A node that is no more has no instance:
    kubernetes-sigs/aws-ebs-csi-driver#833, kubernetes-csi/external-attacher#83. Its leader renews a lease; one that is silent
    for 15 s is replaced (--leader-election)."""

    def step(self, world):
        if not world.attaches:
            return
        for lease in world.all("leases"):
            if world.now() - lease.get(OWN + "renewed", 0) > 5:
                lease[OWN + "renewed"] = world.now()
                lease["spec"]["renewTime"] = micro_time()
                world.bump(lease)
        for entry in world.all("volumeattachments"):
            if world.ends(entry):
                self.detach(world, entry)
            elif not entry["status"].get("attached"):
                self.attach(world, entry)

    @staticmethod
    def failed(world, entry, key, why):
        message = f"rpc error: code = Internal desc = {why}"
        if entry["status"].get(key, {}).get("message") != message:
            entry["status"][key] = {"time": "2026-01-01T00:00:00Z", "message": message}
            world.bump(entry)

    def attach(self, world, entry):
        handle, instance = world.at_provider(entry)
        if world.now() - entry.setdefault(OWN + "seen", world.now()) < world.takes["attach"]:
            return
        if why := world.provider_attach(handle, instance):
            self.failed(world, entry, "attachError", why)
            return
        entry["status"] = {"attached": True}
        world.bump(entry)
        world.note(f"{handle} is attached to {instance}")

    def detach(self, world, entry):
        handle, instance = world.at_provider(entry)
        if instance is None:
            self.failed(world, entry, "detachError", f"node \"{entry['spec']['nodeName']}\" not found")
        elif world.now() - entry.get(OWN + "told", 0) >= world.takes["detach"]:
            world.provider_detach(handle, instance)
            if handle in world.unheard:
                world.provider_forgets(handle)
            if world.holder(handle) != instance or handle in world.shared_handles | world.unheard:
                world.drop(entry)
                world.note(f"the attachment of {handle} to {instance} is gone")


class ClaimProtection:
    """A claim that is to go stays while a pod uses it (the finalizer kubernetes.io/pvc-protection); with it its volume goes, and by the reclaim policy
    Delete the data: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection"""

    def step(self, world):
        for claim in world.all("persistentvolumeclaims"):
            if not world.ends(claim):
                continue
            name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
            if any(name in cluster.claims_of(pod) for pod in world.all("pods", namespace) if not cluster.has_ended(pod)):
                continue
            world.drop(claim)
            world.note(f"claim {name} is gone")
            volume = world.get("persistentvolumes", claim["spec"].get("volumeName", ""))
            if volume:
                volume["status"]["phase"] = "Released"
                world.bump(volume)
        for volume in world.all("persistentvolumes"):
            name = volume["metadata"]["name"]
            if volume["status"]["phase"] == "Released" and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" \
                    and not any(entry["spec"]["source"].get("persistentVolumeName") == name for entry in world.all("volumeattachments")):
                world.drop(volume)
                world.provider_delete(cluster.handle(volume))
                world.note(f"{name} and its data are gone")


ALL = [Deployments(), StatefulSets(), NodeLifecycle(), PodCollector(), Scheduler(), AttachDetach(), Attacher(), Kubelets(), ClaimProtection()]
