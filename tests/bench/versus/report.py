"""docs/benchmarks.md and its pictures, from the raw figures beside them and nothing else."""

import importlib
import re

from versus import figures as raw
from versus import plot
from versus.bench import BUDGET, ROOT, ROUNDS, SLOW, VERY_SLOW
from versus.figures import Goal, short
from versus.rows import ORDER

HEAD = f"""# Benchmarks

Written by `tests/bench/run` from the raw figures in [benchmarks/](benchmarks/); `tests/bench/run --check` fails if it is not what they say.

Each tool is in its pinned version and set up as well as it can be. Sides run by turns, every other round in the opposite order, {ROUNDS} times with `--patient`; what
takes more than {SLOW} s three times, and what takes more than {VERY_SLOW} s once. Without it a side whose runs would take more than {BUDGET} s in all has fewer, at least
three, and what takes more than {SLOW} s two. The table of each row says how many. Shown are medians, and the middle half of the runs (with
fewer than four: the least and the most). A ratio is the median of the ratios round by round, over the rounds in which both ran. Processor time is
that of the program and of all that it has waited for; memory is that of the largest of these processes, not their sum, so what works in many
processes takes more than is shown. Masters of ssh connections that go to the background are in neither.

What was not measured: another machine, a real network, hosts that are not this machine, more than one version of each tool.
"""


def row(name):
    return importlib.import_module(f"versus.rows.{name}")


def ceph():
    """The lab judges this one, and its page says the figure."""
    lab = (ROOT / "docs/lab.md").read_text()
    line = next(line for line in lab.splitlines() if line.startswith("| `staggered-osd-restart` |"))
    figure = float(re.search(r"`lab_ceph`:.*?own time ([\d.]+) %", line).group(1))
    return Goal("halligan's own time in a restart of all OSDs, by [the lab](lab.md)", "< 2 %", f"{figure:g} %", figure < 2)


def told(goal):
    return f"| {goal.what} | {goal.limit} | {goal.measured} | {'met' if goal.met else '**MISSED**'} |"


def goal_table(goals):
    return ["| goal | at | measured | |", "| --- | --- | --- | --- |", *map(told, goals)]


def overview_table(rows):
    """All goals, the row before them."""
    return ["| row | goal | at | measured | |", "| --- | --- | --- | --- | --- |", *(f"| {title} {told(goal)}" for title, goal in rows)]


def side_table(module, figures):
    unit, scale = module.UNIT, module.SCALE
    lines = [f"| | median, {unit} | spread | processor, {unit} | memory, MiB | runs | how |", "| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    for name, some in figures.sides.items():
        low, high = (short(value * scale) for value in figures.spread(name))
        lines.append(
            f"| {name.replace('|', chr(92) + '|')} | {short(figures.median(name) * scale)} | {low} to {high} | {short(figures.median(name, 'cpu') * scale)} "
            f"| {short(figures.most(name))} | {len(some)} | {module.SIDES[name]} |"
        )
    return lines


def section(name, figures):
    module = row(name)
    goals = module.goals(figures)
    floors = [f"- Missed, {goal.what}. {goal.floor or 'No floor explains it.'}" for goal in goals if not goal.met]
    about = figures.raw
    versions = ", ".join(f"{tool} {version}" for tool, version in sorted(about["tools"].items()))
    when = f"{about['when']}{', patient' if about['patient'] else ''}, load {about['load']:.2f} before it, halligan {about['halligan']}" + (f"; {versions}" if versions else "")
    parts = [f"## {module.TITLE}", "", module.ABOUT, "", *goal_table(goals), "", *([*floors, ""] if floors else []), *side_table(module, figures)]
    notes = module.notes(figures) if hasattr(module, "notes") else []
    parts += ["", f"![{module.TITLE}](benchmarks/{name}.svg)", "", *([*notes, ""] if notes else []), f"[{name}.json](benchmarks/{name}.json): {when}.", ""]
    return goals, parts


def made(directory):
    """Every file of the report by its path, from the raw figures in a directory."""
    files, overview, sections, missing, machines = {}, [], [], [], {}
    for name in ORDER:
        path = directory / "benchmarks" / f"{name}.json"
        if not path.exists():
            missing.append(name)
            continue
        figures = raw.read(path)
        if figures.raw["quick"] and directory == ROOT / "docs":
            raise SystemExit(f"tests/bench/run: {path.name} was measured with --quick, which is for no report")
        goals, parts = section(name, figures)
        overview += [(row(name).TITLE, goal) for goal in goals]
        sections += parts
        about = figures.raw["machine"]
        machines[f"{about['processors']} processors ({about['processor']}), {about['memory_gib']} GiB, Linux {about['kernel']}"] = None
        files[directory / "benchmarks" / f"{name}.svg"] = plot.svg(row(name).TITLE, row(name).UNIT, row(name).SCALE, figures)
    overview.append(("A real Ceph cluster", ceph()))
    missed = sum(not goal.met for _, goal in overview)
    text = [HEAD]
    if machines:
        text += [f"The machine: {'; '.join(machines)}.", ""]
    text += [f"**{len(overview)} goals, {missed} missed.**", "", *overview_table(overview), ""]
    if missing:
        text += [f"Not measured yet: {'; '.join(row(name).TITLE for name in missing)}.", ""]
    text += sections
    files[directory / "benchmarks.md"] = "\n".join(text).rstrip() + "\n"
    return files


def stale(directory):
    """The files that are not what the raw figures say, and pictures of rows that have none."""
    files = made(directory)
    wrong = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    return wrong + [path for path in (directory / "benchmarks").glob("*.svg") if path not in files]


def write(directory):
    for path, text in made(directory).items():
        path.write_text(text)
