"""What the runbook is for: volumes that are stuck, and what must not be refused."""

import json
import re
import subprocess

from field import case, patches, shown
from field.refused import sharing
from proof.case import must
from shop import LAB, NAME
from standin import cluster


@case
def ordered_stateful_set(cases, new):
    """kubernetes/kubernetes#57865, #36333, #123918: with OrderedReady nothing ends before the pod of the dead node has."""
    def play():
        shop = new()
        entry = shop.workload("statefulset", "postgres", 3, templates=["data"])
        for number, node in enumerate(("node-a", "node-b", "node-c")):
            dead = node == "node-c"
            shop.volume(f"data-postgres-{number}", node)
            shop.pod(f"postgres-{number}", entry, node, ready="False" if dead else "True", claims=[f"data-postgres-{number}"], ending=dead)
        return shop.played("statefulset/postgres")

    def check(shop):
        shop.completed()
        shop.as_before(postgres=3)
        story = shop.world.story()
        must(story.index("out-of-service") < story.index("Pod postgres-1 is to go"), "the living pods were waited for first")

    shown(cases, "01 one replica of three on the dead node", play, check, planted="and somebody scales at the end",
          plant=lambda shop: shop.world.scale("statefulsets", "postgres", 2), finds="postgres has 2 replicas")


@case
def evicted_pods(cases, new):
    """A ReplicaSet never deletes pods that have failed: kubernetes/kubernetes#91672, #32858, #99986, linkerd/linkerd2#6967."""
    def play():
        shop = new()
        entry = shop.stuck()
        for name in ("evx", "evy"):
            shop.pod(f"redis-7475d86696-{name}", entry, "node-a", phase="Failed", claims=["redis"], reason="Evicted")
        return shop.played("deployment/redis")

    def check(shop):
        shop.completed()
        shop.as_before(redis=1)
        must(len([pod for pod in shop.world.all("pods") if cluster.has_ended(pod)]) == 2, "the evicted pods are gone")

    shown(cases, "02 evicted pods lie about: neither waited for nor deleted", play, check, planted="and somebody deletes one",
          plant=lambda shop: shop.kubectl("-n", "shop", "delete", "pod", "redis-7475d86696-evx", "--force", "--grace-period=0"), finds="the evicted pods are gone")


@case
def rejected_pods(cases, new):
    """What a kubelet cannot take it rejects (OutOfcpu, NodeAffinity, UnexpectedAdmissionError): that pod stays, failed, and its ReplicaSet makes
    another: kubernetes/kubernetes#106419, #108152, #109663."""
    def play():
        shop = new()
        shop.stuck()
        shop.rejected = []

        def reject():
            if len(patches(shop, "deployments/redis")) < 2 or len(shop.rejected) == 2:
                return
            for pod in shop.world.all("pods", "shop"):
                if pod["spec"].get("nodeName") and pod["status"]["phase"] == "Pending" and len(shop.rejected) < 2:
                    pod["status"].update(phase="Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu")
                    shop.world.bump(pod)
                    shop.rejected.append(pod["metadata"]["name"])
        shop.world.hands.append(reject)
        return shop.played("deployment/redis")

    def check(shop):
        must(len(shop.rejected) == 2, f"rejected: {shop.rejected}")
        shop.completed()
        shop.as_before(redis=1)
        must(all(shop.world.get("pods", name, "shop") for name in shop.rejected), "a rejected pod is gone")

    shown(cases, "39 new pods are rejected by their node: the one that runs counts", play, check, planted="and somebody deletes one",
          plant=lambda shop: shop.world.drop(shop.world.get("pods", shop.rejected[0], "shop")), finds="a rejected pod is gone")


@case
def shared_claim(cases, new):
    def play():
        shop = sharing(new)
        shop.code = shop.goes("deployment/server", "deployment/browser")
        return shop

    def check(shop):
        shop.completed()
        shop.as_before(server=1, browser=1)

    shown(cases, "07 two workloads share a claim, both are named", play, check, planted="and one is scaled to zero",
          plant=lambda shop: shop.world.scale("deployments", "browser", 0), finds="browser has 0 replicas")


@case
def migrated_volume(cases, new):
    """A volume of an in-tree plugin is attached by the CSI driver that it was migrated to: kubernetes-sigs/aws-ebs-csi-driver#679, #721, #2573."""
    def test(migrated):
        shop = new(cloud="aws")
        number = shop.cloud.add_volume("pvc-redis", 10)
        source = {"awsElasticBlockStore": {"fsType": "ext4", "volumeID": f"aws://eu-central-1a/vol-{int(number):017d}"}}
        shop.stuck(spec=source, number=number, annotations={"pv.kubernetes.io/migrated-to": "ebs.csi.aws.com", "pv.kubernetes.io/provisioned-by": "kubernetes.io/aws-ebs"})
        if not migrated:
            shop.world.frozen = True
            shop.world.get("persistentvolumes", "pvc-redis")["metadata"]["annotations"].clear()
        shop.begin()
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        shop.untouched()
        shop.says(f"vol-{int(number):017d}")

    cases.case("08 a volume of a migrated in-tree plugin: taken", test, True)
    cases.control("08 a plugin that was not migrated", test, False, finds="refused by ['drivers']")


@case
def stderr_apart(cases, new):
    """metrics.k8s.io is away, or the server sends a warning, and kubectl says so with each call: k3s-io/k3s#7427, #7286, apecloud/kubeblocks#1484."""
    def test(kind, minor, ready):
        shop = new(minor=minor)
        entry = shop.workload("deployment", "redis", 1, claims=["redis"])
        shop.volume("redis", "node-a")
        shop.pod("redis-7475d86696-a2", entry, "node-a", claims=["redis"], ready=ready)
        shop.world.away = "metrics.k8s.io" if kind == "away" else None
        shop.world.warning = "policy/v1beta1 PodSecurityPolicy is deprecated in v1.21+, unavailable in v1.25+" if kind == "warning" else None
        shop.begin()
        done = subprocess.run([shop.bin / "kubectl", "-n", "shop", "get", "pods", "-o", "name"], env=shop.environment(), capture_output=True, text=True, check=False)
        must(done.stdout == "pod/redis-7475d86696-a2\n", f"kubectl says {done}")
        if not done.stderr:
            # Not each kubectl tells of an API that it was not asked for; 1.20 does not.
            must(kind == "away", f"kubectl complains of nothing: {done}")
            cases.note("this kubectl complains of nothing")
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        shop.says("all pods are running and ready")

    cases.case("13 an aggregated API is away (1.24): the answers are read, the complaints are not", test, "away", 24, "True")
    cases.case("13 a warning with each answer", test, "warning", 32, "True")
    cases.control("13 and the pod is not ready", test, "warning", 32, "False", finds="does not say")


@case
def exec_helper(cases, new):
    """A credential helper that needs AWS_PROFILE, and a provider's tool that needs AWS_REGION: both work in the operator's shell."""
    variables = {"AWS_PROFILE": "ops", "AWS_REGION": "eu-central-1"}
    complaints = {"AWS_PROFILE": "getting credentials", "AWS_REGION": "You must specify a region"}

    def test(without=None, named=True):
        shop = new(cloud="aws")
        shop.stuck()
        helper = shop.bin / "helper"
        # v1 came with 1.22.
        token = json.dumps({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": "x"}})
        helper.write_text(f'#!/bin/sh\n[ -n "$AWS_PROFILE" ] || {{ echo "Unable to locate credentials" >&2; exit 253; }}\necho \'{token}\'\n')
        helper.chmod(0o755)
        aws = shop.bin / "aws"
        aws.write_text(re.sub("^(#!.*\n)", f'\\1[ -n "$AWS_REGION" ] || {{ echo "{complaints["AWS_REGION"]}" >&2; exit 253; }}\n', aws.read_text()))
        if not named:
            text = (LAB.parents[1] / "runbooks" / f"{NAME}.yaml").read_text()
            shop.runbook = shop.directory / f"{NAME}.yaml"
            shop.runbook.write_text(text.replace('"AWS_*", ', ""))
        pem = certificate(shop)
        shop.begin(pem, user={"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": str(helper), "interactiveMode": "Never"}})
        shop.halligan = shop.halligan_with(**{name: value for name, value in variables.items() if name != without})
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: {next((words for words in complaints.values() if words in shop.said()), shop.blocked())}")
        journal = (shop.halligan.journal / "journal.jsonl").read_text()
        must("eu-central-1" not in journal.replace("eu-central-1a", ""), "the value stands in the journal")

    cases.case("25 a helper and a tool that need their variables", test)
    for name, words in complaints.items():
        cases.control(f"25 without {name}", test, name, finds=words)
    cases.control("25 and the runbook does not name them", test, named=False, finds=complaints["AWS_PROFILE"])


def certificate(shop):
    pem = shop.directory / "tls.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{pem}.key", "-out", f"{pem}.crt",
                    "-days", "30", "-subj", "/CN=127.0.0.1"], check=True, capture_output=True)
    pem.write_text("".join(pem.with_suffix(f".pem.{part}").read_text() for part in ("key", "crt")))
    return str(pem)


@case
def node_object_gone(cases, new):
    """The node was recycled: no Node object, no instance, an attachment of its name is left: kubernetes-sigs/aws-ebs-csi-driver#833, #1665,
    kubernetes-sigs/azuredisk-csi-driver#1301, kubernetes/cloud-provider-openstack#1003, kubernetes-csi/external-attacher#83, kubernetes/kubernetes#90986."""
    def test(attached):
        shop = new()
        shop.stuck()
        shop.world.drop(shop.world.get("nodes", "node-c"))
        for entry in [] if attached else shop.world.all("volumeattachments"):
            shop.world.drop(entry)
        with shop.cloud.open() as state:
            state["instances"].pop("103")
        shop.begin()
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        shop.says("no node of this cluster")

    cases.case("06 the node is no more, and its instance neither", test, True)
    cases.control("06 and nothing says that the volume was its", test, False, finds="refused by ['known_instances']")


@case
def not_ready_and_back(cases, new):
    """Ready is False, not Unknown: the kubelet reports, and the node comes back: kubernetes/kubernetes#109965, #45419."""
    def play():
        shop = new(nodes=(("node-a", 101, "True"), ("node-b", 102, "True"), ("node-c", 103, "False")))
        shop.stuck()
        shop.once(lambda: patches(shop, "redis"), lambda: shop.world.turn("node-c", "True"))
        return shop.played("deployment/redis")

    def check(shop):
        shop.completed()
        shop.as_before(redis=1)
        shop.unharmed()
        must("Power the instance off" not in shop.said(), "it asks for a healthy node to be switched off")

    shown(cases, "22 a node is not ready for a moment: neither given up nor switched off", play, check, planted="and somebody gives it up",
          plant=lambda shop: shop.kubectl("taint", "nodes", "node-c", "node.kubernetes.io/out-of-service=x:NoExecute"), finds="harm was done: PATCH")


@case
def at_azure(cases, new):
    """A machine of a scale set, deallocated; Azure writes the names of resource groups in capitals here and in small letters there:
    Azure/azure-sdk-for-java#2014, kubernetes/kubernetes#79009. Kubernetes has detached, Azure not: kubernetes-sigs/azuredisk-csi-driver#436."""
    def play():
        shop = new(cloud="azure")
        shop.stuck()
        shop.lingers("redis")
        shop.lets_go_when_asked()
        return shop.played("deployment/redis")

    def check(shop):
        shop.completed()
        shop.as_before(redis=1)
        must(len(shop.provider_calls("attachDetachDataDisks")) == 1, f"Azure was asked {shop.provider_calls()}")

    shown(cases, "azure: a scale set's machine keeps a disk that Kubernetes has detached", play, check, planted="and somebody asks once more",
          plant=lambda shop: (shop.directory / "asked").open("a").write("az rest --url x/attachDetachDataDisks\n"), finds="Azure was asked")
