"""Costs of two commands that run by turns, and verdicts on their ratios.

Whatever else the machine does falls on both alike, so a ratio is taken pair by pair, and the median of these is judged. Each judged row
has a control: the same figure where the work is known to be too much. A row whose control is not found out is blind, and fails.
"""

import atexit
import dataclasses
import functools
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile


def go_first():
    """Runs this and all that it starts before its neighbours, where it may: one that waits for its turn measures who is beside it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError as error:
        print(f"beside neighbours: {error}")


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run of a command took: seconds that passed, seconds of processor time, MiB at the most."""

    wall: float
    cpu: float
    memory: float
    text: bytes = b""


@functools.cache
def gauge():
    """The program that starts what is measured (cost.c), built once."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    subprocess.run(["gcc", "-O2", "-o", f"{directory}/cost", pathlib.Path(__file__).parent / "cost.c"], check=True)
    return f"{directory}/cost"


def cost(command, *, keep=False, ends=(0,), env=None):
    """Runs a command, which must end with one of these codes. Its processor time is its own and that of all it has waited for."""
    told, tells = os.pipe()
    with open(told) as figures:
        words = [gauge(), str(tells), *command]
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if keep else subprocess.DEVNULL, env=env, pass_fds=(tells,))
        os.close(tells)
        text = child.stdout.read() if keep else b""
        if child.wait() != 0:
            sys.exit(f"{sys.argv[0]}: {command} could not be measured: {child.returncode}")
        wall, cpu, memory, status = map(int, figures.read().split())
    code = os.waitstatus_to_exitcode(status)
    if code not in ends:
        sys.exit(f"{sys.argv[0]}: {command} ended with {code}: {text[:500]!r}")
    return Cost(wall / 1e9, cpu / 1e6, memory / 1024, text)


def by_turns(rounds, sides, enough=lambda _name, rounds: rounds):
    """Each side once a round, every other round in the opposite order: name to costs. After its first run one may have `enough` of a side earlier."""
    costs = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            if not costs[name] or len(costs[name]) < enough(name, rounds):
                costs[name].append(sides[name]())
    return costs


def ratio(ours, theirs, what):
    """The median of the ratios, pair by pair."""
    return statistics.median(getattr(one, what) / getattr(other, what) for one, other in zip(ours, theirs, strict=True))


def show(costs, scale=1000, unit="ms"):
    """Absolute figures, which are for reading."""
    width = max(map(len, costs))
    for name, some in costs.items():
        wall = [one.wall * scale for one in some]
        cpu = statistics.median(one.cpu for one in some) * scale
        print(
            f"{name:{width}}   median {statistics.median(wall):8.2f} {unit}   min {min(wall):8.2f}   max {max(wall):8.2f}"
            f"   processor {cpu:8.2f}   runs {len(some)}"
        )


class Verdicts:
    """Rows that are judged."""

    def __init__(self):
        self.good = True

    def row(self, what, figure, limit, control, unit=""):
        """At most `limit`; `control` must be above it."""
        word = "NOT MET" if figure > limit else "BLIND" if control <= limit else "well"
        self.good &= word == "well"
        print(f"{word:8} {what}: {figure:.2f}{unit}, at most {limit:g}{unit}; the control: {control:.2f}{unit}")

    def end(self):
        sys.exit(0 if self.good else 1)
