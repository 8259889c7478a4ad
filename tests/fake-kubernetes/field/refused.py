"""Nothing may be begun: what is being deleted, what cannot be asked or is not permitted, what cannot be freed here."""

from field import case, since
from proof.case import must
from standin import cluster


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
        shop.as_it_was(workloads="deployment/redis", dead="node-c", attachment_timeout="2s")
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
        shop.asks("deployment/redis")
        must("not permitted" not in shop.said(), "it says that something is not permitted")
        shop.says("could not be asked")
        must(not shop.blocked(), f"refused by {shop.blocked()}")
        shop.untouched()

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
