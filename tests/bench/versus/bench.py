"""What a row measures with: the binary, a scratch directory on a disk, the pinned tools, and turns."""

import dataclasses
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys
import time

from paired import Cost, by_turns

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROUNDS = 15
BUDGET = 30  # seconds that the runs of one side may take, unless one is patient
SLOW, VERY_SLOW = 20, 45  # seconds of one run


def script(name):
    """Another measurement of tests/bench, to take its parts."""
    path = ROOT / "tests/bench" / name
    loader = importlib.machinery.SourceFileLoader(f"bench_{name}", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@dataclasses.dataclass
class Bench:
    halligan: pathlib.Path
    scratch: pathlib.Path
    quick: bool
    patient: bool = False
    tools: dict = dataclasses.field(default_factory=dict)

    @property
    def rounds(self):
        return 3 if self.quick else ROUNDS

    def size(self, whole, quick):
        """How much of something: all of it, or what shows that the measurement works."""
        return quick if self.quick else whole

    def tool(self, name):
        """The program of a pinned tool, installed if need be. Its version goes into the figures."""
        printed = subprocess.run([ROOT / "tests/tools", name], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        self.tools[name] = pathlib.Path(printed).parents[1].name.removeprefix(f"{name}-")
        return printed

    def place(self, name):
        path = self.scratch / name
        path.mkdir(exist_ok=True)
        return path

    def enough(self, took, rounds):
        """How many runs of a side whose first took so many seconds, with all that belongs to it."""
        if took > SLOW:
            return min(rounds, 1 if took > VERY_SLOW else 3 if self.patient else 2)
        return rounds if self.patient else min(rounds, max(3, int(BUDGET / max(took, 0.001))))

    def turns(self, sides, rounds=None):
        """Each side once a round. What is slow has fewer runs."""

        took = {}

        def told(name, measured):
            began = time.monotonic()
            whole = measured()
            took.setdefault(name, time.monotonic() - began)
            print(f"    {name}: {whole.wall:.4g} s", file=sys.stderr)
            return whole

        sides = {name: lambda name=name, one=one: told(name, one) for name, one in sides.items()}
        return by_turns(rounds or self.rounds, sides, lambda name, rounds: self.enough(took[name], rounds))


def further(many, few, count):
    """The cost of one more of something: two runs' difference, divided."""
    return Cost((many.wall - few.wall) / count, (many.cpu - few.cpu) / count, many.memory)


def load():
    return os.getloadavg()[0]
