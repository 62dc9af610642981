"""Small logs in memory that the tests of this folder share."""

from pathlib import Path

from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from joblog.storage.record import encode_origin, record_packer
from tests.support.fakes import FakeClock, FaultyFileSystem

FOLDER = Path("/data")
LOG_FOLDER = FOLDER / "log"
FIRST = LOG_FOLDER / "00000000000000000001.log"


def open_log(filesystem, segment_bytes_max=1 << 20, *, folder=FOLDER, clock=None):
    return Log.open(
        folder,
        filesystem=filesystem,
        now_ms=clock or FakeClock(),
        segment_bytes_max=segment_bytes_max,
    )


def draft(value, at_ms=1_700_000_000_000, origin=7):
    return (at_ms, 0, [[b"SET", b"key", value]], origin)


def encode_record(record):
    """Return the payload of a record."""
    return record_packer()([*record[:5], encode_origin(*record.origin)])


def append(log, *values):
    return log.append([draft(value) for value in values], log.last_seq)


def read_all(filesystem, folder=FOLDER, **options):
    return list(read_records(folder, filesystem=filesystem, **options))


def read_values(filesystem, **options):
    return [record.effects[0][-1] for record in read_all(filesystem, **options)]


def segment_names(filesystem: FileSystem):
    return sorted(filesystem.listdir(LOG_FOLDER))


def make_log(*batches, segment_bytes_max=1 << 20, is_synced=True, filesystem=None):
    """Make a log of batches of values, synced after each one."""
    filesystem = filesystem or FaultyFileSystem()
    log = open_log(filesystem, segment_bytes_max)
    for values in batches:
        append(log, *values)
        if is_synced:
            log.sync()
    log.close()
    return filesystem


def make_sealing_log(filesystem):
    """Make an open log of which one segment is sealed, and its seal is not over."""
    log = open_log(filesystem, 1000)
    log.defer_seals()
    seal_another(log)
    return log


def seal_another(log):
    """Append until one more segment is sealed, and one record behind it."""
    count = len(log.segments)
    while len(log.segments) == count:
        if log.needs_sync:
            log.sync()
        append(log, b"x")
    append(log, b"x")


class BusyFileSystem(FaultyFileSystem):
    """A disk on which something happens just before one of the looks at it."""

    looks_left = 0
    happens = staticmethod(lambda: None)

    def listdir(self, folder):
        self._look()
        return super().listdir(folder)

    def open_to_read(self, path):
        self._look()
        return super().open_to_read(path)

    def _look(self):
        self.looks_left -= 1
        if self.looks_left == 0:
            self.happens()


def copy_disk(filesystem):
    """Return a disk with the same folder, durably, so that a test can damage it."""
    copy = FaultyFileSystem()
    copy.mkdir(FOLDER)
    for name in filesystem.listdir(FOLDER):
        path = FOLDER / name
        if name in {"log", "snapshots"}:
            copy.mkdir(path)
            for each in filesystem.listdir(path):
                copy.write_file(path / each, filesystem.read_file(path / each))
        else:
            copy.write_file(path, filesystem.read_file(path))
    for folder in (FOLDER, FOLDER.parent):
        copy.sync_directory(folder)
    return copy
