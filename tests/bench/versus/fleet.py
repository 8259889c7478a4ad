"""One command on each of many hosts: halligan, ClusterShell, Ansible and bare ssh, with the same fan-out, over the same servers."""

import json
import os
import pathlib
import shutil
import signal
import time

from paired import Cost, cost
from versus import programs

FANOUT = 32  # the most that halligan does at once
HOW = {
    "halligan": f"`for_each`, `parallel: {FANOUT}`; each command between two records that are synced",
    "ClusterShell": f"`clush`, fan-out {FANOUT}",
    "Ansible": f"`command`, {FANOUT} forks, pipelining, no facts, ControlPersist",
    "bare ssh": f"`xargs -P {FANOUT} ssh`: nothing is kept, told apart or written",
}


def book(path, items, on, loops=1, as_="host"):
    """Loops one after the other: the first opens the connections, the second finds them open."""
    steps = "".join(
        f"- id: loop{n}\n  for_each: {{items: \"{items}\", as: {as_}, batch: '100%', parallel: {FANOUT}, on_item_failure: continue}}\n"
        f"  steps:\n  - {{id: command{n}, run: ['true'], on: \"{on}\", effect: change, undo: {{impossible: it is for a measurement}}, timeout: 2m}}\n"
        for n in range(loops)
    )
    path.write_text(f"halligan: 1\nname: {path.stem}\ntitle: One command each\nsummary: For a measurement.\nsteps:\n{steps}")
    return path


def inventory(path, hosts, config):
    """A halligan inventory of hosts, name to destination of ssh."""
    names = "".join(f"  {name}: {{address: {address}}}\n" for name, address in hosts.items())
    head = f"halligan_inventory: 1\ntransport: lab\ntransports:\n  lab: {{kind: ssh, options: [-F, {config}]}}\n"
    path.write_text(f"{head}hosts:\n{names}groups:\n  every: {{hosts: [{', '.join(hosts)}]}}\n")
    return path


ENDS = ("step_ended", "step_in_doubt")


class Journal:
    """What a run has recorded of its commands on hosts."""

    def __init__(self, directory):
        with (directory / "journal.jsonl").open() as lines:
            self.ends = [record for record in map(json.loads, lines) if record["type"] in ENDS and ".command" in record["place"]]

    def well(self):
        """How many ended with 0."""
        return sum(record["exit"] == {"code": 0} for record in self.ends)

    def second_loop(self):
        """Seconds from the end of the first loop's last command to that of the second's."""
        last = {loop: max(record["mono_ns"] for record in self.ends if record["place"].startswith(loop)) for loop in ("loop0", "loop1")}
        return (last["loop1"] - last["loop0"]) / 1e9


class Ours:
    """Halligan's runs, each with a journal of its own."""

    def __init__(self, bench, place, *options, before=()):
        self.bench, self.place, self.options, self.before = bench, place, options, before
        self.made = iter(range(10**6))

    def run(self, path, ends=(0,)):
        self.journal = self.place / f"journal-{path.stem}-{next(self.made)}"
        command = [*self.before, self.bench.halligan, "run", path, "--yes", "--format", "plain", "--journal-dir", self.journal, *self.options]
        return cost(command, ends=ends)

    def told(self):
        return Journal(self.journal)

    def warm(self, path):
        """The second of two loops: its connections are open."""
        whole = self.run(path)
        journal = self.told()
        return Cost(journal.second_loop(), whole.cpu / 2, whole.memory)


def clush_settings(place, options):
    """In the environment, since clush has no option that names its file."""
    directory = place / "clush"
    directory.mkdir(exist_ok=True)
    (directory / "clush.conf").write_text(
        f"[Main]\nfanout: {FANOUT}\nconnect_timeout: 10\ncommand_timeout: 0\ncolor: never\nverbosity: 1\nfd_max: 8192\nssh_options: {' '.join(map(str, options))}\n"
    )
    return {**os.environ, "CLUSTERSHELL_CFGDIR": str(directory), "XDG_CONFIG_HOME": str(directory)}


def clush(bench, names):
    return [bench.tool("clustershell"), "-S", "-w", names, "true"]


def ansible(bench, place, names, config, sockets):
    """Its command and its environment."""
    listed = place / "hosts.ini"
    listed.write_text("".join(f"{name}\n" for name in names))
    env = programs.ansible_settings(place, ssh=("-F", config), sockets=sockets)
    return programs.ansible(bench, place, 1, hosts="all", inventory=listed, connection="ssh"), env


def bare(place, names, config, fanout=FANOUT):
    listed = place / f"names{len(names)}"
    listed.write_text("".join(f"{name}\n" for name in names))
    ssh = shutil.which("ssh")
    return ["xargs", "-a", listed, "-P", str(fanout), "-I{}", ssh, "-F", config, "-oBatchMode=yes", "{}", "true"]


def close(sockets):
    """Ends the ssh masters whose sockets are in a directory, by what they call themselves, and forgets the sockets."""
    for pid in [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]:
        try:
            title = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(f"ssh: {sockets}/".encode()):
            os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + 20
    while any(sockets.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    for left in sockets.iterdir():
        left.unlink()
