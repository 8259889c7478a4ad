"""How large a cluster may be."""

import os
import time

from field import dear, long
from proof.case import must
from standin import cluster


def dry(cases, new, pods):
    """What halligan itself takes of processor and memory in a dry run, without its kubectl: seconds, and MiB. Applications of 60 KB:
    deployKF/deployKF#224, argoproj/argo-cd#16284, #7647."""
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
    return own, most


def sparing(taken, seconds, mebibytes):
    own, most = taken
    must(own < seconds, f"own time {own:.1f} s")
    must(most < mebibytes, f"{most:.0f} MiB")


@long
def a_tenth(cases, new):
    taken = []

    def test():
        taken.append(dry(cases, new, 1000))
        sparing(taken[0], 4, 64)

    cases.case("37, 10 1,000 pods, 500 claims, 25 Applications: under 4 s and 64 MiB", test)
    cases.control("37, 10 and no more than 5 MiB", lambda: sparing(taken[0], 4, 5), finds="MiB")


@dear
def large(cases, new):
    cases.case("large: 10,000 pods, 5,000 claims, 250 Applications: under 10 s and 128 MiB", lambda: sparing(dry(cases, new, 10_000), 10, 128))


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
