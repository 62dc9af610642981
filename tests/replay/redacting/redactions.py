"""What the tests of redaction share: running one, and looking for what had to go."""

from __future__ import annotations

from joblog.replay.redacting.running import Run, begin
from joblog.replay.redacting.selection import Selection
from joblog.storage.filesystem import FileSystem
from joblog.storage.segment import SegmentReader
from joblog.storage.verify import compute_digest, verify_log

FILESYSTEM = FileSystem()


def redact(folder, *, may_delete=False, archives=(), **selected):
    """Redact, and return the outcome."""
    selection = Selection(**{name: tuple(names) for name, names in selected.items()})
    return run(
        folder, begin(selection, "ada", "ticket 812", archives), may_delete=may_delete
    )


def run(folder, wanted, *, may_delete=False):
    """Do one run of a redaction; `wanted` is None to go on with another."""
    started = Run(folder, FILESYSTEM)
    try:
        return started.run(wanted, may_delete=may_delete)
    finally:
        started.close()


def all_bytes(folder):
    """Yield (path, bytes) of every file, and of packed segments what they hold."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path, data
        if data.startswith((b"\x89JOBLOGZ", b"\x89JOBLOG\n")):
            reader = SegmentReader(FILESYSTEM, path)
            yield path, reader.read_at(reader.size(), 0)
            reader.close()


def files_with(folder, *secrets):
    """Return the files of a folder that have one of some bytes."""
    return [
        path
        for path, data in all_bytes(folder)
        if any(each in data for each in secrets)
    ]


def digests(folder, last_seq):
    """Return the digest at each record."""
    return [
        compute_digest(folder, seq, filesystem=FILESYSTEM)
        for seq in range(1, last_seq + 1)
    ]


def verify(folder):
    """Return the report of verifying a log, which has to be sound."""
    report = verify_log(folder, filesystem=FILESYSTEM)
    assert report.damage == []
    return report
