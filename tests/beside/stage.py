"""One trial of one tool, in namespaces of its own: `run` starts it with what is to be tried, and reads what was seen.

Nothing here judges. All that was started ends with this process, which is the first of its namespace.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import tools
from actor import Actor, others, reap, until

here = pathlib.Path(__file__).resolve().parent
state = pathlib.Path("/mnt/world/state")
asked = pathlib.Path("/mnt/world/asked")
keys = pathlib.Path("/mnt/ssh")

# How long the command under way goes on after a signal: by then a tool that does not wait for it has ended.
COMMAND = 1.0
# How long anything may take at all.
LONG = 300
# No other text anywhere looks like it.
TOKEN = "tok-8f2c/beside+71Qz"


def mount(*words):
    subprocess.run(["mount", *words], check=True)


class World:
    def __init__(self, room):
        for place in ("/mnt", "/run", "/tmp"):
            mount("-t", "tmpfs", "-o", "size=32m,mode=0755", "beside", place)
        for place in (keys, state, asked, tools.work, pathlib.Path("/mnt/home"), tools.record, pathlib.Path("/run/lock")):
            place.mkdir(parents=True)
        if room:
            mount("-t", "tmpfs", "-o", f"size={room},mode=0755", "beside", str(tools.record))
        mount("--bind", str(here / "world"), "/usr/local/sbin")
        (state / "effects").touch()
        for name in ("reached", "go"):
            os.mkfifo(asked / name)
        # Both ways, so that neither side waits for the other to open it.
        self.reached = os.open(asked / "reached", os.O_RDWR | os.O_NONBLOCK)
        self.going = os.open(asked / "go", os.O_RDWR | os.O_NONBLOCK)
        self.waiting = None

    def far(self, fault):
        """The hosts, with OpenSSH on both sides, and no network: sshd is started for each connection, as inetd does."""
        for name in ("host", "operator"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
        (keys / "known_hosts").write_text("beside " + (keys / "host.pub").read_text())
        (keys / "authorized_keys").write_text((keys / "operator.pub").read_text())
        server = f"HostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized_keys\nPermitRootLogin yes\nUsePAM no\nStrictModes no\nPidFile none\n"
        server += "SetEnv PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        (keys / "server").write_text(server)
        (keys / "other").write_text(server + "ForceCommand echo backup: done\n")
        pathlib.Path("/run/sshd").mkdir()
        mount("-t", "tmpfs", "-o", "size=1m,mode=0755", "beside", "/etc/ssh/ssh_config.d")
        client = ""
        if fault == "away":
            # This namespace has no network at all.
            client = "Host host-2\n    HostName 192.0.2.2\n    ProxyCommand none\n"
        if fault == "other":
            client = f"Host host-2\n    ProxyCommand /usr/sbin/sshd -i -f {keys}/other\n"
        client += f"Host host-*\n    User root\n    IdentityFile {keys}/operator\n    UserKnownHostsFile {keys}/known_hosts\n    HostKeyAlias beside\n"
        client += f"    ProxyCommand /usr/sbin/sshd -i -f {keys}/server\n"
        pathlib.Path("/etc/ssh/ssh_config.d/beside.conf").write_text(client)

    def plant(self, name, text=""):
        (asked / name).write_text(text)

    def effects(self):
        return (state / "effects").read_text().splitlines()

    def settle(self):
        """All that was restarted is up, as it is when somebody comes back later."""
        for path in asked.glob("starting.*"):
            path.unlink()

    def flags(self):
        return sorted(path.name.removeprefix("flag.") for path in state.glob("flag.*"))

    def parked(self):
        """Whether a command stands where it was told to."""
        if self.waiting is None:
            try:
                self.waiting = int(os.read(self.reached, 64).split()[0])
            except BlockingIOError:
                return False
        return True

    def go(self):
        """The word to go on; nobody may be there to hear it any more."""
        os.write(self.going, b"go\n")


class Stage:
    def __init__(self, tool, room=None):
        self.world = World(room)
        self.tool = tool
        self.actors = []
        tool.prepare(here / "tools")
        self.environment = tools.environment(tool)

    def start(self, command, **how):
        one = Actor(command, {**self.environment, **how.pop("environment", {})}, tools.work, **how)
        self.actors.append(one)
        return one

    def known(self):
        return {number for one in self.actors for number in (one.tool, one.shell)}

    def pump(self, done, limit=LONG):
        def once():
            for one in self.actors:
                if one.code is None:
                    one.drain()
            reap(self.known())
            return done()

        running = [one.handle for one in self.actors if one.code is None]
        return until(once, limit, self.world.reached, *running)

    def finish(self, one, limit=LONG):
        """Lets it come to its end; what does not is killed, and that is told."""
        if not self.pump(one.ended, limit):
            one.signal("KILL")
            self.pump(one.ended)
            one.close()
            return "did not end"
        return one.close()

    def run(self, command, **how):
        one = self.start(command, **how)
        code = self.finish(one)
        return {"code": code, "said": plain(one.said)}

    def quiet(self, limit):
        """What is still there after so long, besides the actors that are not over."""
        left = {}

        def alone():
            left.clear()
            left.update(others({one.shell for one in self.actors} | {one.tool for one in self.actors if one.code is None}))
            return not left

        self.pump(alone, limit)
        return sorted(left.values())


def plain(said):
    """What stands on a screen, without how it is drawn; its end."""
    text = re.sub(r"\x1b\][^\x07]*\x07|\x1b\[[0-9;?]*[A-Za-z]|\x07", "", said.decode(errors="replace"))
    lines = [line.rpartition("\r")[2].rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(line for line in lines if line)[-1500:]


def touched(effects):
    return [one.split()[1] for one in effects if one.startswith("restart ")]


def dry(stage, lie=False, real=False):
    """`lie`: a command that says it only reads changes something. `real` is the control: not dry at all."""
    command = stage.tool.restart(tools.SERVICES) if real else stage.tool.dry(tools.SERVICES)
    if command is None:
        return {"none": True}
    if lie:
        stage.world.plant("reads-change")
    ran = stage.run(command, terminal=False)
    return {**ran, "effects": stage.world.effects()}


def signalled(stage, place, name):
    """A signal while a command stands at `place`, and a second start."""
    osds = tools.SERVICES[:3]
    world = stage.world
    world.plant("park", place + "\n")
    one = stage.start(stage.tool.restart(osds))
    stage.pump(lambda: world.parked() or one.ended())
    if not world.parked():
        stage.finish(one, 0)
        return {"missed": True, "said": plain(one.said)}
    one.signal(name)
    early = stage.pump(one.ended, COMMAND)
    code = one.close() if early else None
    left = stage.quiet(0.5) if early else []
    world.go()
    if not early:
        code = stage.finish(one)
        left = stage.quiet(0.5)
    then = world.effects()
    stays = stage.quiet(5)
    after = world.effects()
    seen = {
        "code": code,
        "early": early,
        "said": plain(one.said),
        "left": left,
        "went_on": after[len(then) :],
        "stays": stays,
        "effects": after,
        "flags": world.flags(),
        "record": stage.tool.tells("osd.1"),
    }
    for number in others(stage.known()):
        os.kill(number, signal.SIGKILL)
    stage.quiet(10)
    world.settle()
    second = stage.run(stage.tool.again(osds), terminal=False)
    return {**seen, "again": {**second, "effects": world.effects()[len(after) :], "flags": world.flags()}}


def threshold(stage, fault, fatal=False):
    """The third of six fails; nothing may be touched after it."""
    # Whether the hosts are reached at all: else each restarts its services by itself.
    reach = fault in ("away", "other", "none")
    if reach:
        stage.world.far(fault)
    elif fault == "fails":
        stage.world.plant("fails.osd.2")
    else:
        stage.world.plant("never.osd.2")
    stage.tool.fatal = fatal
    stage.tool.patience = "2s" if fault == "never up" else None
    ran = stage.run(stage.tool.restart(tools.SERVICES, reach=reach), terminal=False)
    effects = stage.world.effects()
    return {**ran, "effects": effects, "touched": touched(effects), "flags": stage.world.flags()}


def destroy(stage, given, terminal=False):
    ran = stage.run(stage.tool.destroy(), terminal=terminal, given=given.encode())
    return {**ran, "effects": stage.world.effects()}


def other(stage):
    """A host that runs something else than what it was told, and says that all is well."""
    return threshold(stage, "other")


def login(stage):
    """A token that the program is given, and prints: where else does it stand?"""
    one = stage.start(stage.tool.login(), environment={"CLUSTER_TOKEN": TOKEN})
    code = stage.finish(one)
    forms = [TOKEN.encode(), base64.b64encode(TOKEN.encode()).rstrip(b"=")]
    kept = b"\n".join(path.read_bytes() for path in sorted(tools.record.rglob("*")) if path.is_file())
    places = {"screen": one.said, "record": kept, "arguments": (asked / "argv").read_bytes() if (asked / "argv").exists() else b""}
    return {"code": code, "effects": stage.world.effects(), "found": [name for name, text in places.items() if any(form in text for form in forms)], "record": bool(kept)}


def two(stage):
    """A second operator starts the same while the first has a service in maintenance, and has not restarted it yet."""
    osds = tools.SERVICES[:2]
    world = stage.world
    world.plant("park", "flag osd.1\n")
    first = stage.start(stage.tool.restart(osds))
    stage.pump(lambda: world.parked() or first.ended())
    before = len(world.effects())
    second = stage.run(stage.tool.restart(osds))
    by_second = world.effects()[before:]
    world.go()
    code = stage.finish(first)
    return {"code": code, "second": second, "by_second": by_second, "effects": world.effects(), "flags": world.flags()}


def altered(stage, how):
    """The record of a run that is over, changed by hand: does its tool see it?"""
    if not hasattr(stage.tool, "proves"):
        return {"none": True}
    ran = stage.run(stage.tool.restart(tools.SERVICES[:1]))
    head = pathlib.Path("/mnt/home/head")
    whole = stage.run(stage.tool.proves())
    head.write_text(stage.run(stage.tool.head(), terminal=False)["said"] + "\n")
    path = stage.tool.main_record()
    lines = path.read_bytes().splitlines(keepends=True)
    half = lines[: len(lines) // 2]
    if how == "edited":
        at = next(number for number, line in enumerate(lines) if b"osd.0" in line)
        lines[at] = lines[at].replace(b"osd.0", b"osd.3", 1)
        path.write_bytes(b"".join(lines))
    elif how == "torn":
        path.write_bytes(b"".join(half)[:-20])
    else:
        path.write_bytes(b"".join(half))
    after = stage.run(stage.tool.proves(head if how == "cut, head kept" else None), terminal=False)
    return {"code": ran["code"], "whole": whole["code"], "altered": after["code"], "said": after["said"]}


def full(stage):
    """The disk of the record is full from the moment in which the second of three is restarted."""
    osds = tools.SERVICES[:3]
    world = stage.world
    world.plant("park", "restart osd.1\n")
    one = stage.start(stage.tool.restart(osds))
    stage.pump(lambda: world.parked() or one.ended())
    before = len(world.effects())
    filler = tools.record / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for piece in (b"x" * 65536, b"x" * 4096):
            with contextlib.suppress(OSError):
                while file.write(piece):
                    pass
    room = os.statvfs(tools.record).f_bavail
    world.go()
    code = stage.finish(one)
    after = world.effects()
    seen = {"code": code, "room": room, "said": plain(one.said), "after": after[before:], "flags": world.flags(), "recorded": stage.tool.tells("osd.2")["where"]}
    filler.unlink()
    world.settle()
    second = stage.run(stage.tool.again(osds), terminal=False)
    return {**seen, "again": {**second, "effects": world.effects()[len(after) :], "flags": world.flags()}}


TRIALS = {one.__name__: one for one in (dry, signalled, threshold, other, destroy, login, two, altered, full)}


def main():
    # What it was started from may ignore some: nohup does.
    for name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(name, signal.SIG_DFL)
    answer = os.dup(1)
    os.dup2(2, 1)
    order = json.loads(sys.argv[1])
    stage = Stage(tools.ALL[order["tool"]](order["program"]), order.get("room"))
    seen = TRIALS[order["trial"]](stage, **order.get("with", {}))
    # What was waited for counts as processor time of who started this.
    for one in stage.actors:
        if one.shell is not None:
            os.kill(one.shell, signal.SIGKILL)
            os.waitpid(one.shell, 0)
    os.write(answer, json.dumps(seen).encode())


if __name__ == "__main__":
    main()
