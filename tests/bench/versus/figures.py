"""Raw figures of one row: written once, and all that the report is made of."""

import dataclasses
import json
import os
import pathlib
import platform
import statistics

from paired import Cost, ratio


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {"processor": processor(), "processors": os.cpu_count(), "memory_gib": round(memory), "kernel": platform.release(), "python": platform.python_version()}


def rounded(figure):
    return float(f"{figure:.5g}")


@dataclasses.dataclass(frozen=True)
class Goal:
    """What was to be reached, what was measured, and whether that reaches it; where it does not, what keeps it from it."""

    what: str
    limit: str
    measured: str
    met: bool
    floor: str = ""


class Figures:
    def __init__(self, raw):
        self.raw = raw
        self.facts = raw["facts"]
        self.sides = {name: [Cost(*run) for run in runs] for name, runs in raw["sides"].items()}

    def median(self, name, what="wall"):
        return statistics.median(getattr(one, what) for one in self.sides[name])

    def most(self, name, what="memory"):
        return max(getattr(one, what) for one in self.sides[name])

    def spread(self, name, what="wall"):
        """The middle half, where there are enough for one; else the least and the most."""
        some = sorted(getattr(one, what) for one in self.sides[name])
        if len(some) < 4:
            return some[0], some[-1]
        first, _, third = statistics.quantiles(some, n=4, method="inclusive")
        return first, third

    def times(self, ours, theirs, what="wall"):
        """How many times as much one is as the other, pair by pair: who has fewer runs has those of the first rounds."""
        rounds = min(len(self.sides[ours]), len(self.sides[theirs]))
        return ratio(self.sides[ours][:rounds], self.sides[theirs][:rounds], what)


def at_most(what, figure, limit, unit="", floor=""):
    return Goal(what, f"≤ {limit:g}{unit}", f"{short(figure)}{unit}", figure <= limit, floor)


def at_least(what, figure, limit, unit="", floor=""):
    return Goal(what, f"≥ {limit:g}{unit}", f"{short(figure)}{unit}", figure >= limit, floor)


def short(figure):
    """Three digits, and never an exponent."""
    if figure == 0:
        return "0"
    size = abs(figure)
    return f"{figure:,.0f}" if size >= 100 else f"{figure:.1f}" if size >= 10 else f"{figure:.2f}" if size >= 0.1 else f"{figure:.3f}"


def write(path, row, measured, **about):
    """Small, and a side a line, so that a difference can be read."""
    sides = {name: [[rounded(one.wall), rounded(one.cpu), rounded(one.memory)] for one in some] for name, some in measured["sides"].items()}
    head = json.dumps({"row": row, **about, "machine": machine(), "facts": measured["facts"]}, ensure_ascii=False, indent=1)
    lines = ",\n".join(f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(runs)}" for name, runs in sides.items())
    path.write_text(f'{head[:-2]},\n "run": ["seconds", "seconds of processor time", "MiB at the most"],\n "sides": {{\n{lines}\n }}\n}}\n')


def read(path):
    return Figures(json.loads(path.read_text()))
