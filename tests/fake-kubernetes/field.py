"""The cases, by the numbers under which they were collected. Each names the public reports that tell of it."""

import contextlib
import json
import time

from proof.case import must
from shop import Shop
from standin import cluster
from standin.store import stamp

CASES = []
# What the runbook does not get right yet. Carried out only when a word asks for it.
OPEN = []


def case(function, among=CASES):
    """A function of the cases and of what makes a shop; the shops end with it."""
    def carry_out(cases):
        with contextlib.ExitStack() as stack:
            def new(*args, **named):
                shop = Shop(cases, *args, **named)
                stack.callback(shop.end)
                return shop
            function(cases, new)
    among.append(carry_out)
    return function


def not_yet(function):
    return case(function, OPEN)


def shown(cases, title, play, check, *, planted, plant, finds):
    """What a run has left is as it must be; and the same once more when something was planted in it, which must be found."""
    kept = []

    def well():
        kept.append(play())
        check(kept[0])

    def control():
        if not kept:
            kept.append(play())
        plant(kept[0])
        check(kept[0])

    cases.case(title, well)
    cases.control(f"{title.split()[0]} {planted}", control, finds=finds)


def since(seconds=600):
    return stamp(time.time() - seconds)


def patches(shop, name):
    """The bodies of the patches of an object, in their order."""
    return [body for path, body in shop.world.written("PATCH", f"/{name}")]


# What must not be begun


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


def mounted(new):
    shop = new()
    entry = shop.workload("deployment", "redis", 1, claims=["redis"])
    volume = shop.volume("redis", "node-a")
    shop.world.stays_mounted["node-a"] = {cluster.unique_name(volume)}
    shop.pod("redis-7475d86696-new42", entry, "node-b", phase="Pending", claims=["redis"])
    return shop.begin()


@case
def mounted_on_a_ready_node(cases, new):
    """The pod was deleted by force, and its node, which is ready, still has the volume mounted: kubernetes/kubernetes#106710, #120328, #55074."""
    def play():
        shop = mounted(new)
        phrase = "detach pvc-redis from node-a"
        name = shop.world.all("volumeattachments")[0]["metadata"]["name"]
        shop.code = shop.goes("deployment/redis", answers={f"held.at_zero.freeing.give_up[attachment={name}].tell_to_go": phrase, "drop": "drop",
                                                           "held.at_zero.freeing.free[volume=pvc-redis].from_ready": phrase})
        return shop

    def check(shop):
        must(shop.code not in (0, None), f"exit code {shop.code}")
        shop.unharmed()
        shop.says("node-a uses kubernetes.io/csi")

    shown(cases, "23 a ready node still has it mounted: nothing is detached, whatever is typed", play, check, planted="and somebody deletes the attachment",
          plant=lambda shop: shop.kubectl("delete", "volumeattachment", shop.world.all("volumeattachments")[0]["metadata"]["name"], "--wait=false"),
          finds="harm was done: DELETE")


@case
def mounted_on_a_ready_node_before(cases, new):
    def test():
        shop = mounted(new)
        shop.as_it_was(workloads="deployment/redis", volumes=shop.provider_names(), attachment_timeout="2s")
        shop.unharmed()

    cases.control("23 the runbook of before", test, finds="harm was done: DELETE")


# What it is written for


@not_yet
def ordered_stateful_set(cases, new):
    """kubernetes/kubernetes#57865, #36333, #123918: with OrderedReady nothing ends before the pod of the dead node has."""
    def play():
        shop = new()
        entry = shop.workload("statefulset", "postgres", 3, templates=["data"])
        for number, node in enumerate(("node-a", "node-b", "node-c")):
            dead = node == "node-c"
            shop.volume(f"data-postgres-{number}", node)
            shop.pod(f"postgres-{number}", entry, node, ready="False" if dead else "True", claims=[f"data-postgres-{number}"], ending=dead)
        shop.begin()
        shop.code = shop.goes("statefulset/postgres")
        return shop

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
        shop.begin()
        shop.code = shop.goes("deployment/redis")
        return shop

    def check(shop):
        shop.completed()
        shop.as_before(redis=1)
        must(len([pod for pod in shop.world.all("pods") if cluster.has_ended(pod)]) == 2, "the evicted pods are gone")

    shown(cases, "02 evicted pods lie about: neither waited for nor deleted", play, check, planted="and somebody deletes one",
          plant=lambda shop: shop.kubectl("-n", "shop", "delete", "pod", "redis-7475d86696-evx", "--force", "--grace-period=0"), finds="the evicted pods are gone")


# Others meanwhile


def waiting(new):
    """postgres and redis on the dead node; of the volume of postgres the provider does not let go, of that of redis it does."""
    shop = new()
    entry = shop.workload("statefulset", "postgres", 1, templates=["data"])
    volume = shop.volume("data-postgres-0", "node-c")
    shop.pod("postgres-0", entry, "node-c", ready="False", claims=["data-postgres-0"], ending=True)
    shop.stuck()
    number = shop.world.number(cluster.handle(volume))

    def held():
        shop.tell("detach-hangs")
        shop.at_provider(volume, 103)

    # As soon as Kubernetes has let go of both.
    kept = shop.once(shop.free, held)
    shop.by_hand = shop.once(lambda: kept and shop.provider_calls(f"detach {number}"), lambda: shop.world.scale("deployments", "redis", 1))
    shop.once(lambda: shop.by_hand and [pod for pod in shop.world.all("pods") if cluster.is_ready(pod)], lambda: shop.heal("detach-hangs"))
    return shop.begin()


def redis_left_alone(shop):
    must(shop.by_hand, "nobody brought redis back")
    number = shop.world.number(cluster.handle(shop.world.get("persistentvolumes", "pvc-redis")))
    must(not shop.provider_calls(f"detach {number}"), "the volume of the workload that runs was detached")
    must(not patches(shop, "volumeattachments"), "an attachment was dropped")
    must(not patches(shop, "nodes/node-a"), "its node was given up")
    shop.as_before(redis=1)


@case
def brought_back_by_hand(cases, new):
    """While the provider holds one volume for hours, a colleague brings the other workload back; linode/linode-blockstorage-csi-driver#36."""
    def play():
        shop = waiting(new)
        shop.goes("statefulset/postgres", "deployment/redis")
        return shop

    shown(cases, "41 a colleague brings a workload back while another waits", play, redis_left_alone, planted="and its node is given up",
          plant=lambda shop: shop.kubectl("taint", "nodes", "node-a", "node.kubernetes.io/out-of-service=x:NoExecute"), finds="its node was given up")


@case
def brought_back_by_hand_before(cases, new):
    def test():
        shop = waiting(new)
        shop.as_it_was(workloads="statefulset/postgres,deployment/redis", volumes=shop.provider_names(), dead="node-c", attachment_timeout="5s")
        redis_left_alone(shop)

    cases.control("41 the runbook of before", test, finds="the volume of the workload that runs was detached")


@not_yet
def two_of_flux_with_one_name(cases, new):
    """A Kustomization and a HelmRelease of one name, each with a workload."""
    def play():
        shop = new()
        shop.world.define("kustomizations.kustomize.toolkit.fluxcd.io", "helmreleases.helm.toolkit.fluxcd.io")
        shop.stuck("web")["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
        shop.stuck("redis")["metadata"]["labels"] = {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "shop"}
        shop.world.put("kustomizations", {"metadata": {"name": "shop", "namespace": "flux-system"}, "spec": {"interval": "10m0s", "prune": True}})
        shop.world.put("helmreleases", {"metadata": {"name": "shop", "namespace": "shop"}, "spec": {"interval": "5m0s"}})
        shop.begin()
        shop.code = shop.goes("deployment/web", "deployment/redis")
        return shop

    def check(shop):
        shop.completed()
        shop.as_before(web=1, redis=1)
        for name in ("kustomizations/shop", "helmreleases/shop"):
            said = [body["spec"]["suspend"] for body in patches(shop, name)]
            must(said and said[0] is True, f"{name} was not suspended")
            must(not said[-1], f"{name} was not resumed")

    shown(cases, "27 a Kustomization and a HelmRelease of one name: both suspended, both resumed", play, check, planted="and somebody suspends one again",
          plant=lambda shop: shop.kubectl("-n", "shop", "patch", "helmrelease", "shop", "--type=merge", "-p", '{"spec": {"suspend": true}}'),
          finds="helmreleases/shop was not resumed")


@not_yet
def flux_parent(cases, new):
    """The Kustomization flux-system applies apps, with spec.suspend: false in Git; apps applies web: fluxcd/kustomize-controller, «Controlling the
    apply behavior»; aenix-io/cozystack#101, giantswarm/backstage#2004."""
    def play():
        shop = new()
        world, label = shop.world, "kustomize.toolkit.fluxcd.io/"
        world.define("kustomizations.kustomize.toolkit.fluxcd.io", "helmreleases.helm.toolkit.fluxcd.io")
        web = shop.stuck("web")
        web["metadata"]["labels"] = {label + "name": "apps", label + "namespace": "flux-system"}
        labels = {label + "name": "flux-system", label + "namespace": "flux-system"}
        for name in ("apps", "flux-system"):
            world.put("kustomizations", {"metadata": {"name": name, "namespace": "flux-system", "labels": labels}, "spec": {"interval": "10m0s"}})
        apps, parent = (world.get("kustomizations", name, "flux-system") for name in ("apps", "flux-system"))

        def reconcile():
            if not parent["spec"].get("suspend") and apps["spec"].get("suspend"):
                apps["spec"]["suspend"] = False
                world.bump(apps)
                world.note("flux-system puts spec.suspend: false of apps back")
            elif not apps["spec"].get("suspend") and web["spec"]["replicas"] == 0:
                world.scale("deployments", "web", 1)
        world.hands.append(reconcile)
        shop.begin()
        shop.code = shop.goes("deployment/web")
        return shop

    def check(shop):
        shop.completed()
        shop.as_before(web=1)
        must(not any(entry["spec"].get("suspend") for entry in shop.world.all("kustomizations")), "not resumed")

    shown(cases, "26 Flux: what applies the Kustomization is suspended, too", play, check, planted="and one stays suspended",
          plant=lambda shop: shop.kubectl("-n", "flux-system", "patch", "kustomization", "flux-system", "--type=merge", "-p", '{"spec": {"suspend": true}}'),
          finds="not resumed")


@not_yet
def autoscaler_at_the_end(cases, new):
    """Released, an autoscaler scales from 3 to 6, as it is there for."""
    def held(shop):
        entry = shop.world.get("horizontalpodautoscalers", "web", "shop")
        return ((entry["spec"].get("behavior") or {}).get("scaleUp") or {}).get("selectPolicy") == "Disabled"

    def play():
        shop = new()
        entry = shop.workload("deployment", "web", 3, claims=["web"])
        shop.volume("web", "node-c")
        for name in ("old42", "old43", "old44"):
            shop.pod(f"web-7475d86696-{name}", entry, "node-c", ready="False", claims=["web"], ending=True)
        shop.world.put("horizontalpodautoscalers", {"metadata": {"name": "web", "namespace": "shop"}, "spec": {
            "minReplicas": 3, "maxReplicas": 6, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})
        shop.held = shop.once(lambda: held(shop), lambda: None)
        shop.once(lambda: shop.held and not held(shop), lambda: shop.world.scale("deployments", "web", 6))
        shop.begin()
        shop.code = shop.goes("deployment/web")
        return shop

    def check(shop):
        must(shop.held, "the autoscaler was not held")
        shop.completed()
        must(not held(shop), "the autoscaler stays held")

    shown(cases, "15 an autoscaler scales up once it is released: no failure", play, check, planted="and it stays held",
          plant=lambda shop: shop.kubectl("-n", "shop", "patch", "hpa", "web", "--type=merge", "-p", '{"spec": {"behavior": {"scaleUp": {"selectPolicy": "Disabled"}}}}'),
          finds="the autoscaler stays held")


@not_yet
def keda(cases, new):
    """KEDA scales up from 0, and puts its autoscaler back as soon as somebody edits it: kedacore/keda#944, #903, #1392."""
    def paused(shop):
        notes = shop.world.get("scaledobjects", "worker", "shop")["metadata"].get("annotations") or {}
        return any(key.startswith("autoscaling.keda.sh/paused") for key in notes)

    def play():
        shop = new()
        world = shop.world.define("scaledobjects.keda.sh")
        worker = shop.stuck("worker")
        scaled = world.put("scaledobjects", {"metadata": {"name": "worker", "namespace": "shop"}, "spec": {
            "minReplicaCount": 1, "maxReplicaCount": 5, "scaleTargetRef": {"name": "worker"}}})
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
        autoscaler = world.put("horizontalpodautoscalers", {
            "metadata": {"name": "keda-hpa-worker", "namespace": "shop", "ownerReferences": [cluster.owner(scaled)]},
            "spec": {"minReplicas": 1, "maxReplicas": 5, "scaleTargetRef": target}})

        def operate():
            if paused(shop):
                return
            if autoscaler["spec"].pop("behavior", None):
                world.bump(autoscaler)
                world.note("KEDA puts its autoscaler back")
            if worker["spec"]["replicas"] == 0:
                world.scale("deployments", "worker", 1)
        world.hands.append(operate)
        shop.begin()
        shop.code = shop.goes("deployment/worker")
        return shop

    def check(shop):
        shop.completed()
        shop.as_before(worker=1)
        must(not paused(shop), "KEDA stays paused")

    shown(cases, "16 KEDA is paused, and resumed", play, check, planted="and it stays paused",
          plant=lambda shop: shop.kubectl("-n", "shop", "annotate", "scaledobject", "worker", "autoscaling.keda.sh/paused=true"), finds="KEDA stays paused")


@case
def operator_puts_back(cases, new):
    """An operator without an ownerReference puts replicas back while the provider holds a volume: zalando/postgres-operator#1110, sablierapp/sablier#962."""
    def play():
        shop = new()
        entry = shop.workload("statefulset", "acid-main", 2, templates=["pgdata"], podManagementPolicy="Parallel", labels={"application": "spilo"})
        volumes = [shop.volume(f"pgdata-acid-main-{number}", "node-c") for number in (0, 1)]
        for number in (0, 1):
            shop.pod(f"acid-main-{number}", entry, "node-c", ready="False", claims=[f"pgdata-acid-main-{number}"], ending=True)

        def held():
            shop.tell("detach-hangs")
            shop.at_provider(volumes[0], 103)

        kept = shop.once(shop.free, held)
        shop.back = shop.once(lambda: kept and shop.provider_calls(), lambda: shop.world.scale("statefulsets", "acid-main", 2))
        shop.begin()
        shop.code = shop.goes("statefulset/acid-main")
        return shop

    def check(shop):
        must(shop.back, "nothing was put back")
        must(shop.code not in (0, None), f"exit code {shop.code}")
        shop.says("statefulset/acid-main has 2 replicas")
        must(not shop.world.written("DELETE"), f"was deleted: {shop.world.written('DELETE')}")
        must(not patches(shop, "volumeattachments"), "an attachment was dropped")

    shown(cases, "17 an operator puts replicas back while the provider takes hours: stopped, and named", play, check, planted="and somebody deletes a pod",
          plant=lambda shop: shop.kubectl("delete", "pod", "-n", "shop", "acid-main-0", "--wait=false"), finds="was deleted")


@case
def debug_pod(cases, new):
    """While the operator looks at the provider's console, a colleague's pod mounts the volume on a ready node: k8up-io/k8up#978."""
    def play():
        shop = new()
        shop.stuck()
        shop.once(shop.free, lambda: shop.pod("debug", None, "node-a", phase="Pending", claims=["redis"]))
        shop.begin()
        shop.code = shop.goes("deployment/redis", provider="manual", answers={
            "seen_off": "the machine has no power", "by_hand": "free", "drop": "drop", "from_ready": "detach pvc-redis from node-a", "tell_to_go": "detach pvc-redis from node-a"})
        return shop

    def check(shop):
        must(shop.code not in (0, None), f"exit code {shop.code}")
        must([entry for entry in shop.world.all("volumeattachments") if entry["spec"]["nodeName"] == "node-a" and not shop.world.ends(entry)],
             "the attachment of the debug pod is gone")
        shop.says("pod debug on node-a uses redis")

    shown(cases, "30 somebody's pod mounts the volume meanwhile: its attachment stays", play, check, planted="and its attachment is deleted",
          plant=lambda shop: shop.kubectl("delete", "volumeattachment", shop.world.all("volumeattachments")[0]["metadata"]["name"], "--wait=false"),
          finds="the attachment of the debug pod is gone")


@case
def another_context(cases, new):
    """kubeconfig's current context becomes another while the run waits: a cluster with the same names must not be written to."""
    def play():
        shop, other = new(minor=24), new(minor=24)
        for each in (shop, other):
            each.stuck()
            each.begin()
        clusters = {"production": shop.address(), "staging": other.address()}
        shop.configure(clusters, "production")
        shop.switched = shop.once(lambda: patches(shop, "deployments"), lambda: shop.configure(clusters, "staging"))
        shop.other = other
        shop.code = shop.goes("deployment/redis")
        return shop

    def check(shop):
        must(shop.switched, "the context was not switched")
        shop.completed()
        shop.as_before(redis=1)
        shop.says("context production", f"127.0.0.1:{shop.port}")
        shop.other.untouched()

    shown(cases, "24 another context becomes current: the run stays with its cluster, and names it", play, check, planted="and the other cluster is written to",
          plant=lambda shop: shop.other.kubectl("-n", "shop", "patch", "deployment/redis", "-p", json.dumps({"spec": {"replicas": 0}})), finds="was written")


@case
def not_ready_and_back(cases, new):
    """Ready is False, not Unknown: the kubelet reports, and the node comes back: kubernetes/kubernetes#109965, #45419."""
    def play():
        shop = new(nodes=(("node-a", 101, "True"), ("node-b", 102, "True"), ("node-c", 103, "False")))
        shop.stuck()
        node = shop.world.get("nodes", "node-c")

        def back():
            node["status"]["conditions"][0].update(status="True", reason="KubeletReady")
            shop.world.bump(node)
        shop.once(lambda: patches(shop, "redis"), back)
        shop.begin()
        shop.code = shop.goes("deployment/redis")
        return shop

    def check(shop):
        shop.completed()
        shop.as_before(redis=1)
        shop.unharmed()
        must("Power the instance off" not in shop.said(), "it asks for a healthy node to be switched off")

    shown(cases, "22 a node is not ready for a moment: neither given up nor switched off", play, check, planted="and somebody gives it up",
          plant=lambda shop: shop.kubectl("taint", "nodes", "node-c", "node.kubernetes.io/out-of-service=x:NoExecute"), finds="harm was done: PATCH")
