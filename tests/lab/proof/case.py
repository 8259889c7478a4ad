"""A test is a list of cases. Each prints one line; a failed one says where its logs are and what the last screen was."""

import contextlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback


# Whoever starts a test may ignore the end of its children, and then all of them would seem to have ended with 0.
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
# What was blocked would never be heard.
signal.pthread_sigmask(signal.SIG_SETMASK, ())


# Directories that were made here, and by which process: a lane does not remove what is another's.
MADE = []


def scratch():
    """A directory of one's own, gone when all cases have gone well. If one has failed it stays: the journal in it says why."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="halligan-proof-"))
    MADE.append((os.getpid(), path))
    return path


class Untrue(AssertionError):
    """What a case says must be so is not so."""


def must(holds, text):
    if not holds:
        raise Untrue(text)


def until(holds, seconds, text, every=0.1):
    """Asks until it holds; what it answers then. Bounded, so that nothing waits for ever."""
    end = time.monotonic() + seconds
    while True:
        answer = holds()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Untrue(f"not within {seconds} s: {text}")
        time.sleep(every)


def heed(number, handler):
    """What is ignored from the start, as with nohup, stays ignored."""
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, handler)


def side_by_side(*lanes):
    """Carries out each lane in a process of its own, all at once, and ends with 1 if one of them has failed. They wait most of the time."""
    sys.stdout.flush()
    children = set()
    for lane in lanes:
        pid = os.fork()
        if pid == 0:
            try:
                lane()
                os._exit(0)
            except SystemExit as ending:
                sys.stdout.flush()
                os._exit(ending.code if isinstance(ending.code, int) else 1)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        children.add(pid)

    def pass_on(number, _frame):
        for child in tuple(children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        heed(number, pass_on)
    failed = False
    while children:
        child, status = os.wait()
        # Its number may belong to a stranger from now on.
        children.discard(child)
        failed = failed or status != 0
    sys.exit(1 if failed else 0)


class Cases(contextlib.ExitStack):
    """
    with Cases("restart on ceph") as cases:
        cases.callback(lab.down)                 # undone at the end, however it ends
        cases.case("it goes well", well, lab)    # calls well(lab)
        cases.control("two at once", naive, lab, finds="down at one time") # the same, and it must be found untrue, for this reason
    Words on the command line choose the cases that have one of them in their title.
    """

    def __init__(self, name, words=None):
        super().__init__()
        self.name = name
        self.words = sys.argv[1:] if words is None else words
        self.failed = 0
        self.done = 0
        self.notes = []
        self.look = []

    def __enter__(self):
        self.began = time.monotonic()
        # A test that is ended leaves nothing behind either.
        for number in (signal.SIGTERM, signal.SIGHUP):
            heed(number, lambda received, _frame: sys.exit(128 + received))
        return super().__enter__()

    def note(self, text):
        """A figure to stand on the line of the case under way."""
        self.notes.append(text)

    def on_failure(self, describe):
        """Called when a case fails; what it returns is printed: where logs are, the last screen."""
        self.look.append(describe)

    def chosen(self, title):
        return not self.words or any(word in title for word in self.words)

    def case(self, title, test, *args, **named):
        self._carry_out(title, test, args, named, control=False)

    def control(self, title, test, *args, finds="", **named):
        """The same with something planted: only a case that is found untrue, and for what was planted, has gone well."""
        self._carry_out(title, test, args, named, control=True, finds=finds)

    def _carry_out(self, title, test, args, named, control, finds=""):
        if not self.chosen(title):
            return
        self.notes, self.look = [], []
        self.done += 1
        began = time.monotonic()
        fault = None
        try:
            test(*args, **named)
            if control:
                fault = "the control found nothing: this test cannot fail"
        except Untrue as untrue:
            if control and finds in str(untrue):
                self.note(f"found: {untrue}")
            elif control:
                fault = f"the control found something else than {finds!r}: {untrue}"
            else:
                fault = str(untrue)
        except Exception:
            fault = traceback.format_exc()
        took = time.monotonic() - began
        notes = "".join(f"; {note}" for note in self.notes)
        kind = "control: " if control else ""
        if fault is None:
            print(f"== {kind}{title}: well, {took:.0f} s{notes}", flush=True)
            return
        self.failed += 1
        print(f"== {kind}{title}: FAILED, {took:.0f} s{notes}\n   {fault}", flush=True)
        for describe in self.look:
            with contextlib.suppress(Exception):
                print("   " + str(describe()).replace("\n", "\n   "), flush=True)

    def __exit__(self, kind, error, trace):
        if kind is not None and not issubclass(kind, SystemExit):
            traceback.print_exception(kind, error, trace)
        # `down` and the like must be carried out to their end.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        super().__exit__(None, None, None)
        if not self.failed and (kind is None or issubclass(kind, SystemExit)):
            for path in [path for pid, path in MADE if pid == os.getpid()]:
                shutil.rmtree(path, ignore_errors=True)
        if kind is not None:
            sys.exit(1)
        if not self.done and not self.words:
            print(f"{self.name}: there was no case", flush=True)
        sys.exit(1 if self.failed or not (self.done or self.words) else 0)
