"""A cluster under way: its objects, its controllers, its provider, and other people's hands."""

import random
import sys
import threading
import traceback

from . import cluster, controllers
from .store import OWN, Store, stamp

EVERY = 0.2  # seconds between two steps of the controllers


class World(Store):
    def __init__(self, minor, provider):
        """`provider`: the cloud of tests/lab/k8s/cloud.py."""
        super().__init__(minor)
        self.provider = provider
        self.random = random.Random(5)
        # What is refused: (verb, plural); the verb may be "*".
        self.denied = set()
        # The answer of a SelfSubjectAccessReview, if it is to fail.
        self.review_fails = None
        # A Warning header of each answer (KEP-1693).
        self.warning = None
        # An aggregated API that is away, such as metrics.k8s.io.
        self.away = None
        # trouble(verb, path) says why the server cannot answer just now.
        self.trouble = None
        # webhook(verb, plural, name, body) refuses with its words.
        self.webhook = None
        # A webhook that allows no trial (sideEffects is not None): each server-side dry run is refused with its name.
        self.no_trial = None
        # (seconds, verb, path, body, whether it was a server-side dry run)
        self.writes = []
        # Called at each step: somebody else's hands.
        self.hands = []
        self.takes = {"end": 0.5, "start": 0.5, "attach": 0.3, "detach": 0.3}
        self.unmount_patience = 360
        self.quarantine = 5  # 40 s in the source
        self.attaches = True
        self.never_ends = set()
        self.stays_mounted = {}
        self.shared_handles = set()
        # Volumes of which the driver hears that they are detached, while their provider is still at it: linode/linode-blockstorage-csi-driver#36.
        self.unheard = set()
        self.frozen = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        for name in ("default", "kube-system"):
            self.put("namespaces", {"metadata": {"name": name}, "status": {"phase": "Active"}})

    # Under way

    def begin(self):
        self._thread.start()

    def end(self):
        self._end.set()
        self._thread.join(10)

    def _run(self):
        while not self._end.wait(EVERY):
            with self.lock:
                try:
                    for controller in () if self.frozen else controllers.ALL:
                        controller.step(self)
                    # What the controllers have done, others see before anybody asks.
                    for hand in self.hands:
                        hand()
                except Exception:
                    traceback.print_exc(file=sys.stderr)
                    self.note("a controller failed: " + traceback.format_exc())

    # What is so

    def ready(self, name):
        node = self.get("nodes", name)
        return bool(node) and any(entry["type"] == "Ready" and entry["status"] == "True" for entry in node["status"]["conditions"])

    def tainted(self, name, key):
        node = self.get("nodes", name)
        return bool(node) and any(taint["key"] == key for taint in node["spec"].get("taints") or [])

    def on_node(self, name):
        return [pod for pod in self.all("pods") if pod["spec"].get("nodeName") == name]

    def controlled_by(self, uid):
        return [pod for pod in self.all("pods") if cluster.controller(pod).get("uid") == uid]

    def volumes_of(self, pod):
        claims = [self.get("persistentvolumeclaims", name, pod["metadata"]["namespace"]) for name in cluster.claims_of(pod)]
        names = [claim["spec"].get("volumeName") for claim in claims if claim]
        return [volume for volume in (self.get("persistentvolumes", name) for name in names if name) if volume]

    def needs_attachment(self, volume):
        """https://kubernetes-csi.github.io/docs/csi-driver-object.html: attachRequired, true where nothing is said."""
        entry = self.get("csidrivers", cluster.driver(volume))
        return entry is None or entry["spec"].get("attachRequired", True)

    def is_attached(self, volume, node):
        return not self.needs_attachment(volume) or any(
            entry["spec"]["source"].get("persistentVolumeName") == volume["metadata"]["name"] and entry["spec"]["nodeName"] == node
            and entry["status"].get("attached") and not self.ends(entry) for entry in self.all("volumeattachments"))

    # At the provider

    def at_provider(self, attachment):
        """The number of its volume, and that of its node's instance, which is called like it, if there is such a node."""
        volume = self.get("persistentvolumes", attachment["spec"]["source"]["persistentVolumeName"])
        node = attachment["spec"]["nodeName"]
        named = [number for number, entry in self.provider.snapshot()["instances"].items() if entry["name"] == node and self.get("nodes", node)]
        return self.number(cluster.handle(volume)) if volume else None, next(iter(named), None)

    @staticmethod
    def number(name):
        from flavour import number  # noqa: PLC0415  (the lab's own; who starts a world has put it on the path)
        return number(name.rpartition("/")[2])

    def holder(self, number):
        return self.provider.snapshot()["volumes"].get(number, {}).get("instance")

    def provider_attach(self, number, instance):
        """Why it cannot be, or nothing."""
        state = self.provider.snapshot()["volumes"].get(number)
        if state is None:
            return f"volume {number} not found"
        if state["instance"] not in (None, instance):
            return f"volume {number} is attached to {state['instance']}"
        self.provider.attach(number, instance)
        return None

    def provider_detach(self, number, instance):
        if self.holder(number) == instance and number not in self.shared_handles:
            self.provider.detach(number)

    def provider_forgets(self, number):
        """That it was asked: who asks next is heard by it as the first."""
        with self.provider.open() as state:
            state["volumes"][number]["told"] = False

    def provider_delete(self, handle):
        with self.provider.open() as state:
            state["volumes"].pop(self.number(handle), None)

    # Made by controllers

    def suffix(self):
        return "".join(self.random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))

    def make_pod(self, entry, name, claims):
        """From the template of a StatefulSet or ReplicaSet. A missing claim is made, and stays empty: there is no provisioner."""
        meta, template = entry["metadata"], entry["spec"]["template"]
        if self.webhook and (why := self.webhook("create", "pods", name, None)):
            if entry.get(OWN + "refused") != why:
                entry[OWN + "refused"] = why
                self.note(f"FailedCreate {name}: {why}")
            return
        for claim in claims.values():
            if self.get("persistentvolumeclaims", claim, meta["namespace"]) is None:
                self.put("persistentvolumeclaims", {"metadata": {"name": claim, "namespace": meta["namespace"]}, "spec": {"accessModes": ["ReadWriteOnce"]},
                                                    "status": {"phase": "Pending"}})
                self.note(f"an empty claim {claim} is made")
        spec = dict(template["spec"], volumes=[*template["spec"].get("volumes", []), *cluster.claim_volumes(claims)])
        self.put("pods", {"metadata": {"name": name, "namespace": meta["namespace"], "labels": template["metadata"]["labels"], "ownerReferences": [cluster.owner(entry)]},
                          "spec": spec, "status": {"phase": "Pending"}})
        self.note(f"Pod {name} is made")

    # By hand

    def turn(self, name, ready):
        """A node's Ready is this from now on. When it became so it says, too: kubernetes/kubernetes#73397 shows both times."""
        reasons = {"Unknown": ("NodeStatusUnknown", "Kubelet stopped posting node status."), "False": ("KubeletNotReady", "container runtime is down"),
                   "True": ("KubeletReady", "kubelet is posting ready status")}
        reason, message = reasons[ready]
        node = self.get("nodes", name)
        node["status"]["conditions"] = [{"type": "Ready", "status": ready, "reason": reason, "message": message, "lastTransitionTime": stamp()}]
        self.bump(node)
        self.note(f"{name} is Ready: {ready}")

    def scale(self, plural, name, replicas, namespace="shop"):
        """As `kubectl scale` does it."""
        entry = self.get(plural, name, namespace)
        entry["spec"]["replicas"] = replicas
        self.bump(entry)
        self.note(f"somebody scales {name} to {replicas}")

    def written(self, verb=None, path=""):
        """What the server was asked to change, and was not only to try: its path and body. `path` is a part of it."""
        return [(where, body) for _, what, where, body, tried in list(self.writes) if not tried and verb in (None, what) and path in where]

    def define(self, *names):
        """Custom resources, as PLURAL.GROUP."""
        for name in names:
            self.defined.add(name)
            self.put("customresourcedefinitions", {"metadata": {"name": name}})
        return self

    def story(self):
        return "\n".join(self.notes)
