"""
The source and the target of clone-and-expand-volume on loop devices, and the runbook's own scripts, run on them as the runbook would. The source has the
labels of an OSD on a bare disk, with a second one at 1 GiB.
"""

import os
import pathlib
import shutil
import subprocess

from .case import must, scratch
from .halligan import REPOSITORY
from .packages import install

install("python3-yaml", "gddrescue", "psmisc", "util-linux")
import yaml  # noqa: E402

UUID = "780870cc-57a3-4d8e-82eb-b796784d0a72"
LABEL = f"bluestore block device\n{UUID}\n".encode()
SIZE = 1100 << 20
GIB = 1 << 30
PLACES = ["0", "1"]


def named(steps, name):
    """The step with this id, wherever it is."""
    for step in steps:
        found = step if step.get("id") == name else named(step.get("steps", []), name)
        if found:
            return found
    return None


class Disks:
    """A source with the labels, and a larger blank target."""

    def __init__(self, cases):
        self.runbook = yaml.safe_load((REPOSITORY / "runbooks/clone-and-expand-volume.yaml").read_text())
        self.folder = scratch()
        cases.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.source = self.loop(cases, "source", SIZE)
        self.target = self.loop(cases, "target", SIZE + (200 << 20))
        for place in PLACES:
            self.write(self.source, int(place) * GIB, LABEL + b"and more")
        self.write(self.source, 5 << 20, os.urandom(1 << 20))

    def loop(self, cases, name, size):
        path = pathlib.Path(self.folder) / name
        path.touch()
        os.truncate(path, size)
        device = subprocess.run(["losetup", "--find", "--show", path], capture_output=True, text=True, check=True).stdout.strip()
        cases.callback(subprocess.run, ["losetup", "--detach", device], check=False)
        cases.callback(subprocess.run, ["blockdev", "--setrw", device], check=False)
        return device

    def write(self, device, at, what):
        subprocess.run(["blockdev", "--setrw", device], check=True)
        with open(device, "r+b") as disk:
            disk.seek(at)
            disk.write(what)
            os.fsync(disk.fileno())

    def script(self, text, *, code=0, **more):
        """What a script of the runbook prints, run as the runbook would."""
        serial = subprocess.run(["lsblk", "--nodeps", "--noheadings", "--output", "SERIAL,WWN", self.source], capture_output=True, text=True, check=True).stdout.split()
        variables = {"FROM": self.source, "TO": self.target, "TARGET": self.target, "GIVEN": self.target, "CONFIRMED": self.target, "UUID": UUID,
                     "KNOWN": serial[0] if serial else self.source, "PLACES": " ".join(PLACES), "KEPT": f"{self.folder}/kept",
                     "MAP": f"{self.folder}/copy.map", "BYTES": str(SIZE), **more}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], env={**os.environ, **variables}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        must(done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stderr}")
        return done.stdout, done.stderr

    def step(self, name, part=None, **more):
        step = named(self.runbook["steps"], name)
        return self.script((step[part] if part else step)["shell"], **more)

    def labels(self):
        """Where the source and the target have one, as the runbook sees it."""
        text = self.runbook["queries"]["labels"]["shell"]
        return tuple(self.script(text, DEVICE=device)[0].split() for device in (self.source, self.target))
