"""What a row measures with: the binary, a scratch directory on a disk, the pinned tools, and turns."""

import dataclasses
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys

from paired import Cost, by_turns

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROUNDS = 15
BUDGET = 40  # seconds that the runs of one side may take, unless one is patient
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

    def enough(self, first, rounds):
        """How many runs of one whose first took so long."""
        if first.wall > SLOW:
            return min(rounds, 1 if first.wall > VERY_SLOW else 3)
        return rounds if self.patient else max(min(rounds, 3), min(rounds, int(BUDGET / max(first.wall, 0.001))))

    def turns(self, sides, rounds=None):
        """Each side once a round. What is slow has fewer runs."""

        def told(name, measured):
            whole = measured()
            print(f"    {name}: {whole.wall:.3f} s", file=sys.stderr)
            return whole

        return by_turns(rounds or self.rounds, {name: lambda name=name, one=one: told(name, one) for name, one in sides.items()}, self.enough)


def further(many, few, count):
    """The cost of one more of something: two runs' difference, divided."""
    return Cost((many.wall - few.wall) / count, (many.cpu - few.cpu) / count, many.memory)


def load():
    return os.getloadavg()[0]
