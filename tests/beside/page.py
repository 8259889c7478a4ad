"""docs/comparison.md, from the figures alone."""

import re

import judge
from judge import ASPECTS, FAILED, KEPT, NOT_OFFERED, NOT_TRIED, PLACES, ROWS, SIGNALS

NAMES = ["halligan", "ansible-core", "bash", "just", "go-task", "chaostoolkit"]

SET_UP = {
    "halligan": (
        "a runbook with a preflight, a loop with a gate, the flag with its `cleanup`, a wait, a lock; "
        "`--yes` answers the plan, and nothing that is destroyed; started again with `halligan resume --yes`. "
        "What only reads may write to the place in which the world counts its questions, and to no other"
    ),
    "ansible-core": (
        "a play with `serial: 1` and `max_fail_percentage: 0`; the flag in a `block` with `always`; `until`; reads with `check_mode: false`; `no_log`; "
        "`pause` and `assert` before what destroys; `log_path`, retry files, pipelining, no fact gathering"
    ),
    "bash": "`set -euo pipefail`; a trap for `EXIT`, `HUP`, `INT` and `TERM` that comes to its end; `flock -n`; a log that is written before each step; `read -p … [y/N]`",
    "just": "a recipe with a shebang of bash, with its trap and `flock -n`, after a recipe that checks; `[confirm]`. So its cleanups and its lock are those of bash",
    "go-task": "`preconditions`, `for`, `defer`, `prompt`; `set: [errexit, nounset, pipefail]`",
    "chaostoolkit": (
        "a steady state, a method of processes, rollbacks with `--rollback-strategy always`, a journal and a log; a control of its own that interrupts after an activity that failed, "
        "since it goes on otherwise; polling in a small script, since it has no loop"
    ),
}

# What halligan says of its own failures.
WHY = {"cut": "Its records are chained forward only; [the journal](journal.md#who-can-do-what) says what a head that is kept elsewhere adds."}

INTRO = """# Comparison

The same staggered restart by {count} tools in one simulated world: what did the world see when something went wrong? Speed is not compared here.
This page is written by `tests/beside/run` from [comparison.json](comparison.json), which holds what was seen in each trial.

**The world** is six services with a maintenance flag each. A program `cluster` tells how they are, sets and removes a flag, restarts a service,
writes down each of its effects, and keeps a plan of faults. Where a host's own failure is tried, it is reached with OpenSSH on both sides. Each trial has a world of
its own, in namespaces of its own, at a terminal of its own.

**The work**: are all up? Then for each service: are all up? Set its flag, restart it, wait until it is up, remove its flag. After the first failure no
other service is touched. The flag never stays.

**The verdict** comes from the effects, the flags and the processes that were left, never from what a tool says. Only its record is judged by what stands in it.
*Not offered*: the tool has nothing for it, so what happened is no fault of it; what was seen is told all the same. **Failed**: it happened although the tool, as it was
set up, should keep it from happening. *Not tried*: it could not be installed where this was measured, or it was not measured.

**Each check can fail.** A tool without any care (`tests/beside/tools/careless`) is tried with the others, and has to fail in every row of the tables. Where
it does not, the row is blind, and `tests/beside/run` fails.{blind}
"""

LIMITS = """## What this does not show

- The world is simulated. What a command did before a signal came is decided by it, not by a real service.
- A restart leaves nothing that another start could compare with. Where a system tells that something is done already, Ansible's modules, and `status` of go-task, do not do it again.
- TERM and KILL are sent to the tool alone, INT and HUP come from its terminal, as they do from an operator's. A command that is under way goes on for one
  more second after the signal, unless it is ended.
- A full disk still takes what fits into the last block of a file, so a short log goes on for some lines.
- Each tool could be given more by hand: locks, masks, a check of its own log. What is compared is what it brings along, with what its own documentation suggests.
- The tools were set up by those who make halligan. Corrections are welcome: `tests/beside/tools` holds all that each was given.
"""


def version(said):
    """The number in what a tool says of itself."""
    return next(iter(re.findall(r"\d+\.\d+[.\d]*", said)), said)


def cell(verdict, words):
    if verdict == KEPT:
        return "kept"
    if verdict == FAILED:
        return f"**failed**: {words}"
    return f"*{verdict}*" + (f": {words}" if words else "")


def line(words):
    return "| " + " | ".join(words) + " |"


def table(first, rows, names):
    return [line([first, *names]), line(["---"] * (len(names) + 1)), *(line(row) for row in rows)]


def signal_cell(one, name, tool, trials):
    held, tried, broken = judge.aspect(one, name, tool, trials)
    if tried == 0:
        return f"*{NOT_TRIED}*"
    if not broken or name in one.spared:
        return f"{held} of {tried}"
    places = "everywhere" if len(broken) == tried and tried > 1 else "not while: " + ", ".join(PLACES[place] for place in broken)
    if tool in one.absent:
        return f"*{NOT_OFFERED}*"
    return f"**{held} of {tried}**" + ("" if places == "everywhere" else f", {places}")


def again_cell(name, tool, trials):
    """How often a second start did what."""
    found = {}
    for place in judge.LATER:
        seen = trials.get(judge.key(tool, "signalled", {"place": place, "name": name}))
        if seen is not None and "again" in seen:
            found.setdefault(judge.again(seen), []).append(place)
    return ", ".join(f"{word} {len(places)}" for word, places in sorted(found.items())) or f"*{NOT_TRIED}*"


def failures(tool, trials):
    found, subject = [], ""
    for row in ROWS:
        # One that goes on with the subject of the row above.
        subject = subject if row.title.startswith("…") else row.title.partition(":")[0]
        verdict, words = judge.row(row, tool, trials)
        if verdict == FAILED:
            found.append(f"- {row.title.replace('…', subject)}: {words}.{' ' + WHY[row.key] if row.key in WHY else ''}")
    for one in ASPECTS:
        for name in SIGNALS:
            _, _, broken = judge.aspect(one, name, tool, trials)
            if broken and name not in one.spared:
                found.append(f"- {name}. {one.title}: not while {', '.join(PLACES[place] for place in broken)}.")
    return found or ["- None."]


def fatal(trials):
    """The setting of Ansible that was left out, and why."""
    seen = trials.get(judge.key("ansible-core", "threshold", judge.FATAL))
    if seen is None:
        return ""
    late = [osd for osd in seen["touched"] if osd in ("osd.3", "osd.4", "osd.5")]
    if not late:
        return ""
    return (
        "`any_errors_fatal: true` was left out on purpose: with it and `serial: 1`, one unreachable host is counted as two that failed, "
        f"the batch no longer counts as failed as a whole, and the play went on to {', '.join(late)} (as in [ansible#73795](https://github.com/ansible/ansible/issues/73795)). "
    )


def made(data):
    trials = {key: one["seen"] for key, one in data["trials"].items()}
    names = [name for name in NAMES if name not in data["absent"]]
    blind = judge.blind(trials)
    out = [INTRO.format(count=len(names), blind=f" Blind now: {', '.join(blind)}." if blind else "")]
    out += [f"## The tools\n\nMeasured on {data.get('day', '?')}.\n"]
    out += table("tool", [[name, version(data["tools"].get(name) or "?"), SET_UP[name]] for name in names], ["version", "how it was set up"])
    for name, why in sorted(data["absent"].items()):
        out.append(f"\n*{NOT_TRIED}*: {name}. {why}")
    note = fatal(trials)
    out.append(f"\n{note}An unreachable host does not run Ansible's `always`; `ignore_unreachable` with a check of one's own would.")
    out.append("That go-task goes on with its next command after a signal has been reported, too ([task#1174](https://github.com/go-task/task/issues/1174)).\n")
    out += ["## What went wrong, and what was seen\n"]
    out += table("", [[row.title, *(cell(*judge.row(row, name, trials)) for name in names)] for row in ROWS], names)
    out += [
        "\n## Signals\n",
        "In which of the places, of those in which there was something to do: before anything, the flag set, restarting, waiting, the flag put back. KILL leaves no tool a chance to put anything back",
        "or to end what it has started: what is seen then is no failure. What counts is whether the rest goes on without the tool, what its record says, and what starting it again does.\n",
    ]
    for one in (one for one in ASPECTS if one.key != "again"):
        out += [f"### {one.title}\n", *table("", [[name, *(signal_cell(one, name, tool, trials) for tool in names)] for name in SIGNALS], names), ""]
    out += ["### What starting it again did\n"]
    out += ["*continues*: what was done is not done again. *repeats*: it is. *refuses*: nothing is done, and something is left to do.", "Only halligan offers to go on; the others begin anew.\n"]
    out += table("", [[name, *(again_cell(name, tool, trials) for tool in names)] for name in SIGNALS], names)
    out += ["\n## Where halligan failed\n", *failures("halligan", trials), "", LIMITS]
    return "\n".join(out).rstrip() + "\n"
