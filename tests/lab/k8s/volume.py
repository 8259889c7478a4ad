"""The data of a volume: a directory, written to by the containers that have it mounted, each line bound to the one before.
What would have harmed a real file system is written to LAB/harm."""

import hashlib
import json
import pathlib
import time

from flavour import directory


def bind(line):
    return hashlib.sha256(line.encode()).hexdigest()[:16]


class Volume:
    def __init__(self, lab, handle):
        self.directory = pathlib.Path(lab) / "volumes" / directory(handle)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = self.directory / "log"

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def write(self, node, pod):
        """One more line, as a data base would write one. A real one would not read all of it first."""
        lines = self.lines()
        with self.log.open("a") as log:
            log.write(f"{len(lines)} {bind(lines[-1]) if lines else '-'} {node} {pod}\n")

    def whole(self):
        """How many lines there are, if each is bound to the one before; else None."""
        before = None
        for place, line in enumerate(self.lines()):
            expected = bind(before) if before else "-"
            if line.split()[:2] != [str(place), expected]:
                return None
            before = line
        return len(self.lines())


def harm(lab, kind, **facts):
    with open(pathlib.Path(lab) / "harm", "a") as record:
        record.write(json.dumps({"time": time.strftime("%H:%M:%S"), "harm": kind, **facts}) + "\n")
