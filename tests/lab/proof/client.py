"""A client of the cluster: writes and reads back all the time, and counts what goes wrong."""

import hashlib
import os
import threading
import time

from .case import must
from .librados import rados


class Client:
    """`with Client(cluster) as client: ...`; each of its threads has objects of its own, so that all groups are written to."""

    def __init__(self, cluster, pool="lab", threads=3, objects=16, size=4096, patience=60, pause=0.1, name="client"):
        self.conf, self.pool, self.name = cluster.conf, pool, name
        self.threads, self.objects, self.size = threads, objects, size
        self.patience, self.pause = patience, pause  # seconds after which an operation counts as an error; between two
        self.operations = 0
        self.errors = []
        self.longest = 0.0
        self.kept = {}  # name: sha256 of what it must hold
        self._under_way = {}
        self._end = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self):
        self.cluster = rados.Rados(conffile=self.conf, conf={"rados_osd_op_timeout": str(self.patience)})
        self.cluster.connect(timeout=60)
        self._workers = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(self.threads)]
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for worker in self._workers:
            worker.join(timeout=self.patience + 10)
        with self._lock:
            now = time.monotonic()
            for began in self._under_way.values():
                self.longest = max(self.longest, now - began)
                self.errors.append(f"an operation never ended ({now - began:.0f} s)")
        if not self._under_way:
            self.cluster.shutdown()

    def _work(self, number):
        with self.cluster.open_ioctx(self.pool) as pool:
            turn = 0
            while not self._end.wait(self.pause):
                name = f"{self.name}.{number}.{turn % self.objects}"
                turn += 1
                data = os.urandom(self.size)
                try:
                    if name in self.kept:
                        self._compare(name, self._timed(number, pool.read, name, self.size + 1))
                    self._timed(number, pool.write_full, name, data)
                    self.kept[name] = hashlib.sha256(data).hexdigest()
                    self._compare(name, self._timed(number, pool.read, name, self.size + 1))
                except rados.Error as error:
                    # What an operation without an answer has left behind is not known.
                    self.kept.pop(name, None)
                    with self._lock:
                        self.errors.append(f"{name}: {error}")

    def _timed(self, number, operation, *args):
        began = time.monotonic()
        with self._lock:
            self._under_way[number] = began
        try:
            return operation(*args)
        finally:
            with self._lock:
                del self._under_way[number]
                self.operations += 1
                self.longest = max(self.longest, time.monotonic() - began)

    def _compare(self, name, data):
        if hashlib.sha256(data).hexdigest() != self.kept[name]:
            with self._lock:
                self.errors.append(f"{name}: other data than were written")

    def verify(self):
        """Reads everything once more, from a connection of its own."""
        with rados.Rados(conffile=self.conf, conf={"rados_osd_op_timeout": str(self.patience)}) as cluster, cluster.open_ioctx(self.pool) as pool:
            for name in sorted(self.kept):
                self._compare(name, pool.read(name, self.size + 1))
        return len(self.kept)

    def no_error(self, stall=None):
        must(self.operations > 100, f"the client did only {self.operations} operations")
        must(not self.errors, f"{len(self.errors)} errors of the client: {self.errors[:3]}")
        must(stall is None or self.longest < stall, f"the client stood still for {self.longest:.1f} s")

    def figures(self):
        return f"client: {self.operations} operations, {len(self.errors)} errors, longest {self.longest:.1f} s"
