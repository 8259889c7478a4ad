"""What goes wrong in the lab, told through files: LAB/tell/WHO/FAULT, with a value in it."""

import pathlib

KNOWN = {
    "node": {
        "crash": "the node loses its power at once; the cloud says that it is off. `heal` boots it",
        "cut": "the node cannot reach the API server; its pods go on and write, the cloud says that it runs",
        "slow": "it answers so many seconds late",
        "refuse-mount": "it does not mount; the value is what it says",
        "not-ready": "a pod runs there and is not ready; the value is how its name begins, empty: any",
        "never-terminates": "a pod never ends there; the value is how its name begins, empty: any",
        "goes-on": "a container goes on, its volume mounted, when its pod is deleted by force; the value is how its name begins, empty: any",
    },
    "cloud": {
        "attacher-stuck": "the CSI attacher's detach times out: detachError, and the finalizer stays; the cloud's own detach works",
        "attacher-away": "no CSI attacher: nothing is attached or detached, and no error is told",
        "detach-takes": "a detach takes so many seconds (0.5)",
        "detach-hangs": "a detach never ends, until healed; the value is how the volume's label begins, empty: any",
        "power-takes": "turning an instance on or off takes so many seconds (1)",
        "blind": "what is attached from now on is not seen by its instance",
        "down": "the provider's API answers nobody but its console",
    },
}


def kinds(who):
    return KNOWN["cloud" if who == "cloud" else "node"]


class Faults:
    def __init__(self, lab, who):
        self.directory = pathlib.Path(lab) / "tell" / who

    def value(self, fault):
        try:
            return (self.directory / fault).read_text().strip()
        except FileNotFoundError:
            return None

    def has(self, fault):
        return (self.directory / fault).exists()

    def concerns(self, fault, name):
        """Is it told, and of this name?"""
        beginning = self.value(fault)
        return beginning is not None and name.startswith(beginning)

    def number(self, fault, default):
        value = self.value(fault)
        return float(value) if value else default

    def tell(self, fault, value=""):
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / fault).write_text(value)

    def heal(self, fault=None):
        if self.directory.is_dir():
            for path in list(self.directory.iterdir()):
                if fault in (None, path.name):
                    path.unlink()
