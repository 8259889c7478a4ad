"""The processes of this machine."""

import pathlib


def processes():
    """Each with the words that it was started with: its number, and they."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield int(path.parent.name), path.read_bytes().split(b"\0")
        except OSError:
            # It has ended meanwhile.
            continue
