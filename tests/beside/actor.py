"""A program at a terminal, or without one, and all that it leaves behind. It is seen from the first process of a namespace of its own."""

import array
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios

TURN = 0.02


class Actor:
    """`terminal`: as an operator starts it, in the foreground of a session; else its input is the text `given`."""

    def __init__(self, command, environment, folder, *, terminal=True, given=b""):
        self.said = b""
        self.master = None
        self.code = None
        told, tell = os.pipe()
        held, release = os.pipe()
        if terminal:
            self.master, slave = pty.openpty()
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        else:
            self.master, slave = os.pipe()
        self.shell = os.fork()
        if self.shell == 0:
            os.close(told)
            os.close(release)
            os.close(self.master)
            try:
                os.setsid()
                if terminal:
                    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
                self._start(command, environment, folder, slave, (held, tell), given if not terminal else None)
            finally:
                os._exit(97)
        for one in (tell, held, slave):
            os.close(one)
        self.tool = struct.unpack("i", os.read(told, 4))[0]
        self.handle = os.pidfd_open(self.tool)
        self.told = told
        # Not before: one that is over at once could not be taken hold of.
        os.close(release)

    def _start(self, command, environment, folder, slave, talk, given):
        """In the session's first process, which stands for the operator's shell."""
        held, tell = talk
        ready, go = os.pipe()
        tool = os.fork()
        if tool == 0:
            os.close(go)
            os.setpgid(0, 0)
            os.read(ready, 1)
            if given is None:
                source = slave
            else:
                source, end = os.pipe()
                os.write(end, given)
                os.close(end)
            for number, place in enumerate((source, slave, slave)):
                os.dup2(place, number)
            os.closerange(3, 256)
            for one in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGTTOU):
                signal.signal(one, signal.SIG_DFL)
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        with contextlib.suppress(OSError):
            os.setpgid(tool, tool)
        if given is None:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(slave, tool)
        os.write(tell, struct.pack("i", tool))
        os.read(held, 1)
        os.write(go, b"g")
        _, status = os.waitpid(tool, 0)
        # As a shell does; and it stays, for if it went, the kernel would end what is left in the foreground.
        if given is None:
            os.tcsetpgrp(slave, os.getpid())
        os.close(slave)
        os.write(tell, struct.pack("i", status))
        while True:
            signal.pause()

    def ended(self):
        """Whether the tool itself is over."""
        return bool(select.select([self.handle], [], [], 0)[0])

    def signal(self, name):
        """As they come: INT and HUP from the terminal, to all in the foreground; TERM and KILL by somebody who has looked for its pid."""
        if name == "INT":
            os.killpg(self.tool, signal.SIGINT)
        elif name == "HUP":
            # The kernel tells the shell; as the shell goes, it tells the foreground.
            os.close(self.master)
            self.master = None
            os.waitpid(self.shell, 0)
            self.shell = None
        else:
            os.kill(self.tool, getattr(signal, f"SIG{name}"))

    def drain(self):
        with contextlib.suppress(OSError):
            waiting = array.array("i", [0])
            while self.master is not None and select.select([self.master], [], [], 0)[0]:
                fcntl.ioctl(self.master, termios.FIONREAD, waiting)
                piece = os.read(self.master, 65536)
                if not piece:
                    break
                self.said += piece

    def close(self):
        """How it ended: an exit code, or the negative of a signal."""
        self.drain()
        if self.shell is not None:
            status = os.read(self.told, 4)
            self.code = os.waitstatus_to_exitcode(struct.unpack("i", status)[0])
        else:
            # Its parent is gone: it is ours.
            _, status = os.waitpid(self.tool, 0)
            self.code = os.waitstatus_to_exitcode(status)
        os.close(self.told)
        os.close(self.handle)
        return self.code


def others(known):
    """Processes of this namespace besides the first and those that are known: number to words."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in known or int(name) == 1:
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] in "ZX":
                continue
            with open(f"/proc/{name}/cmdline", "rb") as words:
                found[int(name)] = words.read().replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def reap(known):
    """What nobody else waits for any more, as the first process has to."""
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in known or int(name) == 1:
            continue
        with contextlib.suppress(OSError):
            os.waitpid(int(name), os.WNOHANG)


def until(done, limit, *watched):
    """Whether it came true in time. `watched` are descriptors that may have something to tell.

    The time is told in turns of this process, which get rarer as those of the tool do where others have the processor.
    """
    for _ in range(int(limit / TURN)):
        if done():
            return True
        select.select(list(watched), [], [], TURN)
    return done()
