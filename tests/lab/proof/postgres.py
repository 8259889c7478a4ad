"""A PostgreSQL 15 server, a standby of it and a PgBouncer in a directory, and clients of many kinds that speak its protocol themselves."""

import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from .case import must, until
from .packages import install

install("postgresql-15", "pgbouncer", "sudo")

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
# A server refuses to run as root.
USER = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
PORT, STANDBY, POOLER = 55432, 55433, 56432
SETTINGS = f"""
listen_addresses = ''
max_connections = 50
max_prepared_transactions = 5
# The lab's disk may lie: it is gone after the test.
fsync = off
autovacuum = off
port = {PORT}
"""
POOL = """
[databases]
shop = host={directory} port={port} dbname=shop
[pgbouncer]
listen_addr =
listen_port = {pooler}
unix_socket_dir = {directory}
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = 60
max_client_conn = 500
admin_users = postgres
"""


THEM = {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []} if os.getuid() == 0 else {}


def as_user(*words, **more):
    """Starts a program as the one to whom the server belongs. It does not outlive the test."""
    return subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, start_new_session=True, **THEM, **more)


class Postgres:
    """`up()`; roles app, web, report and books; a database shop, in which each has rights; a standby; a pooler."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.processes = {}

    @property
    def environment(self):
        return {}

    def up(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        # The stage's own directory lets nobody else in.
        self.directory.parent.chmod(0o711)
        shutil.chown(self.directory, USER)
        # Without an encoding, as where nobody chose one: what clients say is bytes there.
        self._program("initdb", "--pgdata", self.directory / "main", "--auth", "trust", "--username", "postgres", "--no-sync", "--locale", "C")
        with (self.directory / "main/postgresql.conf").open("a") as settings:
            settings.write(SETTINGS + f"unix_socket_directories = '{self.directory}'\n")
        # A superuser is who the system says it is, as Debian sets it up; everybody else is trusted.
        rules = self.directory / "main/pg_hba.conf"
        rules.write_text("local all postgres peer map=lab\n" + rules.read_text())
        with (self.directory / "main/pg_ident.conf").open("a") as users:
            users.write(f"lab {USER} postgres\n")
        self.start()
        for role in ("app", "web", "report", "books"):
            self.sql(f"CREATE ROLE {role} LOGIN")
        self.sql("CREATE ROLE standby LOGIN REPLICATION")
        self.sql("CREATE DATABASE shop")
        self.sql("CREATE TABLE t AS SELECT g AS id, 0 AS v FROM generate_series(1, 100) g; ALTER TABLE t ADD PRIMARY KEY (id);"
                 "GRANT ALL ON t TO PUBLIC; ALTER TABLE t OWNER TO report; GRANT ALL ON SCHEMA public TO PUBLIC", database="shop")
        self._program("pg_basebackup", "-D", self.directory / "standby", "-h", self.directory, "-p", PORT, "-U", "standby", "-R", "-C", "-S", "standby",
                      "-X", "stream", "-c", "fast", "--no-sync")
        with (self.directory / "standby/postgresql.conf").open("a") as settings:
            settings.write(f"port = {STANDBY}\n")
        self._server("standby", STANDBY)
        until(lambda: len(self.replicas()) == 1, 60, "the standby is connected")
        (self.directory / "users").write_text('"app" ""\n"web" ""\n"postgres" ""\n')
        (self.directory / "pool.ini").write_text(POOL.format(directory=self.directory, port=PORT, pooler=POOLER))
        self._start("pooler", "/usr/sbin/pgbouncer", self.directory / "pool.ini")
        until(lambda: self.console("SHOW VERSION"), 60, "the pooler answers")
        return self

    def _program(self, name, *words):
        with (self.directory / f"{name}.log").open("w") as log:
            code = as_user(BIN / name, *words, stdout=log, stderr=log).wait(120)
        must(code == 0, f"{name} ended with {code}: {(self.directory / f'{name}.log').read_text()[-500:]}")

    def _start(self, name, *words):
        with (self.directory / f"{name}.log").open("a") as log:
            self.processes[name] = as_user(*words, stdout=log, stderr=log)

    def _server(self, name, port):
        self._start(name, BIN / "postgres", "-D", self.directory / name)
        until(lambda: self.answers(port), 120, f"{name} answers")

    def start(self):
        self._server("main", PORT)

    def answers(self, port):
        return self._psql("SELECT 1", "postgres", port).returncode == 0

    def down(self):
        """Ends what it has started, by its process id."""
        for name, number in (("pooler", signal.SIGINT), ("standby", signal.SIGINT), ("main", signal.SIGINT)):
            self.stop(name, number)
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self, name, number=signal.SIGINT):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(60)

    def _psql(self, sql, database, port, role="postgres"):
        """Those who are about to be refused hold the reserved slots for moments: then it is tried again."""
        words = [BIN / "psql", "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-p", str(port), "-U", role, "-d", database]
        for _ in range(200):
            done = subprocess.run(words, input=sql, capture_output=True, text=True, timeout=120, check=False, cwd="/", **THEM)
            if "too many clients already" not in done.stderr:
                break
            time.sleep(0.1)
        return done

    def sql(self, sql, database="postgres"):
        """What a superuser's statement prints."""
        done = self._psql(sql, database, PORT)
        must(done.returncode == 0, f"{sql}: {done.stderr}")
        return done.stdout.strip()

    def console(self, sql):
        return self._psql(sql, "pgbouncer", POOLER).stdout.strip()

    def rows(self, sql):
        return json.loads(self.sql(f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t"))

    def sessions(self):
        """Of clients, but for the one that asks."""
        return self.rows("SELECT pid, usename AS role, application_name AS name, state, backend_start AS start, pg_blocking_pids(pid) AS blocked_by "
                         "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid")

    def of(self, role):
        return [session for session in self.sessions() if session["role"] == role]

    def replicas(self):
        return self.rows("SELECT pid, backend_start FROM pg_stat_activity WHERE backend_type = 'walsender'")

    def limit(self, role="app"):
        return int(self.sql(f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{role}'"))

    def fingerprint(self):
        """The catalogs, the configuration, what was ever written, and who is connected: what a run that only reads leaves as it is."""
        return {
            "roles": self.rows("SELECT * FROM pg_roles ORDER BY oid"),
            # Their statistics of freezing move by themselves.
            "databases": self.rows("SELECT oid, datname, datallowconn, datconnlimit, datacl FROM pg_database ORDER BY oid"),
            "settings": self.rows("SELECT * FROM pg_db_role_setting"),
            "configuration": self.rows("SELECT name, setting FROM pg_settings ORDER BY name"),
            "files": {path.name: path.read_text() for path in sorted((self.directory / "main").glob("*.conf"))},
            "written": self.rows("SELECT datname, tup_inserted, tup_updated, tup_deleted FROM pg_stat_database ORDER BY 1"),
            "next transaction": self.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())"),
            "prepared": self.rows("SELECT * FROM pg_prepared_xacts"),
            "sessions": [(session["pid"], session["start"], session["state"]) for session in self.sessions()],
            "replicas": self.replicas(),
            "pooler": self.console("SHOW DATABASES"),
        }


class Gone(Exception):
    """The server has ended the connection, or refused it. It says why."""


class Session:
    """A connection: the protocol itself, as far as a client needs it that gives no password."""

    def __init__(self, directory, role, name, port=PORT, database="shop"):
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.settimeout(60)
            self.socket.connect(f"{directory}/.s.PGSQL.{port}")
            words = b"".join(word.encode() + b"\0" for word in ("user", role, "database", database, "application_name", name)) + b"\0"
            self.socket.sendall(struct.pack("!II", 8 + len(words), 196608) + words)
            self.ready()
        except (OSError, Gone):
            self.socket.close()
            raise

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise Gone("the connection was closed")
            data += piece
        return data

    def ready(self):
        """Waits until the server waits for a statement."""
        error = None
        while True:
            kind, size = struct.unpack("!cI", self._exactly(5))
            body = self._exactly(size - 4)
            if kind == b"E":
                error = next(field[1:].decode() for field in body.split(b"\0") if field[:1] == b"M")
                if b"FATAL" in body:
                    raise Gone(error)
            if kind == b"Z":
                if error:
                    raise Gone(error)
                return

    def send(self, sql):
        data = sql.encode(errors="surrogateescape") + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!I", 4 + len(data)) + data)

    def say(self, sql):
        self.send(sql)
        self.ready()
        return self

    def alive(self):
        try:
            self.say("SELECT 1")
        except (OSError, Gone):
            return False
        return True

    def close(self):
        self.socket.close()


class Surge:
    """Clients that connect again as soon as they can. Each says `sql` and then holds its connection."""

    def __init__(self, directory, count, role="app", name="django", sql="", port=PORT, pause=1):
        self.directory, self.role, self.name, self.sql, self.port, self.pause = directory, role, name, sql, port, pause
        self.over = threading.Event()
        self.refused = self.entered = self.ended = 0
        self.lock = threading.Lock()
        self.open = set()
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _count(self, what):
        with self.lock:
            setattr(self, what, getattr(self, what) + 1)

    def _client(self):
        while not self.over.is_set():
            try:
                session = Session(self.directory, self.role, self.name, self.port)
            except (OSError, Gone):
                self._count("refused")
                self.over.wait(self.pause)
                continue
            with self.lock:
                self.open.add(session)
            self._count("entered")
            try:
                session.socket.settimeout(None)
                if self.sql:
                    session.say(self.sql)
                # Until it is ended.
                session.ready()
            except (OSError, Gone, ValueError):
                self._count("ended")
            with self.lock:
                self.open.discard(session)
            session.close()
            # At once, but not all in the same moment.
            self.over.wait(self.pause / 10)

    def mended(self):
        """None connects again, and those that are connected leave."""
        self.over.set()
        while any(thread.is_alive() for thread in self.threads):
            with self.lock:
                sessions = list(self.open)
            for session in sessions:
                try:
                    session.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
            time.sleep(0.05)


class Customer:
    """Somebody who has nothing to do with the surge, and wants in all the time."""

    def __init__(self, directory):
        self.directory = directory
        self.over = threading.Event()
        self.last = time.monotonic()
        self.away = 0.0
        self.thread = threading.Thread(target=self._come, daemon=True)
        self.thread.start()

    def _come(self):
        while not self.over.wait(0.2):
            try:
                Session(self.directory, "web", "customer").say("SELECT 1").close()
            except (OSError, Gone):
                continue
            self.away = max(self.away, time.monotonic() - self.last)
            self.last = time.monotonic()

    def stop(self):
        self.over.set()
        self.thread.join(70)
