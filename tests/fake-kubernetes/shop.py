"""The usual world of a case: three nodes, of which the last is dead, a namespace shop, a provider; and halligan with a real kubectl in it."""

import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab/k8s"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
from cloud import Cloud
from flavour import Flavour
from proof.case import must, scratch, until
from proof.halligan import Halligan
from standin import cluster
from standin.server import serve
from standin.store import micro_time, stamp
from standin.world import World

LAB = pathlib.Path(__file__).resolve().parents[1] / "lab"
NAME = "scale-to-zero-and-remount"
# RUNBOOK names a file with another version of it.
RUNBOOK = os.environ.get("RUNBOOK", NAME)
NODES = (("node-a", 101, "True"), ("node-b", 102, "True"), ("node-c", 103, "Unknown"))
# Seconds after which something will not come any more, however busy the machine is.
NEVER = 600
TOOLS = ("linode-cli", "aws", "gcloud", "openstack", "az")


def kubectl_program():
    """KUBECTL: `cases` sets it for each of its cases."""
    return os.environ["KUBECTL"]


class Shop:
    def __init__(self, cases, minor=32, cloud="linode", nodes=NODES):
        self.cases = cases
        self.directory = scratch()
        (self.directory / "cloud").mkdir()
        (self.directory / "flavour").write_text(cloud)
        self.cloud, self.flavour = Cloud(self.directory), Flavour(self.directory)
        self.world = World(minor, self.cloud)
        self.world.put("namespaces", {"metadata": {"name": "shop"}, "status": {"phase": "Active"}})
        for name, instance, ready in nodes:
            self.node(name, instance, ready)
        self.world.put("leases", {"metadata": {"name": "external-attacher-leader-" + self.flavour.driver.replace(".", "-"), "namespace": "kube-system"},
                                  "spec": {"holderIdentity": "csi-controller-0", "leaseDurationSeconds": 15, "renewTime": micro_time()}})
        self.home = self.directory / "home"
        self.home.mkdir(mode=0o700)
        self.programs()
        self.runbook = RUNBOOK
        self.halligan = None
        self.run = None
        self.code = None
        self.servers = []
        cases.on_failure(self.describe)

    def describe(self):
        return f"{self.run.screen() if self.run else 'halligan was not started'}\nkubectl: {kubectl_program()}\nwhat happened:\n{self.world.story()}"

    def programs(self):
        """kubectl and the provider's tools, whose words are kept."""
        self.bin = self.directory / "bin"
        self.bin.mkdir()
        # Hundreds of short lives: few need their garbage collected. A server that shares two processors with eleven others may take long to answer:
        # that a request takes too long is not what is tried here.
        scripts = {"kubectl": f'for word; do shift; case $word in --request-timeout=*) word=--request-timeout={NEVER}s ;; esac; set -- "$@" "$word"; done\n'
                              f'GOGC=400 GOMAXPROCS=1 exec {kubectl_program()} "$@"\n'}
        for tool in TOOLS:
            # Who is held to reading may not keep its words; then it has only read.
            scripts[tool] = f'echo "{tool} $*" 2>/dev/null >>{self.directory}/asked || true\nexec {LAB}/k8s/provider {self.directory} {tool} "$@"\n'
        for name, script in scripts.items():
            (self.bin / name).write_text("#!/bin/sh\n" + script)
            (self.bin / name).chmod(0o755)

    # Objects

    def node(self, name, instance, ready="True", **spec):
        self.cloud.add_instance(instance, name)
        if ready == "Unknown":
            self.cloud.crash(instance)
        self.world.put("nodes", {
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": "zone-1"}},
            "spec": {"providerID": self.flavour.provider_id(instance, name), **spec}, "status": {}})
        self.world.turn(name, ready)

    def volume(self, claim, node=None, namespace="shop", name=None, number=None, reclaim="Delete", modes=("ReadWriteOnce",), driver=None, attached=True, spec=None,
               annotations=None, **claim_meta):
        """A claim and its volume, at the provider on the instance of that node, attached and mounted there as Kubernetes sees it."""
        world, name = self.world, name or f"pvc-{claim}"
        number = number or self.cloud.add_volume(name, 10)
        handle = self.flavour.handle(number, name)
        world.put("persistentvolumeclaims", {
            "metadata": {"name": claim, "namespace": namespace, "finalizers": ["kubernetes.io/pvc-protection"], **claim_meta},
            "spec": {"accessModes": list(modes), "volumeName": name, "storageClassName": "block", "resources": {"requests": {"storage": "10Gi"}}},
            "status": {"phase": "Bound"}})
        source = spec or {"csi": {"driver": driver or self.flavour.driver, "volumeHandle": handle}}
        volume = world.put("persistentvolumes", {
            "metadata": {"name": name, "finalizers": ["kubernetes.io/pv-protection"], "annotations": annotations or {}},
            "spec": {"accessModes": list(modes), "capacity": {"storage": "10Gi"}, "persistentVolumeReclaimPolicy": reclaim, "storageClassName": "block",
                     "claimRef": {"namespace": namespace, "name": claim}, **source},
            "status": {"phase": "Bound"}})
        if node and attached:
            self.attach(volume, node)
        return volume

    def attach(self, volume, node):
        entry = self.world.put("volumeattachments", cluster.attachment(volume, node))
        instance = self.world.at_provider(entry)[1]
        if instance:
            self.at_provider(volume, instance)
        where = self.world.get("nodes", node)
        if where:
            where["status"].setdefault("volumesInUse", []).append(cluster.unique_name(volume))
        return entry

    def at_provider(self, volume, instance):
        with self.cloud.open() as state:
            state["volumes"][self.world.number(cluster.handle(volume))].update(instance=instance and str(instance), seen=True, detaching=None, told=False)

    def workload(self, kind, name, replicas, claims=(), templates=(), labels=None, **spec):
        """A Deployment has its ReplicaSet."""
        world, labels = self.world, labels or {}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "x"}],
                                                                  "volumes": cluster.claim_volumes({claim: claim for claim in claims})}}
        body = {"metadata": {"name": name, "namespace": "shop", "labels": labels},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **spec}, "status": {"replicas": replicas}}
        if kind == "statefulset":
            body["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": name}, "spec": {}} for name in templates]
        entry = world.put(f"{kind}s", body)
        if kind == "deployment":
            world.put("replicasets", {"metadata": {"name": f"{name}-7475d86696", "namespace": "shop", "ownerReferences": [cluster.owner(entry)]},
                                      "spec": {"replicas": replicas, "template": template}})
        return entry

    def pod(self, name, owner=None, node=None, phase="Running", ready="True", claims=(), ending=False, namespace="shop", **status):
        world = self.world
        if owner and owner["kind"] == "Deployment":
            owner = world.get("replicasets", owner["metadata"]["name"] + "-7475d86696", "shop")
        meta = {"name": name, "namespace": namespace, "labels": owner["spec"]["template"]["metadata"]["labels"] if owner else {},
                **({"ownerReferences": [cluster.owner(owner)]} if owner else {})}
        if ending:
            meta.update(deletionTimestamp=stamp(time.time() - 300), deletionGracePeriodSeconds=30)
        spec = {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "x"}], "volumes": cluster.claim_volumes({claim: claim for claim in claims}),
                **({"nodeName": node} if node else {})}
        return world.put("pods", {"metadata": meta, "spec": spec,
                                  "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}] if phase == "Running" else [], **status}})

    def stuck(self, name="redis", node="node-c", **volume):
        """A Deployment of one: its pod hangs in Terminating on the dead node with its volume, the next one waits for the attachment."""
        entry = self.workload("deployment", name, 1, claims=[name])
        self.volume(name, node, **volume)
        self.pod(f"{name}-7475d86696-old42", entry, node, ready="False", claims=[name], ending=True)
        self.pod(f"{name}-7475d86696-new42", entry, "node-b", phase="Pending", claims=[name], containerStatuses=[{"state": {"waiting": {"reason": "ContainerCreating"}}}])
        return entry

    # halligan

    def begin(self, certificate=None, **users):
        """The server listens, and the controllers work."""
        server = serve(self.world, certificate)
        self.servers.append(server)
        self.port = server.server_address[1]
        self.kubeconfig = self.directory / "kubeconfig"
        self.configure({"lab": self.address(bool(certificate))}, "lab", **users)
        self.world.begin()
        self.halligan = self.halligan_with()
        return self

    def end(self):
        if self.run:
            self.run.kill()
        for server in self.servers:
            server.shutdown()
            server.server_close()
        if self.servers:
            self.world.end()

    def address(self, secure=False):
        return {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True} if secure else {"server": f"http://127.0.0.1:{self.port}"}

    def configure(self, clusters, current, user=None):
        """A kubeconfig with a context for each cluster."""
        text = json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": current,
                           "clusters": [{"name": name, "cluster": address} for name, address in clusters.items()],
                           "contexts": [{"name": name, "context": {"cluster": name, "user": "operator"}} for name in clusters],
                           "users": [{"name": "operator", "user": user or {"token": "x"}}]})
        new = self.kubeconfig.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.replace(self.kubeconfig)

    def environment(self):
        return {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home), "PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin"}

    def halligan_with(self, **environment):
        """For root, halligan takes its programs from fixed places: there the case's are put, for this one process alone."""
        through = ()
        if os.getuid() == 0:
            through = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /usr/local/sbin && exec "$@"', str(self.bin)]
        return Halligan({**self.environment(), **environment}, through=through)

    def words(self, *flags, **params):
        """The limits are those of the runbook, and no busy machine comes near them. A case that is to come to the end of one sets it."""
        given = {"namespace": "shop", "provider": self.flavour.name, "settle": "2s", **params}
        return [self.runbook, *(word for name, value in given.items() for word in ("--set", f"{name}={value}")), *flags]

    @staticmethod
    def answers(**more):
        return ["--yes", *(word for step, phrase in {"consent": "scale shop to zero", **more}.items() for word in ("--confirm", f"{step}={phrase}"))]

    def start(self, *flags, terminal=None, **params):
        self.run = self.halligan.start("run", *self.words(*flags, **params), terminal=terminal)
        return self.run

    def goes(self, *workloads, answers=None, **params):
        """A whole run with what an operator types; its exit code."""
        self.start(*self.answers(**{"declare_off": "node-c off", **(answers or {})}), workloads=",".join(workloads), **params)
        return self.run.end(NEVER)

    def played(self, *workloads, **more):
        """From the beginning to the end of a whole run; `code` is its exit code."""
        self.begin()
        self.code = self.goes(*workloads, **more)
        return self

    def asks(self, *workloads, **params):
        """Up to the first question, which nobody answers."""
        self.start("--yes", workloads=",".join(workloads), **params)
        return self.run.end(NEVER)

    def as_it_was(self, **params):
        """What did harm in the runbook of before: tests/lab/before."""
        given = {"namespace": "shop", **params}
        words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        self.run = self.halligan.start("run", LAB / "before" / f"{NAME}.yaml", *words, *self.answers())
        return self.run.end(NEVER)

    def provider_names(self):
        """The volumes as NAME/NUMBER, the first made first."""
        return ",".join(f"{volume['metadata']['name']}/{self.world.number(cluster.handle(volume))}" for volume in self.world.all("persistentvolumes"))

    def dry(self, *workloads, **params):
        self.start("--dry-run", "--allow-unheld", workloads=",".join(workloads), **params)
        return self.run.end(NEVER)

    def said(self):
        """The screen on one line, as words that are looked for may be broken anywhere."""
        return " ".join(self.run.text.split())

    def blocked(self):
        return [record["place"].removeprefix("preflight.") for record in self.halligan.records() if record["type"] == "preflight_blocked"]

    def kubectl(self, *words, check=True):
        done = subprocess.run([kubectl_program(), *words], env=self.environment(), capture_output=True, text=True, timeout=NEVER, check=False, stdin=subprocess.DEVNULL)
        must(not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}")
        return done.stdout

    # What is so

    def provider_calls(self, word="detach"):
        path = self.directory / "asked"
        return [line for line in path.read_text().splitlines() if word.lower() in line.lower()] if path.exists() else []

    def harm(self):
        """What takes a volume or a pod from a node: attachments and pods deleted, finalizers dropped, nodes tainted, volumes detached at the provider."""
        deleted = [f"DELETE {path}" for path, _ in self.world.written("DELETE") if "/volumeattachments/" in path or "/pods/" in path]
        dropped = [f"PATCH {path}" for path, _ in self.world.written("PATCH", "/volumeattachments/")]
        tainted = [f"PATCH {path}" for path, body in self.world.written("PATCH", "/nodes/") if "out-of-service" in json.dumps(body)]
        return deleted + dropped + tainted + self.provider_calls()

    def unharmed(self):
        must(not self.harm(), f"harm was done: {'; '.join(self.harm())}")

    def untouched(self):
        """Nothing at all was written, nothing asked of the provider but to look."""
        must(not self.world.written(), f"was written: {self.world.written()}")
        self.unharmed()

    def completed(self):
        """To the last step. The taint of a dead node stays until the node is back or gone, and is owed meanwhile: then the exit code is 10."""
        owed = self.halligan.owed() or []
        must(self.code == (10 if owed else 0), f"exit code {self.code}, owed: {owed}")
        must(not owed or self.world.tainted("node-c", cluster.OUT_OF_SERVICE), f"owed, but no node is tainted: {owed}")

    def refused(self, code, check, *words):
        """By this check, with these words, and with nothing written."""
        must(check in self.blocked(), f"refused by {self.blocked()}, not by {check}")
        must(code == 4, f"exit code {code}, not 4")
        self.says(*words)
        self.untouched()

    def told(self, workload, *words):
        """Before the first question these words are said. Nothing is refused, and nothing was written."""
        self.asks(workload)
        must(not self.blocked(), f"refused by {self.blocked()}")
        self.says(*words)
        self.untouched()

    def says(self, *words):
        for word in words:
            must(word in self.said(), f"it does not say {word!r}")

    def as_before(self, **replicas):
        """Replicas as they were, their pods ready on nodes that answer."""
        for name, wanted in replicas.items():
            entry = self.world.get("deployments", name, "shop") or self.world.get("statefulsets", name, "shop")
            must(entry["spec"]["replicas"] == wanted, f"{name} has {entry['spec']['replicas']} replicas, had {wanted}")
            ready = until(lambda name=name, wanted=wanted: len(self.ready(name)) == wanted and self.ready(name), NEVER, f"{name} has {wanted} ready pods")
            must(all(self.world.ready(pod["spec"]["nodeName"]) for pod in ready), f"{name} has a pod on a dead node")

    def ready(self, name):
        return [pod for pod in self.world.all("pods", "shop") if pod["metadata"]["labels"].get("app") == name and cluster.is_ready(pod) and not self.world.ends(pod)]

    def begun(self, step):
        """The run has come to a step of this id."""
        path = self.halligan.journal / "journal.jsonl"
        lines = path.read_text(errors="replace").splitlines(keepends=True) if path.exists() else []
        return any(json.loads(line)["place"].endswith(f".{step}") for line in lines if line.endswith("\n") and '"type":"step_began"' in line)

    # Somebody else's hands

    def once(self, condition, act):
        """When the condition holds for the first time, this is done."""
        done = []

        def hand():
            if not done and condition():
                done.append(True)
                act()
        self.world.hands.append(hand)
        return done

    def tell(self, fault):
        """Let something go wrong at the provider: tests/lab/k8s/faults.py."""
        self.cloud.faults.tell(fault)

    def lingers(self, claim):
        """Kubernetes will take its volume for detached, and so it is not: the detach at the provider does not end until healed."""
        volume = self.world.get("persistentvolumes", f"pvc-{claim}")
        self.world.unheard.add(self.world.number(cluster.handle(volume)))
        self.cloud.faults.tell("detach-hangs", volume["metadata"]["name"])

    def lets_go_when_asked(self):
        """What hangs there ends once the provider has taken it when it was asked for it again."""
        def taken():
            return any(volume.get("told") for volume in self.cloud.snapshot()["volumes"].values())
        self.once(lambda: self.provider_calls() and taken(), lambda: self.heal("detach-hangs"))

    def heal(self, fault):
        self.cloud.faults.heal(fault)

    def free(self):
        """No attachment is left."""
        return not self.world.all("volumeattachments")
