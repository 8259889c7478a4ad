"""halligan itself, as an operator starts it: with a journal of its own, on a terminal or with its answers as flags."""

import ctypes
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading

from .case import must, scratch, until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# HALLIGAN names another build than the release.
BINARY = os.environ.get("HALLIGAN") or str(REPOSITORY / "target/release/halligan")


class Halligan:
    """A journal, and the runs that are made with it."""

    def __init__(self, environment, journal=None, through=()):
        """`through`: words that go before it, such as those of a lab that starts programs in its own surroundings."""
        must(os.access(BINARY, os.X_OK), f"{BINARY} is missing: cargo build --release")
        directory = scratch()
        self.journal = pathlib.Path(journal or directory / "journal")
        if not journal:
            self.journal.mkdir(mode=0o700)
        self.command = [*map(str, through), BINARY, "--journal-dir", str(self.journal)]
        # One that is killed leaves the sockets of its connections behind.
        sockets = directory / "run"
        sockets.mkdir(mode=0o700)
        self.environment = {"XDG_RUNTIME_DIR": str(sockets), "HOME": "/nonexistent", "TERM": "xterm-256color", "LANG": "C.UTF-8",
                            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **environment}
        self.started = []

    def start(self, *words, terminal=None):
        """`terminal=(rows, columns)` gives it one; else its answers are flags."""
        run = Run(self, words, terminal)
        self.started.append(run)
        return run

    def run(self, *words, timeout=1500, terminal=None):
        """The same, to its end."""
        run = self.start(*words, terminal=terminal)
        run.end(timeout)
        return run

    def ask(self, *words):
        """What one of its own commands prints."""
        done = subprocess.run([*self.command, *words], capture_output=True, text=True, timeout=60,
                              env=self.environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout + done.stderr

    def runs(self):
        """The ids of its runs, the oldest first."""
        path = self.journal / "journal.jsonl"
        lines = path.read_text(errors="replace").splitlines(keepends=True) if path.exists() else []
        ids = [json.loads(line)["run"] for line in lines if line.endswith("\n") and '"type":"run_opened"' in line]
        return list(dict.fromkeys(ids))

    def records(self, run=None):
        """The records of a run, of the latest by default."""
        run = run or (self.runs() or [None])[-1]
        if run is None:
            return []
        _, text = self.ask("journal", "show", run, "--format", "json")
        records = []
        for line in text.splitlines():
            # The last line may be half written while a run is under way.
            try:
                records.append(json.loads(line))
            except ValueError:
                continue
        return [record for record in records if isinstance(record, dict) and record.get("run") == run]

    def reached(self, pattern, kind="step_began", seconds=400, count=1, run=None, part=None):
        """Waits for a record of this kind whose place matches (and whose part is this one), and returns it; not beyond the end of `run`, or of all
        that were started here."""
        watched = [run] if run else self.started

        def found():
            ended = watched and all(one.code is not None for one in watched)
            path = self.journal / "journal.jsonl"
            latest = (self.runs() or [None])[-1]
            text = path.read_text(errors="replace") if path.exists() else ""
            records = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n") and f'"type":"{kind}"' in line]
            matching = [record for record in records if record["run"] == latest and re.search(pattern, record.get("place") or "")
                        and part in (None, record.get("part"))]
            must(len(matching) >= count or not ended, f"it ended before {kind} of {pattern}")
            return matching[count - 1] if len(matching) >= count else None
        return until(found, seconds, f"{kind} of {pattern}", every=0.05)

    def closed(self, run=None):
        """How it ended: `outcome`, `why`, `owed`; None if it has not."""
        return next((record for record in reversed(self.records(run)) if record["type"] == "run_closed"), None)

    def owed(self, run=None):
        record = self.closed(run)
        return None if record is None else [debt["place"] if isinstance(debt, dict) else debt for debt in record["owed"]]

    def verified(self):
        code, text = self.ask("journal", "verify")
        must(code == 0, f"the journal does not hold: {text}")

    def own_time(self, run=None):
        """Seconds of a run in which no command ran and no wait waited, and of all of it: from its records alone."""
        records = self.records(run)
        began, ended = records[0]["mono_ns"], records[-1]["mono_ns"]
        stretches = sorted((record["mono_ns"] - record["took_ms"] * 1_000_000, record["mono_ns"]) for record in records
                           if record["type"] in ("step_ended", "undo_ended", "step_in_doubt"))
        busy, upto = 0, began
        for start, end in stretches:
            busy += max(0, end - max(start, upto))
            upto = max(upto, end)
        return (ended - began - busy) / 1e9, (ended - began) / 1e9


class Run:
    """A halligan under way, or one that has ended."""

    def __init__(self, halligan, words, terminal):
        self.halligan = halligan
        self.words = [str(word) for word in words]
        self.terminal = terminal
        self._text = b""
        self._lock = threading.Lock()
        master, slave = pty.openpty() if terminal else os.pipe()
        if terminal:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *terminal, 0, 0))

        def own_terminal():
            # It does not outlive the test, however that ends.
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            # What a script starts in its background ignores Ctrl-C, and so would all that it starts; an operator's shell does not.
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            if terminal:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        # Other threads may hold locks at the fork; own_terminal takes none. Popen has no other way to a terminal and a signal at the parent's death.
        self.process = subprocess.Popen([*halligan.command, *self.words], cwd=REPOSITORY, env=halligan.environment,
                                        stdin=slave if terminal else subprocess.DEVNULL, stdout=slave, stderr=slave,
                                        start_new_session=True, preexec_fn=own_terminal)  # noqa: PLW1509
        os.close(slave)
        self._master = master
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                if not select.select([self._master], [], [], 0.2)[0]:
                    if self.process.poll() is not None:
                        return
                    continue
                piece = os.read(self._master, 65536)
            except OSError:
                return
            if not piece:
                return
            with self._lock:
                self._text += piece

    @property
    def text(self):
        """All that it has printed, without colours and movements."""
        with self._lock:
            text = self._text.decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r(?!\n)", "", text).replace("\r\n", "\n")

    def says(self, words, seconds=60):
        """Waits until it has printed this."""
        until(lambda: words in self.text or self.process.poll() is not None, seconds, f"the screen says {words!r}")
        must(words in self.text, f"it ended without saying {words!r}")

    def answer(self, question, typed, seconds=300, end=r"\[\w(/\w)+\]"):
        """Waits for a question and for the letters at its end, since what is typed before they are there is thrown away; and types."""
        self.says(question, seconds)
        until(lambda: re.search(end, self.text[self.text.rfind(question):]) or self.process.poll() is not None, 60, "an answer can be typed")
        os.write(self._master, typed.encode() + b"\r")

    def agree(self, done, seconds=900):
        """Says yes as often as it is asked whether to go on: what the killed one had started may still run, and is then waited for first."""
        said = 0

        def look():
            nonlocal said
            while said < self.text.count("Continue? [y/N]"):
                self.answer("Continue?", "y")
                said += 1
            return done()
        until(look, seconds, "it goes on")

    def end(self, timeout=1500):
        """Waits for its end; the exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            must(False, f"halligan did not end within {timeout} s")
        self._reader.join(2)
        return code

    def close(self):
        """Of one that has ended: nothing more is read of it. Who makes hundreds of them needs their descriptors again."""
        self._reader.join()
        os.close(self._master)

    @property
    def code(self):
        return self.process.poll()

    def kill(self):
        """kill -9, as an accident does it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def signal(self, number):
        self.process.send_signal(number)

    def exits(self, code, timeout=1500):
        got = self.end(timeout)
        must(got == code, f"exit code {got}, not {code}")
        return self

    def screen(self, lines=40):
        return (f"halligan {' '.join(self.words)}\njournal: {self.halligan.journal}\nlast screen:\n"
                + "\n".join(self.text.rstrip().splitlines()[-lines:]))
