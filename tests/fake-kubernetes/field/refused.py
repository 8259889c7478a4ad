"""Nothing may be begun: what is being deleted, what cannot be asked or is not permitted, what cannot be freed here."""

import re
import time

from field import case, since
from proof.case import must, until
from shop import NEVER
from standin import cluster
from standin.store import micro_time


@case
def being_deleted(cases, new):
    """A claim that somebody has deleted is kept by its pods alone: jianz/k8s-reset-terminating-pv#7, Azure/AKS#3226, kubernetes/kubernetes#107214."""
    def test(what):
        shop = new()
        entry = shop.stuck(**({"deletionTimestamp": since()} if what == "claim" else {}))
        about = {"volume": shop.world.get("persistentvolumes", "pvc-redis"), "workload": entry, "namespace": shop.world.get("namespaces", "shop")}.get(what)
        if about:
            about["metadata"].update(deletionTimestamp=since(), finalizers=["foregroundDeletion"])
        shop.begin()
        shop.refused(shop.goes("deployment/redis") if what else shop.asks("deployment/redis"), "going", "Delete", "Retain")
        must(shop.world.get("persistentvolumeclaims", "redis", "shop"), "the claim is gone")

    for what in ("claim", "volume", "workload", "namespace"):
        cases.case(f"04 the {what} is being deleted: refused, whatever is confirmed", test, what)
    cases.control("04 nothing is being deleted", test, None, finds="refused by []")


@case
def being_deleted_before(cases, new):
    def test():
        shop = new()
        shop.stuck(deletionTimestamp=since())
        shop.begin()
        # So long that the controllers see that the pods are gone.
        shop.as_it_was(workloads="deployment/redis", dead="node-c", attachment_timeout="15s")
        must(shop.world.get("persistentvolumeclaims", "redis", "shop"), "the claim is gone")

    cases.control("04 the runbook of before", test, finds="the claim is gone")


@case
def static_volume(cases, new):
    """One disk with two volumes, claimed in two namespaces."""
    def test(shared):
        shop = new()
        entry = shop.workload("deployment", "redis", 1, claims=["redis"])
        volume = shop.volume("redis", "node-a", name="static-a")
        number = shop.world.number(cluster.handle(volume))
        shop.world.put("namespaces", {"metadata": {"name": "other"}, "status": {"phase": "Active"}})
        if shared:
            shop.volume("reader", name="static-b", namespace="other", spec={"csi": volume["spec"]["csi"]}, number=number)
            shop.pod("reader", None, "node-a", claims=["reader"], namespace="other")
        shop.pod("redis-7475d86696-a2", entry, "node-a", ready="False", claims=["redis"])
        shop.begin()
        shop.refused(shop.goes("deployment/redis") if shared else shop.asks("deployment/redis"), "drivers", "static-b")

    cases.case("40 one disk, two volumes in two namespaces: refused", test, True)
    cases.control("40 the disk has one volume", test, False, finds="refused by []")


@case
def rights_cannot_be_asked(cases, new):
    """An authorization webhook that is away is no refusal: what was not answered is told as that."""
    def test(away):
        shop = new()
        shop.stuck()
        shop.world.review_fails = "the authorization webhook does not answer" if away else None
        shop.begin()
        shop.told("deployment/redis", "could not be asked")
        must("not permitted" not in shop.said(), "it says that something is not permitted")

    cases.case("12 rights cannot be asked for: told as that, and not as a refusal", test, True)
    cases.control("12 they can", test, False, finds="does not say 'could not be asked'")


@case
def crds_unreadable(cases, new):
    """A kubeconfig need not read the definitions of custom resources; those that there are it must be able to list."""
    def test(denied):
        shop = new()
        shop.stuck()
        shop.world.define("applications.argoproj.io")
        shop.world.denied.add(("*", denied))
        shop.begin()
        shop.refused(shop.goes("deployment/redis") if denied == "applications" else shop.asks("deployment/redis"), "watched", "applications.argoproj.io", "forbidden")

    cases.case("11 the Applications that there are may not be listed: refused", test, "applications")
    cases.control("11 the definitions may not be read", test, "customresourcedefinitions", finds="refused by []")


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


@case
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


@case
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


@case
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


@case
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


@case
def unready_pods(cases, new):
    """Scaled to zero, an ordered StatefulSet deletes a pod that is not ready only when no lower one is unready, and the run would stop half way:
    kubernetes/kubernetes#57865, #95586. What the hint says helps, and without it nothing ends."""
    def three(**spec):
        shop = new()
        entry = shop.workload("statefulset", "postgres", 3, templates=["data"], **spec)
        for number, ready in enumerate(("False", "True", "False")):
            shop.volume(f"data-postgres-{number}", "node-a")
            shop.pod(f"postgres-{number}", entry, "node-a", ready=ready, claims=[f"data-postgres-{number}"])
        return shop.begin()

    def refused(**spec):
        shop = three(**spec)
        shop.refused(shop.goes("statefulset/postgres") if not spec else shop.asks("statefulset/postgres"), "in_order", "postgres-2 on node-a")
        return shop

    def advised():
        shop = refused()
        # The kubelet of a pod that is not ready does not make it so here.
        shop.kubectl("-n", "shop", "scale", "statefulset/postgres", "--replicas=0")
        steps = []
        shop.world.hands.append(lambda: steps.append(True))
        until(lambda: len(steps) > 10, NEVER, "the controllers have looked ten times")
        must(len(shop.world.all("pods", "shop")) == 3, "pods went by themselves")
        shop.kubectl("-n", "shop", "delete", "pod", "postgres-2", "--wait=false")
        until(lambda: not shop.world.all("pods", "shop"), NEVER, "no pod is left")

    cases.case("ours: two pods of an ordered StatefulSet are not ready: refused, and what is advised helps", advised)
    cases.control("ours: its pods need no order", refused, podManagementPolicy="Parallel", finds="refused by []")


@case
def rollout_of_that_name(cases, new):
    """An Argo Rollout with workloadRef is often called like its Deployment, and so are its pods: argoproj/argo-rollouts#3185, #4935."""
    def test(rollout):
        shop = new()
        shop.world.define("rollouts.argoproj.io")
        entry = shop.stuck("web")
        if rollout:
            entry = shop.world.put("rollouts", {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": 1, "workloadRef": {"kind": "Deployment", "name": "web"}}})
        theirs = shop.world.put("replicasets", {"metadata": {"name": "web-5d9c8b7f66", "namespace": "shop", "ownerReferences": [cluster.owner(entry)]},
                                                "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}})
        shop.pod("web-5d9c8b7f66-new42", theirs, "node-b", phase="Pending", claims=["web"])
        shop.begin()
        shop.refused(shop.goes("deployment/web") if rollout else shop.asks("deployment/web"), "namesakes", "ReplicaSet web-5d9c8b7f66 of Rollout web")

    cases.case("ours: a Rollout of the Deployment's name has pods of its own: refused", test, True)
    cases.control("ours: they are those of its next rollout", test, False, finds="refused by []")


@case
def webhook_without_a_trial(cases, new):
    """A webhook that does not say that it has no side effects makes each trial fail, and no change: kubernetes/kubernetes#66936,
    elastic/cloud-on-k8s#1233, Azure/AKS#2197."""
    def test(trial):
        shop = new()
        shop.stuck()
        if trial:
            shop.world.no_trial = "validate.example.org"
        else:
            shop.world.webhook = lambda *_: 'admission webhook "validate.example.org" denied the request: no'
        shop.begin()
        shop.told("deployment/redis", "not tried", "does not support dry run")

    cases.case("ours: a webhook allows no trial: told, and not taken for a refusal", test, True)
    cases.control("ours: it refuses", test, False, finds="refused by ['changes']")


@case
def one_pod_and_a_resize(cases, new):
    """ReadWriteOncePod, and a claim whose file system grows with its next mount (FileSystemResizePending): neither is in the way.
    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes, kubernetes-csi/external-resizer."""
    def test(mode):
        shop = new()
        shop.stuck(modes=[mode])
        shop.world.get("persistentvolumeclaims", "redis", "shop")["status"]["conditions"] = [{"type": "FileSystemResizePending", "status": "True"}]
        shop.begin()
        shop.told("deployment/redis")

    cases.case("ours: ReadWriteOncePod, and a resize that waits for the next mount: taken", test, "ReadWriteOncePod")
    cases.control("ours: ReadWriteMany", test, "ReadWriteMany", finds="refused by ['drivers']")


@case
def told_beforehand(cases, new):
    """A CronJob with the claim, somebody else's pod on the dead node, an attacher that is away, what the driver says of its last try: shown
    before the consent."""
    def test(trouble):
        shop = new()
        shop.stuck()
        if trouble:
            template = {"spec": {"template": {"spec": {"volumes": cluster.claim_volumes({"data": "redis"})}}}}
            shop.world.put("cronjobs", {"metadata": {"name": "nightly", "namespace": "shop"}, "spec": {"schedule": "0 3 * * *", "jobTemplate": template}})
            shop.pod("payments-0", None, "node-c", namespace="other")
            shop.world.attaches = False
            shop.world.all("leases")[0]["spec"]["renewTime"] = micro_time(time.time() - 3600)
            shop.world.all("volumeattachments")[0]["status"]["detachError"] = {"message": "the volume is busy"}
        shop.begin()
        shop.asks("deployment/redis")
        shop.says("nightly uses redis", "other/payments-0", "detachError: the volume is busy")
        must(re.search(" [0-9]{4,} s ago in kube-system", shop.said()), "it does not say since when the attacher is away")
        shop.untouched()

    cases.case("ours: a CronJob, others on the dead node, a dead attacher, the driver's error: told beforehand", test, True)
    cases.control("ours: none of them", test, False, finds="does not say 'nightly uses redis'")
