"""When appended records are forced to the disk."""

from __future__ import annotations

from enum import Enum


class FsyncPolicy(Enum):
    """How long an acknowledged write may live in the operating system's memory.

    The values are the words of the `appendfsync` setting. No policy loses an
    acknowledged write when only the process dies; they differ in a power cut.
    """

    ALWAYS = "always"
    """A write is acknowledged when it is durable: a power cut costs nothing."""

    EVERYSEC = "everysec"
    """The log is synced once a second: a power cut costs at most the last second."""

    NO = "no"
    """The operating system decides: a power cut may cost its write-back time."""
