"""What one more step costs, for each tool: a run of many steps less a run of one."""

import shutil
import subprocess

from paired import cost
from versus import programs
from versus.bench import ROOT, further

FLOOR = "floor in C"


def floor(place):
    """The least that it can cost: two appends, two syncs and a command, without a shell."""
    program = place / "floor"
    if not program.exists():
        subprocess.run(["gcc", "-O2", "-o", program, ROOT / "tests/bench/floor.c"], check=True)
    return program


def sides(bench, place, journals, names):
    """Of these tools, each measuring one further step. Journals and logs are kept in `journals`."""
    many = bench.size(100, 30)

    def difference(command, count):
        def measured():
            few = cost([str(word) for word in command(1)])
            return further(cost([str(word) for word in command(1 + count)]), few, count)

        return measured

    def ours(count):
        shutil.rmtree(journals / "journal", ignore_errors=True)
        return programs.halligan(bench, place, count, journals / "journal")

    every = {
        "halligan": (ours, many),
        "careful bash": (lambda count: programs.bash(place, count, journals / "careful.log"), many),
        FLOOR: (lambda count: [floor(place), journals / "floor.jsonl", count, "/bin/true"], many),
        "just": (lambda count: programs.just(bench, place, count), many),
        "go-task": (lambda count: programs.task(bench, place, count), many),
        "chaostoolkit": (lambda count: programs.chaos(bench, place, count), many),
        "Ansible": (lambda count: programs.ansible(bench, place, count), bench.size(10, 5)),
    }
    return {name: difference(*every[name]) for name in names}


HOW = {
    "halligan": "a journal: hash chain, two records a step, each synced",
    "careful bash": "`set -euo pipefail`; two lines a step, appended and synced by `sync --data`",
    FLOOR: "two appends, two `fdatasync` and a process a step, one after the other, without a shell",
    "just": "a recipe; nothing is written",
    "go-task": "a task; nothing is written",
    "chaostoolkit": "an experiment; its journal is written at the end",
    "Ansible": "a playbook, `connection: local`, pipelining, no facts; nothing is written",
}
