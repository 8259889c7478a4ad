"""
A real etcd of three members and a real PostgreSQL in one network namespace, operators in others, each of whom can be cut off; a real kubectl with the stand-in for Kubernetes'
API server; and a resource beside them that everybody can always write to: what keeps two from it is the locks, and that it refuses an older fencing token.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from .case import Untrue, must, until
from .halligan import REPOSITORY, Halligan
from .packages import install

sys.path.insert(0, str(REPOSITORY / "tests/fake-kubernetes"))
from standin.server import serve
from standin.world import World

install("etcd-client", "etcd-server", "iproute2", "postgresql-15", "util-linux")

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
TABLE = "CREATE TABLE halligan_locks (name text PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL, until timestamptz NOT NULL)"
# Seconds. It must be answered within a third of them, by large programs on a machine that does much else.
TTL = int(os.environ.get("LEASES_TTL", "8"))
# PLACE WHO SECONDS: what a change is here. It writes long after it has looked, as a slow one does; whether it may, the resource says.
WRITE = r"""#!/usr/bin/env bash
set -euo pipefail
token=$HALLIGAN_FENCE_RESOURCE
sleep "$3"
exec 9>>"$1/log"
flock 9
verdict=written
if [ ! -e "$1/unfenced" ] && [ "$token" -lt "$(cat "$1/newest" 2>/dev/null || echo 0)" ]; then verdict=refused; else echo "$token" >"$1/newest"; fi
echo "$token $2 $verdict" >&9
[ "$verdict" = written ] || { echo "token $token is too old" >&2; exit 1; }
"""


# Of each member of etcd its ports for clients and for the others. The ports decide its id, and the last four digits of that are the first of the leases it grants.
MEMBERS = {"member-1": (2379, 2381), "member-2": (2479, 2481), "member-3": (2579, 2581)}


def endpoints(address, members=tuple(MEMBERS)):
    return ",".join(f"http://{address}:{MEMBERS[name][0]}" for name in members)


def ip(*words, check=True):
    return subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, check=check)


class Site:
    """`up()`; the namespace of the two servers, and operators by name."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.prefix = f"lease{os.getpid()}"
        self.operators = 0
        self.spaces = []
        self.processes = []

    def space(self, name):
        ip("netns", "add", f"{self.prefix}{name}")
        self.spaces.append(f"{self.prefix}{name}")
        ip("-n", f"{self.prefix}{name}", "link", "set", "lo", "up")
        return f"{self.prefix}{name}"

    def up(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.directory.parent.chmod(0o711)
        self.directory.chmod(0o711)
        self.server = self.space("s")
        self.etcd = {name: self.member(name) for name in MEMBERS}
        data = self.directory / "postgres"
        data.mkdir()
        shutil.chown(data, "postgres", "postgres")
        as_postgres = ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups")
        subprocess.run([*as_postgres, BIN / "initdb", "-D", data, "--auth", "trust", "--no-sync", "-U", "postgres", "--locale", "C"], cwd="/", capture_output=True, check=True)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all trust\n")
        self.begin("postgres", *as_postgres, BIN / "postgres", "-D", data, "-c", "listen_addresses=*", "-c", "fsync=off", "-k", data)
        until(lambda: self.inside("etcdctl", "--endpoints", endpoints("127.0.0.1"), "endpoint", "health").returncode == 0, 60, "etcd answers")
        until(lambda: self.sql("SELECT 1").returncode == 0, 60, "PostgreSQL answers")
        ids = self.inside("etcdctl", "--endpoints", endpoints("127.0.0.1"), "member", "list").stdout.splitlines()
        must(any(line.split(",")[0][-4] in "08" for line in ids), f"no member grants leases whose first digit is a zero: {ids}")
        made = self.sql(TABLE)
        must(made.returncode == 0, made.stderr)
        self.world = World(32, None)
        self.world.put("namespaces", {"metadata": {"name": "ops"}, "status": {"phase": "Active"}})
        self.api = serve(self.world).server_address[1]
        self.kubectl = subprocess.run([REPOSITORY / "tests/lab/kubectl", "trixie"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        return self

    def begin(self, name, *words):
        with (self.directory / f"{name}.log").open("a") as log:
            process = subprocess.Popen(["ip", "netns", "exec", self.server, *map(str, words)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        self.processes.append(process)
        return process

    def member(self, name):
        """A member of etcd, with what it had. It need not be on the disk: it is gone after the test."""
        client, peer = MEMBERS[name]
        cluster = ",".join(f"{other}=http://127.0.0.1:{port}" for other, (_, port) in MEMBERS.items())
        return self.begin(name, "etcd", "--name", name, "--data-dir", self.directory / name, "--unsafe-no-fsync", "--initial-cluster", cluster,
                          "--listen-client-urls", f"http://0.0.0.0:{client}", "--advertise-client-urls", f"http://127.0.0.1:{client}",
                          "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}")

    def leader(self):
        """The member that leads, by its own word."""
        for name, (client, _) in MEMBERS.items():
            said = self.inside("etcdctl", "--endpoints", f"127.0.0.1:{client}", "endpoint", "status", "-w", "json")
            status = json.loads(said.stdout)[0]["Status"] if said.returncode == 0 else None
            if status and status["leader"] == status["header"]["member_id"]:
                return name
        return None

    def kill(self, name):
        self.etcd[name].kill()
        self.etcd[name].wait(10)

    def revive(self):
        """Every member runs, and each answers."""
        for name, process in self.etcd.items():
            if process.poll() is not None:
                self.etcd[name] = self.member(name)
        until(lambda: self.inside("etcdctl", "--endpoints", endpoints("127.0.0.1"), "endpoint", "health").returncode == 0, 60, "each member of etcd answers")

    def inside(self, *words):
        return subprocess.run(["ip", "netns", "exec", self.server, *map(str, words)], capture_output=True, text=True, timeout=60, check=False, cwd="/")

    def sql(self, text):
        return self.inside("psql", "-X", "-A", "-t", "-q", "-h", "127.0.0.1", "-U", "postgres", "-c", text)

    def down(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        for space in self.spaces:
            ip("netns", "del", space, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class Resource:
    """What is changed under the lock. Each writing stands in its log: token, run, verdict."""

    def __init__(self, site, name):
        self.directory = site.directory / name
        self.directory.mkdir()
        self.tool = self.directory / "write"
        self.tool.write_text(WRITE)
        self.tool.chmod(0o755)

    def log(self):
        path = self.directory / "log"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [(int(token), who, verdict) for token, who, verdict in (line.split() for line in lines)]

    def unfence(self):
        (self.directory / "unfenced").touch()

    @contextlib.contextmanager
    def still(self):
        """Nobody writes meanwhile."""
        with (self.directory / "log").open("a") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            yield


class Link:
    """An operator's namespace, and its one way to the servers."""

    def __init__(self, site, number):
        self.server = site.server
        self.link, self.here, self.there = f"v{number}", f"10.99.{number}.2", f"10.99.{number}.1"
        self.space = site.space(f"o{number}")
        self.through = ("ip", "netns", "exec", self.space)
        ip("link", "add", "eth0", "netns", self.space, "type", "veth", "peer", "name", self.link, "netns", site.server)
        ip("-n", self.space, "address", "add", f"{self.here}/30", "dev", "eth0")
        ip("-n", site.server, "address", "add", f"{self.there}/30", "dev", self.link)
        ip("-n", self.space, "link", "set", "eth0", "up")
        ip("-n", site.server, "link", "set", self.link, "up")

    def cut(self, way):
        """`link`: it is down. `requests`: nobody hears of them. `answers`: what is asked for is done, and nobody hears of that."""
        nobody = ("lladdr", "02:00:00:00:00:01", "nud", "permanent")
        if way == "link":
            ip("-n", self.server, "link", "set", self.link, "down")
        elif way == "requests":
            ip("-n", self.space, "neigh", "replace", self.there, *nobody, "dev", "eth0")
        else:
            ip("-n", self.server, "neigh", "replace", self.here, *nobody, "dev", self.link)

    def heal(self):
        ip("-n", self.server, "link", "set", self.link, "up")
        ip("-n", self.space, "neigh", "del", self.there, "dev", "eth0", check=False)
        ip("-n", self.server, "neigh", "del", self.here, "dev", self.link, check=False)


class Gate:
    """The same for the stand-in, which listens on loopback: a port before its own."""

    through = ()

    def __init__(self, port):
        self.behind, self.way = port, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            threading.Thread(target=self.carry, args=(self.listener.accept()[0],), daemon=True).start()

    def carry(self, client):
        with client, socket.create_connection(("127.0.0.1", self.behind)) as server, contextlib.suppress(ConnectionError):
            while True:
                for own in select.select([client, server], [], [])[0]:
                    data = own.recv(65536)
                    if not data:
                        return
                    if self.way not in ("link", "requests" if own is client else "answers"):
                        (server if own is client else client).sendall(data)

    def cut(self, way):
        self.way = way

    def heal(self):
        self.way = None


class Operator:
    """A host with a journal and an inventory of its own, which can be cut off."""

    def __init__(self, site, system, resource, renews=True, members=tuple(MEMBERS)):
        site.operators += 1
        self.resource = resource
        self.directory = site.directory / f"o{site.operators}"
        self.directory.mkdir()
        (self.directory / "journal").mkdir(mode=0o700)
        way = self.way = Gate(site.api) if system == "kubernetes" else Link(site, site.operators)
        self.cut, self.heal = way.cut, way.heal
        self.halligan = Halligan({"PATH": f"{pathlib.Path(site.kubectl).parent}:/usr/sbin:/usr/bin:/sbin:/bin"}, journal=self.directory / "journal", through=way.through)
        if system == "kubernetes":
            # It makes no objects.
            if not site.world.get("leases", resource.directory.name, "ops"):
                site.world.put("leases", {"metadata": {"name": resource.directory.name, "namespace": "ops"}, "spec": {"leaseTransitions": 0}})
            options = ["-s", f"http://127.0.0.1:{way.port}", "-n", "ops", "--request-timeout", "2s"]
        elif system == "etcd":
            options = ["--endpoints", endpoints(way.there, members), "--command-timeout", "2s"]
        else:
            options = ["-h", way.there, "-U", "postgres", "-d", "connect_timeout=2 tcp_user_timeout=2000"]
        # JSON is YAML.
        lock = {"lease": system, "options": options, "ttl": f"{TTL}s"} if renews else self.lying(options)
        # A lock of its own for each resource.
        self.lock = resource.directory.name
        if renews:
            lock["key"] = self.lock
        self.inventory = self.directory / "inventory.yaml"
        self.inventory.write_text("halligan_inventory: 1\nlocks:\n  resource: " + json.dumps(lock) + "\n")
        self.count = 0

    def lying(self, options):
        """The same lease, of which it is always said that it is held, and which nobody renews."""
        script = (REPOSITORY / "src/inventory/lease/etcd.sh").read_text()
        key = self.resource.directory.name
        words = ["bash", "-euo", "pipefail", "-c", script, "bash"]
        return {"acquire": [*words, "acquire", key, "{holder}", str(TTL), "", *options], "renew": ["echo", "{token}"],
                "release": [*words, "release", key, "{holder}", str(TTL), "", *options], "ttl": f"{TTL}s"}

    def runbook(self, pauses):
        """Changes, each of which takes so many seconds before it writes; a negative one only waits."""
        self.count += 1
        path = self.directory / f"write-{self.count}.yaml"
        head = f"halligan: 1\nname: write-{self.count}\ntitle: Write\nsummary: For a lab.\nreviewed: 2026-11-01\nlocks: [resource]\nsteps:\n"
        step = "- {{id: write_{}, run: [{}], effect: change, idempotent: true, undo: {{impossible: it is written}}}}\n"
        words = [f"{self.resource.tool}, {self.resource.directory}, '{{{{ run.id }}}}', '{pause}'" if pause >= 0 else f"sleep, '{-pause}'" for pause in pauses]
        path.write_text(head + "".join(step.format(number, line) for number, line in enumerate(words)))
        return path

    def begin(self, pauses):
        return self.halligan.start("run", self.runbook(pauses), "--yes", "--inventory", self.inventory)

    def under_way(self, cases, pauses):
        """A run whose first change has begun. On a machine that does much else the lease may be lost before: then another is begun."""
        for _ in range(10):
            run = self.begin(pauses)
            cases.on_failure(run.screen)
            with contextlib.suppress(Untrue):
                self.halligan.reached(r"^write_0$", run=run)
                return run
            run.exits(6)
        raise Untrue("each of ten runs has lost its lease before its first change")

    def resume(self, cases):
        """Goes on with the last run to its end."""
        for _ in range(10):
            run = self.halligan.run("resume", self.halligan.runs()[-1], "--yes", "--inventory", self.inventory)
            cases.on_failure(run.screen)
            if run.code != 6:
                break
        run.exits(0)

    def run(self, pauses):
        run = self.begin(pauses)
        code = run.end(300)
        run.close()
        return code, run

    def facts(self):
        """When a token was given out, and when a change was begun with one: `(time, token, what)`."""
        path = self.halligan.journal / "journal.jsonl"
        for line in path.read_text().splitlines() if path.exists() else []:
            record = json.loads(line)
            if record["type"] == "step_ended" and record["part"] == "lock" and record["verdict"]["is"] == "passed":
                yield record["mono_ns"], int(record["message"].rsplit(" ", 1)[1]), "taken"
            elif record["type"] == "step_began" and record["part"] == "main":
                yield record["mono_ns"], record["command"]["fences"]["resource"], "began"


def judge(resource, operators):
    """Nobody has written, and no change was begun, with a token older than one that was given out by then. Returns how many writings were refused."""
    newest, whose, refused = 0, {}, 0
    for token, who, verdict in resource.log():
        refused += verdict == "refused"
        if verdict != "written":
            continue
        must(token >= newest, f"two write: run {who} with token {token} after one with token {newest}")
        must(whose.setdefault(token, who) == who, f"token {token} is that of two runs: {who} and {whose[token]}")
        newest = token
    newest, given = 0, set()
    for _, token, what in sorted(fact for operator in operators for fact in operator.facts()):
        if what == "taken":
            must(token not in given, f"token {token} was given out twice")
            given.add(token)
            newest = max(newest, token)
        else:
            must(token in given, f"a change was begun with token {token}, which nobody was given")
            must(token >= newest, f"a change was begun with token {token} after token {newest} was given out")
    return refused


class Lane:
    """Two operators who want one lock all the time, while one of them is cut off again and again."""

    def __init__(self, site, system, number, seed):
        self.random = random.Random(f"{seed} {system} {number}")
        self.resource = Resource(site, f"{system}-{number}")
        self.operators = [Operator(site, system, self.resource) for _ in range(2)]
        self.codes = {}
        self.partitions = 0
        self.fault = None

    def pauses(self):
        """Of each change, how long it takes: now and then three times as long as the lease lasts."""
        pauses = [round(self.random.uniform(0, 1), 2) for _ in range(6)]
        if self.random.random() < 0.5:
            pauses[self.random.randrange(3)] = 3 * TTL
        return pauses

    def work(self, operator, end, plans):
        while time.monotonic() < end:
            code, _ = operator.run(plans[0])
            plans.append(plans.pop(0))
            self.codes[code] = self.codes.get(code, 0) + 1

    def partition(self):
        victim = self.random.choice(self.operators)
        way = self.random.choice(["link", "requests", "answers"])
        before, lasts = self.random.uniform(0.2, 4), self.random.uniform(0.5, 2 * TTL)
        end = time.monotonic() + before + lasts
        workers = [threading.Thread(target=self.work, daemon=True, args=(operator, end, [self.pauses() for _ in range(4)])) for operator in self.operators]
        for worker in workers:
            worker.start()
        time.sleep(before)
        victim.cut(way)
        time.sleep(lasts)
        victim.heal()
        for worker in workers:
            worker.join()
        self.partitions += 1

    def run(self, count):
        try:
            for _ in range(count):
                self.partition()
                judge(self.resource, self.operators)
        except Exception as error:
            # Told by whoever waits for the lane.
            self.fault = error
