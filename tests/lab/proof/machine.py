"""A machine of `tests/lab/uml`, and what a test does to it."""

import os
import pathlib
import subprocess

from .case import must

LAB = pathlib.Path(__file__).resolve().parent.parent


class Machine:
    """`Machine().up("128M", "400M")`; disks are /dev/ubda and on, the first is mounted on /mnt/state and survives reboots."""

    def __init__(self, directory=None):
        base = os.environ.get("HALLIGAN_LAB") or f"/tmp/halligan-lab-{os.getuid()}"
        self.directory = pathlib.Path(directory or f"{base}/uml")
        self.last = ""

    def lab(self, *words, timeout=120, script=None, check=True):
        """The lab's own command."""
        done = subprocess.run([LAB / "uml", "--dir", self.directory, *words], input=script, stdin=None if script is not None else subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)
        if check:
            must(done.returncode == 0, f"tests/lab/uml {' '.join(words)}: {done.stderr or done.stdout}")
        return done

    def up(self, *sizes):
        self.lab("up", *sizes, timeout=590)  # the packages may have to be installed first
        return self

    def down(self):
        self.lab("down")

    def reboot(self):
        self.lab("reboot")

    def cut(self):
        """Its power fails."""
        self.lab("cut")

    def start(self):
        self.lab("start")

    def run(self, script, timeout=400, code=0):
        """What a script in it prints; it must end with this exit code, unless that is None."""
        done = self.lab("run", timeout=timeout, script=script, check=False)
        self.last = done.stdout + done.stderr
        must(code is None or done.returncode == code, f"exit code {done.returncode}, not {code}: {self.last[-1500:]}")
        return done.stdout

    def screen(self):
        return f"console: {self.directory}/console\nlast screen:\n" + "\n".join(line[:300] for line in self.last.rstrip().splitlines()[-30:])
