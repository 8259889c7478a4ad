"""The runbook scale-to-zero-and-remount, started as an operator does it on a lab's control plane."""

import shutil

from .case import must, until

RUNBOOK = "scale-to-zero-and-remount"
WORKLOADS = ["statefulset/postgres", "deployment/redis", "deployment/web", "deployment/reports"]
REPLICAS = {"postgres": 2, "redis": 1, "web": 3, "reports": 0}
# Where the replicas are owed while the workloads are down.
AT_ZERO = "held.at_zero"


class Remount:
    def __init__(self, cases, plane, namespace, workloads, dependents=(), who="admin", **environment):
        self.cases, self.plane, self.namespace = cases, plane, namespace
        self.workloads, self.dependents = list(workloads), list(dependents)
        self.halligan = plane.halligan(who, **environment)
        self.latest = None
        cases.callback(shutil.rmtree, self.halligan.journal, ignore_errors=True)
        cases.on_failure(self.describe)

    def describe(self):
        screen = self.latest.screen() if self.latest else "halligan was not started"
        return f"{self.plane.logs()}\n{screen}"

    def words(self, *flags, **params):
        given = {"namespace": self.namespace, "workloads": ",".join(self.workloads), "provider": self.plane.flavour(), "settle": "5s", "attachment_timeout": "20s",
                 "data_check": str(self.plane.directory / "data-check"), **({"dependents": ",".join(self.dependents)} if self.dependents else {}), **params}
        return [RUNBOOK, *(word for name, value in given.items() for word in ("--set", f"{name}={value}")), *flags]

    def answers(self, **more):
        """What the operator says to the questions; `declare_off` and the like are given by whoever needs them."""
        said = {"consent": f"scale {self.namespace} to zero", **self.detachments(), "drop": "drop", **more}
        return ["--yes", *(word for step, phrase in said.items() for word in ("--confirm", f"{step}={phrase}"))]

    def detachments(self):
        """What is typed where a volume does not go by itself: each volume with its node."""
        said = {}
        for entry in self.plane.get("volumeattachments")["items"]:
            volume, node, name = entry["spec"]["source"]["persistentVolumeName"], entry["spec"]["nodeName"], entry["metadata"]["name"]
            if volume.startswith(f"{self.namespace}-"):
                said[f"{AT_ZERO}.freeing.give_up[attachment={name}].tell_to_go"] = f"detach {volume} from {node}"
                said[f"{AT_ZERO}.freeing.free[volume={volume}].from_running"] = f"detach {volume} from {node}"
        return said

    def start(self, *flags, terminal=None, answers=None, **params):
        self.latest = self.halligan.start("run", *self.words(*self.answers(**(answers or {})), *flags, **params), terminal=terminal)
        return self.latest

    def completes(self, *flags, timeout=420, answers=None, **params):
        run = self.start(*flags, answers=answers, **params)
        code = run.end(timeout)
        must(code == 0, f"exit code {code}, not 0")
        self.halligan.verified()
        return run

    def resume(self, answers=None):
        self.latest = self.halligan.start("resume", *self.answers(**(answers or {})))
        return self.latest

    def dry(self, **params):
        self.latest = self.halligan.start("run", *self.words("--dry-run", "--allow-unheld", **params))
        return self.latest

    def steps(self):
        """The places that began, in their order."""
        return [record["place"] for record in self.halligan.records() if record["type"] == "step_began"]


class Proof:
    """What the tests of the runbook have in common. Each case has a namespace of its own."""

    def __init__(self, cases, plane):
        self.cases, self.plane = cases, plane

    def remount(self, namespace, workloads=WORKLOADS, who="admin", shop=True, **environment):
        names = [workload.split("/")[1] for workload in workloads]
        if shop:
            self.plane.shop(namespace, *names)
        return Remount(self.cases, self.plane, namespace, workloads, who=who, **environment)

    def as_before(self, namespace, *names):
        """Replicas exactly as before, each pod ready, the data whole, and no harm done."""
        wanted = {name: REPLICAS[name] for name in names or REPLICAS}
        found = self.plane.replicas(namespace)
        must(found == wanted, f"replicas are {found}, were {wanted}")
        for name, replicas in wanted.items():
            until(lambda name=name, replicas=replicas: len(self.plane.ready(namespace, name)) == replicas, 60, f"{name} has {replicas} ready")
        for volume in self.plane.attachments(namespace):
            self.plane.written(volume)
        self.plane.unharmed()

    def settled(self, remount, namespace):
        """Replicas are restored, or owed; and settling the debt restores them."""
        replicas = self.plane.replicas(namespace)
        owed = remount.halligan.owed()
        restored = replicas == {name: REPLICAS[name] for name in replicas}
        must(restored or AT_ZERO in owed, f"replicas are {replicas}, and nothing is owed: {owed}")
        if not restored:
            code, text = remount.halligan.ask("debts", "--settle", "--yes", *(word for place in owed for word in ("--confirm", f"{place}=yes")))
            must(code == 0, f"debts --settle: exit {code}: {text}")
        self.cases.note("restored at once" if restored else "owed, and restored by debts --settle")
        self.as_before(namespace, *replicas)

    def scaled(self, namespace):
        """From the API server's own record: which workload was given how many replicas, in which order, by halligan's kubectl."""
        changes = []
        for event in self.plane.audit():
            about = event["objectRef"]
            if event["verb"] == "patch" and about.get("namespace") == namespace and about.get("resource") in ("deployments", "statefulsets") \
                    and event["userAgent"].startswith("kubectl") and event["responseStatus"]["code"] == 200 and not about.get("subresource") \
                    and "dryRun=" not in event["requestURI"]:
                changes.append(f"{about['resource'][:-1]}/{about['name']}")
        return changes

    @staticmethod
    def in_order(changes, workloads):
        up = [workload for workload in workloads if REPLICAS[workload.split("/")[1]]]
        must(changes == up[::-1] + up, f"scaled in this order: {changes}")
