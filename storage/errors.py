"""What can go wrong with a log, in classes that tell a caller what it may still do.

Every text is for an operator: which file, where, what was found and expected, and
what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class StorageError(Exception):
    """The disk, or what is on it, cannot be used as asked.

    Attributes:
        exit_code: what a server ends with that this keeps from starting; a number of
            its own for each class that asks for another remedy.
    """

    exit_code: ClassVar[int] = 1


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


class ForeignFramesError(StorageError):
    """What was to be taken from another log does not go on from this one."""


class BusyError(StorageError):
    """Somebody is at it; it may be done again by and by."""


class RecordTooLargeError(StorageError):
    """A record is longer than a frame can hold; nothing was written."""


class LogLockedError(StorageError):
    """Another process has the data folder open for writing."""

    exit_code = 10


class ReadOnlyError(StorageError):
    """The data folder, or the file system that it is on, does not let us write."""

    exit_code = 11


class PrunedError(StorageError):
    """The records asked for lie before the first one that the log still has.

    Attributes:
        floor_seq: the first sequence number that can be read.
    """

    exit_code = 18

    def __init__(self, message: str, floor_seq: int) -> None:
        super().__init__(message)
        self.floor_seq = floor_seq


class SnapshotError(StorageError):
    """A snapshot is damaged, or is not of this log: it is of no use, the log may be."""


class SnapshotForeignError(SnapshotError):
    """A snapshot was folded from another log, or from other bytes than the log has."""


class SnapshotAheadError(SnapshotError):
    """A snapshot is newer than the log: records that were durable are gone."""

    exit_code = 17


class CorruptLogError(StorageError):
    """A log file is damaged, missing or foreign, beyond what a crash can explain."""

    exit_code = 13


class MissingSegmentError(CorruptLogError):
    """A segment that must be there is not."""

    exit_code = 14


class MisplacedSegmentError(CorruptLogError):
    """A segment is there twice, or under the name of another."""

    exit_code = 15


class ForeignSegmentError(CorruptLogError):
    """A segment is of another log, or of another history of this one."""

    exit_code = 16


class RecordRefusedError(CorruptLogError):
    """A sound record that the fold cannot apply: of a newer program, or a bug."""

    exit_code = 19


class NewerFormatError(CorruptLogError):
    """A segment was written in a format that this version does not know."""

    exit_code = 12


class EnvelopeError(CorruptLogError):
    """The front of an encrypted file is damaged, and with it the file's own key."""


class EncryptionError(StorageError):
    """A file cannot be read, or written, for want of the right key."""


class KeyMissingError(EncryptionError):
    """A file is encrypted, and no key was given."""

    exit_code = 20


class WrongKeyError(EncryptionError):
    """A file is encrypted under a key that the key file does not have."""

    exit_code = 21


class KeyFileError(EncryptionError):
    """The key file cannot be used, or what it needs is not installed."""

    exit_code = 22
