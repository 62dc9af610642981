"""Searches: the records that a filter wants, forward, backward, or as they come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import (
    ClientNote,
    ExecNote,
    ScriptSourceNote,
    TagNote,
    read_note,
)
from joblog.app.history.opening import is_tag
from joblog.app.history.touched import touches_text
from joblog.app.keyspace.glob import compile_glob
from joblog.replay.index.marks import (
    WHOLE_DATABASES,
    find_words,
    mention_test,
)
from joblog.replay.index.scanning import (
    END_SEQ,
    KeyPieces,
    Pieces,
    read_backward,
    read_batches,
)
from joblog.replay.records.clients import CLIENT_MARK, Client, ClientDirectory
from joblog.replay.records.scripts import ScriptFilter
from joblog.storage.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

_GLOB = re.compile(rb"[*?\[\\]")


class Match(NamedTuple):
    """A record that was wanted, and who caused it."""

    record: Record
    client: Client


@dataclass(frozen=True)
class Query:
    """What is wanted of a log; what is not given lets everything through.

    Attributes:
        keys: globs; one of them matches a key that the record changed.
        commands: globs, in any case of letters; one matches the name of the command as
            given, of one inside of EXEC, or of an effect.
        client: an id, or a glob for the client's name or address.
        user: a glob for the user.
        script: the first digits of a script's SHA-1, or a glob for the name of a
            function, or of a script that names itself (see
            `joblog.replay.records.scripts`).
        text: this is in the command as given or in an effect, words joined by blanks.
        pattern: a regular expression that is found there.
        ignores_case: for `text`.
        job: the record mentions this, such as a job's id (see `index.marks`).
        job_seqs: records that have to do with the job and need not mention it.
        db: the database that the record begins in.
        from_seq: the first record.
        until_seq: the last record.
        has_notes: whether records that only describe clients and scripts count.
    """

    keys: tuple[bytes, ...] = ()
    commands: tuple[bytes, ...] = ()
    client: str | None = None
    user: str | None = None
    script: str | None = None
    text: bytes = b""
    pattern: re.Pattern[bytes] | None = None
    ignores_case: bool = False
    job: bytes = b""
    job_seqs: frozenset[int] = frozenset()
    db: int | None = None
    from_seq: int = 1
    until_seq: int | None = None
    has_notes: bool = False

    @property
    def one_key(self) -> bytes | None:
        """The key, where one is wanted and its glob matches no other."""
        if len(self.keys) == 1 and self.keys[0] and not _GLOB.search(self.keys[0]):
            return self.keys[0]
        return None

    @property
    def indexed(self) -> tuple[list[list[bytes]], Pieces] | None:
        """What the index can be asked for: groups of marks, and what payloads have.

        None where all records have to be looked at.
        """
        key = self.one_key
        if key is not None:
            return [[key], [WHOLE_DATABASES]], KeyPieces(key)
        return ([find_words(self.job)], Pieces(self.job)) if self.job else None

    @cached_property
    def sieve(self) -> Callable[[bytes], object] | None:
        """What a payload must look like; clients' descriptions always pass."""
        if self.text:
            # A piece without a blank lies within one word, so it lies in the payload.
            piece = max(self.text.split(b" "), key=len)
            if self.ignores_case:
                marks = b"|".join((re.escape(piece), re.escape(CLIENT_MARK)))
                return re.compile(marks, re.IGNORECASE).search
            if piece:
                return lambda payload: piece in payload or CLIENT_MARK in payload
        if self.indexed is None:
            return None
        kind = Pieces if self.one_key is None else KeyPieces
        return kind(self.one_key or self.job, CLIENT_MARK)

    @cached_property
    def tests(self) -> list[Callable[[Record], object]]:
        """What a record must pass, the cheapest first."""
        tests: list[Callable[[Record], object]] = []
        if not self.has_notes:
            tests.append(lambda record: record.effects or is_tag(record))
        if self.db is not None:
            tests.append(lambda record: record.db == self.db)
        if self.text:
            tests.append(self._make_text_test())
        if self.pattern is not None:
            found = self.pattern.search
            tests.append(lambda record: any(map(found, _lines(record))))
        if self.job:
            tests.append(self._make_job_test())
        if self.keys:
            matchers = [compile_glob(key) for key in self.keys]
            tests.append(
                lambda record: any(touches_text(record, match) for match in matchers)
            )
        if self.commands:
            tests.append(self._make_command_test())
        return tests

    def wants_client(self, client: Client) -> bool:
        """Tell whether a record's client is one that is wanted."""
        note = client.note
        if self.client is not None and self.client != str(client.id):
            texts = (note.name, note.address.encode()) if note else ()
            match = compile_glob(self.client.encode())
            if not any(map(match, texts)):
                return False
        if self.user is None:
            return True
        return note is not None and bool(compile_glob(self.user.encode())(note.user))

    def _make_job_test(self) -> Callable[[Record], object]:
        mentions, seqs = mention_test(self.job), self.job_seqs
        return lambda record: record.seq in seqs or mentions(record)

    def _make_text_test(self) -> Callable[[Record], bool]:
        text = self.text
        if not self.ignores_case:
            return lambda record: any(text in line for line in _lines(record))
        found = re.compile(re.escape(text), re.IGNORECASE).search
        return lambda record: any(map(found, _lines(record)))

    def _make_command_test(self) -> Callable[[Record], bool]:
        matchers = [compile_glob(name, ignore_case=True) for name in self.commands]
        return lambda record: any(
            match(argv[0]) for argv in given_and_effects(record) for match in matchers
        )


def _seq_of(record: Record) -> int:
    return record.seq


def given_and_effects(record: Record) -> Iterator[list[bytes]]:
    """Yield a record's command as it was given, those of an EXEC, and its effects."""
    origin = record.origin
    if origin.command:
        yield origin.command
    if origin.note is not None:
        note = read_note(origin)
        if isinstance(note, ExecNote):
            yield from note.commands
        elif isinstance(note, ScriptSourceNote):
            yield [note.source]
        elif isinstance(note, TagNote):
            yield [b"tag", note.name]
        elif isinstance(note, ClientNote):
            yield [note.name, note.address.encode(errors="surrogateescape")]
    yield from record.effects


def _lines(record: Record) -> Iterator[bytes]:
    for argv in given_and_effects(record):
        yield b" ".join(argv)


class Search:
    """One query over one log."""

    def __init__(self, index: LogIndex, query: Query) -> None:
        """Prepare a search."""
        self._index = index
        self._folder = index.folder
        self._filesystem = index.filesystem
        self._query = query
        self._from_seq = max(query.from_seq, index.first_seq)
        self.clients = self._make_directory(self._from_seq)
        self._tests = list(query.tests)
        if query.script is not None:
            by_script = ScriptFilter(index, query.script)
            self._tests.append(by_script.wants)

    def forward(self) -> Iterator[Match]:
        """Yield matches in order, up to the end of the log.

        Raises:
            CorruptLogError: the log is damaged; all matches before it were yielded.
        """
        if self._query.indexed is None:
            yield from self.follow(lambda: False)
        else:
            yield from self._find_indexed(is_reverse=False)

    def follow(self, wait: Callable[[], bool]) -> Iterator[Match]:
        """Yield matches in order, and go on as more are appended.

        Args:
            wait: called when there is no more for now; whether to look again.

        Raises:
            CorruptLogError: the log is damaged; all matches before it were yielded.
        """
        query = self._query
        reader = LogReader(
            self._folder, filesystem=self._filesystem, from_seq=self._from_seq
        )
        try:
            while True:
                for batch in read_batches(reader, query.sieve, query.until_seq):
                    yield from self._sift(batch)
                    if self._index.progress is not None:
                        self._index.progress(reader.next_seq - 1)
                is_past = (
                    query.until_seq is not None and reader.next_seq > query.until_seq
                )
                if is_past or not wait():
                    return
        finally:
            reader.close()

    def backward(self) -> Iterator[Match]:
        """Yield matches from the last to the first.

        Raises:
            CorruptLogError: the log is damaged in what was read so far.
        """
        query = self._query
        if query.indexed is not None:
            yield from self._find_indexed(is_reverse=True)
            return
        end_seq = END_SEQ if query.until_seq is None else query.until_seq + 1
        self.clients = self._make_directory(end_seq)
        for batch in read_backward(
            self._folder, self._filesystem, self._from_seq, end_seq - 1, query.sieve
        ):
            yield from reversed(list(self._sift(batch)))

    def _find_indexed(self, *, is_reverse: bool) -> Iterator[Match]:
        """Yield matches among the records that the index knows of a key or a job."""
        query = self._query
        assert query.indexed is not None
        self.clients = self._make_directory(END_SEQ)
        until_seq = END_SEQ if query.until_seq is None else query.until_seq
        candidates = self._index.candidates(
            *query.indexed, self._from_seq, until_seq, is_reverse=is_reverse
        )
        others = (
            record
            for seq in sorted(query.job_seqs, reverse=is_reverse)
            if self._from_seq <= seq <= until_seq
            and (record := self._index.get_record(seq)) is not None
        )
        last_seq = 0
        for record in merge(candidates, others, key=_seq_of, reverse=is_reverse):
            if record.seq != last_seq:
                last_seq = record.seq
                yield from self._sift([record])

    def _sift(self, batch: list[Record]) -> Iterator[Match]:
        query = self._query
        tests = self._tests
        clients = self.clients
        asks_client = query.client is not None or query.user is not None
        for record in batch:
            origin = record.origin
            if origin.note is not None:
                clients.observe(record)
            for test in tests:
                if not test(record):
                    break
            else:
                client = clients.find(origin.client_id, record.seq)
                if not asks_client or query.wants_client(client):
                    yield Match(record, client)

    def _make_directory(self, from_seq: int) -> ClientDirectory:
        return ClientDirectory(self._index, from_seq=from_seq)
