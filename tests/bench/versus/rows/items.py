import json
import os

from paired import Cost, cost
from versus import programs, slope
from versus.bench import further
from versus.figures import Goal, at_least, at_most

TITLE = "A loop over 1,000 items, here"
ABOUT = "`/bin/true` for each of 1,000 items on this machine, the start of the program included. Who can does several at once."
UNIT, SCALE = "s", 1
SIDES = {
    "halligan": "`for_each`, `parallel: 32`; two records an item, synced",
    "careful bash": slope.HOW["careful bash"].replace("a step", "an item"),
    slope.FLOOR: slope.HOW[slope.FLOOR].replace("a step", "an item"),
    "just": "1,000 lines; nothing is written",
    "go-task": "1,000 commands; nothing is written",
    "Ansible": "names with `connection: local`, 4 forks (32 took longer); nothing is written. One name, and 100 more by their difference ten times",
}
BOOK = """halligan: 1
name: items
title: Items
summary: For a measurement.
steps:
- id: each
  for_each: {{items: "{{{{ range({count}) | list }}}}", as: n, batch: "100%", parallel: 32}}
  steps:
  - {{id: thing, run: [/bin/true], effect: change, undo: {{impossible: it is for a measurement}}}}
"""


def measure(bench):
    place = bench.place("items")
    count = bench.size(1000, 60)
    os.environ.update(programs.ansible_settings(place))
    book = place / "items.yaml"
    book.write_text(BOOK.format(count=count))
    names = place / "names.ini"
    tenth = count // 10
    names.write_text("".join(f"i{n}\n" for n in range(1 + tenth)))
    journals = iter(range(10**6))
    done = []

    def ours():
        journal = place / f"journal{next(journals)}"
        whole = cost([bench.halligan, "run", book, "--yes", "--format", "plain", "--journal-dir", journal])
        records = map(json.loads, (journal / "journal.jsonl").open())
        done.append(sum(record["type"] == "step_ended" and "thing" in record["place"] for record in records))
        return whole

    commands = {
        "careful bash": programs.bash(place, count, place / "careful.log"),
        slope.FLOOR: [slope.floor(place), place / "floor.jsonl", str(count), "/bin/true"],
        "just": programs.just(bench, place, count),
        "go-task": programs.task(bench, place, count),
    }
    one, many = (programs.ansible(bench, place, 1, hosts=hosts, inventory=names) for hosts in ("i0", "all"))

    def ansible():
        first = cost([*one, "--forks", "4"])
        each = further(cost([*many, "--forks", "4"]), first, tenth)
        return Cost(first.wall + each.wall * (count - 1), first.cpu + each.cpu * (count - 1), each.memory)

    sides = {"halligan": ours} | {name: lambda command=command: cost(command) for name, command in commands.items()} | {"Ansible": ansible}
    return {"sides": bench.turns(sides), "facts": {"items": count, "items that halligan's journal tells": done}}


def goals(figures):
    told = figures.facts["items that halligan's journal tells"]
    per = figures.median("halligan") / figures.facts["items"] * 1000
    return [
        at_least(
            "as fast as Ansible", 1 / figures.times("halligan", "Ansible"), 50, " times",
            f"What only syncs two records an item and starts a process ({slope.FLOOR}) "
            f"is {1 / figures.times(slope.FLOOR, 'Ansible'):.0f} times as fast as Ansible; an item costs halligan {per:.2f} ms.",
        ),
        at_most("memory", figures.most("halligan"), 40, " MiB"),
        Goal("items in the journal", f"all {figures.facts['items']:,}", f"{min(told):,}", set(told) == {figures.facts["items"]}),
    ]
