"""Historian: reads the log for clients who ask about it (LOG.READ, CLIENT AT).

Going through a long log takes seconds, so it is done a slice at a time, between the
ticks in which all others are served. A reader that has come to the end of what one call
asked for is kept for a while, since the next call mostly goes on from there.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Generator
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from joblog.actors.cooperative import CooperativeActor
from joblog.actors.log_digests import list_segments, tell_digests
from joblog.actors.log_place import LogPlace
from joblog.actors.messages import Answered, Inquire
from joblog.actors.past_views import PastViews
from joblog.actors.tag_memory import GivenTag, TagMemory
from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.history.notes import full_note
from joblog.app.history.redacted import redaction_facts
from joblog.app.history.touched import find_touched, touches_text
from joblog.app.keyspace.glob import compile_glob
from joblog.app.protocol.encoder import encode
from joblog.app.reply import Encoded
from joblog.app.state.inquiries import (
    AskDigests,
    FindMovedTag,
    ForgetHistory,
    Inquiry,
    ListSegments,
    ListTags,
    OpenMoment,
    ReadRecords,
    RunInPast,
)
from joblog.storage.errors import PrunedError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.redacted_segments import (
    RedactedRecords,
    find_latest,
    may_concern,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.actors.command_log import CommandLog
    from joblog.actors.failures import Failures
    from joblog.actors.inbox import Inbox
    from joblog.actors.loop import Loop
    from joblog.app.config import Config
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record
    from joblog.storage.redaction import Redaction

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

Work: TypeAlias = Generator[bool, None, _Answer]
"""A slice at each step; yields whether to go on at once. It returns the answer."""

_LOOK_AGAIN_SECONDS = 0.01
_PASSED_MAX = 100_000
"""How many records one LOG.READ passes over, before it answers with what it has."""

_SLICE_SECONDS = 0.001
"""How long one slice takes others' time; one long record may take longer."""

_PLACES_KEPT = 16


class _Job(NamedTuple):
    """An inquiry, and the work on its answer."""

    inquiry: Inquiry
    work: Work[Any]


class Historian(CooperativeActor):
    """Answers inquiries, several at a time, each a slice in its turn."""

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        filesystem: FileSystem,
        log: CommandLog,
        config: Config,
        keyspace: Inbox,
        failures: Failures,
    ) -> None:
        """Make the reader of a log.

        Args:
            loop: the loop to run on.
            folder: the data folder.
            filesystem: the door to the disk.
            log: the same log as it is written; asked only for its last number.
            config: the server's settings.
            keyspace: where answers go.
            failures: is told of inquiries that failed.
        """
        super().__init__(loop)
        self._folder = folder
        self._filesystem = filesystem
        self._place = folder, filesystem
        self._log = log
        self._keyspace = keyspace
        self._failures = failures
        self._jobs: deque[_Job] = deque()
        self._idle: list[_Job] = []
        self._places: OrderedDict[int, LogPlace] = OrderedDict()
        self._redacted = RedactedRecords(LogFolder(folder, filesystem), filesystem)
        self._tags = TagMemory(folder, filesystem)
        self._views = PastViews(loop, folder, log, config, keyspace)

    def on_stop(self) -> None:
        """Close the files, and end the views of the past."""
        self._views.close()
        self._forget()

    def _forget(self) -> None:
        """Forget what the log had, and close the files."""
        self._tags.close()
        self._tags = TagMemory(self._folder, self._filesystem)
        for place in self._places.values():
            place.close()
        self._places.clear()

    def on_receive(self, message: Any) -> None:
        """Begin to work on an inquiry."""
        if type(message) is not Inquire:
            super().on_receive(message)
            return
        inquiry = message.inquiry
        if isinstance(inquiry, OpenMoment):
            self._views.open(inquiry)
        elif isinstance(inquiry, RunInPast):
            self._views.run(inquiry)
        elif isinstance(inquiry, ForgetHistory):
            self._forget()
            self._views.end_all(errors.PAST_WENT_BACK)
        elif isinstance(inquiry, ListTags):
            self._begin(_Job(inquiry, self._list_tags(inquiry)))
        elif isinstance(inquiry, FindMovedTag):
            self._begin(_Job(inquiry, self._find_moved(inquiry)))
        elif isinstance(inquiry, AskDigests):
            self._begin(_Job(inquiry, tell_digests(*self._place, inquiry)))
        elif isinstance(inquiry, ListSegments):
            steps = list_segments(*self._place, inquiry, lambda: self._log.last_seq)
            self._begin(_Job(inquiry, steps))
        else:
            assert isinstance(inquiry, ReadRecords)
            self._begin(_Job(inquiry, self._read(inquiry)))

    def _begin(self, job: _Job) -> None:
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self.loop.call_soon(self._step)

    def _step(self) -> None:
        """Do a slice of the work that has waited the longest."""
        job = self._jobs.popleft()
        inquiry = job.inquiry
        if inquiry.is_wanted:
            try:
                if next(job.work):
                    self._jobs.append(job)
                else:
                    self._put_aside(job)
            except StopIteration as stop:
                self._answer(inquiry, stop.value)
            except PrunedError as error:
                self._answer(inquiry, CommandError(errors.pruned(error.floor_seq)))
            except StorageError as error:
                logger.error("a client asked for the log: %s", error)  # noqa: TRY400 - no bug
                self._answer(inquiry, CommandError(errors.in_own_words(error)))
            except Exception as error:  # noqa: BLE001 - it costs this inquiry
                self._failures.note_inquiry(error)
                self._answer(inquiry, CommandError(_failure_text(error)))
        if self._jobs:
            self.loop.call_soon(self._step)

    def _answer(self, inquiry: Inquiry, answer: Any) -> None:
        inquiry.answer = answer
        self._keyspace.post(Answered(inquiry.session.id))

    def _put_aside(self, job: _Job) -> None:
        """Come back to a job when the log has grown."""
        self._idle.append(job)
        if len(self._idle) == 1:
            self.loop.call_later(_LOOK_AGAIN_SECONDS, self._look_again)

    def _look_again(self) -> None:
        waiting = [job for job in self._idle if job.inquiry.is_wanted]
        self._idle = []
        for job in waiting:
            assert isinstance(job.inquiry, ReadRecords)  # nobody else waits
            if self._log.last_seq < job.inquiry.from_seq:
                self._put_aside(job)
            else:
                self._jobs.append(job)
        if self._jobs:
            self.loop.call_soon(self._step)

    # --- LOG.READ ------------------------------------------------------------------

    def _read(self, inquiry: ReadRecords) -> Work[list[Any]]:
        """Find records, a slice at each step.

        Yields:
            True to go on, False where there is nothing until the log has grown.

        Returns:
            The number to go on from, the last number, and the records.
        """
        wanted, resp = _matcher(inquiry), inquiry.session.resp
        found: list[Encoded] = []
        passed = 0
        place = self._take_place(inquiry.from_seq)
        until = perf_counter() + _SLICE_SECONDS
        try:
            while len(found) < inquiry.count and passed < _PASSED_MAX:
                records = place.read()
                if not records:
                    if found or not inquiry.waits:
                        break
                    inquiry.from_seq = place.next_seq
                    yield False
                passed += len(records)
                redactions = self._redacted.around(records[0].seq) if records else ()
                for index, record in enumerate(records, 1):
                    redaction = find_latest(redactions, record.seq)
                    if wanted(record) or _is_hidden(inquiry, record, redaction):
                        reply = record_reply(record, redaction)
                        found.append(Encoded(encode(reply, resp)))
                        if len(found) == inquiry.count:
                            place.give_back(records[index:])
                            break
                    if perf_counter() > until:
                        yield True
                        until = perf_counter() + _SLICE_SECONDS
        finally:
            self._keep_place(place)
        return [place.next_seq, self._log.last_seq, found]

    # --- LOG.TAGS ------------------------------------------------------------------

    def _list_tags(self, inquiry: ListTags) -> Work[list[Any]]:
        """Find all records that name moments, a slice at each step.

        Yields:
            True to go on.

        Returns:
            A map for each, in order; of one name, the last is the one that counts.
        """
        yield from self._learn_tags(inquiry)
        matches = None if inquiry.glob is None else compile_glob(inquiry.glob)
        found = [
            tag
            for tag in self._tags.given(inquiry.from_seq)
            if matches is None or matches(tag.name)
        ]
        last = {tag.name: tag.seq for tag in found}
        return [_tag_reply(tag, last[tag.name]) for tag in found]

    def _find_moved(self, inquiry: FindMovedTag) -> Work[int | None]:
        """Return where a tag was before a record gave it anew, None for nowhere.

        It was given in any case, so a damaged log is no reason for an error.
        """
        try:
            yield from self._learn_tags(inquiry)
        except StorageError as error:
            logger.error("where a tag was before cannot be told: %s", error)  # noqa: TRY400 - no bug
        seqs = [
            tag.seq
            for tag in self._tags.given(inquiry.from_seq)
            if tag.name == inquiry.name and tag.seq < inquiry.seq
        ]
        return seqs[-1] if seqs else None

    def _learn_tags(self, inquiry: ListTags | FindMovedTag) -> Work[None]:
        """Look at the records that nobody looked at for tags yet."""
        until = perf_counter() + _SLICE_SECONDS
        while self._tags.learn(inquiry.from_seq):
            if perf_counter() > until:
                yield True
                until = perf_counter() + _SLICE_SECONDS

    def _take_place(self, seq: int) -> LogPlace:
        place = self._places.pop(seq, None)
        return place or LogPlace(self._folder, self._filesystem, seq)

    def _keep_place(self, place: LogPlace) -> None:
        other = self._places.pop(place.next_seq, None)
        if other is not None:
            other.close()
        self._places[place.next_seq] = place
        if len(self._places) > _PLACES_KEPT:
            self._places.popitem(last=False)[1].close()


def _failure_text(error: Exception) -> bytes:
    """Return what a client is told: the system's own words, no paths."""
    if isinstance(error, OSError) and error.strerror:
        return errors.unreadable_log(error.strerror)
    return errors.INTERNAL


def _tag_reply(tag: GivenTag, last_seq: int) -> dict[bytes, Any]:
    return {
        b"name": tag.name,
        b"seq": tag.seq,
        b"at-ms": tag.at_ms,
        b"client": tag.client_id,
        b"moved-to": None if last_seq == tag.seq else last_seq,
    }


def _matcher(inquiry: ReadRecords) -> Callable[[Record], object]:
    key, db = inquiry.key, inquiry.db
    if key is not None:
        assert db is not None
        return lambda record: record.effects and find_touched(record).includes(db, key)
    if inquiry.glob is not None:
        matches = compile_glob(inquiry.glob)
        return lambda record: touches_text(record, matches)
    return lambda _: True


def _is_hidden(
    inquiry: ReadRecords, record: Record, redaction: Redaction | None
) -> bool:
    """Say whether a record may have been one of the key that is asked for."""
    if redaction is None or inquiry.key is None:
        return False
    return may_concern(redaction, record.seq, inquiry.key)


def record_reply(record: Record, redaction: Redaction | None) -> dict[bytes, Any]:
    """Return a record as clients see it: a map of its parts, by name.

    Where something of it was made unreadable, `redacted` says by whom, when and why.
    """
    origin = record.origin
    note = full_note(origin)
    known = {} if redaction is None else {b"redacted": redaction_facts(redaction)}
    return {
        b"seq": record.seq,
        b"at-ms": record.at_ms,
        b"db": record.db,
        b"client": origin.client_id,
        b"command": origin.command,
        b"note": None if note is None else _plain(note),
        b"effects": record.effects,
        **known,
    }


def _plain(value: Any) -> Any:
    """Return a note's value with its text as bytes, as replies have it."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    if isinstance(value, dict):
        return {_plain(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
