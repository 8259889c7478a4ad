"""A cloud that is not there: instances, volumes, and which hangs on which. Its state is a file, shared by all who ask.

It behaves as clouds have been seen to: a detach takes its time or never ends; the API says `attached` while the instance
does not see the device; an instance is off only some seconds after it was told to be."""

import contextlib
import fcntl
import json
import pathlib
import time

from faults import Faults


class Refused(Exception):
    """What the cloud answers when it will not."""


class Cloud:
    def __init__(self, lab):
        self.path = pathlib.Path(lab) / "cloud" / "state.json"
        self.faults = Faults(lab, "cloud")

    @contextlib.contextmanager
    def open(self):
        """The state, for one change at a time; what has come to its end by now is settled first."""
        with open(self.path.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self._read()
            yield state
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(state, indent=1, sort_keys=True))
            new.replace(self.path)

    def _read(self):
        try:
            state = json.loads(self.path.read_text())
        except FileNotFoundError:
            state = {"next": 2001, "instances": {}, "volumes": {}}
        self._settle(state)
        return state

    def _settle(self, state):
        now = time.time()
        for volume in state["volumes"].values():
            if volume["detaching"] and now >= volume["detaching"] and not self.faults.concerns("detach-hangs", volume["label"]):
                volume.update(instance=None, detaching=None, seen=True)
        for instance in state["instances"].values():
            if instance["turning"] and now >= instance["turning"][1]:
                instance.update(power=instance["turning"][0], turning=None)

    def snapshot(self):
        try:
            with self.open() as state:
                return state
        except PermissionError:
            # Who is held to reading may not keep what has been settled.
            with open(self.path.with_suffix(".lock")) as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
                return self._read()

    def add_instance(self, number, name):
        with self.open() as state:
            state["instances"].setdefault(str(number), {"name": name, "power": "on", "turning": None})

    def add_volume(self, label, gigabytes):
        with self.open() as state:
            number = str(state["next"])
            state["next"] += 1
            state["volumes"][number] = {"label": label, "size": gigabytes, "instance": None, "detaching": None, "seen": True}
            return number

    @staticmethod
    def volume(state, number):
        try:
            return state["volumes"][str(number)]
        except KeyError:
            raise Refused("Not found") from None

    @staticmethod
    def instance(state, number):
        try:
            return state["instances"][str(number)]
        except KeyError:
            raise Refused("Not found") from None

    def attach(self, number, instance):
        with self.open() as state:
            volume = self.volume(state, number)
            self.instance(state, instance)
            if volume["instance"] not in (None, str(instance)):
                raise Refused(f"Volume {number} is already attached")
            if volume["detaching"]:
                raise Refused(f"Volume {number} is busy")
            if volume["instance"] is None:
                volume.update(instance=str(instance), seen=not self.faults.has("blind"))

    def detach(self, number):
        """Asks for it; it is done some seconds later."""
        with self.open() as state:
            volume = self.volume(state, number)
            volume["told"] = True
            if volume["instance"] and not volume["detaching"]:
                volume["detaching"] = time.time() + self.faults.number("detach-takes", 0.5)

    def power(self, number, on):
        with self.open() as state:
            instance = self.instance(state, number)
            instance["turning"] = ["on" if on else "off", time.time() + self.faults.number("power-takes", 1)]

    def crash(self, number):
        """It goes off at once, as a host does that has lost its power."""
        with self.open() as state:
            self.instance(state, number).update(power="off", turning=None)
