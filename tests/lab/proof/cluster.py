"""A cluster of `tests/lab/ceph`, and what a test does to it."""

import functools
import hashlib
import json
import os
import pathlib
import shlex
import signal
import subprocess

from .case import until
from .librados import rados

LAB = pathlib.Path(__file__).resolve().parent.parent


def default_directory():
    return pathlib.Path(os.environ.get("HALLIGAN_LAB") or f"/tmp/halligan-lab-{os.getuid()}")


class Cluster:
    """`Cluster(osds=4, copies=3).up()`. Options are those of tests/lab/ceph."""

    def __init__(self, directory=None, **options):
        self.directory = pathlib.Path(directory or default_directory() / "ceph")
        self.options = options
        self.connection = None

    @property
    def conf(self):
        return str(self.directory / "ceph.conf")

    @property
    def environment(self):
        """For a program that is to work on this cluster."""
        return {"CEPH_CONF": self.conf}

    def lab(self, *words, timeout=240):
        """The lab's own command."""
        options = [word for name, value in self.options.items() for word in (f"--{name}", str(value))]
        done = subprocess.run([LAB / "ceph", "--dir", self.directory, *options, *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise RuntimeError(f"tests/lab/ceph {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def up(self):
        # The packages may have to be installed first.
        self.lab("up", timeout=590)
        return self

    def down(self):
        if self.connection is not None:
            self.connection.shutdown()
            self.connection = None
        self.lab("down")

    def stop(self, *names):
        self.lab("stop", *names)

    def start(self, *names):
        self.lab("start", *names)

    def ceph(self, *words, timeout=120):
        """What `ceph ... -f json` answers, or an error."""
        done = subprocess.run(["ceph", "--connect-timeout", "30", *words, "-f", "json"], timeout=timeout, capture_output=True, check=False,
                              text=True, stdin=subprocess.DEVNULL, env={**os.environ, **self.environment, "PATH": "/usr/bin:/bin"})
        if done.returncode:
            raise RuntimeError(f"ceph {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def pid(self, name):
        pid = int((self.directory / "run" / f"{name}.pid").read_text())
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        # Its number may be that of a thread of another daemon by now.
        if words[1:3] != [b"-i", name.partition(".")[2].encode()] or self.conf.encode() not in words:
            raise RuntimeError(f"{name} does not run")
        return pid

    def signal(self, name, number):
        """kill -9, SIGSTOP, SIGCONT of a daemon."""
        os.kill(self.pid(name), number)

    def kill(self, name):
        self.signal(name, signal.SIGKILL)

    def ask(self, prefix, **words):
        """The same over one connection, for what is asked again and again: a call of ceph alone costs a third of a second of processor time."""
        if self.connection is None:
            handle = rados.Rados(conffile=self.conf)
            handle.connect(timeout=60)
            self.connection = handle
        command = self.connection.mgr_command if prefix.startswith("pg ") else self.connection.mon_command
        code, answer, text = command(json.dumps({"prefix": prefix, "format": "json", **words}), b"", timeout=60)
        if code:
            raise RuntimeError(f"{prefix}: {text}")
        return json.loads(answer)

    def settled(self):
        """Every OSD up, every placement group active and clean, and reported since the last of its OSDs came up. One whose OSDs all stayed reports nothing."""
        osds = self.ask("osd dump")["osds"]
        groups = self.ask("pg dump", dumpcontents=["pgs"])["pg_stats"]
        since = {osd["osd"]: osd["up_from"] for osd in osds}
        return (all(osd["up"] for osd in osds) and groups
                and all(group["state"].startswith("active+clean")
                        and group["reported_epoch"] >= max(since[osd] for osd in group["up"] + group["acting"]) for group in groups))

    def wait_settled(self, seconds=300):
        until(self.settled, seconds, "the cluster is settled")

    def fingerprint(self):
        """What a dry run must leave as it is: the map's epoch, the configuration, the objects, the daemons' processes."""
        relevant = {
            "map": self.ask("osd dump"),
            "crush": self.ask("osd crush dump"),
            "config": self.ask("config dump"),
            "tree": self.ask("osd tree"),
            "pids": {path.name: path.read_text() for path in sorted(pathlib.Path(self.conf).parent.glob("run/*.pid"))},
            "objects": {pool["pool_name"]: self.objects(pool["pool_name"]) for pool in self.ask("osd dump")["pools"]},
        }
        text = json.dumps(relevant, sort_keys=True)
        return relevant["map"]["epoch"], hashlib.sha256(text.encode()).hexdigest()

    def objects(self, pool):
        done = subprocess.run(["rados", "-c", self.conf, "-p", pool, "ls", "--all"], capture_output=True, text=True, timeout=30, check=True)
        return sorted(done.stdout.splitlines())

    def logs(self):
        return f"logs of the cluster: {self.directory}/log"


class Hosts(Cluster):
    """The lab of three hosts. What is done to an OSD is done over SSH."""

    @property
    def conf(self):
        return str(self.directory / "ceph/ceph.conf")

    @property
    def environment(self):
        return {"CEPH_CONF": self.conf, "HALLIGAN_INVENTORY": str(self.directory / "inventory.yaml")}

    names = ("host-1", "host-2", "host-3")
    tools = "package"
    # The unit of an OSD; {} is its number.
    unit = "ceph-osd@{}"

    def __init__(self, directory=None, osds=2):
        super().__init__(directory or default_directory() / "hosts", osds=osds)
        self.osds = range(3 * osds)

    @property
    def params(self):
        """What export-at-risk-pgs must be told of these hosts."""
        return {}

    def lab(self, *words, timeout=240):
        done = subprocess.run([LAB / "hosts", "--dir", self.directory, "--osds", str(self.options["osds"]), "--tools", self.tools, *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise RuntimeError(f"tests/lab/hosts {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def host_of(self, osd):
        return self.names[osd // self.options["osds"]]

    def on(self, host, *words, timeout=240):
        """A command on a host; what it prints."""
        return self.lab("ssh", host, shlex.join(words), timeout=timeout)

    def systemctl(self, osd, *words):
        return self.on(self.host_of(osd), "systemctl", *words, self.unit.format(osd))

    def start(self, *names):
        for name in names:
            self.systemctl(int(name.removeprefix("osd.")), "start")

    def stop(self, *names):
        for name in names:
            self.systemctl(int(name.removeprefix("osd.")), "stop")

    def signal(self, name, number):
        self.systemctl(int(name.removeprefix("osd.")), "kill", "--kill-who=main", "--signal", str(int(number)))

    def fingerprint(self):
        """Of the hosts, too."""
        return *super().fingerprint(), self.on_hosts()

    def on_hosts(self):
        """The hosts' configuration, what the OSDs keep beside their disks, and which processes they are."""
        digest = hashlib.sha256()
        for host in self.names:
            root = self.directory / host / "root"
            for place in ("etc", "var/lib/ceph", "root"):
                for path in sorted((root / place).rglob("*")):
                    status = path.lstat()
                    # The disk itself is written to by its OSD all the time.
                    told = (path.name,) if path.name == "block" else (path.name, status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns)
                    digest.update(repr(told).encode())
            digest.update(self.on(host, "systemctl", "show", self.unit.format("*"), "-p", "Id,MainPID,NRestarts,ActiveState").encode())
        return digest.hexdigest()

    def logs(self):
        return f"consoles of the hosts: {self.directory}/host-*/console; logs of the monitor: {self.directory}/ceph/log"


class Orchestrated(Hosts):
    """The same three hosts, with Ceph in containers: cephadm has made them, and its orchestrator, a module of the manager, gives the orders."""

    tools = "cephadm"

    @functools.cached_property
    def fsid(self):
        return self.ask("fsid")["fsid"]

    @property
    def unit(self):
        return f"ceph-{self.fsid}@osd.{{}}"

    @property
    def params(self):
        return {"tools": self.tools, "unit": self.unit, "data_path": f"/var/lib/ceph/{self.fsid}/osd.{{}}"}
