"""Three Ceph monitors and one OSD on this machine, each monitor with a store, a port and an address of its own, as on three hosts. No manager: nothing here needs one."""

import contextlib
import getpass
import grp
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import uuid

from .case import must, until
from .packages import install

install("ceph-common", "ceph-mon", "ceph-osd", "uuid-runtime")

HERE = pathlib.Path(__file__).resolve().parent.parent
NAMES = ("a", "b", "c")
CONFIGURATION = """[global]
fsid = {fsid}
mon_host = {hosts}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = {first}
ms_bind_port_max = {last}
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {lab}/keyring
run_dir = {lab}/run
pid_file = {lab}/run/$name.pid
admin_socket = {lab}/run/$name.asok
log_file = {lab}/log/$name.log
mon_cluster_log_file = {lab}/log/cluster.log
crash_dir = {lab}/crash
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data_avail_warn = -1
mon_data_avail_crit = -1
# Quick to notice and quick to agree.
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
mon_tick_interval = 1
bdev_aio_poll_ms = 20
[client]
admin_socket =
log_file =
[mon]
mon_data = {lab}/mon/$id
[osd]
osd_data = {lab}/osd/$id
osd_memory_target = 939524096
bluestore_block_size = 1073741824
bluestore_cache_autotune = false
bluestore_cache_size = 33554432
osd_mon_report_interval = 1
{own}"""

# Every one out of so many times that a socket is used, it is closed.
UNHEARD = "[mon.{}]\nms_inject_socket_failures = 1\n"
# What systemd does for a monitor: it knows whether the last start failed. Held ones it does not start.
MANAGE = r"""#!/bin/bash
# manage-mon state|stop|start ID
set -euo pipefail
lab={lab} id=$2
alive() {{ pid=$(cat "$lab/run/mon.$id.pid" 2>/dev/null) && grep -qsz "^ceph-mon$" "/proc/$pid/cmdline"; }}
case $1 in
    state) if alive; then echo active; elif [ -e "$lab/run/mon.$id.failed" ]; then echo failed; else echo inactive; fi ;;
    stop)
        if alive; then
            kill "$pid"
            while grep -qsz "^ceph-mon$" "/proc/$pid/cmdline"; do read -r -t 0.05 <>"$lab/run/never" || true; done
        fi
        ;;
    start)
        ! alive || exit 0
        rm -f "$lab/run/mon.$id.failed" "$lab/run/mon.$id.asok"
        (cd / && exec ceph-mon -i "$id" -c "$lab/ceph.conf" </dev/null >"$lab/log/mon.$id.start" 2>&1) || {{ touch "$lab/run/mon.$id.failed"; exit 1; }}
        ;;
esac
"""


def quiet(words, **more):
    return subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **more)


class Monitors:
    """`Monitors(directory).up()`. The directory is short, since sockets lie below it."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.conf = str(self.directory / "ceph.conf")
        self.environment = {"CEPH_CONF": self.conf}
        self.program = self.directory / "manage-mon"
        self.fsid = str(uuid.uuid4())

    def up(self):
        must(not self.directory.exists(), f"{self.directory} is there already")
        must(len(str(self.directory)) <= 60, f"{self.directory} is too long for the names of sockets")
        for name in ("run", "log", "crash", "mon", "osd/0"):
            (self.directory / name).mkdir(parents=True)
        os.mkfifo(self.directory / "run/never")
        port = int(self.tool(HERE / "ports", self.directory, "127.0.0.1", "32000", "40", "18", "0", "2", "4").strip())
        self.address = {name: f"[v2:127.0.0.1:{port + 2 * number},v1:127.0.0.1:{port + 2 * number + 1}]" for number, name in enumerate(NAMES)}
        own = "".join(f"[mon.{name}]\npublic_addrv = {address}\n" for name, address in self.address.items())
        pathlib.Path(self.conf).write_text(CONFIGURATION.format(
            fsid=self.fsid, hosts=",".join(self.address.values()), lab=self.directory, own=own, first=port + 10, last=port + 39))
        self.program.write_text(MANAGE.format(lab=self.directory))
        self.program.chmod(0o755)
        self.keys()
        map_file = self.directory / "monmap"
        self.tool("monmaptool", "--create", "--fsid", self.fsid, "--enable-all-features",
                  *[word for name in NAMES for word in ("--addv", name, self.address[name])], map_file)
        for name in NAMES:
            self.tool("ceph-mon", "-i", name, "--mkfs", "--monmap", map_file, "--keyring", self.directory / "keyring")
        for name in NAMES:
            self.start(name)
        until(lambda: self.quorum() == list(NAMES), 60, "three monitors are in quorum")
        osd = str(uuid.uuid4())
        self.ceph("osd", "new", osd, "0")
        self.tool("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd, "--monmap", map_file)
        self.tool("ceph-osd", "-i", "0", cwd="/")
        self.ceph("osd", "pool", "create", "lab", "1")
        until(lambda: self.osd_up() == 1, 60, "the OSD is up")
        return self

    def keys(self):
        path = self.directory / "keyring"
        caps = {"mon.": ["mon", "allow *"], "client.admin": ["mon", "allow *", "osd", "allow *", "mgr", "allow *"], "osd.0": ["mon", "allow profile osd", "osd", "allow *"]}
        path.touch(mode=0o600)
        for name, words in caps.items():
            self.tool("ceph-authtool", path, "--gen-key", "-n", name, *[word for kind, cap in zip(words[::2], words[1::2], strict=True) for word in ("--cap", kind, cap)])
        # The OSD gets the key that the cluster knows.
        (self.directory / "osd/0/keyring").write_text(path.read_text())

    def tool(self, *words, **more):
        """A program on this cluster; what it prints."""
        done = quiet(words, timeout=120, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.environment}, **more)
        must(done.returncode == 0, f"{' '.join(map(str, words))}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def ceph(self, *words, at=None):
        """What `ceph ... -f json` answers; `at` asks one monitor alone."""
        where = ["-m", self.address[at]] if at else []
        text = self.tool("ceph", "--connect-timeout", "10", *where, *words, "-f", "json")
        return json.loads(text) if text.strip() else None

    def quorum(self, at=None):
        """The names in quorum, or [] without an answer."""
        done = quiet(["ceph", "--connect-timeout", "5", *(["-m", self.address[at]] if at else []), "quorum_status", "-f", "json"], timeout=60,
                     env={"PATH": "/usr/bin:/bin", **self.environment})
        return json.loads(done.stdout)["quorum_names"] if done.returncode == 0 else []

    def keys_kept(self):
        return [key for key in self.ceph("config-key", "ls") if key.startswith("lab/")]

    def keys_alone(self, side):
        """The keys that these monitors know, while all others are stopped."""
        others = [name for name in NAMES if name not in side]
        for name in others:
            self.signal(f"mon.{name}", signal.SIGSTOP)
        try:
            return self.keys_kept()
        finally:
            for name in others:
                self.signal(f"mon.{name}", signal.SIGCONT)

    def keep(self, name, value="1", at=None):
        self.tool("ceph", "--connect-timeout", "10", *(["-m", self.address[at]] if at else []), "config-key", "set", f"lab/{name}", value)

    def status(self, name):
        """What a monitor says by its socket; None if it does not."""
        done = quiet(["ceph", "daemon", f"mon.{name}", "mon_status"], timeout=30, env={"PATH": "/usr/bin:/bin", **self.environment})
        return json.loads(done.stdout) if done.returncode == 0 else None

    def osd_up(self):
        return self.ceph("osd", "dump")["osds"][0]["up"]

    def store(self, name):
        return self.directory / "mon" / name

    def state(self, name):
        return self.tool(self.program, "state", name).strip()

    def start(self, name):
        self.tool(self.program, "start", name)

    def start_with(self, name, store):
        """A colleague's hand: a monitor on a store in another place."""
        self.tool("ceph-mon", "-i", name, "--mon-data", store, cwd="/")

    def stop(self, *names):
        for name in names:
            self.tool(self.program, "stop", name)

    def pid(self, name):
        pid = int((self.directory / "run" / f"{name}.pid").read_text())
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        must(words[0].startswith(b"ceph-") and name.split(".")[1].encode() in words, f"{name} does not run")
        return pid

    def signal(self, name, number):
        os.kill(self.pid(name), number)

    def kill(self, *names):
        for name in names:
            pid = self.pid(f"mon.{name}")
            os.kill(pid, signal.SIGKILL)
            # PID 1 may reap late: a zombie has no words.
            until(lambda pid=pid: not self.words(pid), 30, f"mon.{name} is dead")

    @staticmethod
    def words(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return b""

    def damage(self, name):
        """Its store cannot be opened any more, and somebody has tried."""
        for path in (self.store(name) / "store.db").glob("MANIFEST-*"):
            path.write_bytes(b"\0" * 64)
        must(quiet([self.program, "start", name]).returncode != 0, f"mon.{name} starts with a damaged store")

    def fail(self, name):
        """Its store is whole, and it does not start, as when its memory is bad."""
        (self.directory / "run" / f"mon.{name}.failed").touch()

    def unheard(self, name):
        """From its next start on it runs, and each word on its connections is lost."""
        with open(self.conf, "a") as conf:
            conf.write(UNHEARD.format(name))

    def heard(self, name):
        path = pathlib.Path(self.conf)
        path.write_text(path.read_text().replace(UNHEARD.format(name), ""))

    def lose(self, name):
        """Its disk is a new one."""
        shutil.rmtree(self.store(name))

    def wait_probing(self, name="a"):
        until(lambda: (self.status(name) or {}).get("state") == "probing", 60, f"mon.{name} has noticed", every=0.5)

    def fingerprint(self):
        """Of all stores, the configuration, and which processes run. Not what a monitor that runs notes by itself: its log of changes, and LOG."""
        digest = {}
        runs = [name for name in NAMES if self.state(name) == "active"]
        for path in sorted([*self.directory.glob("mon/**/*"), *self.directory.glob("saved/**/*"), pathlib.Path(self.conf), self.program]):
            status = path.lstat()
            own = path.name.startswith("LOG") or (path.suffix == ".log" and path.parent.parent.name in runs)
            text = "" if path.is_dir() or own else hashlib.sha256(path.read_bytes()).hexdigest()
            digest[str(path.relative_to(self.directory))] = (status.st_ino, status.st_mode, status.st_uid, text)
        digest["pids"] = {path.name: path.read_text() for path in sorted(self.directory.glob("run/*.pid"))}
        return digest

    def logs(self):
        return f"logs of the monitors: {self.directory}/log"

    def down(self):
        """By the number of each process that has this lab's configuration or was started on it, and nothing else."""
        if not self.directory.exists():
            return
        mine = []
        for path in self.directory.glob("run/*.pid"):
            text = path.read_text().strip()
            if text and self.words(int(text)).startswith((b"ceph-mon\0", b"ceph-osd\0", b"/usr/bin/ceph-")):
                mine.append(int(text))
        for pid in mine:
            os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + 20
        while any(self.words(pid) for pid in mine) and time.monotonic() < end:
            time.sleep(0.05)
        shutil.rmtree(self.directory)
        # Another lab may be beside it.
        with contextlib.suppress(OSError):
            self.directory.parent.rmdir()


def owner():
    """Who runs the monitors here."""
    return f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}"
