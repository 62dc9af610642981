"""What can go wrong with a log, in classes that tell a caller what it may still do.

Every text is for an operator: which file, where, what was found and expected, and
what to do next.
"""


class StorageError(Exception):
    """The disk, or what is on it, cannot be used as asked."""


class WriteFailedError(StorageError):
    """An append did not fit or failed; nothing of it is in the log.

    The log stays usable: the same append may be tried again, for instance when the
    disk has room again.
    """


class SyncFailedError(StorageError):
    """The disk refused to make data durable; the log takes nothing after this.

    It is never tried again: after a failed fsync the kernel may mark the lost pages
    clean, and the second call would then succeed without them.
    """


class SequenceMismatchError(StorageError):
    """An append expected another last sequence number: two writers, or a bug."""


class RecordTooLargeError(StorageError):
    """A record is longer than a frame can hold; nothing was written."""


class LogLockedError(StorageError):
    """Another process has the data folder open for writing."""


class PrunedError(StorageError):
    """The records asked for lie before the first one that the log still has.

    Attributes:
        floor_seq: the first sequence number that can be read.
    """

    def __init__(self, message: str, floor_seq: int) -> None:
        super().__init__(message)
        self.floor_seq = floor_seq


class SnapshotError(StorageError):
    """A snapshot is damaged, or is not of this log: it is of no use, the log may be."""


class SnapshotAheadError(SnapshotError):
    """A snapshot is newer than the log: records that were durable are gone."""


class CorruptLogError(StorageError):
    """A log file is damaged, missing or foreign, beyond what a crash can explain."""


class NewerFormatError(CorruptLogError):
    """A segment was written in a format that this version does not know."""
