"""What is told of a disk that takes its time."""

import time

from joblog.actors.loop import Loop
from joblog.actors.sync_delays import SyncDelays

BUSY = (
    "the disk is busy: fdatasync of the log has not ended for 3.0 s; what comes in "
    "meanwhile is not durable yet"
)


def test_a_slow_disk_is_told_of(monkeypatch):
    loop = Loop()
    told = []
    monkeypatch.setattr(
        "joblog.actors.failures.BoundedLog.write",
        lambda self, level, text, *args: told.append(text % args),
    )
    delays = SyncDelays(loop)
    delays.begin()
    delays._began = time.monotonic() - 3
    delays.look()
    delays.look()
    delays.end(4.5)
    delays.begin()
    delays.look()
    delays.end(0.2)
    loop.close()

    assert told == [
        BUSY,
        "the disk is slow: fdatasync of the log took 4.5 s",
    ]
    assert (delays.count, delays.longest_ms) == (1, 4500)
