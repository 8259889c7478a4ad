"""
A site that was off, on three hosts with systemd, sshd and Ceph (tests/lab/hosts): control planes that look names up, name servers in a network namespace, volumes on
Ceph (rbd-fuse), customers that read theirs when they start. What is played: whether NTP has set a clock, which is what `timedatectl` on the hosts says.
"""

import concurrent.futures
import contextlib
import os
import pathlib
import shlex
import signal
import statistics
import subprocess
import sys
import threading
import time

from .case import must, until
from .cluster import Hosts
from .packages import install

install("iproute2", "nftables", "python3")

CUSTOMERS = 9
# Seconds for which a control plane may look up its three names.
PATIENCE = 12
# MiB of its volume that a customer reads when it starts.
BOOT = 8
# A name server. Whoever asks the last address gets an answer only while there is a file; nobody hears of packets to the one before it, which a firewall drops.
SERVER = r"""
import os, selectors, socket, sys
answers, inside, dead, file = sys.argv[1:5]
selector = selectors.DefaultSelector()
for address in (answers, dead, inside):
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind((address, 53))
    selector.register(own, selectors.EVENT_READ, address)
tcp = socket.create_server((answers, 2222))
print("up", flush=True)
while True:
    for key, _ in selector.select():
        packet, sender = key.fileobj.recvfrom(512)
        if key.data == inside and not os.path.exists(file):
            continue
        end = packet.index(b"\0", 12) + 5
        ipv4 = packet[end - 4:end - 2] == b"\0\1"
        head = packet[:2] + b"\x81\x80\0\1" + (b"\0\1" if ipv4 else b"\0\0") + b"\0\0\0\0"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(answers) if ipv4 else b""
        key.fileobj.sendto(head + packet[12:end] + record, sender)
"""
# A control plane looks three names up before it is there, and a customer reads its volume; both have little time, as in their stock units.
UNITS = {
    "volumes.service": """[Service]
ExecStart=/usr/bin/rbd-fuse -f -p lab -c /etc/ceph/ceph.conf /volumes
ExecStartPre=/bin/mkdir -p /volumes
""",
    "api.service": """[Unit]
StartLimitIntervalSec=0
[Service]
ExecStartPre=/bin/sh -c 'for name in etcd registry cloud; do getent ahosts $name.example.org || exit 1; done'
ExecStart=/bin/sleep infinity
TimeoutStartSec=PATIENCE_OF_CONTROL
Restart=always
RestartSec=1
""",
    # In a container: with the name servers that the host had when it was started.
    "console.service": """[Service]
ExecStartPre=/bin/cp /etc/resolv.conf /run/console.conf
ExecStart=/usr/bin/unshare --mount sh -c 'mount --bind /run/console.conf /etc/resolv.conf && exec sleep infinity'
""",
    "customer@.service": """[Unit]
StartLimitIntervalSec=0
[Service]
ExecStartPre=/bin/dd if=/volumes/%i of=/dev/null iflag=nocache bs=1M count=BOOT status=none
ExecStart=/bin/sh -c 'while dd if=/dev/urandom of=/volumes/%i bs=4k count=1 conv=notrunc,fsync status=none; do sleep 1; done'
TimeoutStartSec=PATIENCE
Restart=on-failure
RestartSec=2
""",
    "greedy.service": """[Service]
ExecStart=/bin/sh -c 'for n in 0 1 2 3 4 5; do while dd if=/dev/zero of=/volumes/greedy$$n bs=1M count=32 conv=notrunc,fsync status=none; do :; done & done; wait'
ExecStopPost=/bin/sh -c 'rm -f /volumes/greedy*'
""",
}


class Site(Hosts):
    def __init__(self):
        super().__init__(osds=1)
        self.space = None
        self.server = None
        # Seconds that a customer waits for its volume.
        self.patience = 200
        # Milliseconds that a write may take.
        self.limit = 1000

    # Setting up

    def up(self):
        super().up()
        slot = (self.directory / "slot").read_text().strip()
        self.space = f"halligan{slot}dns"
        self.outside, self.dead, self.inside = (f"10.213.{slot}.{number}" for number in (53, 54, 55))
        self._name_servers(slot)
        must_run("ceph", "-c", self.conf, "osd", "pool", "application", "enable", "lab", "rbd", "--yes-i-really-mean-it")
        for number in range(CUSTOMERS):
            must_run("rbd", "-c", self.conf, "create", "--size", "64", f"lab/c{number}")
        side_by_side(self._host, self.names)
        side_by_side(lambda number: self.on(host_of(number), "dd", "if=/dev/urandom", f"of=/volumes/c{number}", "bs=1M", f"count={BOOT}", "conv=notrunc,fsync",
                                            "status=none"), range(CUSTOMERS))
        return self

    def on(self, host, *words, timeout=240):
        done = subprocess.run(["ssh", "-F", self.directory / "ssh/config", host, shlex.join(words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(words)} on {host}: {done.stderr or done.stdout}")
        return done.stdout

    def _name_servers(self, slot):
        must_run("ip", "netns", "add", self.space)
        must_run("ip", "link", "add", "eth0", "netns", self.space, "type", "veth", "peer", "name", f"vb-dns-{slot}")
        must_run("ip", "link", "set", f"vb-dns-{slot}", "master", f"halligan{slot}", "up")
        for address in (self.outside, self.dead, self.inside):
            must_run("ip", "-n", self.space, "addr", "add", f"{address}/24", "dev", "eth0")
        must_run("ip", "-n", self.space, "link", "set", "eth0", "up")
        must_run("ip", "netns", "exec", self.space, "nft", f"table inet lab {{ chain input {{ type filter hook input priority 0; ip daddr {self.dead} drop; }}; }}")
        self.server = subprocess.Popen(["ip", "netns", "exec", self.space, sys.executable, "-c", SERVER, self.outside, self.inside, self.dead, str(self.directory / "inside")],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        must(self.server.stdout.readline() == "up\n", "the name servers are not up")

    def _host(self, host):
        root = self.directory / host / "root"
        (root / "etc/ceph/ceph.client.admin.keyring").write_bytes((self.directory / "ceph/keyring").read_bytes())
        with (root / "etc/ceph/ceph.conf").open("a") as file:
            file.write("\n[client]\nrbd_cache = false\n")
        # Hosts of nspawn have no such device.
        self.on(host, "sh", "-c", "[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229")
        self.play(host, "timedatectl", "echo yes")
        self.units(host)
        self.on(host, "systemctl", "start", "volumes.service")
        until(lambda: self.on(host, "stat", "-c", "%m", "/volumes").strip() == "/volumes", 30, f"the volumes are mounted on {host}")

    def units(self, host):
        for name, text in UNITS.items():
            path = self.directory / host / "root/etc/systemd/system" / name
            path.write_text(text.replace("BOOT", str(BOOT)).replace("PATIENCE_OF_CONTROL", str(PATIENCE)).replace("PATIENCE", str(self.patience)))
        self.on(host, "systemctl", "daemon-reload")

    def play(self, host, program, script):
        path = self.directory / host / "root/usr/local/bin" / program
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def off(self):
        """As after a start of the hosts: nothing of what is to be started runs, two hosts ask name servers that are silent, each in its way."""
        (self.directory / "inside").unlink(missing_ok=True)
        servers = {"host-1": (self.inside, self.outside), "host-2": (self.dead,), "host-3": (self.outside,)}

        def stop(host):
            lines = "".join(rf"nameserver {server}\n" for server in servers[host])
            self.on(host, "sh", "-c", "systemctl stop api.service console.service greedy.service 'customer@*' cold-start-canary cold-start-stress 2>/dev/null;"
                    f"systemctl reset-failed; rm -f /etc/resolv.conf.* /volumes/cold-start*; printf '{lines}' >/etc/resolv.conf")

        side_by_side(stop, self.names)
        # It has been on before the others, and asks who is silent.
        self.on("host-3", "sh", "-c", f"cp /etc/resolv.conf /tmp/own; echo nameserver {self.inside} >/etc/resolv.conf; systemctl start console.service; "
                "cp /tmp/own /etc/resolv.conf; rm /tmp/own")

    def calibrated(self):
        """
        How long volumes take that are got two at a time, and all at once, and a write beside each: between the two is what a customer waits, and what is too much. A
        machine on which all at once is not much slower shows nothing here, and is told so.
        """
        self.off()
        with Writes(self) as calm:
            two = self.got(2)
        with Writes(self) as busy:
            everything = self.got(CUSTOMERS)
        figures = f"two volumes take {two:.1f} s, {CUSTOMERS} take {everything:.1f} s; {calm.figures()}, beside all of them {busy.figures()}"
        must(everything > 1.8 * two, f"all at once is hardly slower: {figures}")
        self.patience = max(2, round((two + everything) / 2))
        self.limit = max(100, round(3 * statistics.mean(calm.took)))
        side_by_side(self.units, self.names)
        return f"{figures}. A customer waits {self.patience} s, a write may take {self.limit} ms"

    def got(self, count):
        """Seconds until so many volumes have been read, all begun at once."""
        began = time.monotonic()
        side_by_side(lambda number: self.on(host_of(number), "dd", f"if=/volumes/c{number}", "of=/dev/null", "iflag=nocache", "bs=1M", f"count={BOOT}",
                                            "status=none"), range(count))
        return time.monotonic() - began

    def take_volume(self, number):
        must_run("rbd", "-c", self.conf, "rename", f"lab/c{number}", f"lab/away{number}")

    def give_volume(self, number):
        must_run("rbd", "-c", self.conf, "rename", f"lab/away{number}", f"lab/c{number}")

    # What is so

    @property
    def customers(self):
        return [f"{host_of(number)}/customer@c{number}.service" for number in range(CUSTOMERS)]

    def states(self, targets):
        """How units are, as HOST/UNIT; each host is asked once."""
        def ask(host):
            units = [target.split("/")[1] for target in targets if target.startswith(f"{host}/")]
            return dict(zip([f"{host}/{unit}" for unit in units], self.on(host, "sh", "-c", f"systemctl is-active {shlex.join(units)} || true").split(), strict=True))

        return {target: state for answer in side_by_side(ask, sorted({target.split("/")[0] for target in targets})) for target, state in answer.items()}

    def state(self, target):
        return self.states([target])[target]

    def running(self):
        return [target for target, state in self.states(self.customers).items() if state == "active"]

    def failures(self):
        """How often a customer did not get its volume, on all hosts, by their journals."""
        return sum(map(int, side_by_side(lambda host: self.on(host, "sh", "-c", "journalctl -q -o cat -g 'Failed to start customer@' | wc -l"), self.names)))

    def lookup(self, host):
        """Seconds that a look-up takes there."""
        began = time.monotonic()
        self.on(host, "sh", "-c", "getent ahosts etcd.example.org || true")
        return time.monotonic() - began

    def servers(self, host):
        return (self.directory / host / "root/etc/resolv.conf").read_text().split()[1::2]

    def fingerprint(self):
        return super().fingerprint(), self.states([*self.customers, "host-1/api.service", "host-2/api.service", "host-3/console.service"])

    def power_off(self, host):
        """All that runs on it ends at once."""
        keeper = int((self.directory / host / "keeper").read_text())
        os.kill(keeper, signal.SIGKILL)
        groups = sorted(set((self.directory / host / "groups").read_text().split()))
        for _ in range(50):
            pids = [int(pid) for group in groups for path in pathlib.Path(group).rglob("cgroup.procs") for pid in path.read_text().split()]
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)

    def down(self):
        if self.server:
            self.server.kill()
            self.server.wait()
        if self.space:
            subprocess.run(["ip", "netns", "del", self.space], capture_output=True, check=False)
        super().down()


class Writes:
    """`with Writes(site) as writes`: how long it takes to have 4 KiB on the storage, in milliseconds, again and again on host-1."""

    def __init__(self, site):
        self.site, self.took = site, []
        self._end = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(120)
        self.site.on("host-1", "rm", "-f", "/volumes/probe")

    def _work(self):
        script = ("for i in 1 2 3 4 5; do a=${EPOCHREALTIME/.}; dd if=/dev/zero of=/volumes/probe bs=4k count=1 conv=notrunc,fsync status=none; "
                  "echo $(((${EPOCHREALTIME/.} - a) / 1000)); sleep 0.1; done")
        while not self._end.is_set():
            self.took += [int(word) for word in self.site.on("host-1", "bash", "-c", script).split()]

    def figures(self):
        return f"{statistics.mean(self.took):.0f} ms a write, at most {max(self.took)}"


def side_by_side(work, items):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(work, items))


def host_of(number):
    return f"host-{number % 3 + 1}"


def must_run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    must(done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr or done.stdout}")
    return done.stdout
