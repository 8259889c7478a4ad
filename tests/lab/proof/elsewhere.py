"""An operator's machine beside that of a lab: the lab's is reached from it over SSH, and in no other way."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import zlib

from .case import must, until
from .halligan import REPOSITORY
from .packages import install
from .processes import processes

HOST = "lab-host"
# A network, a host name and mounts of its own. Below the lab's directories is nothing there, and what is to be missing cannot be started.
APART = """
set -e
hostname operator
for directory in $HIDDEN; do mount -t tmpfs tmpfs "$directory"; done
for program in $MISSING; do mount --bind /dev/null "$program"; done
echo apart
exec sleep infinity
"""
SSHD = """Port {port}
ListenAddress {address}
HostKey {directory}/host
PidFile none
AuthorizedKeysFile {directory}/user.pub
StrictModes no
UsePAM no
PermitRootLogin yes
SetEnv HOME={directory}/home
"""
SSH = """UserKnownHostsFile {directory}/known_hosts
IdentityFile {directory}/user
IdentitiesOnly yes
User root
Host {host}
  HostName {address}
  Port {port}
"""
INVENTORY = """halligan_inventory: 1
transport: lab
hosts: {{{host}: {{}}}}
transports: {{lab: {{kind: ssh, options: [-F, {directory}/config]}}}}
"""


class Elsewhere:
    """`hidden`: directories that are the host's alone. `missing`: programs that the operator's machine does not have. `Halligan(it.environment, through=it.through)`."""

    def __init__(self, directory, hidden, missing):
        must(os.getuid() == 0, "a machine beside this one needs root")
        install("iproute2", "openssh-client", "openssh-server", "sudo")
        self.directory = pathlib.Path(directory)
        self.hidden = [str(pathlib.Path(path).resolve()) for path in hidden]
        self.missing = [str(pathlib.Path(shutil.which(name)).resolve()) for name in missing]
        self.processes = []

    def begin(self, *words, **more):
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, start_new_session=True, **more)
        self.processes.append(process)
        return process

    def up(self):
        self.directory.mkdir(mode=0o700, parents=True)
        (self.directory / "home").mkdir()
        with (self.directory / "apart").open("w") as out:
            self.machine = self.begin("unshare", "--net", "--mount", "--uts", "--propagation", "private", "bash", "-c", APART, stdout=out, stderr=out,
                                      env={"PATH": os.environ["PATH"], "HIDDEN": " ".join(self.hidden), "MISSING": " ".join(self.missing)})
        until(lambda: "apart" in (self.directory / "apart").read_text() or self.machine.poll() is not None, 60, "the operator's machine is there")
        must(self.machine.poll() is None, (self.directory / "apart").read_text())
        self._link()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / name], check=True, stdin=subprocess.DEVNULL)
        with socket.socket() as free:
            free.bind((self.address, 0))
            port = free.getsockname()[1]
        words = {"directory": self.directory, "address": self.address, "port": port, "host": HOST}
        for name, text in (("sshd_config", SSHD), ("config", SSH), ("inventory.yaml", INVENTORY)):
            (self.directory / name).write_text(text.format(**words))
        (self.directory / "known_hosts").write_text(f"[{self.address}]:{port} {(self.directory / 'host.pub').read_text()}")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        with (self.directory / "sshd.log").open("w") as log:
            self.begin("/usr/sbin/sshd", "-D", "-e", "-f", self.directory / "sshd_config", stdout=log, stderr=log)
        until(lambda: self.there("ssh", "-F", self.directory / "config", "-o", "BatchMode=yes", HOST, "true").returncode == 0, 60, "the host is reached")
        return self

    def _link(self):
        """A wire between both, with a network of its own, from a place that the directory decides. It goes with the operator's machine."""
        first = zlib.crc32(str(self.directory).encode()) % 250
        for number in range(250):
            slot = (first + number) % 250 + 1
            made = subprocess.run(["ip", "link", "add", f"elsewhere{slot}", "type", "veth", "peer", "name", "host0", "netns", str(self.machine.pid)],
                                  capture_output=True, text=True, check=False)
            if made.returncode == 0:
                break
            must("exists" in made.stderr, made.stderr)
        self.address = f"10.214.{slot}.1"
        for words in (f"ip addr add {self.address}/24 dev elsewhere{slot}", f"ip link set elsewhere{slot} up"):
            subprocess.run(words.split(), check=True)
        for words in ("ip link set lo up", f"ip addr add 10.214.{slot}.2/24 dev host0", "ip link set host0 up"):
            done = self.there(*words.split())
            must(done.returncode == 0, done.stderr)

    @property
    def through(self):
        return ["nsenter", "--target", self.machine.pid, "--net", "--mount", "--uts", "env", "-C", REPOSITORY]

    @property
    def environment(self):
        return {"HALLIGAN_INVENTORY": str(self.directory / "inventory.yaml")}

    def there(self, *words):
        """A command on the operator's machine."""
        return subprocess.run([str(word) for word in (*self.through, *words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def logs(self):
        return (self.directory / "sshd.log").read_text()[-1500:]

    def down(self):
        """Ends what it has started, by its process id, and the connections that a killed halligan has left open: they would keep the network for minutes."""
        for pid, argv in processes():
            if str(self.directory / "config").encode() in argv:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
                process.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)


def without_on(name, query, directory):
    """The runbook as somebody may write it: this query has lost its `on`, so it is asked here. The file."""
    text = (REPOSITORY / f"runbooks/{name}.yaml").read_text()
    found = re.search(rf"^  {query}:(?: .*)?\n(?:    .*\n)*", text, flags=re.MULTILINE)
    changed = re.sub(r"^    on: .*\n|(?<=, )on: \"[^\"]*\", |, on: \"[^\"]*\"", "", found[0], count=1, flags=re.MULTILINE)
    must(changed != found[0], f"{query} of {name} is asked here already")
    path = pathlib.Path(directory) / f"{name}.yaml"
    path.write_text(text.replace(found[0], changed))
    return path
