"""The processes of this machine."""

import os
import pathlib


def processes():
    """Each with the words that it was started with: its number, and they."""
    # By their numbers alone: a pattern with `cmdline` in it looks at each, and fails for one that ends meanwhile.
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        try:
            yield pid, pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            # It has ended meanwhile.
            continue
