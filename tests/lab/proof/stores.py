"""The OSDs' stores on a cluster of this machine, and export-at-risk-pgs that saves groups from them."""

import os
import signal
import subprocess

from .case import must, until
from .cluster import LAB
from .processes import processes


class Stores:
    def __init__(self, cluster):
        self.cluster = cluster
        self.exports = cluster.directory / "exports"
        # What stops and starts its OSDs, for manager=command.
        self.program = cluster.directory / "manage-osd"
        self.program.write_text(f'#!/bin/sh\nexec {LAB / "ceph"} --dir {cluster.directory} "$1" "osd.$2"\n')
        self.program.chmod(0o755)

    def tool(self, osd, *words):
        return subprocess.run(["ceph-objectstore-tool", "--data-path", self.cluster.directory / "osd" / str(osd), *map(str, words)],
                              capture_output=True, timeout=300, check=False, env={**os.environ, **self.cluster.environment}, text=True, errors="replace")

    def words(self, **params):
        """halligan's, to save groups and perhaps to import them."""
        chosen = {"reach": "local", "manager": "command", "command": self.program, "data_path": f"{self.cluster.directory}/osd/{{}}",
                  "directory": self.exports, **params}
        return ["run", "export-at-risk-pgs", *(word for name, value in chosen.items() for word in ("--set", f"{name}={value}"))]

    def folder(self, halligan):
        return self.exports / halligan.runs()[-1]

    def tools(self):
        """The tool's processes on this cluster."""
        return [(pid, words) for pid, words in processes()
                if words[0].endswith(b"ceph-objectstore-tool") and any(word.startswith(bytes(self.cluster.directory)) for word in words)]

    def cut_off(self, run, operation):
        """kill -9 of halligan, and then of the tool, in the middle of an export or import: its store is open, and it works."""
        def at_work():
            must(run.code is None, f"it ended before with {run.code}")
            return [pid for pid, words in self.tools() if operation in words]
        pids = until(at_work, 500, f"an {operation.decode()} is under way", every=0.005)
        run.kill()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
