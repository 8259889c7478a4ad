"""Debian packages, installed by name before what they bring is used."""

import pathlib
import subprocess

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "packages"


def install(*names):
    # How long it takes is the network's affair. What it does is told on our own screen.
    subprocess.run([PROGRAM, *names], stdin=subprocess.DEVNULL, check=True)
