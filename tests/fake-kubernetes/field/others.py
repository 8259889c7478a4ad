"""Somebody else does something meanwhile: a node that goes on, a colleague, an operator, another window."""

import json
import time

from field import case, long, patches, shown
from proof.case import must, until
from shop import NEVER
from standin import cluster


CONSOLE = "What does the console show for each volume?"


def mounted(new):
    shop = new()
    entry = shop.workload("deployment", "redis", 1, claims=["redis"])
    volume = shop.volume("redis", "node-a")
    shop.world.stays_mounted["node-a"] = {cluster.unique_name(volume)}
    shop.pod("redis-7475d86696-new42", entry, "node-b", phase="Pending", claims=["redis"])
    return shop.begin()


@long
def mounted_on_a_ready_node(cases, new):
    """The pod was deleted by force, and its node, which is ready, still has the volume mounted: kubernetes/kubernetes#106710, #120328, #55074."""
    def play():
        shop = mounted(new)
        phrase = "detach pvc-redis from node-a"
        name = shop.world.all("volumeattachments")[0]["metadata"]["name"]
        shop.code = shop.goes("deployment/redis", attachment_timeout="5s", answers={f"held.at_zero.freeing.give_up[attachment={name}].tell_to_go": phrase, "drop": "drop",
                                                           "held.at_zero.freeing.free[volume=pvc-redis].from_running": phrase})
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


def waiting(new, meanwhile):
    """postgres and redis on the dead node; of the volume of postgres the provider does not let go, of that of redis it does. While that is waited
    for somebody does something `meanwhile`."""
    shop = new()
    entry = shop.workload("statefulset", "postgres", 1, templates=["data"])
    shop.volume("data-postgres-0", "node-c")
    shop.pod("postgres-0", entry, "node-c", ready="False", claims=["data-postgres-0"], ending=True)
    shop.stuck()
    shop.lingers("data-postgres-0")
    shop.by_hand = shop.once(lambda: shop.begun("let_go"), lambda: meanwhile(shop))
    shop.once(lambda: shop.by_hand and [pod for pod in shop.world.all("pods") if cluster.is_ready(pod)], lambda: shop.heal("detach-hangs"))
    return shop.begin()


def brought_back(shop):
    shop.world.scale("deployments", "redis", 1)


def backup(shop):
    """The pod of a backup's Job, on a node that is ready."""
    job = shop.world.put("jobs", {"metadata": {"name": "backup", "namespace": "shop"}, "spec": {"template": {"metadata": {"labels": {"job-name": "backup"}}}}})
    shop.pod("backup-x7k2p", job, "node-a", phase="Pending", claims=["redis"])


def volume_left_alone(shop):
    must(shop.by_hand, "nobody did anything meanwhile")
    number = shop.world.number(cluster.handle(shop.world.get("persistentvolumes", "pvc-redis")))
    must(not shop.provider_calls(f"detach {number}"), "the volume of the workload that runs was detached")
    must(not patches(shop, "volumeattachments"), "an attachment was dropped")
    must(not patches(shop, "nodes/node-a"), "its node was given up")


def redis_left_alone(shop):
    volume_left_alone(shop)
    shop.as_before(redis=1)


@case
def backup_meanwhile(cases, new):
    """While the provider holds one volume for hours, a backup mounts another, which is free: k8up-io/k8up#978, #502, devfile/devworkspace-operator#1675."""
    def play():
        shop = waiting(new, backup)
        shop.code = shop.goes("statefulset/postgres", "deployment/redis")
        return shop

    def check(shop):
        must(shop.code not in (0, None), f"exit code {shop.code}")
        volume_left_alone(shop)
        must(shop.world.get("pods", "backup-x7k2p", "shop"), "the backup's pod is gone")
        shop.says("pod backup-x7k2p on node-a uses redis")

    shown(cases, "03 a backup mounts a free volume while another is waited for", play, check, planted="and its pod is deleted",
          plant=lambda shop: shop.world.drop(shop.world.get("pods", "backup-x7k2p", "shop")), finds="the backup's pod is gone")


def taken_before(cases, number, new, meanwhile, left_alone):
    """The runbook of before takes that volume."""
    def test():
        shop = waiting(new, meanwhile)
        shop.as_it_was(workloads="statefulset/postgres,deployment/redis", volumes=shop.provider_names(), dead="node-c", attachment_timeout="5s")
        left_alone(shop)

    cases.control(f"{number} the runbook of before", test, finds="the volume of the workload that runs was detached")


@case
def backup_meanwhile_before(cases, new):
    taken_before(cases, "03", new, backup, volume_left_alone)


@case
def brought_back_by_hand(cases, new):
    """While the provider holds one volume for hours, a colleague brings the other workload back; linode/linode-blockstorage-csi-driver#36."""
    def play():
        shop = waiting(new, brought_back)
        shop.goes("statefulset/postgres", "deployment/redis")
        return shop

    shown(cases, "41 a colleague brings a workload back while another waits", play, redis_left_alone, planted="and its node is given up",
          plant=lambda shop: shop.kubectl("taint", "nodes", "node-a", "node.kubernetes.io/out-of-service=x:NoExecute"), finds="its node was given up")


@case
def brought_back_by_hand_before(cases, new):
    taken_before(cases, "41", new, brought_back, redis_left_alone)


@case
def operator_puts_back(cases, new):
    """An operator without an ownerReference puts replicas back while the provider holds a volume: zalando/postgres-operator#1110, sablierapp/sablier#962."""
    def play():
        shop = new()
        entry = shop.workload("statefulset", "acid-main", 2, templates=["pgdata"], podManagementPolicy="Parallel", labels={"application": "spilo"})
        for number in (0, 1):
            shop.volume(f"pgdata-acid-main-{number}", "node-c")
            shop.pod(f"acid-main-{number}", entry, "node-c", ready="False", claims=[f"pgdata-acid-main-{number}"], ending=True)
        shop.lingers("pgdata-acid-main-0")
        shop.back = shop.once(lambda: shop.begun("let_go"), lambda: shop.world.scale("statefulsets", "acid-main", 2))
        return shop.played("statefulset/acid-main")

    def check(shop):
        must(shop.back, "nothing was put back")
        must(shop.code not in (0, None), f"exit code {shop.code}")
        shop.says("statefulset/acid-main has 2 replicas")
        must(not shop.world.written("DELETE"), f"was deleted: {shop.world.written('DELETE')}")
        must(not patches(shop, "volumeattachments"), "an attachment was dropped")

    def plant(shop):
        # The run may have stopped before the StatefulSet has made it.
        until(lambda: shop.world.get("pods", "acid-main-0", "shop"), NEVER, "the operator's replicas are there")
        shop.kubectl("delete", "pod", "-n", "shop", "acid-main-0", "--wait=false")

    shown(cases, "17 an operator puts replicas back while the provider takes hours: stopped, and named", play, check, planted="and somebody deletes a pod",
          plant=plant, finds="was deleted")


@case
def debug_pod(cases, new):
    """While the operator looks where Rook and Longhorn show who has a volume, a colleague's pod mounts it on a ready node: k8up-io/k8up#978."""
    def attached(shop):
        return [entry for entry in shop.world.all("volumeattachments") if entry["spec"]["nodeName"] == "node-a" and not shop.world.ends(entry)]

    def play():
        shop = new()
        shop.stuck(driver="rook-ceph.rbd.csi.ceph.com")
        shop.stuck("web", driver="driver.longhorn.io")
        shop.begin()
        phrase = "detach pvc-redis from node-a"
        run = shop.start(*shop.answers(declare_off="node-c off", seen_off="the machine has no power", drop="drop", from_running=phrase, tell_to_go=phrase),
                         workloads="deployment/redis,deployment/web", provider="manual", terminal=(40, 120))
        run.says(CONSOLE, NEVER)
        shop.pod("debug", None, "node-a", phase="Pending", claims=["redis"])
        until(lambda: attached(shop), NEVER, "it is attached where the pod is")
        run.answer(CONSOLE, "free", NEVER, end=r"\(q to stop\)")
        shop.code = run.end(NEVER)
        return shop

    def check(shop):
        must(shop.code not in (0, None), f"exit code {shop.code}")
        must(attached(shop), "the attachment of the debug pod is gone")
        shop.says("pod debug on node-a uses redis", "Rook-Ceph: `rbd status POOL/csi-vol-…` must show no watcher", "volumes.longhorn.io` must show them as detached")

    shown(cases, "30 somebody's pod mounts the volume meanwhile: its attachment stays", play, check, planted="and its attachment is deleted",
          plant=lambda shop: shop.kubectl("delete", "volumeattachment", shop.world.all("volumeattachments")[0]["metadata"]["name"], "--wait=false"),
          finds="the attachment of the debug pod is gone")


@case
def outside(cases, new):
    """An instance that is no node (any more) holds the volume, and the check that says so was overridden: kubernetes/kubernetes#57643."""
    def test(**answers):
        shop = new()
        entry = shop.workload("deployment", "redis", 1, claims=["redis"])
        volume = shop.volume("redis")
        shop.cloud.add_instance(999, "node-of-old")
        shop.at_provider(volume, 999)
        shop.pod("redis-7475d86696-new42", entry, "node-b", phase="Pending", claims=["redis"])
        shop.begin()
        shop.start("--override", "known_instances=the old cluster is off, I was told", *shop.answers(**answers), workloads="deployment/redis")
        shop.code = shop.run.end(NEVER)
        if answers:
            shop.completed()
            shop.as_before(redis=1)
        shop.unharmed()
        must(shop.code == 5, f"exit code {shop.code}, not 5")
        shop.says("from_running needs an answer")

    cases.case("ours: an instance outside the cluster, overridden: not asked to detach without the phrase", test)
    cases.control("ours: and the phrase is typed: the workload is up again", test, from_running="detach pvc-redis from 999",
                  finds="harm was done: linode-cli volumes detach")


@case
def for_a_moment(cases, new):
    """A node that is cut off answers for as long as it takes to end its pods, so that nobody asks whether it is off; then it is cut off again, and the
    provider has its volume there still: kubernetes/kubernetes#45419."""
    def play():
        shop = new()
        shop.stuck()
        shop.lingers("redis")
        shop.cloud.power(103, True)
        shop.world.never_ends.add("node-c")
        shop.once(lambda: shop.begun("is_off"), lambda: shop.world.turn("node-c", "True"))
        back = shop.once(lambda: shop.begun("pods_gone"), shop.world.never_ends.clear)
        # A second later, as that is how exact the times are.
        shop.once(lambda: back and shop.free(), lambda: time.sleep(1.1) or shop.world.turn("node-c", "Unknown"))
        return shop.played("deployment/redis", answers={"declare_off": "node-c off"})

    def check(shop):
        must(not shop.world.ready("node-c"), "the node is ready")
        shop.says("from_running needs an answer", "from_running=detach pvc-redis from node-c")
        must(shop.code == 5, f"exit code {shop.code}, not 5")
        shop.unharmed()

    shown(cases, "ours: a node answers for a moment, and nobody knows that it is off: not detached without its name", play, check, planted="and somebody detaches it",
          plant=lambda shop: (shop.directory / "asked").open("a").write("linode-cli volumes detach 2001\n"), finds="harm was done: linode-cli volumes detach")


@case
def another_context(cases, new):
    """kubeconfig's current context becomes another while the run waits: a cluster with the same names must not be written to."""
    def play():
        shop, other = new(), new()
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
