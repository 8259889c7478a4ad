"""
Three nodes of a corosync cluster with GlusterFS, or with Pacemaker, and sshd on this machine: each has a network, mounts, processes, a name and a boot id of its own. What is played:
the power (`Power`), `systemd-run` on a node, and how long its disks keep others waiting. Needs root.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
from functools import partial

from .case import must, until
from .halligan import REPOSITORY, Halligan
from .packages import install

install("corosync", "glusterfs-client", "glusterfs-server", "iproute2", "openssh-client", "openssh-server", "pacemaker", "pacemaker-cli-utils",
        "pacemaker-resource-agents", "procps")

NAMES = ("pve1", "pve2", "pve3")
COROSYNC = """totem {
  version: 2
  cluster_name: lab
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  token: 1000
}
nodelist {
%s}
quorum {
  provider: corosync_votequorum
}
logging {
  to_syslog: no
  to_stderr: no
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
}
"""
SSHD = """Port 22
HostKey {lab}/ssh/host
AuthorizedKeysFile {lab}/ssh/key.pub
StrictModes no
UsePAM no
UseDNS no
PidFile none
"""
# The first process of a node. With it all others of the node end, as when the power is cut.
INIT = r"""
set -e
hostname "$NAME"
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /usr/local/sbin
mkdir -p /run/sshd /run/gluster /run/lock
# What root of this machine has for shells of its own is started with each login, and may take a minute.
[ ! -e ~root/.bashrc ] || mount --bind /dev/null ~root/.bashrc
for what in lib/corosync lib/glusterd lib/pacemaker log/corosync log/glusterfs log/pacemaker; do mount --bind "$HOME_/$what" "/var/$what"; done
mount --bind "$LAB/etc" /etc/corosync
mount --bind "$LAB/hosts" /etc/hosts
cat /proc/sys/kernel/random/uuid >"$HOME_/boot_id"
mount --bind "$HOME_/boot_id" /proc/sys/kernel/random/boot_id
[ ! -e /proc/pressure/io ] || mount --bind "$HOME_/pressure" /proc/pressure/io
# In the place of systemd: it asks whoever plays the power.
cat >/usr/local/sbin/systemd-run <<'RUN'
#!/bin/sh
[ "$*" = "--on-active=5s --timer-property=AccuracySec=1s systemctl reboot" ] || exit 1
echo reboot >"$HOME_/power.part" && mv "$HOME_/power.part" "$HOME_/power"
RUN
cat >/usr/local/sbin/node-power <<'RUN'
#!/bin/sh
echo "$1" >"$LAB/$2/power.part" && mv "$LAB/$2/power.part" "$LAB/$2/power"
RUN
sed -i "s|\$HOME_|$HOME_|g; s|\$LAB|$LAB|g" /usr/local/sbin/*
chmod +x /usr/local/sbin/*
corosync -f >"$HOME_/corosync.out" 2>&1 &
/usr/sbin/sshd -D -f "$LAB/ssh/sshd" >"$HOME_/sshd.out" 2>&1 &
if [ -n "$PACEMAKER" ]
then
    mkdir -p /run/crm /run/resource-agents
    chown hacluster:haclient /run/crm
    chmod 750 /run/crm
    (
        until corosync-quorumtool -s >/dev/null 2>&1 || [ $? = 2 ]; do read -r -t 0.2 <>"$HOME_/never" || true; done
        PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none exec pacemakerd -f >"$HOME_/pacemaker.out" 2>&1
    ) &
else
    # Pacemaker is installed, and with it gawk. This cluster has neither.
    mkdir /run/sbin
    mount --bind /usr/sbin /run/sbin
    mount -t tmpfs tmpfs /usr/sbin
    ln -s /run/sbin/* /usr/sbin
    rm /usr/sbin/crm_*
    mount --bind /usr/bin/mawk /usr/bin/gawk
    glusterd -N >"$HOME_/glusterd.out" 2>&1 &
fi
touch "$HOME_/up"
while :; do wait -n || true; read -r -t 1 <>"$HOME_/never" || true; done
"""


class Nodes:
    pacemaker = False

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.prefix = f"hn{os.getpid()}"
        self.keepers = {}  # of each node that is up: what started its first process, and that process
        self.power = Power(self)
        # A node that is never to come back by itself.
        self.dead = set()
        self.boots = dict.fromkeys(NAMES, 0)

    # Setting up

    def up(self):
        must(len(str(self.directory)) <= 60, f"{self.directory} is too long for sockets")
        self.directory.mkdir(parents=True, mode=0o700)
        for name in NAMES:
            for what in ("lib/corosync", "lib/glusterd", "lib/pacemaker", "log/corosync", "log/glusterfs", "log/pacemaker", "brick", "mnt"):
                (self.directory / name / what).mkdir(parents=True)
            for what in ("lib/pacemaker", "lib/pacemaker/blackbox", "lib/pacemaker/cib", "lib/pacemaker/cores", "lib/pacemaker/pengine", "log/pacemaker"):
                path = self.directory / name / what
                path.mkdir(exist_ok=True, mode=0o750)
                shutil.chown(path, "hacluster", "haclient")
            os.mkfifo(self.directory / name / "never")
            self.pressure(name, 0.0)
        self._ssh()
        nodes = "".join(f"  node {{\n    name: {name}\n    nodeid: {number}\n    ring0_addr: {address(name)}\n  }}\n" for number, name in enumerate(NAMES, 1))
        (self.directory / "etc").mkdir()
        (self.directory / "etc/corosync.conf").write_text(COROSYNC % nodes)
        (self.directory / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{address(name)} {name}\n" for name in NAMES))
        (self.directory / "inventory.yaml").write_text("halligan_inventory: 1\ntransport: lab\nhosts: {pve1: {}, pve2: {}, pve3: {}}\n"
                                                       f"transports:\n  lab: {{kind: ssh, options: [-F, {self.directory}/ssh/config]}}\n")
        self._network()
        for name in NAMES:
            self.start(name)
        until(lambda: all(self.votes(name) == 3 for name in NAMES), 120, "three members")
        self._services()
        self.power.start()

    def _ssh(self):
        ssh = self.directory / "ssh"
        ssh.mkdir(mode=0o700)
        for key in ("host", "key"):
            must_run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", ssh / key)
        public = " ".join((ssh / "host.pub").read_text().split()[:2])
        (ssh / "known_hosts").write_text("".join(f"{name},{address(name)} {public}\n" for name in NAMES))
        (ssh / "config").write_text(f"UserKnownHostsFile {ssh}/known_hosts\nIdentityFile {ssh}/key\nIdentitiesOnly yes\nUser root\nConnectTimeout 5\n")
        (ssh / "sshd").write_text(SSHD.format(lab=self.directory))

    def _network(self):
        switch = f"{self.prefix}sw"
        must_run("ip", "netns", "add", switch)
        must_run("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
        must_run("ip", "-n", switch, "link", "set", "br0", "up")
        for name in NAMES:
            space = f"{self.prefix}{name}"
            must_run("ip", "netns", "add", space)
            must_run("ip", "-n", space, "link", "set", "lo", "up")
            must_run("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", name, "netns", switch)
            must_run("ip", "-n", switch, "link", "set", name, "master", "br0", "up")
            must_run("ip", "-n", space, "addr", "add", f"{address(name)}/24", "dev", "eth0")
            must_run("ip", "-n", space, "link", "set", "eth0", "up")

    def _services(self):
        # On a busy machine it takes a minute to start, and keeps whoever asks waiting.
        until(lambda: all(self.run(name, "timeout", "10", "gluster", "--mode=script", "pool", "list").returncode == 0 for name in NAMES), 400, "glusterd answers")
        for name in NAMES[1:]:
            self.gluster("peer", "probe", name)
        until(lambda: self.run("pve1", "gluster", "--mode=script", "pool", "list").stdout.count("Connected") == 3, 120, "peers are connected")
        self.gluster("volume", "create", "vms", "replica", "3", *[f"{name}:{self.directory}/{name}/brick" for name in NAMES], "force")
        self.gluster("volume", "set", "vms", "network.ping-timeout", "5")
        self.gluster("volume", "start", "vms")
        self.mount()

    def mount(self):
        """A client on pve1, which must be up."""
        must_run(*self.inside("pve1"), "glusterfs", "--volfile-server=pve1", "--volfile-id=vms", self.directory / "pve1/mnt")

    # A node

    def start(self, name):
        (self.directory / name / "up").unlink(missing_ok=True)
        environment = {"NAME": name, "HOME_": str(self.directory / name), "LAB": str(self.directory), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                       "PACEMAKER": "yes" if self.pacemaker else ""}
        with (self.directory / name / "init.out").open("a") as out:
            keeper = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.prefix}{name}", "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
                                       "--mount-proc", "bash", "-c", INIT], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True)
        first = until(partial(children, keeper.pid), 60, f"{name} has a first process: see {self.directory}/{name}/init.out")
        self.keepers[name] = (keeper, int(first[0]))
        self.boots[name] += 1
        until((self.directory / name / "up").exists, 120, f"{name} is up: see {self.directory}/{name}/init.out")

    def cut(self, name):
        """The power is cut: all its processes end at once."""
        keeper, first = self.keepers.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)
        keeper.wait(20)

    def halt(self, name):
        """What is stopped in good order before the power goes, as in a reboot. corosync and GlusterFS do not need it."""

    def inside(self, name):
        """Words that start a command on the node."""
        must(name in self.keepers, f"{name} is off")
        return ["nsenter", "--mount", "--uts", "--ipc", "--net", "--pid", "--target", str(self.keepers[name][1]), "--"]

    def run(self, name, *words, timeout=60):
        return subprocess.run([*self.inside(name), *map(str, words)], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False)

    def gluster(self, *words):
        must_run(*self.inside("pve1"), "gluster", "--mode=script", *words)

    def pressure(self, name, percent):
        """What its kernel says of its disks. In place: the file is mounted."""
        with (self.directory / name / "pressure").open("w") as file:
            file.write(f"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60={percent:.2f} avg300=0.00 total=0\n")

    # What is so

    def quorum(self, name):
        """The exit code of corosync-quorumtool there: 0 with a quorum, 2 without; None if the node is off."""
        return self.run(name, "corosync-quorumtool", "-s").returncode if name in self.keepers else None

    def votes(self, name):
        text = self.run(name, "corosync-quorumtool", "-s").stdout
        return next((int(line.split()[-1]) for line in text.splitlines() if line.startswith("Total votes:")), 0)

    def pending(self):
        """Entries to be healed on all bricks, as pve1 has it; None while a brick is away."""
        text = self.run("pve1", "gluster", "--mode=script", "volume", "heal", "vms", "info", "summary").stdout
        words = [line.split()[-1] for line in text.splitlines() if line.startswith("Total Number")]
        return sum(map(int, words)) if len(words) == 3 and all(word.isdigit() for word in words) else None

    def write(self, count, prefix):
        must_run(*self.inside("pve1"), "bash", "-c", 'for i in $(seq "$1"); do head -c 4096 /dev/urandom >"$0/$2.$i"; done', self.directory / "pve1/mnt", count, prefix)

    def copies(self):
        """Of each file, how many different contents the three bricks have of it."""
        found = {}
        for name in NAMES:
            for path in sorted((self.directory / name / "brick").glob("*")):
                if path.is_file():
                    found.setdefault(path.name, []).append(path.read_bytes())
        return {name: (len(contents), len(set(contents))) for name, contents in found.items()}

    def settled(self, seconds=240):
        until(lambda: self.pending() == 0, seconds, "all is healed")

    def restored(self):
        """All nodes are up and in, and nothing is left to be healed."""
        for name in NAMES:
            self.pressure(name, 0.0)
            if name not in self.keepers:
                self.start(name)
        self.dead.clear()
        until(lambda: all(self.votes(name) == 3 for name in NAMES), 120, "three members")
        self.settled()

    def configuration(self):
        """What the cluster is told to be, by its own programs."""
        return [must_run(*self.inside("pve1"), "gluster", "--mode=script", "volume", "info"), self.copies()]

    def fingerprint(self):
        """What a dry run must leave as it is: boots, processes, votes, files of configuration, and what the cluster is told to be."""
        found = [self.boots, self.configuration()]
        for name in NAMES:
            found.append(must_run(*self.inside(name), "pgrep", "-l", "^(corosync|glusterd|glusterfsd|pacemaker.*)$"))
            state = must_run(*self.inside(name), "corosync-quorumtool", "-s")
            found.append([line for line in state.splitlines() if not line.startswith("Date:")])
        found += [(str(path), path.read_bytes()) for path in sorted((self.directory / "etc").iterdir())]
        found += [path.exists() for path in (self.directory / name / "power" for name in NAMES)]
        return hashlib.sha256(repr(found).encode()).hexdigest()

    @property
    def environment(self):
        return {"HALLIGAN_INVENTORY": str(self.directory / "inventory.yaml")}

    def logs(self):
        return f"logs are in {self.directory}"

    def down(self):
        self.power.stop()
        for name in list(self.keepers):
            self.cut(name)
        for space in (*NAMES, "sw"):
            subprocess.run(["ip", "netns", "del", f"{self.prefix}{space}"], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class Power:
    """In the place of hardware: a node that asks for a reboot is off five seconds later, and on again after two more; one that is off is started on request."""

    def __init__(self, nodes):
        self.nodes = nodes
        self._end = threading.Event()
        self._thread = None

    def start(self):
        self._end.clear()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self):
        self._end.set()
        if self._thread:
            self._thread.join(40)

    def _work(self):
        while not self._end.wait(0.2):
            for name in NAMES:
                asked = self.nodes.directory / name / "power"
                if not asked.exists():
                    continue
                what = asked.read_text().strip()
                asked.unlink()
                if what == "reboot" and name in self.nodes.keepers:
                    self._end.wait(5)
                    self.nodes.halt(name)
                    self.nodes.cut(name)
                    self._end.wait(2)
                if name not in self.nodes.keepers and name not in self.nodes.dead and not self._end.is_set():
                    self.nodes.start(name)


class Watch:
    """`with Watch(nodes) as watch`: asks all the nodes that are up for their quorum, until it is left; `watch.lost` names who had none, with the time."""

    def __init__(self, nodes):
        self.nodes, self.lost, self.looks = nodes, [], 0
        self._end = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(70)

    def _work(self):
        began = time.monotonic()
        joined = set()
        while not self._end.wait(0.3):
            for name in NAMES:
                with contextlib.suppress(Exception):
                    code = self.nodes.quorum(name)
                    self.looks += 1
                    # Before it has joined, a node that has just started has none either.
                    if code == 0:
                        joined.add((name, self.nodes.boots[name]))
                    elif code == 2 and (name, self.nodes.boots[name]) in joined:
                        self.lost.append(f"{name} after {time.monotonic() - began:.0f} s")


class OnNode(Halligan):
    """Started on pve1, and again there after that has been rebooted."""

    def __init__(self, lab):
        super().__init__(lab.environment)
        self.lab, self.plain = lab, self.command

    def there(self):
        # Whoever enters the mounts of another loses the directory that it was in.
        self.command = [*self.lab.inside("pve1"), "env", "-C", str(REPOSITORY), *self.plain]

    def start(self, *words, terminal=None):
        self.there()
        return super().start(*words, terminal=terminal)

    def ask(self, *words):
        self.there()
        return super().ask(*words)

    @staticmethod
    def kill(run):
        """halligan itself, which is the child of what has entered the node."""
        for pid in children(run.process.pid):
            os.kill(int(pid), signal.SIGKILL)
        run.end(20)


def command(nodes, *more, order=None, **chosen):
    """`order`: that in which they are rebooted, where it is another one than asked for."""
    chosen = {"nodes": nodes, "settle": "5s", "boot_timeout": "240s", **chosen}
    consent = f"consent=reboot {(order or nodes).replace(',', ' ')}"
    return ["run", "quorum-safe-node-reboot", *[word for name, value in chosen.items() for word in ("--set", f"{name}={value}")],
            *more, *([] if "--dry-run" in more else ["--yes", "--confirm", consent])]


def address(name):
    return f"10.77.0.1{NAMES.index(name) + 1}"


def children(pid):
    return subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()


def must_run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    must(done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr or done.stdout}")
    return done.stdout
