"""Objects that are unfound: the newest copy is on an OSD that is gone, the older ones on those that are left. Nothing but that OSD's disk has them."""

import json

from .case import must, until
from .librados import rados
from .objects import Objects

OBJECTS = 80


class Unfound(Objects):
    """A pool of two copies of which some objects are unfound, made on demand on a cluster that is whole. `gone` is the OSD that goes, `empty` are those that CRUSH gives nothing."""

    def __init__(self, cluster, gone, empty, pool="lab"):
        super().__init__(cluster, pool)
        self.gone = gone
        self.empty = empty
        self.concerned = []

    def unfound(self):
        """The unfound objects of the groups at risk."""
        return {group: answer["num_unfound"] for group in self.groups for answer in [self.cluster.ceph("pg", group, "list_unfound")]}

    def placed(self, names):
        """Each object with its group; over one connection, since a call of ceph costs a quarter of a second."""
        with rados.Rados(conffile=self.cluster.conf) as handle:
            for name in names:
                code, answer, text = handle.mon_command(json.dumps({"prefix": "osd map", "pool": self.pool, "object": name, "format": "json"}), b"", timeout=30)
                must(code == 0, text)
                yield name, json.loads(answer)["pgid"]

    def make(self):
        """Of a pair of OSDs the first is away while objects are written; then it comes back, and the second goes for good."""
        names = [f"object{number}" for number in range(OBJECTS)]
        for osd in self.empty:
            self.cluster.ceph("osd", "crush", "reweight", f"osd.{osd}", "0")
        # A group that nobody writes to may not say for minutes that it has heard of the last map.
        self.write("old", names)
        until(lambda: all(set(self.empty).isdisjoint(pg["up"] + pg["acting"]) for pg in self.in_pool()), 300, "the empty OSDs have no group")
        self.cluster.wait_settled()
        pairs = {}
        for group in self.in_pool():
            if self.gone in group["acting"]:
                pairs.setdefault(next(osd for osd in group["acting"] if osd != self.gone), []).append(group["pgid"])
        self.away, self.groups = max(pairs.items(), key=lambda pair: len(pair[1]))
        self.groups.sort()
        concerned = [name for name, group in self.placed(names) if group in self.groups][:12]
        self.begun(names)
        self.stop(self.away)
        self.write("new", concerned)
        for flag in ("norecover", "nobackfill"):
            self.cluster.ceph("osd", "set", flag)
        self.start(self.away)
        # It must have peered with the other one before that one goes.
        until(lambda: self.peered(self.away), 300, "it has peered")
        self.stop(self.gone)
        for flag in ("norecover", "nobackfill"):
            self.cluster.ceph("osd", "unset", flag)
        until(lambda: sum(self.unfound().values()) == len(concerned), 300, f"{len(concerned)} objects are unfound")
        self.concerned = concerned

    def cannot_be_read(self, cases):
        """A control: once it is made, nobody reads them."""
        try:
            self.make()
        except AssertionError as untrue:
            raise RuntimeError(f"the cluster could not be broken: {untrue}") from untrue
        cases.note(f"{sum(self.unfound().values())} unfound in {len(self.groups)} groups, osd.{self.gone} gone")
        wrong = self.wrong(seconds=3, names=self.concerned[:3])
        must(not wrong, f"{len(wrong)} of 3 objects cannot be read")

    def begun(self, names):
        """What else is to be done while all are whole and up."""

    def peered(self, osd):
        """Each group at risk is active on its OSD, and has said so since this one came up."""
        since = self.cluster.ask("osd dump")["osds"][osd]["up_from"]
        return all(pg["state"].startswith("active") and self.away in pg["acting"] and pg["reported_epoch"] >= since
                   for pg in self.in_pool() if pg["pgid"] in self.groups)
