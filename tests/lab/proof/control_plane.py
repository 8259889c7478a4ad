"""A real Kubernetes control plane for a test: `tests/lab/kubernetes`, and what a test asks of it from outside."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from .case import must
from .halligan import Halligan

LAB = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(LAB / "k8s"))
from cloud import Cloud  # noqa: E402  (the lab's own, beside its programs)
from volume import Volume  # noqa: E402

# What a dry run must leave as it is. Nodes, leases and events change by themselves; of a node its spec counts.
KINDS = ("deployments", "statefulsets", "replicasets", "pods", "persistentvolumeclaims", "persistentvolumes", "volumeattachments",
         "horizontalpodautoscalers", "applications.argoproj.io", "kustomizations.kustomize.toolkit.fluxcd.io")


class ControlPlane:
    def __init__(self, directory=None):
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="halligan-lab-")) / "kubernetes"
        self.cloud = Cloud(self.directory)

    def lab(self, *words, timeout=120):
        done = subprocess.run([LAB / "kubernetes", "--dir", self.directory, *map(str, words)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise RuntimeError(f"tests/lab/kubernetes {' '.join(map(str, words))}: {done.stderr or done.stdout}")
        return done.stdout

    def up(self, cloud="linode"):
        # The first time it is built. What takes its time is told on our own screen.
        subprocess.run([LAB / "kubernetes", "build"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=3000)
        self.lab("--cloud", cloud, "up", timeout=300)
        return self

    def down(self):
        self.lab("down")
        with contextlib.suppress(OSError):
            self.directory.parent.rmdir()

    def flavour(self):
        return (self.directory / "flavour").read_text().strip()

    def shop(self, namespace, *workloads):
        self.lab("shop", namespace, *workloads, timeout=300)

    def watched_by(self, who, namespace):
        """Put an autoscaler (hpa), an Argo CD Application (argocd) or a Flux Kustomization (flux) over the shop."""
        text = (LAB / "k8s/objects" / f"{who}.yaml").read_text().replace("${namespace}", namespace)
        self.kubectl("apply", "-f", "-", text=text)

    def tell(self, who, fault, value=""):
        self.lab("tell", who, fault, value)

    def heal(self, who, *fault):
        self.lab("heal", who, *fault)

    def halligan(self, who="admin", **environment):
        """halligan with a journal of its own, the lab's programs, and this one's rights."""
        return Halligan({"KUBECONFIG": str(self.directory / f"{who}.kubeconfig"), "PATH": f"{self.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin", **environment},
                        through=[LAB / "kubernetes", "--dir", self.directory, "run"])

    # What is so

    def kubectl(self, *words, text=None, check=True):
        """The lab's own kubectl, past the one whose calls are counted."""
        done = subprocess.run([self.directory / "bin/real/kubectl", "--kubeconfig", self.directory / "admin.kubeconfig", "--request-timeout=10s", *words],
                              input=text, capture_output=True, text=True, timeout=130, check=False)
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def replicas(self, namespace):
        """What each workload is to have."""
        found = self.get("-n", namespace, "deployments,statefulsets")["items"]
        return {entry["metadata"]["name"]: entry["spec"]["replicas"] for entry in found}

    def pods(self, namespace, app=None):
        return self.get("-n", namespace, "pods", *(["-l", f"app={app}"] if app else []))["items"]

    def ready(self, namespace, app):
        """Its pods that are ready and not on their way out."""
        return [pod for pod in self.pods(namespace, app) if not pod["metadata"].get("deletionTimestamp")
                and any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod["status"].get("conditions", []))]

    def node_of(self, namespace, app):
        return self.pods(namespace, app)[0]["spec"]["nodeName"]

    def attachments(self, namespace):
        """Of each volume of the namespace that is attached: its node."""
        found = self.get("volumeattachments")["items"]
        return {entry["spec"]["source"]["persistentVolumeName"]: entry["spec"]["nodeName"] for entry in found
                if entry["spec"]["source"]["persistentVolumeName"].startswith(f"{namespace}-")}

    def events(self, namespace, reason):
        return [entry["message"] for entry in self.get("-n", namespace, "events")["items"] if entry["reason"] == reason]

    def versions(self):
        """Every object's resourceVersion, and every node's spec."""
        objects = {}
        for entry in self.get(",".join(KINDS), "-A")["items"]:
            meta = entry["metadata"]
            objects[entry["kind"], meta.get("namespace"), meta["name"]] = meta["resourceVersion"]
        for node in self.get("nodes")["items"]:
            objects["Node", None, node["metadata"]["name"]] = json.dumps(node["spec"], sort_keys=True)
        return objects

    # The data

    def volume(self, persistent_volume):
        handle = self.get("pv", persistent_volume)["spec"]["csi"]["volumeHandle"]
        return Volume(self.directory, handle)

    def written(self, persistent_volume):
        """How many lines the volume has, all bound to one another; a broken chain is untrue."""
        volume = self.volume(persistent_volume)
        lines = volume.whole()
        must(lines is not None, f"the data of {persistent_volume} is damaged")
        return lines

    def unharmed(self):
        record = self.directory / "harm"
        must(not record.exists(), f"harm was done: {record.read_text() if record.exists() else ''}")

    def forget_harm(self):
        """It was done on purpose."""
        (self.directory / "harm").unlink(missing_ok=True)

    # Who asked how often

    def calls(self, since, until_then, namespace):
        """The calls of kubectl for this namespace within that stretch of wall time."""
        path = self.directory / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        moments = [(float(moment), words.split()) for moment, _, words in (line.partition(" ") for line in lines)]
        return [words for moment, words in moments if since <= moment <= until_then and namespace in words]

    def audit(self):
        """What was asked of the API server, by its own record; an event need not say what of, nor by whom."""
        return [{"objectRef": {}, "userAgent": "", **json.loads(line)} for line in (self.directory / "log/audit.log").read_text().splitlines()]

    def logs(self):
        return f"logs of the control plane: {self.directory}/log"


def environment_is_clean():
    """Whoever runs the tests may have a cluster of their own."""
    os.environ.pop("KUBECONFIG", None)

