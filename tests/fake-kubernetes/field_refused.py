"""Cases in which nothing may be begun: what cannot be asked, what is not permitted, what cannot be freed here."""

import json
import os
import re
import subprocess
import time

from field import case, not_yet, shown
from proof.case import must
from standin import cluster


@case
def rights_cannot_be_asked(cases, new):
    """An authorization webhook that is away is no refusal: what was not answered is told as that."""
    def test(away):
        shop = new()
        shop.stuck()
        shop.world.review_fails = "the authorization webhook does not answer" if away else None
        shop.begin()
        shop.asks("deployment/redis")
        must("not permitted" not in shop.said(), "it says that something is not permitted")
        shop.says("could not be asked")
        must(not shop.blocked(), f"refused by {shop.blocked()}")
        shop.untouched()

    cases.case("12 rights cannot be asked for: told as that, and not as a refusal", test, True)
    cases.control("12 they can", test, False, finds="does not say 'could not be asked'")


@case
def crds_unreadable(cases, new):
    """A kubeconfig that may not read the custom resources; once overridden with a reason, the run must go through."""
    def test(denied, override):
        shop = new()
        shop.stuck()
        if denied:
            shop.world.denied.add(("*", "customresourcedefinitions"))
        shop.begin()
        if override:
            shop.start(*shop.answers(declare_off="node-c off"), "--override", "crds=there is no Argo CD here, I asked", workloads="deployment/redis")
            shop.code = shop.run.end(400)
            shop.completed()
            shop.as_before(redis=1)
        else:
            shop.refused(shop.goes("deployment/redis") if denied else shop.asks("deployment/redis"), "crds", "customresourcedefinitions", "forbidden")

    cases.case("11 custom resources may not be read: refused", test, True, False)
    cases.case("11 custom resources may not be read, and somebody answers for it", test, True, True)
    cases.control("11 they may be read", test, False, False, finds="refused by []")


@case
def namespace_unreadable(cases, new):
    def test(denied):
        shop = new()
        shop.stuck()
        if denied:
            shop.world.denied |= {("get", "namespaces")}
        shop.begin()
        code = shop.goes("deployment/redis") if denied else shop.asks("deployment/redis")
        shop.says("cannot get resource")
        must(code == 4, f"exit code {code}, not 4")
        shop.untouched()

    cases.case("34 the namespace may not be read: said so", test, True)
    cases.control("34 it may", test, False, finds="does not say")


@not_yet
def by_hand_at_zero(cases, new):
    """`kubectl scale --replicas=0` is what everybody tries first: longhorn/longhorn#2517, #10689, digitalocean/csi-digitalocean#111."""
    def test(replicas):
        shop = new()
        entry = shop.stuck()
        for pod in shop.world.all("pods"):
            shop.world.drop(pod)
        entry["spec"]["replicas"] = replicas
        shop.begin()
        code = shop.goes("deployment/redis") if not replicas else shop.asks("deployment/redis")
        must(shop.blocked(), "it is not refused")
        must(code == 4, f"exit code {code}, not 4: nobody has said how many replicas there were")
        must("all pods are running and ready" not in shop.said(), "where there is no pod it says that all run")
        shop.untouched()

    cases.case("14 scaled to zero by hand before: refused, with the replicas to be named", test, 0)
    cases.control("14 it has a replica", test, 1, finds="it is not refused")


@not_yet
def no_attachment(cases, new):
    """A driver that attaches nothing (CSIDriver attachRequired: false), ReadWriteMany: kubernetes-sigs/aws-ebs-csi-driver#419 shows the object."""
    def test(files):
        shop = new(cloud="aws")
        shop.world.put("csidrivers", {"metadata": {"name": "efs.csi.aws.com"}, "spec": {"attachRequired": False}})
        entry = shop.workload("deployment", "web", 2, claims=["files"])
        if files:
            shop.volume("files", driver="efs.csi.aws.com", modes=["ReadWriteMany"])
        else:
            shop.volume("files", "node-a")
        shop.pod("web-7475d86696-a2", entry, "node-a", claims=["files"])
        shop.pod("web-7475d86696-b2", entry, "node-b", phase="Pending", claims=["files"])
        shop.begin()
        code = shop.goes("deployment/web", provider="manual") if files else shop.asks("deployment/web", provider="manual")
        must(shop.blocked(), "it is not refused")
        must(code == 4, f"exit code {code}, not 4")
        shop.says("files")
        shop.untouched()

    cases.case("09 a driver that attaches nothing: no outage for nothing", test, True)
    cases.control("09 a driver that attaches", test, False, finds="it is not refused")


@not_yet
def zone_without_node(cases, new):
    """The volume can be attached in zone-2 only, where the dead node is alone: kubernetes/kubernetes#34583, aws/karpenter-provider-aws#2971."""
    def test(zone):
        shop = new()
        shop.stuck()
        shop.world.get("nodes", "node-c")["metadata"]["labels"]["topology.kubernetes.io/zone"] = "zone-2"
        rule = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
        shop.world.get("persistentvolumes", "pvc-redis")["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}
        shop.begin()
        code = shop.goes("deployment/redis") if zone == "zone-2" else shop.asks("deployment/redis")
        must(shop.blocked(), "it is not refused")
        must(code == 4, f"exit code {code}, not 4")
        shop.says("pvc-redis")
        shop.untouched()

    cases.case("20 the volume's zone has no node: refused before anything is down", test, "zone-2")
    cases.control("20 its zone has nodes", test, "zone-1", finds="it is not refused")


@not_yet
def webhook(cases, new):
    """A webhook refuses 0 replicas: found by a server-side dry run before anything is suspended or scaled."""
    def test(refuses):
        shop = new()
        shop.stuck()
        words = 'admission webhook "validate.kyverno.svc-fail" denied the request: replicas must be at least 1'
        if refuses:
            shop.world.webhook = lambda verb, plural, *_: words if (verb, plural) == ("patch", "deployments") else None
        shop.begin()
        code = shop.goes("deployment/redis") if refuses else shop.asks("deployment/redis")
        must(shop.blocked(), "it is not refused in the preflight")
        must(code == 4, f"exit code {code}, not 4")
        shop.says("replicas must be at least 1")
        shop.untouched()

    cases.case("33 a webhook refuses the scaling: found before the first change", test, True)
    cases.control("33 no webhook does", test, False, finds="it is not refused")


@case
def other_kinds(cases, new):
    """Only what can be taken is offered; the others are refused with what pauses them: sablierapp/sablier#962."""
    def test(workload):
        shop = new()
        shop.stuck()
        shop.begin()
        shop.refused(shop.goes(workload) if workload != "deployment/redis" else shop.asks(workload), "kinds", workload)

    for workload in ("cluster/pg-main", "rollout/canary"):
        cases.case(f"35 {workload}: refused", test, workload)
    cases.control("35 a Deployment", test, "deployment/redis", finds="refused by []")


# What must not be refused


def sharing(new):
    """A server and its file browser share a claim on one node: longhorn/longhorn#6804."""
    shop = new()
    shop.volume("media", "node-c")
    for name in ("server", "browser"):
        entry = shop.workload("deployment", name, 1, claims=["media"])
        shop.pod(f"{name}-7475d86696-a2", entry, "node-c", ready="False", claims=["media"], ending=True)
        shop.pod(f"{name}-7475d86696-b2", entry, "node-b", phase="Pending", claims=["media"])
    return shop.begin()


@case
def shared_claim_of_one(cases, new):
    def test(workload):
        shop = sharing(new)
        shop.refused(shop.goes(workload), "sole_users", "pod browser-7475d86696-a2 on node-c uses media")

    cases.case("07 two workloads share a claim, one is named: refused, and the other is named", test, "deployment/server")
    cases.control("07 and the other is named", test, "deployment/browser", finds="does not say")


@not_yet
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


@not_yet
def migrated_volume(cases, new):
    """A volume of an in-tree plugin is attached by the CSI driver that it was migrated to: kubernetes-sigs/aws-ebs-csi-driver#679, #721, #2573."""
    def test(migrated):
        shop = new(cloud="aws")
        number = shop.cloud.add_volume("pvc-redis", 10)
        source = {"awsElasticBlockStore": {"fsType": "ext4", "volumeID": f"aws://eu-central-1a/vol-{int(number):017d}"}} if migrated else None
        shop.stuck(spec=source, number=number, annotations={"pv.kubernetes.io/migrated-to": "ebs.csi.aws.com", "pv.kubernetes.io/provisioned-by": "kubernetes.io/aws-ebs"})
        shop.begin()
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        shop.untouched()
        shop.says(f"vol-{int(number):017d}")
        must(not migrated or "awsElasticBlockStore" in shop.kubectl("get", "pv", "pvc-redis", "-o", "json"), "the volume is a CSI volume")

    cases.case("08 a volume of a migrated in-tree plugin: taken", test, True)


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
        must(done.stdout == "pod/redis-7475d86696-a2\n" and done.stderr, f"kubectl complains of nothing: {done}")
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        shop.says("all pods are running and ready")

    cases.case("13 an aggregated API is away (1.24): the answers are read, the complaints are not", test, "away", 24, "True")
    cases.case("13 a warning with each answer", test, "warning", 32, "True")
    cases.control("13 and the pod is not ready", test, "warning", 32, "False", finds="does not say")


@not_yet
def exec_helper(cases, new):
    """A credential helper that needs AWS_PROFILE, and a provider's tool that needs AWS_REGION: both work in the operator's shell."""
    def test(given):
        shop = new(cloud="aws")
        shop.stuck()
        helper = shop.bin / "helper"
        token = json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "x"}})
        helper.write_text(f'#!/bin/sh\n[ -n "$AWS_PROFILE" ] || {{ echo "Unable to locate credentials" >&2; exit 253; }}\necho \'{token}\'\n')
        helper.chmod(0o755)
        aws = shop.bin / "aws"
        aws.write_text(re.sub("^(#!.*\n)", '\\1[ -n "$AWS_REGION" ] || { echo "You must specify a region." >&2; exit 253; }\n', aws.read_text()))
        pem = certificate(shop)
        shop.begin(pem, user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(helper), "interactiveMode": "Never"}})
        shop.halligan = shop.halligan_with(**({"AWS_PROFILE": "ops", "AWS_REGION": "eu-central-1"} if given else {}))
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        journal = (shop.halligan.journal / "journal.jsonl").read_text()
        must("eu-central-1" not in journal.replace("eu-central-1a", ""), "the value stands in the journal")

    cases.case("25 a helper and a tool that need their variables", test, True)
    cases.control("25 without them", test, False, finds="exit code 4")


def certificate(shop):
    pem = shop.directory / "tls.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{pem}.key", "-out", f"{pem}.crt",
                    "-days", "30", "-subj", "/CN=127.0.0.1"], check=True, capture_output=True)
    pem.write_text("".join(pem.with_suffix(f".pem.{part}").read_text() for part in ("key", "crt")))
    return str(pem)


@not_yet
def node_object_gone(cases, new):
    """The node was recycled: no Node object, no instance, an attachment of its name is left: kubernetes-sigs/aws-ebs-csi-driver#833, #1665,
    kubernetes-sigs/azuredisk-csi-driver#1301, kubernetes/cloud-provider-openstack#1003, kubernetes-csi/external-attacher#83, kubernetes/kubernetes#90986."""
    def test():
        shop = new()
        shop.stuck()
        shop.world.drop(shop.world.get("nodes", "node-c"))
        with shop.cloud.open() as state:
            state["instances"].pop("103")
        shop.begin()
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        shop.says("no node of this cluster")

    cases.case("06 the node is no more, and its instance neither", test)


# How large it may be


@not_yet
def large(cases, new):
    """10,000 pods and 5,000 claims in the namespace, 250 Applications of 60 KB: deployKF/deployKF#224, argoproj/argo-cd#16284, #7647. What halligan
    itself takes of processor and memory in a dry run, without its kubectl."""
    def test(pods, seconds, mebibytes):
        shop = new()
        shop.world.define("applications.argoproj.io")
        shop.stuck()
        fill(shop, pods, claims=pods // 2, applications=pods // 40)
        shop.world.frozen = True
        shop.begin()
        shop.start("--dry-run", "--allow-unheld", workloads="deployment/redis")
        own, most = watch(shop.run)
        must(shop.run.code == 0, f"exit code {shop.run.code}: refused by {shop.blocked()}")
        cases.note(f"own time {own:.1f} s, {most:.0f} MiB")
        shop.says("app-7")
        must(own < seconds, f"own time {own:.1f} s")
        must(most < mebibytes, f"{most:.0f} MiB")

    cases.case("37, 10 10,000 pods, 5,000 claims, 250 Applications: under 10 s and 128 MiB", test, 10_000, 10, 128)
    cases.control("37, 10 and no more than 5 MiB", test, 40, 10, 5, finds="MiB")


def watch(run):
    """The seconds of processor time of this one process, and the most memory that it has had, in MiB; until it ends."""
    own = most = 0
    while run.process.poll() is None:
        try:
            with open(f"/proc/{run.process.pid}/stat") as file:
                words = file.read().rpartition(")")[2].split()
            with open(f"/proc/{run.process.pid}/status") as file:
                most = max(most, int(file.read().split("VmHWM:")[1].split()[0]) / 1024)
        except (OSError, IndexError):
            continue
        own = max(own, (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"))
        time.sleep(0.05)
    run.end()
    return own, most


def fill(shop, pods, claims, applications):
    """As large objects as there are: annotations, environment, managed fields."""
    world = shop.world
    managed = [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:annotations": {f"f:note-{number}": {} for number in range(10)}}, "f:spec": {"f:volumeName": {}}}}] * 2
    for number in range(claims):
        world.put("persistentvolumeclaims", {
            "metadata": {"name": f"claim-{number}", "namespace": "shop", "managedFields": managed, "finalizers": ["kubernetes.io/pvc-protection"],
                         "annotations": {f"note-{key}": "x" * 40 for key in range(5)}},
            "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": f"pv-{number}", "storageClassName": "block", "resources": {"requests": {"storage": "10Gi"}}},
            "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "10Gi"}}})
    for number in range(pods):
        world.put("pods", {
            "metadata": {"name": f"pod-{number}", "namespace": "shop", "labels": {"app": f"a{number % 500}"}, "managedFields": managed,
                         "annotations": {f"note-{key}": "x" * 60 for key in range(10)},
                         "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"a{number % 500}-5d9c8b7f6", "uid": f"rs-{number % 500}", "controller": True}]},
            "spec": {"nodeName": "node-a", "containers": [{"name": "main", "image": "x", "env": [{"name": f"E{key}", "value": "v" * 20} for key in range(20)]}],
                     "volumes": cluster.claim_volumes({"data": f"claim-{number}"} if number < claims else {})},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
    for number in range(max(applications, 8)):
        resources = [{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": f"team-{number}", "name": f"service-{number}-{key}", "status": "Synced",
                      "health": {"status": "Healthy"}} for key in range(400)]
        if number == 7:
            resources.append({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "redis", "status": "Synced"})
        world.put("applications", {
            "metadata": {"name": f"app-{number}", "namespace": "argocd"},
            "spec": {"destination": {"namespace": f"team-{number}"}, "project": "default", "source": {"repoURL": "https://git.example.org/x", "path": "."},
                     "syncPolicy": {"automated": {"selfHeal": True}}},
            "status": {"resources": resources}})
