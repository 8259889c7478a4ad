import os
import re

from paired import Cost, cost
from versus.bench import ROOT
from versus.figures import at_most

TITLE = "A scenario rehearsed, a fault swept"
ABOUT = (
    "Every scenario of every bundled runbook, and a sweep of faults through one scenario of each: what one of them takes of processor time, all that the program does included. "
    "The time that passes is less, since it uses both processors."
)
UNIT, SCALE = "ms", 1000
SIDES = {"a scenario": "`halligan test`", "a fault": "`halligan test --scenario all-well --fault-sweep`"}


def measure(bench):
    counts = {}

    def each(name, pattern, *words):
        def measured():
            whole = cost([bench.halligan, "test", *words], keep=True)
            counts[name] = int(re.search(pattern, whole.text.splitlines()[-1]).group(1))
            return Cost(whole.wall / counts[name], whole.cpu / counts[name], whole.memory)

        return measured

    os.chdir(ROOT)  # where the runbooks are
    book = ("staggered-osd-restart",) if bench.quick else ()
    sides = {
        "a scenario": each("scenarios", rb"^(\d+)", *book),
        "a fault": each("faults", rb"; (\d+) faults injected", *book, "--scenario", "all-well", "--fault-sweep"),
    }
    try:
        costs = bench.turns(sides)
    finally:
        os.chdir(bench.scratch)
    return {"sides": costs, "facts": counts}


def goals(figures):
    return [
        at_most("a scenario, processor time", figures.median("a scenario", "cpu") * 1000, 2, " ms"),
        at_most("a fault, processor time", figures.median("a fault", "cpu") * 1000, 3, " ms"),
    ]
