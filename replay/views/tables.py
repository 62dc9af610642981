"""Tables: a log as rows, for questions that no verb answers.

Rows come in batches of columns, as they are read, so that memory does not grow with the
log. Of each byte string there is a text as well, None where it is not UTF-8. Of `jobs`
and `keys_at` the jobs, or the state, of a moment are held while they are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.history.notes import (
    ClientNote,
    full_note,
    read_note,
)
from joblog.app.history.touched import changed_keys
from joblog.replay.index.scanning import Pieces
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.streaming import JobStream
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.jobs.views import ran_ms
from joblog.replay.keys.past import Past
from joblog.replay.keys.values import element_count, elements, is_expired, take_version
from joblog.replay.records.clients import CLIENT_MARK
from joblog.replay.records.script_texts import find_script_source
from joblog.replay.records.script_uses import find_scripts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.ledger_rows import KnownStep
    from joblog.replay.jobs.reading import Judged
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.keys.values import Version
    from joblog.storage.record import Record

BATCH_ROWS = 2000
JOBS_TOLD = "jobs_told"
JOBS = (
    "SELECT * EXCLUDE (name, place) FROM jobs_told "
    "QUALIFY row_number() OVER (PARTITION BY name ORDER BY place DESC) = 1"
)
"""What `jobs` is: of what is told of a job of one name the last."""

_BATCH_BYTES = 1 << 20

Row = tuple[Any, ...]


class Table(NamedTuple):
    """One table.

    Attributes:
        name: its name.
        columns: names, and types: number, time, text, blob, texts, blobs.
        rows: yields its rows, anew each time, each with its weight in bytes.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: Callable[[], Iterator[tuple[int, Row]]]

    def batches(self) -> Iterator[list[Row]]:
        """Yield its rows, some at a time."""
        batch: list[Row] = []
        size = 0
        for weight, row in self.rows():
            batch.append(row)
            size += weight
            if len(batch) >= BATCH_ROWS or size > _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


class Stretch(NamedTuple):
    """What of a log is looked at.

    Attributes:
        log: the log.
        schemas: what its jobs are read by; asked for where jobs are.
        since_seq: the record before the first.
        until: the moment up to which it goes.
    """

    log: LogIndex
    schemas: Callable[[], Sequence[Schema]]
    since_seq: int
    until: Point

    @property
    def seqs(self) -> tuple[int, int]:
        """The first record that the log has of it, and the last."""
        return max(self.since_seq + 1, self.log.first_seq), self.until.seq

    def records(self) -> Iterator[Record]:
        """Yield its records."""
        first, last = self.seqs
        return self.log.records(first, last) if first <= last else iter(())


def text_of(data: bytes | None) -> str | None:
    """Return a text; None where it is none."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _texts(words: Iterable[bytes]) -> list[str | None]:
    return [text_of(word) for word in words]


def _weight(words: Iterable[bytes]) -> int:
    return sum(map(len, words))


def all_tables(stretch: Stretch) -> list[Table]:
    """Return the tables of a log, but for the keys of moments."""
    made = {
        "records": (_RECORDS, _records),
        "effects": (_EFFECTS, _effects),
        JOBS_TOLD: (_JOBS, _jobs),
        "steps": (_STEPS, _steps),
        "clients": (_CLIENTS, _clients),
        "scripts": (_SCRIPTS, _scripts),
    }
    return [
        Table(name, columns, lambda read=read: read(stretch))  # type: ignore[misc]  # a lambda's default
        for name, (columns, read) in made.items()
    ]


_RECORDS = (
    *(("seq", "number"), ("time", "time"), ("db", "number"), ("client_id", "number")),
    *(("command", "text"), ("kind", "text"), ("script", "text")),
    *(("effects", "number"), ("arguments", "texts"), ("argument_blobs", "blobs")),
    ("took_us", "number"),
)


def _records(stretch: Stretch) -> Iterator[tuple[int, Row]]:
    """Yield records: who, and the command as it was given."""
    for record in stretch.records():
        origin = record.origin
        argv = origin.command or (record.effects[0] if record.effects else [])
        note = full_note(origin)
        kind = str(note.get("kind", "")) if note else ""
        script = None
        if kind == "script":
            script = (note or {}).get("sha") or text_of(b"".join(argv[1:2]))
        yield (
            _weight(argv),
            (
                *(record.seq, record.at_ms, record.db, origin.client_id),
                text_of(argv[0].upper()) if argv else None,
                *(kind or None, script, len(record.effects)),
                *(_texts(argv[1:]), argv[1:], (note or {}).get("us")),
            ),
        )


_EFFECTS = (
    *(("seq", "number"), ("position", "number"), ("time", "time"), ("db", "number")),
    *(("client_id", "number"), ("command", "text"), ("key", "text")),
    *(("key_blob", "blob"), ("arguments", "texts"), ("argument_blobs", "blobs")),
)


def _effects(stretch: Stretch) -> Iterator[tuple[int, Row]]:
    """Yield effects: what was changed, with the first key that is."""
    for record in stretch.records():
        db = record.db
        for position, argv in enumerate(record.effects):
            if argv[0].upper() == b"SELECT":
                db = int(argv[1])
            key = next(iter(changed_keys(argv)), None)
            yield (
                _weight(argv),
                (
                    *(record.seq, position, record.at_ms, db),
                    *(record.origin.client_id, text_of(argv[0].upper())),
                    *(text_of(key), key, _texts(argv[1:]), argv[1:]),
                ),
            )


_JOBS = (
    *(("name", "text"), ("place", "number")),
    *(("id", "text"), ("id_blob", "blob"), ("queue", "text"), ("schema", "text")),
    *(("state", "text"), ("verdict", "text"), ("since", "time"), ("reason", "text")),
    *(("deliveries", "number"), ("enqueued", "time"), ("taken", "time")),
    *(("ended", "time"), ("due", "time"), ("waited_ms", "number")),
    *(
        ("ran_ms", "number"),
        ("task", "text"),
        ("error", "text"),
        ("error_blob", "blob"),
    ),
    *(("first_seq", "number"), ("last_seq", "number")),
)


def _jobs(stretch: Stretch) -> Iterator[tuple[int, Row]]:
    """Yield jobs as they are at the end; of one name the last counts."""
    jobs, at_ms = JobStream(stretch.log, stretch.schemas()), stretch.until.at_ms
    for place, (name, judged) in enumerate(jobs.judge_each(stretch.until, Limits())):
        if stretch.since_seq < judged.story.last_seq:
            yield 500, (repr(name), place, *_job_row(judged, at_ms))


def _job_row(judged: Judged, at_ms: int) -> Row:
    story, verdict = judged
    error = story.facts.get("error")
    return (
        *(text_of(story.id), story.id, text_of(story.queue), story.schema.name),
        *(story.state, verdict.word, verdict.since_ms, verdict.reason or None),
        *(story.deliveries, story.enqueued_ms, story.taken_ms, story.ended_ms),
        *(story.eta_ms if story.due_ms is None else story.due_ms, story.waited_ms),
        *(ran_ms(story, verdict, at_ms), text_of(story.facts.get("task"))),
        *(text_of(error), error, story.first_seq, story.last_seq),
    )


_STEPS = (
    *(("seq", "number"), ("time", "time"), ("id", "text"), ("id_blob", "blob")),
    *(("queue", "text"), ("step", "text"), ("state", "text"), ("problem", "text")),
    *(("key", "text"), ("key_blob", "blob"), ("client_id", "number")),
)


def _steps(stretch: Stretch) -> Iterator[tuple[int, Row]]:
    """Yield what happened to jobs."""
    jobs = JobLog(stretch.log, stretch.schemas())
    floor = stretch.log.bases.find_floor()
    since_seq = max(stretch.since_seq, floor)
    for step, record in jobs.deeds(since_seq, stretch.until.seq):
        yield 200, _step_row(step, record)


def _step_row(step: KnownStep, record: Record) -> Row:
    return (
        *(step.seq, record.at_ms, text_of(step.job_id), step.job_id),
        *(text_of(step.queue), step.kind, step.state, step.problem or None),
        *(text_of(step.key), step.key, record.origin.client_id),
    )


_CLIENTS = (
    *(("id", "number"), ("seq", "number"), ("time", "time"), ("address", "text")),
    *(("name", "text"), ("name_blob", "blob"), ("user", "text")),
    *(("library", "text"), ("library_version", "text")),
)


def _clients(stretch: Stretch) -> Iterator[tuple[int, Row]]:
    """Yield who the clients were, from the record on that says it."""
    first, last = stretch.seqs
    for record in stretch.log.records(first, last, Pieces(CLIENT_MARK)):
        note = read_note(record.origin)
        if isinstance(note, ClientNote):
            yield (
                200,
                (
                    *(record.origin.client_id, record.seq, record.at_ms, note.address),
                    *(text_of(note.name), note.name, text_of(note.user)),
                    *(text_of(note.library), text_of(note.library_version)),
                ),
            )


_SCRIPTS = (
    *(("sha", "text"), ("name", "text"), ("calls", "number"), ("failed", "number")),
    *(("first_seq", "number"), ("first_time", "time"), ("last_seq", "number")),
    *(("last_time", "time"), ("source", "text"), ("source_blob", "blob")),
    *(("timed", "number"), ("took_us", "number"), ("longest_us", "number")),
)


def _scripts(stretch: Stretch) -> Iterator[tuple[int, Row]]:
    """Yield the scripts that wrote, with their texts."""
    index, (first, last) = stretch.log, stretch.seqs
    for use in find_scripts(index, lambda _: None, first, last, lambda _: ""):
        source = find_script_source(index, use.sha, last) if use.sha else None
        first_place, last_place = use.first or (), use.last or ()
        yield (
            len(source or b""),
            (
                *(use.sha or None, text_of(use.name), use.calls, use.failed),
                *(first_place[:2] or (None, None)),
                *(last_place[:2] or (None, None)),
                *(text_of(source), source, use.took.timed),
                *(
                    (use.took.us, use.took.longest_us)
                    if use.took.timed
                    else (None, None)
                ),
            ),
        )


_KEYS = (
    *(("db", "number"), ("key", "text"), ("key_blob", "blob"), ("type", "text")),
    *(("size", "number"), ("deadline", "time"), ("value", "text")),
    *(("value_blob", "blob"), ("places", "texts"), ("contents", "texts")),
    *(("place_blobs", "blobs"), ("content_blobs", "blobs")),
)


def keys_table(name: str, index: LogIndex, find: Callable[[], Point]) -> Table:
    """Return a table of the keys of a moment, which is found when it is read."""

    def rows() -> Iterator[tuple[int, Row]]:
        point = find()
        past = Past(index.folder, index.filesystem, bases=index.bases)
        try:
            past.go_to(point.seq)
        finally:
            past.close()
        for database in past.databases:
            for key in list(database.values):
                version = take_version(database, key)
                assert version is not None
                if not is_expired(version, point.at_ms):
                    yield _key_row(database.index, key, version)

    return Table(name, _KEYS, rows)


def _key_row(db: int, key: bytes, version: Version) -> tuple[int, Row]:
    value = version.data if isinstance(version.data, bytes) else None
    places: list[bytes] = []
    contents: list[bytes] = []
    for place, content in elements(version) if value is None else ():
        places.append(place if isinstance(place, bytes) else b"%d" % (place or 0))
        contents.append(content or b"")
    head = (
        *(db, text_of(key), key, version.kind, element_count(version)),
        *(version.deadline_ms, text_of(value), value),
    )
    weight = len(key) + len(value or b"") + _weight(places) + _weight(contents)
    if value is not None:
        return weight, (*head, None, None, None, None)
    return weight, (*head, _texts(places), _texts(contents), places, contents)
