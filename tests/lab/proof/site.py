"""
A site that was off, on three hosts with systemd, sshd and Ceph (tests/lab/hosts): control planes that look names up, name servers in a network namespace, a volume of
CephFS for each customer, which its host mounts when the customer starts. What is played: whether NTP has set a clock, which is what `timedatectl` on the hosts says.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from .case import must, until
from .cluster import Hosts
from .packages import install

install("iproute2", "nftables", "openssl", "python3")

CUSTOMERS = 5
# Its pool.
METADATA = "files-metadata"
# Seconds for which a control plane may look its three names up: one that asks first who is silent needs 15 and more.
PATIENCE = 10
# How many pages of its log a database replays, one a second.
PAGES = 60
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
selector.register(tcp, selectors.EVENT_READ)
print("up", flush=True)
while True:
    for key, _ in selector.select():
        if key.fileobj is tcp:
            # Else nobody gets through any more when its queue is full.
            tcp.accept()[0].close()
            continue
        packet, sender = key.fileobj.recvfrom(512)
        if key.data == inside and not os.path.exists(file):
            continue
        end = packet.index(b"\0", 12) + 5
        ipv4 = packet[end - 4:end - 2] == b"\0\1"
        head = packet[:2] + b"\x81\x80\0\1" + (b"\0\1" if ipv4 else b"\0\0") + b"\0\0\0\0"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(answers) if ipv4 else b""
        key.fileobj.sendto(head + packet[12:end] + record, sender)
"""
AUTHORITY = """[ca]
default_ca = own
[own]
database = PLACE/index
new_certs_dir = PLACE
rand_serial = yes
default_md = sha256
policy = names
[names]
commonName = supplied
"""
# A control plane looks three names up before it is there, and has little time for that; a customer reads its volume, and writes to it from then on.
UNITS = {
    # The one that Ceph comes with wants devices of its own, which nspawn may refuse.
    "metadata.service": """[Service]
ExecStart=/usr/bin/ceph-mds -f -i a --setuser ceph --setgroup ceph
""",
    "volumes.service": """[Service]
Type=forking
ExecStart=/usr/bin/ceph-fuse /volumes
""",
    "volume@.service": """[Unit]
StopWhenUnneeded=yes
[Service]
Type=forking
ExecStart=/usr/bin/ceph-fuse -r /%i /srv/%i
ExecStopPost=-/bin/umount --lazy /srv/%i
TimeoutStopSec=20
""",
    "api.service": """[Unit]
StartLimitIntervalSec=0
[Service]
ExecStartPre=/bin/sh -c 'for name in etcd registry cloud; do getent ahosts $name.example.org || exit 1; done'
ExecStart=/bin/sleep infinity
TimeoutStartSec=PATIENCE
Restart=always
RestartSec=1
""",
    # In a container: with the name servers that the host had when it was started.
    "console.service": """[Service]
ExecStartPre=/bin/cp /etc/resolv.conf /run/console.conf
ExecStart=/usr/bin/unshare --mount sh -c 'mount --bind /run/console.conf /etc/resolv.conf && exec sleep infinity'
""",
    "customer@.service": """[Unit]
Requires=volume@%i.service
After=volume@%i.service
StartLimitIntervalSec=0
[Service]
ExecStartPre=/bin/dd if=/srv/%i/data of=/dev/null iflag=nocache bs=4k status=none
ExecStart=/bin/sh -c 'while dd if=/dev/urandom of=/srv/%i/data bs=4k count=1 conv=notrunc,fsync status=none; do sleep 1; done'
Restart=on-failure
RestartSec=1
""",
    # A database after a power failure: it replays its log, tells how far it is, and begins with the first page each time it is started.
    "database@.service": """[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c 'echo began >>/run/%i; for page in $(seq PAGES); do systemd-notify --status="page $page of PAGES"; sleep 1; done; systemd-notify --ready; exec sleep infinity'
TimeoutStartSec=infinity
""",
}


class Site(Hosts):
    def __init__(self):
        super().__init__(osds=1)
        self.space = None
        self.server = None

    # Setting up

    def up(self):
        super().up()
        slot = (self.directory / "slot").read_text().strip()
        self.space = f"halligan{slot}dns"
        self.outside, self.dead, self.inside = (f"10.213.{slot}.{number}" for number in (53, 54, 55))
        self._name_servers(slot)
        side_by_side(self._host, self.names)
        self._volumes()
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
            # Without a cache of its own, what a client reads comes from the storage. Several run on a host under one name.
            file.write("\n[client]\nclient_oc = false\nadmin_socket =\n")
        for place in ("volumes", *(f"srv/c{number}" for number in range(CUSTOMERS))):
            (root / place).mkdir()
        # Hosts of nspawn have no such device.
        self.on(host, "sh", "-c", "[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229")
        self.play(host, "timedatectl", "echo yes")
        # A customer works if it has written lately.
        self.play(host, "works", 'place=${UNIT#customer@}; [ -n "$(find "/srv/${place%.service}/data" -newermt -20seconds)" ]')
        self.units(host)

    def _volumes(self):
        """A file system with a metadata server on the first host, and in it a directory for each customer and one for the canary."""
        for pool, groups in ((METADATA, 4), ("files", 8)):
            self.ceph("osd", "pool", "create", pool, str(groups))
        self.ceph("fs", "new", "files", METADATA, "files")
        own = self.directory / "host-1/root/var/lib/ceph/mds/ceph-a"
        own.mkdir()
        (own / "keyring").write_text(must_run("ceph", "-c", self.conf, "auth", "get-or-create", "mds.a", "mon", "profile mds", "osd", "allow rwx", "mds", "allow *"))
        user = own.parent.stat()
        for path in (own, own / "keyring"):
            os.chown(path, user.st_uid, user.st_gid)
        self.on("host-1", "systemctl", "start", "metadata.service")
        until(lambda: "up:active" in json.dumps(self.ask("mds stat")), 60, "the metadata server is active", every=0.5)
        self.on("host-1", "systemctl", "start", "volumes.service")
        self.on("host-1", "sh", "-euc", "cd /volumes; mkdir canary; for number; do mkdir c$number; head -c 4096 /dev/urandom >c$number/data; done", "-",
                *map(str, range(CUSTOMERS)))
        self.wait_settled()

    def units(self, host):
        for name, text in UNITS.items():
            (self.directory / host / "root/etc/systemd/system" / name).write_text(text.replace("PATIENCE", str(PATIENCE)).replace("PAGES", str(PAGES)))
        self.on(host, "systemctl", "daemon-reload")

    def play(self, host, program, script):
        path = self.directory / host / "root/usr/local/bin" / program
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def off(self, silent=True):
        """As after a start of the hosts: nothing of what is to be started runs. `silent`: two hosts and a container ask name servers that are silent, each in its way."""
        (self.directory / "inside").unlink(missing_ok=True)
        servers = {"host-1": (self.inside, self.outside), "host-2": (self.dead, self.outside)} if silent else {}

        def stop(host):
            lines = "".join(rf"nameserver {server}\n" for server in servers.get(host, (self.outside,)))
            # A link on one host, such as the one of systemd-resolved.
            file = "/etc/resolv/stub" if host == "host-1" else "/etc/resolv.conf"
            self.on(host, "sh", "-c", "systemctl stop api.service console.service 'database@*' 'customer@*' 'volume@*' cold-start-canary cold-start-stress 2>/dev/null; systemctl reset-failed;"
                    f"rm -f /etc/resolv.conf /etc/resolv.conf.*; mkdir -p /etc/resolv; ln -s resolv/stub /etc/resolv.conf; [ {file} = /etc/resolv/stub ] || rm {file}; printf '{lines}' >{file}")

        side_by_side(stop, self.names)
        if silent:
            # It has been on before the others, and asks who is silent.
            self.on("host-3", "sh", "-c", f"cp /etc/resolv.conf /tmp/own; echo nameserver {self.inside} >/etc/resolv.conf; systemctl start console.service; "
                    "cp /tmp/own /etc/resolv.conf; rm /tmp/own")

    def take_volume(self, number):
        """Whoever mounts it is told that there is none."""
        self.on("host-1", "mv", f"/volumes/c{number}", f"/volumes/away{number}")

    def give_volume(self, number):
        self.on("host-1", "mv", f"/volumes/away{number}", f"/volumes/c{number}")

    def wear(self, customer):
        """It runs, and systemd has started it again more often than a customer may that is being started."""
        host, unit = customer.split("/")
        self.on(host, "systemctl", "start", unit)
        for number in range(1, 4):
            self.on(host, "systemctl", "kill", "--signal=KILL", unit)
            until(lambda number=number: self.on(host, "systemctl", "show", "-p", "NRestarts", "-p", "ActiveState", "--value", unit).split() == [str(number), "active"],
                  60, f"{customer} runs again", every=0.5)

    def begun(self, database):
        """How often it has begun to replay its log."""
        host, unit = database.split("/")
        return self.on(host, "cat", f"/run/{unit.removeprefix('database@').removesuffix('.service')}").count("began")

    def let_start(self, database, limit):
        """For how long systemd lets it start; it starts it again and again after that."""
        host, unit = database.split("/")
        self.on(host, "sh", "-euc", 'mkdir -p "/run/systemd/system/$1.d"; printf "[Unit]\nStartLimitIntervalSec=0\n[Service]\nTimeoutStartSec=$2\nRestart=always\nRestartSec=1\n" '
                '>"/run/systemd/system/$1.d/limit.conf"; systemctl daemon-reload', "-", unit, limit)

    def expire(self, host, path):
        """A certificate there that was valid for a day, years ago."""
        file = self.directory / host / "root" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            own = pathlib.Path(place)
            (own / "index").touch()
            (own / "conf").write_text(AUTHORITY.replace("PLACE", place))
            must_run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", own / "key", "-out", own / "request", "-subj", "/CN=lab")
            must_run("openssl", "ca", "-batch", "-selfsign", "-notext", "-config", own / "conf", "-keyfile", own / "key", "-in", own / "request", "-out", file,
                     "-startdate", "200101000000Z", "-enddate", "200102000000Z")

    def process(self, customer):
        """Which process it is; another one after each start."""
        host, unit = customer.split("/")
        return self.on(host, "systemctl", "show", "-p", "MainPID", "--value", unit).strip()

    def stop_writes(self):
        """What somebody may do meanwhile: nobody's writes are taken any more, nor is anything read."""
        self.ceph("osd", "set", "pause")

    def take_writes(self):
        self.ceph("osd", "unset", "pause")

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
        states = self.states(self.customers)
        return [customer for customer in self.customers if states[customer] == "active"]

    def lookup(self, host):
        """Seconds that a look-up takes there."""
        began = time.monotonic()
        self.on(host, "sh", "-c", "getent ahosts etcd.example.org || true")
        return time.monotonic() - began

    def servers(self, host):
        return (self.directory / host / "root/etc/resolv.conf").read_text().split()[1::2]

    def objects(self, pool):
        """The metadata server writes to its own pool whenever it likes."""
        return [] if pool == METADATA else super().objects(pool)

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


def side_by_side(work, items):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(work, items))


def host_of(number):
    return f"host-{number % 3 + 1}"


def must_run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    must(done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr or done.stdout}")
    return done.stdout
