"""A witness beside halligan: asks the monitor for the OSD map four times a second, by librados, and keeps what it saw."""

import json
import threading
import time

from .case import must
from .librados import rados


class Watcher:
    """`with Watcher(cluster) as watcher: ...`; then ask it."""

    def __init__(self, cluster, every=0.25):
        self.conf = cluster.conf
        self.every = every
        self.samples = []  # (seconds since the beginning, map)
        self.history = []
        self.missed = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.cluster = rados.Rados(conffile=self.conf)
        self.cluster.connect(timeout=60)
        self.first = self._dump()
        self.samples.append((0.0, self.first))
        self.began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(timeout=30)
        self.last = self.samples[-1][1]
        try:
            self.last = self._dump()
            # Between two samples the map may have changed twice: every epoch of it is looked at as well.
            self.history = [self._dump(epoch) for epoch in range(self.first["epoch"], self.last["epoch"] + 1)]
        except (rados.Error, ValueError):
            self.history = []
        self.cluster.shutdown()

    def _dump(self, epoch=None):
        question = {"prefix": "osd dump", "format": "json"}
        if epoch is not None:
            question["epoch"] = epoch
        code, answer, text = self.cluster.mon_command(json.dumps(question), b"", timeout=20)
        if code:
            raise ValueError(text)
        return json.loads(answer)

    def _watch(self):
        while not self._end.wait(self.every):
            try:
                self.samples.append((time.monotonic() - self.began, self._dump()))
            except (rados.Error, ValueError):
                self.missed += 1  # the monitor is away

    @staticmethod
    def down(dump):
        return sorted(osd["osd"] for osd in dump["osds"] if not osd["up"])

    def maps(self):
        return [dump for _, dump in list(self.samples)] + self.history

    def most_down(self):
        """The most OSDs that were down at one time, and which."""
        return max((self.down(dump) for dump in self.maps()), key=len)

    def never_two_down(self):
        must(len(self.samples) > 2, "the watcher saw too little")
        worst = self.most_down()
        must(len(worst) < 2, f"down at one time: {worst}")

    def restarted(self):
        """The OSDs that have come up anew since the beginning, in the order in which they did."""
        before = {osd["osd"]: osd["up_from"] for osd in self.first["osds"]}
        anew = [(osd["up_from"], osd["osd"]) for osd in self.last["osds"] if osd["up"] and osd["up_from"] > before[osd["osd"]]]
        return [osd for _, osd in sorted(anew)]

    def each_restarted(self, *osds):
        osds = sorted(osds or [osd["osd"] for osd in self.first["osds"]])
        must(sorted(self.restarted()) == osds, f"restarted {sorted(self.restarted())}, not {osds}")

    def times_up(self, osd):
        """How often it came up anew."""
        return len({entry["up_from"] for dump in self.maps() for entry in dump["osds"] if entry["osd"] == osd and entry["up"]}) - 1

    def flags_as_before(self):
        before, after = self.flags(self.first), self.flags(self.last)
        must(after == before, f"flags {after}, before {before}")

    @staticmethod
    def flags(dump):
        """Those of the cluster, of each OSD, of CRUSH nodes and of device classes."""
        own = {f"osd.{osd['osd']}": flags for osd in dump["osds"] if (flags := sorted({"noup", "nodown", "noin", "noout"}.intersection(osd["state"])))}
        return [dump["flags_set"], own, dump["crush_node_flags"], dump["device_class_flags"]]
