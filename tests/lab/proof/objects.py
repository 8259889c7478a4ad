"""Objects in a pool, each with the checksum of what was written last, and the OSDs that come and go meanwhile."""

import hashlib
import os

from .case import until
from .librados import rados

SIZE = 100_000


class Objects:
    def __init__(self, cluster, pool):
        self.cluster = cluster
        self.pool = pool
        self.sums = {}

    def write(self, text, names):
        with rados.Rados(conffile=self.cluster.conf, conf={"rados_osd_op_timeout": "60"}) as handle, handle.open_ioctx(self.pool) as pool:
            for name in names:
                data = f"{text} {name} ".encode() + os.urandom(SIZE)
                pool.write_full(name, data)
                self.sums[name] = hashlib.sha256(data).hexdigest()

    def wrong(self, seconds=60, names=None):
        """Objects that cannot be read within so long, or read other than was written last; of these, or of all."""
        wrong = []
        with rados.Rados(conffile=self.cluster.conf, conf={"rados_osd_op_timeout": str(seconds)}) as handle, handle.open_ioctx(self.pool) as pool:
            for name in sorted(names or self.sums):
                try:
                    data = pool.read(name, 2 * SIZE)
                except rados.Error:
                    data = b""
                if hashlib.sha256(data).hexdigest() != self.sums[name]:
                    wrong.append(name)
        return wrong

    def in_pool(self):
        return self.cluster.ask("pg ls-by-pool", poolstr=self.pool)["pg_stats"]

    def up(self, osd):
        return next(each["up"] for each in self.cluster.ask("osd dump")["osds"] if each["osd"] == osd)

    def stop(self, osd):
        self.cluster.stop(f"osd.{osd}")
        until(lambda: not self.up(osd), 300, f"osd.{osd} is marked down")

    def start(self, osd):
        self.cluster.start(f"osd.{osd}")
        until(lambda: self.up(osd), 300, f"osd.{osd} is up")
