"""Moments: what people write for a point in the log, and which record it is.

    @1042  1042              after the record with that number; @0 is before the first
    2026-11-23T14:00:05.5Z   ISO 8601; without Z or an offset, in local time
    2026-11-23  14:00        a day's start; an hour of today
    today  yesterday 14:00   midnight, or an hour, of that day
    5m ago  1h30m ago  2 days ago
    now
    before-deploy            a tag: the moment that LOG.TAG gave this name, the last one
    before-deploy~1          the one before, where the tag was moved

A moment that is a time is the state after the last record that is not later; `now` is
the log's end, also where its clock ran ahead. A range is two moments with two dots
between, `A..B`; one left out is the log's start or end.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import TagNote, read_note
from joblog.storage.errors import PrunedError
from joblog.storage.folder import LogFolder
from joblog.storage.places import find_seq_at
from joblog.storage.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

FORMS = "'@1042', '2026-11-23T14:00:05', 'yesterday 14:00', '5m ago', 'now' or a tag"

TAG = re.compile(r"[A-Za-z](?:[A-Za-z0-9_:/-]|\.(?!\.)){0,99}")
"""What a tag looks like; two dots in a row part the ends of a range."""

_BACK = re.compile(r"[^~]+(?:~[0-9]{1,4})?")

NOW = "now"
END_MS = 1 << 63
"""A time that is later than any record's."""

_SEQ = re.compile(r"@?([0-9]+)")
_AGO = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?\s*[a-z]+[\s,]*)+(?=\s+ago$)")
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)")
_DAY_AND_HOUR = re.compile(
    r"(?:(today|yesterday)\s*)?(?:T?([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
)
_UNIT_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86_400,
    "day": 86_400,
    "w": 604_800,
    "week": 604_800,
}


class MomentError(ValueError):
    """What was written is no moment; the text says what was expected."""


class NoSuchTagError(MomentError):
    """Nobody gave a moment that name."""


class NoSuchMomentError(Exception):
    """The log has not come to that moment."""


class Moment(NamedTuple):
    """A moment as it was written: a number, a time or a tag, one of them.

    Attributes:
        text: what was written.
        seq: the number of a record, or None.
        at_ms: ms since the epoch, or None.
        tag: the name that somebody gave it, or None.
    """

    text: str
    seq: int | None = None
    at_ms: int | None = None
    tag: bytes | None = None

    @property
    def is_now(self) -> bool:
        """Whether this is the end of the log, also where its clock ran ahead."""
        return self.text.strip().lower() == NOW


class Point(NamedTuple):
    """A moment found in a log.

    Attributes:
        seq: the last record that has happened; 0 for none.
        at_ms: the time, by which keys have expired or not.
    """

    seq: int
    at_ms: int


def parse_moment(text: str, now_ms: int) -> Moment:
    """Read a moment.

    Args:
        text: what was written.
        now_ms: what relative times count from.

    Raises:
        MomentError: it is none.
    """
    words = " ".join(text.split())
    if match := _SEQ.fullmatch(words):
        return Moment(text, seq=int(match[1]))
    try:
        found = _parse_time(words, now_ms) if words else None
        at_ms = None if found is None else round(found.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        at_ms = None
    if at_ms is not None:
        return Moment(text, at_ms=at_ms)
    if TAG.fullmatch(words.partition("~")[0]) and _BACK.fullmatch(words):
        return Moment(text, tag=words.encode())
    raise MomentError(f"{text!r} is no moment; write {FORMS}")


def _parse_time(words: str, now_ms: int) -> datetime | None:
    now = datetime.fromtimestamp(now_ms / 1000).astimezone()
    lower = words.lower()
    if lower == NOW:
        return now
    if match := _AGO.match(lower):
        return now - timedelta(seconds=_count_seconds(match[0]))
    if match := _DAY_AND_HOUR.fullmatch(lower):
        day, *clock = match.groups()
        hour, minute, second = (int(number or 0) for number in clock)
        # A naive day, so that the hour is the wall clock's also when that changes.
        date = now.replace(tzinfo=None) - timedelta(days=day == "yesterday")
        return date.replace(
            hour=hour, minute=minute, second=second, microsecond=0
        ).astimezone()
    return datetime.fromisoformat(words).astimezone()


def _count_seconds(words: str) -> float:
    seconds = 0.0
    for amount, unit in _AMOUNT.findall(words):
        name = unit if unit in _UNIT_SECONDS else unit.removesuffix("s")
        if name not in _UNIT_SECONDS:
            raise MomentError(f"{unit!r} is no unit of time; write 5m, 2h, 3 days")
        seconds += float(amount) * _UNIT_SECONDS[name]
    return seconds


BEGINNING = Moment("", seq=0)
"""What a range begins with where it does not say; before the first record."""


def parse_range(text: str, now_ms: int) -> tuple[Moment, Moment]:
    """Read a range, `A..B`.

    Raises:
        MomentError: it is none.
    """
    first, dots, last = text.partition("..")
    if not dots:
        raise MomentError(f"{text!r} is no range; write A..B, such as '@10..@20'")
    return (
        parse_moment(first.strip(), now_ms) if first.strip() else BEGINNING,
        parse_moment(last.strip() or NOW, now_ms),
    )


def show_time(at_ms: int) -> str:
    """Return a time in ISO 8601, local, with milliseconds and the offset."""
    seconds, ms = divmod(at_ms, 1000)
    until_second, offset = _local_second(seconds)
    return f"{until_second}.{ms:03d}{offset}"


def json_time(at_ms: int) -> str:
    """Return a time in ISO 8601, UTC, with milliseconds."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{_utc_second(seconds)}.{ms:03d}Z"


# Records of one second follow each other, and this is in each line of a log.
@lru_cache(maxsize=1024)
def _local_second(seconds: int) -> tuple[str, str]:
    text = datetime.fromtimestamp(seconds, UTC).astimezone().isoformat()
    return text[:19], text[19:]


@lru_cache(maxsize=1024)
def _utc_second(seconds: int) -> str:
    # Without tzinfo, so that it does not end in +00:00.
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def first_seq(folder: Path, filesystem: FileSystem) -> int:
    """Return the number of the first record that a log still has, or would have."""
    segments = LogFolder(folder, filesystem).find_segments()
    return segments[0] if segments else 1


def find_point(moment: Moment, folder: Path, filesystem: FileSystem) -> Point:
    """Find a moment in a log.

    Raises:
        MomentError: nobody gave a moment that name.
        NoSuchMomentError: the log has no record of that number yet.
        PrunedError: the moment lies before what the log still has.
        CorruptLogError: the log is damaged there.
    """
    if moment.at_ms is not None:
        at_ms = END_MS if moment.is_now else moment.at_ms
        seq = find_seq_at(folder, at_ms, filesystem=filesystem)
        return Point(seq, moment.at_ms)
    if moment.tag is not None:
        floor = first_seq(folder, filesystem)
        records = read_records(folder, filesystem=filesystem, from_seq=floor)
        return find_tag(moment, records)
    assert moment.seq is not None
    return _find_seq(moment.seq, folder, filesystem)


def find_tag(moment: Moment, records: Iterable[Record]) -> Point:
    """Return the last moment that was given a name; `NAME~1` is the one before.

    Args:
        moment: the name, as a moment.
        records: in order; all that may give one.

    Raises:
        MomentError: nobody gave a moment that name.
    """
    name, back = split_tag(moment.tag or b"")
    found = [
        Point(record.seq, record.clock_ms)
        for record in records
        if tag_name(record) == name
    ]
    if not found:
        raise NoSuchTagError(
            f"{moment.text!r} is no moment, and nobody gave one that name; "
            f"write {FORMS}"
        )
    if back >= len(found):
        shown = name.decode()
        raise NoSuchTagError(f"{shown} was given {len(found)} times: no {moment.text}")
    return found[-1 - back]


def tag_name(record: Record) -> bytes | None:
    """Return the name that a record gives its moment, None where it gives none."""
    note = None if record.effects else read_note(record.origin)
    return note.name if isinstance(note, TagNote) else None


def split_tag(text: bytes) -> tuple[bytes, int]:
    """Return a tag's name, and how many times it was moved since: `NAME~2`."""
    name, _, back = text.partition(b"~")
    return name, int(back or 0)


def _find_seq(seq: int, folder: Path, filesystem: FileSystem) -> Point:
    floor = first_seq(folder, filesystem)
    if seq < floor - 1:
        raise PrunedError(
            f"{folder}: seq {seq} is pruned: the log starts at seq {floor}", floor
        )
    if not seq:
        return Point(0, 0)
    wanted = max(seq, floor)
    for record in read_records(
        folder, filesystem=filesystem, from_seq=wanted, until_seq=wanted
    ):
        return Point(seq, record.clock_ms)
    last_seq = find_seq_at(folder, END_MS, filesystem=filesystem)
    raise NoSuchMomentError(
        f"{folder}: there is no seq {seq}: the log ends with seq {last_seq}"
    )
