"""Takes out of an output what only this machine has, and leaves what a scenario needs. The same thing is called the same throughout."""

import getpass
import platform
import re
import socket

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
ADDRESS = re.compile(r"\b10\.213\.\d{1,3}\.(\d{1,3})\b")
KEY = re.compile(r"\bAQ[A-Za-z0-9+/]{36}==")
NONCE = re.compile(r"(:\d{1,5})/\d+")
PLACE = re.compile(r"/(?:tmp|var/tmp|home/\w+|root)/[A-Za-z0-9_./-]*?(?=/(?:ceph|osd|disk|run|log|mon|mgr)\b)")
HOST = re.compile(r"\bhost-([1-9])\b")


def machine_facts():
    """What must not stand in a fixture."""
    facts = {socket.gethostname(), platform.release(), platform.version()}
    # A name that is an ordinary word would be found everywhere.
    return {fact for fact in facts if len(fact) > 3} | ({getpass.getuser()} - {"root"})


def clean(text):
    numbered = {}

    def uuid(match):
        number = numbered.setdefault(match.group(0), len(numbered) + 1)
        return f"00000000-0000-4000-8000-{number:012d}"

    text = UUID.sub(uuid, text)
    text = ADDRESS.sub(r"10.0.0.\1", text)
    text = KEY.sub("AQ" + "A" * 36 + "==", text)
    text = NONCE.sub(r"\1/1000", text)
    text = PLACE.sub("/lab", text)
    text = HOST.sub(lambda match: f"host-{chr(ord('a') + int(match.group(1)) - 1)}", text)
    for name, instead in ((socket.gethostname(), "admin-host"), (platform.release(), "6.1.0"), (platform.version(), "#1 SMP")):
        if len(name) > 3 or instead == "admin-host":
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", instead, text)
    return text
