import os
import pathlib
import shutil
import tempfile

from paired import cost
from versus.bench import script
from versus.figures import at_most

TITLE = "A journal of a million records"
ABOUT = "Records of a real run, told again and again with numbers, links and checksums of their own; the last run was left before its last step. In memory, so that no disk is measured."
UNIT, SCALE = "s", 1
FIRST = "debts, first"
LOOKS = ("list", "status", "debts", "resume", "show")
SIDES = {
    "sha256sum": "over the same bytes",
    "grep -c": "over the same bytes, with `LC_ALL=C`: what has to look at every line and keeps none",
    "verify": "`journal verify`: each record's checksum, link, number and form",
    "list": "`journal list`",
    "status": "`status`",
    "debts": "`debts`",
    FIRST: "`debts` where nothing was verified before",
    "resume": "`resume` of the run that was left; it carries out the last step",
    "show": "`journal show` of that run",
}


def cut(path):
    """Ends the journal before the last step, as a killed run leaves it. How long it is then."""
    with path.open("rb+") as file:
        file.seek(-min(1 << 16, path.stat().st_size), os.SEEK_END)
        began = file.tell()
        lines = file.read().splitlines(keepends=True)
        last = max(n for n, line in enumerate(lines) if b'"type":"step_reached"' in line)
        file.truncate(began + sum(map(len, lines[:last])))
    return path.stat().st_size


def measure(bench):
    journal = script("journal")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        scratch = pathlib.Path(memory)
        directory = scratch / "journal"
        directory.mkdir(mode=0o700)
        lines = journal.template(scratch)
        file = directory / "journal.jsonl"
        count = journal.write(file, lines, bench.size(1_000_000, 20_000))
        size = cut(file)
        run = "%08x" % ((count - 1) // len(lines) + 1)
        ours = [bench.halligan, "--journal-dir", directory]
        mark = directory / "verified.json"
        debts = [*ours, "debts"]
        # What is kept of a verification is kept, as it is where one works: the first one is what it is without.
        cost(debts, keep=True, ends=(0, 1))
        text = mark.read_bytes()
        before = set(directory.iterdir())

        def first():
            mark.unlink()
            whole = cost(debts, keep=True, ends=(0, 1))
            mark.write_bytes(text)
            return whole

        def resume():
            """And all as it was before it, so that the next finds the same."""
            whole = cost([*ours, "resume", run, "--yes", "--format", "plain", "--accept-copy"], keep=True)
            if b"1 steps done" not in whole.text and b"1 step done" not in whole.text:
                raise SystemExit(f"resume did not carry out the one step: {whole.text!r}")
            os.truncate(file, size)
            for made in set(directory.iterdir()) - before:
                shutil.rmtree(made) if made.is_dir() else made.unlink()
            return whole

        commands = {
            "sha256sum": ["sha256sum", file],
            "grep -c": ["env", "LC_ALL=C", "grep", "-c", '"type":"run_', file],
            "verify": [*ours, "journal", "verify"],
            "list": [*ours, "journal", "list"],
            "status": [*ours, "status"],
            "debts": debts,
            "show": [*ours, "journal", "show", run],
        }
        # `status` ends with 1 where a run was left.
        sides = {name: lambda command=command: cost(command, keep=True, ends=(0, 1)) for name, command in commands.items()} | {FIRST: first, "resume": resume}
        costs = bench.turns({name: sides[name] for name in SIDES})
    return {"sides": costs, "facts": {"records": count, "MB": round(size / 1e6)}}


def goals(figures):
    seconds = figures.median("grep -c")
    floor = f"It reads all records: `grep -c` over the same bytes takes {seconds:.2f} s."
    checked = f"It verifies the whole chain before it goes on: `sha256sum` over the same bytes takes {figures.median('sha256sum'):.2f} s."
    if FIRST in figures.sides:
        checked = floor
    some = [at_most("`journal verify`, beside `sha256sum`", figures.times("verify", "sha256sum"), 1.2, " times")]
    some += [at_most(SIDES[name].partition(" of ")[0], figures.median(name), 0.5, " s", checked if name in ("debts", "resume") else floor) for name in LOOKS]
    return some


def notes(figures):
    if FIRST not in figures.sides:
        return []
    return ["The journal was verified before, except for the side that says so: [what is kept of that](journal.md#what-was-verified-before) is held against all of its bytes."]
