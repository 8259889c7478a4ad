"""Real sshds on loopback addresses, which end with who made them."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

NET = "127.0.1"  # where the servers listen, one address each
LYING = f"{NET}.251"
HANGING = f"{NET}.252"
UNREACHABLE = f"{NET}.253"
BASTION = f"{NET}.250"
# What ssh and sshd agree on first differs from version to version, and some of it costs several times as much.
EXCHANGE = "KexAlgorithms curve25519-sha256\n"


def program():
    found = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        raise SystemExit("sshd is missing: apt-get install openssh-server")
    return found


def free_port(address):
    with socket.socket() as asked:
        asked.bind((address, 0))
        return asked.getsockname()[1]


def answers(address, port):
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex((address, port)) == 0


class Servers:
    """Servers at so many addresses, all with one host key, one user key, one port and an `ssh_config` that reaches them.

    All that belongs to them is in one directory. Beside them stand, if asked for, a bastion with OpenSSH's own MaxStartups, one whose
    commands all become another, and a port that takes connections and never says a word.
    """

    def __init__(self, directory, count, *, log_level="ERROR", odd=False):
        self.directory = pathlib.Path(directory).resolve()
        self.directory.mkdir(mode=0o755, exist_ok=True)
        self.addresses = [f"{NET}.{n + 1}" for n in range(count)]
        self.port = free_port(self.addresses[0])
        self.children = []
        self.log = self.directory / "sshd.log"
        self.hanging = None
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / key], check=True)
        shutil.copy(self.directory / "user.pub", self.directory / "authorized_keys")
        # A login shell reads its start files even here: it gets none.
        (self.directory / "far_home").mkdir()
        if os.geteuid() == 0:
            pathlib.Path("/run/sshd").mkdir(parents=True, exist_ok=True)
        key = (self.directory / "host.pub").read_text()
        (self.directory / "known_hosts").write_text(f"[{NET}.*]:{self.port} {key}")
        self.config = self.client("ssh_config", "")
        try:
            for address in self.addresses:
                self.start(address, f"MaxStartups 1000\nLogLevel {log_level}\n")
            if odd:
                self.start(LYING, f"MaxStartups 1000\nForceCommand echo well; exit 0\nLogLevel {log_level}\n")
                self.start(BASTION, f"LogLevel {log_level}\n")
                self.hanging = socket.create_server((HANGING, self.port), backlog=128)
            for address in [*self.addresses, *([LYING, BASTION] if odd else [])]:
                self.await_one(address)
        except BaseException:
            self.stop()
            raise

    def client(self, name, before):
        """Writes an `ssh_config`. What stands first in one counts, so `before` wins."""
        path = self.directory / name
        path.write_text(
            f"{before}Host *\n  Port {self.port}\n  User {user()}\n  IdentityFile {self.directory}/user\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.directory}/known_hosts\n  GlobalKnownHostsFile none\n  ConnectTimeout 10\n  {EXCHANGE}"
        )
        return path

    def start(self, address, more):
        config = self.directory / f"sshd_{address}"
        config.write_text(
            f"Port {self.port}\nListenAddress {address}\nSetEnv HOME={self.directory}/far_home\nHostKey {self.directory}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPrintMotd no\n{more}"
        )
        with self.log.open("ab") as log:
            self.children.append(subprocess.Popen([program(), "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def await_one(self, address):
        until = time.monotonic() + 30
        while not answers(address, self.port):
            if any(child.poll() is not None for child in self.children) or time.monotonic() > until:
                raise SystemExit(f"no sshd at {address}: {self.log.read_text()}")
            time.sleep(0.02)

    def stop(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait()
        if self.hanging:
            self.hanging.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def user():
    return subprocess.run(["id", "-un"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
