"""More of the kinds that the collection is made of, found while the runbook was mended."""

from field import case, patches, shown
from proof.case import must
from shop import NEVER
from standin import cluster


@case
def fenced(cases, new):
    """A fence agent has given the node up with the same taint, and the provider does not let go: medik8s/fence-agents-remediation#92,
    medik8s/self-node-remediation#86. Of one key and effect a node has one taint, and that one is not ours to take."""
    def theirs(shop):
        return [taint["value"] for taint in shop.world.get("nodes", "node-c")["spec"].get("taints") or [] if taint["key"] == cluster.OUT_OF_SERVICE]

    def play():
        shop = new()
        shop.tell("detach-hangs")
        shop.stuck()
        shop.world.get("nodes", "node-c")["spec"]["taints"] = [{"key": cluster.OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"}]
        shop.once(shop.provider_calls, lambda: shop.heal("detach-hangs"))
        return shop.played("deployment/redis", attachment_timeout="5s", driver_timeout="20s", answers={"tell_to_go": "detach pvc-redis from node-c"})

    def check(shop):
        must(shop.code == 0, f"exit code {shop.code}, owed: {shop.halligan.owed()}")
        shop.as_before(redis=1)
        must(not patches(shop, "nodes/node-c"), "the node was changed")
        must(theirs(shop) == ["nodeshutdown"], f"the taint is now {theirs(shop)}")

    shown(cases, "ours: a fence agent has tainted the node already: no second taint, theirs stays", play, check, planted="and somebody takes it away",
          plant=lambda shop: shop.kubectl("taint", "nodes", "node-c", f"{cluster.OUT_OF_SERVICE}:NoExecute-"), finds="the node was changed")


@case
def rollout(cases, new):
    """A rollout that starts the new pod first, on another node than the one where the old one keeps the volume: digitalocean/csi-digitalocean#375,
    longhorn/longhorn#30, Azure/AKS#477."""
    def play():
        shop = new()
        entry = shop.workload("deployment", "web", 1, claims=["web"])
        shop.world.put("replicasets", {"metadata": {"name": "web-5d9c8b7f66", "namespace": "shop", "ownerReferences": [cluster.owner(entry)]},
                                       "spec": {"replicas": 1, "template": entry["spec"]["template"]}})
        shop.volume("web", "node-a")
        shop.pod("web-7475d86696-old42", entry, "node-a", claims=["web"])
        newest = shop.world.get("replicasets", "web-5d9c8b7f66", "shop")
        shop.pod("web-5d9c8b7f66-new42", newest, "node-b", phase="Pending", claims=["web"])
        return shop.played("deployment/web")

    def check(shop):
        shop.completed()
        shop.as_before(web=1)
        shop.unharmed()
        must([pod["metadata"]["name"].startswith("web-5d9c8b7f66-") for pod in shop.world.all("pods", "shop")] == [True], "the rollout is not at its end")

    shown(cases, "ours: a rollout waits for its own old pod: freed, and at its end", play, check, planted="and a pod is left",
          plant=lambda shop: shop.pod("web-7475d86696-old43", shop.world.get("deployments", "web", "shop"), "node-a", phase="Failed"), finds="not at its end")


@case
def deleted_when_scaled(cases, new):
    """persistentVolumeClaimRetentionPolicy: scaling to zero would delete the claims: openshift/openshift-docs#66118; by default from 1.27 on."""
    def test(policy):
        shop = new()
        entry = shop.workload("statefulset", "postgres", 1, templates=["data"], persistentVolumeClaimRetentionPolicy={"whenScaled": policy, "whenDeleted": "Retain"})
        shop.volume("data-postgres-0", "node-c")
        shop.pod("postgres-0", entry, "node-c", ready="False", claims=["data-postgres-0"], ending=True)
        shop.begin()
        shop.refused(shop.goes("statefulset/postgres") if policy == "Delete" else shop.asks("statefulset/postgres"), "retained", "whenScaled Delete")

    cases.case("ours: whenScaled is Delete: refused", test, "Delete")
    cases.control("ours: whenScaled is Retain", test, "Retain", finds="refused by []")


@case
def start_ordinal(cases, new):
    """A StatefulSet that begins at 5, such as one that moves between clusters (KEP-3335): its pods and claims are called after that."""
    def play():
        shop = new()
        entry = shop.workload("statefulset", "postgres", 2, templates=["data"], ordinals={"start": 5})
        for number, node in ((5, "node-b"), (6, "node-c")):
            dead = node == "node-c"
            shop.volume(f"data-postgres-{number}", node)
            shop.pod(f"postgres-{number}", entry, node, ready="False" if dead else "True", claims=[f"data-postgres-{number}"], ending=dead)
        return shop.played("statefulset/postgres")

    def check(shop):
        shop.completed()
        shop.as_before(postgres=2)
        must({"postgres-5", "postgres-6"} == {pod["metadata"]["name"] for pod in shop.ready("postgres")}, "they are called otherwise")

    shown(cases, "ours: a StatefulSet that begins at 5", play, check, planted="and somebody scales at the end",
          plant=lambda shop: shop.world.scale("statefulsets", "postgres", 1), finds="postgres has 1 replicas")


@case
def leader_changes(cases, new):
    """For some seconds after the workload was scaled to zero the API server has no etcd to ask: what cannot be read is neither gone nor there."""
    def play(long=False):
        shop = new()
        shop.stuck()
        down = []

        def trouble(verb, _path):
            down.extend([shop.world.now()] if patches(shop, "deployments/redis") else [])
            return "etcdserver: leader changed" if verb == "GET" and down and (long or shop.world.now() - down[0] < 8) else None
        shop.world.trouble = trouble
        return shop.played("deployment/redis")

    def check(shop):
        shop.completed()
        shop.as_before(redis=1)

    def control():
        check(play(long=True))

    cases.case("ours: etcd changes its leader while pods are waited for", lambda: check(play()))
    cases.control("ours: and has none for good", control, finds="exit code")


@case
def ephemeral(cases, new):
    """Generic ephemeral volumes are deleted with their pods: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/"""
    def test(kept):
        shop = new()
        entry = shop.stuck()
        if kept:
            entry["spec"]["template"]["spec"]["volumes"].append({"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}})
        shop.begin()
        code = shop.dry("deployment/redis")
        must(code == 0, f"exit code {code}: refused by {shop.blocked()}")
        shop.says("deployment/redis: scratch")

    cases.case("ours: an ephemeral volume beside: told beforehand that it goes with its pod", test, True)
    cases.control("ours: no such volume", test, False, finds="does not say")


@case
def regional_disk(cases, new):
    """A disk of two zones is asked for by its region, and detached from an instance in a zone:
    https://cloud.google.com/sdk/gcloud/reference/compute/instances/detach-disk"""
    def play():
        shop = new(cloud="gcp")
        number = shop.cloud.add_volume("pvc-redis", 10)
        shop.stuck(spec={"csi": {"driver": shop.flavour.driver, "volumeHandle": f"projects/lab/regions/europe-west3/disks/rd-redis-{number}"}}, number=number)
        shop.lingers("redis")
        shop.lets_go_when_asked()
        return shop.played("deployment/redis")

    def check(shop):
        shop.completed()
        shop.as_before(redis=1)
        must(len(shop.provider_calls("--disk-scope regional --zone europe-west3-a")) == 1, f"gcloud was asked {shop.provider_calls()}")

    shown(cases, "ours: a regional disk at Google", play, check, planted="and somebody asks once more",
          plant=lambda shop: (shop.directory / "asked").open("a").write("gcloud detach --disk-scope regional --zone europe-west3-a\n"), finds="gcloud was asked")


@case
def no_pod_at_the_end(cases, new):
    """A quota, or a policy, that has no room for the pods any more: of a StatefulSet only its events say so, so the run says where to look:
    kubernetes/kubernetes#47002, ministryofjustice/cloud-platform#590."""
    def play():
        shop = new()
        entry = shop.workload("statefulset", "postgres", 1, templates=["data"])
        shop.volume("data-postgres-0", "node-c")
        shop.pod("postgres-0", entry, "node-c", ready="False", claims=["data-postgres-0"], ending=True)
        words = 'pods "postgres-0" is forbidden: exceeded quota: shop, requested: pods=1, used: pods=10, limited: pods=10'
        shop.world.webhook = lambda verb, plural, *_: words if (verb, plural) == ("create", "pods") else None
        return shop.played("statefulset/postgres", ready_timeout="20s")

    def check(shop):
        must(shop.code not in (0, None), f"exit code {shop.code}")
        shop.says("pods are missing: see `kubectl -n shop describe statefulset/postgres`")
        replicas = shop.world.get("statefulsets", "postgres", "shop")["spec"]["replicas"]
        must(replicas == 1, f"postgres has {replicas} replicas")

    shown(cases, "ours: a quota has no room for the pods at the end: it says where to look", play, check, planted="and somebody scales to zero",
          plant=lambda shop: shop.world.scale("statefulsets", "postgres", 0), finds="postgres has 0 replicas")


@case
def node_is_back(cases, new):
    """The taint out-of-service stays until its node is back, and then goes: https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/"""
    def settled(shop):
        run = shop.halligan.start("debts", "--settle", shop.halligan.runs()[-1], terminal=(40, 120))
        run.answer("out-of-service", "y")
        run.end(NEVER)

    kept = []

    def gone():
        settled(kept[0])
        must(not kept[0].world.tainted("node-c", cluster.OUT_OF_SERVICE), "the taint is still there")

    def away():
        kept.append(new())
        kept[0].stuck()
        kept[0].played("deployment/redis")
        kept[0].completed()
        must(kept[0].halligan.owed() == ["taints"], f"owed: {kept[0].halligan.owed()}")
        gone()

    def back():
        kept[0].world.turn("node-c", "True")
        gone()

    cases.control("taint: the dead node is not back, and its debt is settled", away, finds="the taint is still there")
    cases.case("taint: it is back", back)
