"""The steps of a redaction; docs/decisions/0033-redaction.md says why in this order.

    1  the log is locked; what is alive is looked at, and deleted where that was asked
    2  `redaction.pending` is written
    3  the open segment is sealed
    4  segments and snapshots are written anew, beside themselves
    5  the log is folded as it would be, and has to come to what it comes to now
    6  the record of the redaction is appended, and synced
    7  the new files take the places of the old ones
    8  the index, and what was set aside, goes; copies get the new files
    9  `redaction.pending` is removed

Interrupted before 6, it begins anew; behind it, it goes on with 7.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.app import clock
from joblog.app.history.recovery import Fold, Recovery, recover
from joblog.app.history.snapshots import encode_blocks
from joblog.app.keyspace.digest import dataset_digest
from joblog.replay.index.sidecar import cleared
from joblog.replay.keys.past import DATABASES
from joblog.replay.output.texts import show
from joblog.replay.redacting import places
from joblog.replay.redacting.counting import count
from joblog.replay.redacting.pending import (
    Pending,
    read_pending,
    remove_pending,
    write_pending,
)
from joblog.replay.redacting.rewriting import Rewriter
from joblog.replay.redacting.states import find_alive
from joblog.replay.redacting.tokens import Tokens
from joblog.storage.archiving import find_archived, forget_archived
from joblog.storage.disk import open_disk
from joblog.storage.errors import RecordRefusedError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from joblog.storage.record import encode_origin
from joblog.storage.recorded_redactions import redaction_note
from joblog.storage.redacted_segments import read_table_digest
from joblog.storage.redacting import Staged
from joblog.storage.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.replay.redacting.selection import Selection
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Note

_SHOWN = 5


class Outcome(NamedTuple):
    """What a redaction came to.

    Attributes:
        seq: its record in the log; 0 where there was nothing to redact.
        records: how many records were made unreadable.
        bytes_gone: how long their payloads are.
        segments: how many segments they are in.
        removed: files that were removed.
        copied: how many segments copies got.
        unreached: what may still have it, a line for each.
    """

    seq: int = 0
    records: int = 0
    bytes_gone: int = 0
    segments: int = 0
    removed: tuple[Path, ...] = ()
    copied: int = 0
    unreached: tuple[str, ...] = ()


def begin(selection: Selection, by: str, why: str, archives: Iterable[Path]) -> Pending:
    """Return a redaction that has yet to run."""
    return Pending(
        secrets.token_bytes(16),
        secrets.token_bytes(32),
        0,
        clock.now_ms(),
        by,
        why,
        tuple(str(path.absolute()) for path in archives),
        selection,
    )


class Run:
    """One run of a redaction over a data folder that no server has open."""

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        """Lock the folder.

        Raises:
            LogLockedError: a server has it open.
            StorageError: there is no log, or it is damaged.
        """
        owner = folder.stat().st_uid
        if owner != os.geteuid():
            raise StorageError(
                f"{folder}: belongs to user {owner}, whose server could not read what "
                f"another user writes: run this as that user"
            )
        self._folder = LogFolder(folder, filesystem)
        self._filesystem = filesystem
        if not self._folder.find_segments():
            raise StorageError(f"{folder}: there is no log to redact")
        self._log = Log.open(folder, filesystem=filesystem, now_ms=clock.now_ms)

    def close(self) -> None:
        """Give the folder back."""
        self._log.close()

    def run(self, wanted: Pending | None, *, may_delete: bool) -> Outcome:
        """Redact.

        Args:
            wanted: the redaction; None to go on with the one that was interrupted.
            may_delete: whether keys that have to go may be deleted where they are
                alive.

        Raises:
            StorageError: it cannot be done; nothing was changed, or it can be gone on
                with.
            OSError: the disk refused; it can be gone on with.
        """
        try:
            with cleared(self._folder.path, self._log.log_id) as removed:
                outcome = self._run(wanted, may_delete=may_delete)
        except BlockingIOError as error:
            raise StorageError(
                f"{self._folder.path}: somebody is building its index; try again when "
                f"that is done"
            ) from error
        return outcome._replace(removed=(*outcome.removed, *removed))

    def _run(self, wanted: Pending | None, *, may_delete: bool) -> Outcome:
        pending = read_pending(self._filesystem, self._folder.path)
        if pending is None and wanted is None:
            raise StorageError(f"{self._folder.path}: no redaction was interrupted")
        if pending is not None and wanted is not None:
            raise StorageError(
                f"{self._folder.path}: a redaction by {pending.by} was interrupted: "
                f"finish it first, with --resume"
            )
        pending = pending or wanted
        assert pending is not None
        note = self._find_note(pending) if wanted is None else None
        if note is None:
            note = self._prepare(pending, may_delete=may_delete, is_new=bool(wanted))
        return Outcome() if note is None else self._finish(pending, note)

    def _find_note(self, pending: Pending) -> Note | None:
        """Return the note of the redaction's record, if that is in the log."""
        for record in read_records(
            self._folder.path,
            filesystem=self._filesystem,
            from_seq=max(pending.from_seq + 1, self._log.first_seq),
        ):
            note = record.origin.note
            if note is not None and note.get("id") == pending.id:
                return {**note, "seq": record.seq}
        return None

    # --- up to the record ---------------------------------------------------------

    def _prepare(
        self, pending: Pending, *, may_delete: bool, is_new: bool
    ) -> Note | None:
        """Do all up to the record; None where there is nothing to redact."""
        rewriter = Rewriter(pending.selection, Tokens(pending.secret), pending.id)
        copies = [places.find_place(Path(path)) for path in pending.archives]
        for copy in copies:
            places.require_log(copy, self._filesystem, self._log.log_id)
        fold = recover(self._folder.path, self._filesystem, DATABASES)
        self._require_dead(fold.keyspace, rewriter, may_delete=may_delete)
        # Before anything is deleted: it tells what cannot be redacted.
        count(self._folder.path, self._filesystem, pending.selection, lambda _: None)
        if is_new:
            pending = pending._replace(
                from_seq=self._log.last_seq,
                at_ms=max(pending.at_ms, self._log.last_at_ms),
            )
            write_pending(self._filesystem, self._folder.path, pending)
        try:
            self._drop_staged(copies)
            self._delete(fold.keyspace, pending.selection)
            self._seal()
            note = self._stage(pending, rewriter, copies)
            if note is not None:
                self._require_same_fold()
        except StorageError:
            self._drop_staged(copies)
            remove_pending(self._filesystem, self._folder.path)
            raise
        if note is None:
            remove_pending(self._filesystem, self._folder.path)
            return None
        seq = self._append(0, [], note)
        return {**note, "seq": seq}

    def _require_dead(
        self, keyspace: Keyspace, rewriter: Rewriter, *, may_delete: bool
    ) -> None:
        """Check that nothing that has to go is alive.

        Raises:
            StorageError: it is.
        """
        gone, changed = find_alive(encode_blocks(keyspace), rewriter)
        if changed:
            raise StorageError(
                f"{_names(changed)} has some of it now: what is alive cannot be "
                f"redacted; start the server, and remove it there first"
            )
        if gone and not may_delete:
            raise StorageError(
                f"{_names(gone)} is there now: what is alive cannot be redacted; "
                f"--delete deletes it first"
            )

    def _delete(self, keyspace: Keyspace, selection: Selection) -> None:
        for database in keyspace.databases:
            keys = [key for key in database.values if selection.has_key(key)]
            if keys:
                self._append(database.index, [[b"DEL", *keys]], None)

    def _append(self, db: int, effects: list[list[bytes]], note: Note | None) -> int:
        origin = encode_origin(0, None, note)
        draft = clock.now_ms(), db, effects, origin
        seq = self._log.append([draft], self._log.last_seq)
        self._log.sync()
        return seq

    def _seal(self) -> None:
        """Seal the open segment, if it has a record."""
        log = self._log
        if log.last_seq >= log.open_first_seq:
            log.limit_segments(1)
            log.seal_if_due()
            log.limit_segments(2**62)
        if log.last_seq >= log.open_first_seq:
            raise StorageError(f"{self._folder.path}: the open segment was not sealed")

    def _stage(
        self, pending: Pending, rewriter: Rewriter, copies: list[places.Place]
    ) -> Note | None:
        def describe(seqs: list[int]) -> Redaction:
            subjects = rewriter.subjects()
            who = pending.by, pending.why
            return Redaction(pending.id, pending.at_ms, *who, subjects, tuple(seqs))

        ours = places.find_place(self._folder.path)
        known: set[str] = set()
        found = {}
        snapshots = 0
        for place in (ours, *copies):
            for each in places.stage_segments(
                place, self._filesystem, rewriter, describe, known
            ):
                found[each.first_seq, each.table_digest] = each
            snapshots += places.stage_snapshots(
                place, self._filesystem, rewriter, self._log.last_seq
            )[0]
            # The record must never be there without them.
            places.sync(place, self._filesystem)
            known = known or set(self._filesystem.listdir(ours.segments))
        if not found and not snapshots:
            self._drop_staged(copies)
            return None
        redaction = describe([])
        counts = pending.selection.counts()
        log_id = self._log.log_id
        return redaction_note(redaction, log_id, counts, found.values())

    def _require_same_fold(self) -> None:
        """Check that the log comes to the same state as it is going to be.

        Raises:
            StorageError: it does not.
        """
        path, filesystem = self._folder.path, self._filesystem
        expected = dataset_digest(recover(path, filesystem, DATABASES).keyspace)
        try:
            fold = _fold_all(path, self._folder)
        except RecordRefusedError as error:
            raise StorageError(
                f"without it the log cannot be folded any more: {error}; nothing was "
                f"changed"
            ) from error
        if dataset_digest(fold.keyspace) != expected:
            raise StorageError(
                "without it the log would fold to another state: something that is "
                "to stay depends on it; nothing was changed"
            )

    def _drop_staged(self, copies: list[places.Place]) -> None:
        for place in (places.find_place(self._folder.path), *copies):
            places.drop(place, self._filesystem)

    # --- behind the record --------------------------------------------------------

    def _finish(self, pending: Pending, note: Note) -> Outcome:
        filesystem = self._filesystem
        ours = places.find_place(self._folder.path)
        places.commit(ours, filesystem)
        removed = places.remove_left_over(ours, filesystem)
        removed += self._remove_unsound(ours, pending, note["seq"])
        unreached = self._find_undone(note)
        copied = 0
        for path in pending.archives:
            place = places.find_place(Path(path))
            places.commit(place, filesystem)
            removed += places.remove_left_over(place, filesystem)
            number, still_open = places.copy_redacted(self._folder, place, filesystem)
            copied += number
            unreached += (
                f"{each}: still open there; bring that copy up to date"
                for each in still_open
            )
        if find_archived(self._folder, filesystem):
            forget_archived(self._folder, filesystem)
            if not pending.archives:
                unreached.append(
                    "the archive of log-archive-command: it is offered all segments "
                    "anew, and has to replace what it has"
                )
        unreached.append(
            "copies that were not named: backups, replicas, exports, receipts"
        )
        remove_pending(filesystem, self._folder.path)
        return Outcome(
            note["seq"],
            note["records"],
            note["length"],
            len(note["segments"]),
            tuple(removed),
            copied,
            tuple(unreached),
        )

    def _find_undone(self, note: Note) -> list[str]:
        """Return a line for each segment that is not as the record says."""
        named: dict[int, set[bytes]] = {}
        for first_seq, table_digest, *_ in note["segments"]:
            named.setdefault(first_seq, set()).add(table_digest)
        return [
            f"{path}: is not as the record says; redact anew"
            for first_seq, digests in named.items()
            for path in [self._folder.segment_path(first_seq)]
            if path.exists()
            and read_table_digest(self._filesystem, path) not in digests
        ]

    def _remove_unsound(
        self, ours: places.Place, pending: Pending, until_seq: int
    ) -> list[Path]:
        """Remove snapshots that nobody can use, and nobody knows what is in them."""
        rewriter = Rewriter(pending.selection, Tokens(pending.secret), pending.id)
        _, unsound = places.stage_snapshots(ours, self._filesystem, rewriter, until_seq)
        for path in unsound:
            self._filesystem.unlink(path)
        # A server that ran in between may have written one from what was there then.
        places.commit(ours, self._filesystem)
        return unsound


def _fold_all(path: Path, folder: LogFolder) -> Fold:
    """Fold the log as it is going to be, from as far back as it goes."""
    staged = open_disk(beneath=Staged())
    fold, end = Fold(DATABASES), None
    if folder.find_segments()[0] > 1:
        for seq in folder.find_snapshots():
            recovery = Recovery(path, staged, DATABASES, seq)
            with contextlib.suppress(StorageError):
                end = recovery.begin()
                fold = recovery.fold
                break
    fold.apply(read_records(path, filesystem=staged, after=end))
    return fold


def _names(keys: list[bytes]) -> str:
    shown = ", ".join(map(show, keys[:_SHOWN]))
    more = len(keys) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
