"""librados. Taken from here alone, since on a bare machine nothing has installed it yet (tests/lab/imports sees to that)."""

from .packages import install

install("python3-rados")
import rados  # noqa: E402 - not before

__all__ = ["rados"]
