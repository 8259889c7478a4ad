"""The runbook scale-to-zero-and-remount, started as an operator does it on a lab's control plane."""

import shutil

from .case import must

RUNBOOK = "scale-to-zero-and-remount"


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
        """What the operator says to the questions; `node_a_off` and the like are given by whoever needs them."""
        said = {"consent": f"scale {self.namespace} to zero", "tell_to_go": "yes", "drop": "drop", **more}
        return ["--yes", *(word for step, phrase in said.items() for word in ("--confirm", f"{step}={phrase}"))]

    def start(self, *flags, terminal=None, answers=None, **params):
        self.latest = self.halligan.start("run", *self.words(*self.answers(**(answers or {})), *flags, **params), terminal=terminal)
        return self.latest

    def completes(self, *flags, timeout=420, answers=None, **params):
        run = self.start(*flags, answers=answers, **params)
        code = run.end(timeout)
        must(code == 0, f"exit code {code}, not 0")
        self.halligan.verified()
        return run

    def resume(self, timeout=420, answers=None):
        self.latest = self.halligan.start("resume", *self.answers(**(answers or {})))
        return self.latest

    def dry(self, **params):
        self.latest = self.halligan.start("run", *self.words("--dry-run", **params))
        return self.latest

    def steps(self):
        """The places that began, in their order."""
        return [record["place"] for record in self.halligan.records() if record["type"] == "step_began"]
