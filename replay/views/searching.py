"""Searching: what a word in a search box may be: a job, a key, a client, a text."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from joblog.replay.jobs.reading import LONG_RECORDS, JobLog
from joblog.replay.jobs.sparse import MENTIONS_MAX
from joblog.replay.jobs.views import verdict_text
from joblog.replay.keys.inquiry import find_version
from joblog.replay.output.texts import from_json_text, json_text
from joblog.replay.output.times import near_time
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.search import Match, Query, Search
from joblog.replay.shown.records import client_label, record_text
from joblog.replay.shown.versions import version_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.history.moments import Point
    from joblog.replay.views.source import Source

FOUND_MAX = 20
"""So many records are shown of each kind, the newest."""

_SCANNED_MAX = 500_000
"""Of a longer log only the newest records are searched for a text."""

_CLIENTS_SCANNED_MAX = 50_000
"""And so many for a client, where records mention the text: each has to be unpacked."""

_LIMIT = 120
_MOMENT = "@"


def search_facts(source: Source, text: str, point: Point) -> dict[str, Any]:
    """Return for JSON what a log has up to a moment that a text may mean.

    Returns:
        `record`: a record's number, where the text is one; `jobs`, `keys`; `clients`:
        records of those that are called so; `mentions`: records with it as a word,
        `texts` with it anywhere; `searched_from`, the first that was looked at for the
        last, and `clients_from`, for clients; `is_common`: more records of a long log
        mention it than a job is found by, so that only following all of it would tell
        of jobs called so, as a job's page does. None are in `jobs` then, and keys are
        looked for from `searched_from` on.

    Raises:
        StorageError: the log is damaged, or was pruned.
    """
    word = from_json_text(text)
    digits = text.removeprefix(_MOMENT)
    is_record = digits.isdecimal() and int(digits) <= point.seq
    mentions, is_common = _mentions(source, word, point)
    first_seq = max(source.index.first_seq, point.seq - _SCANNED_MAX)
    texts: list[dict[str, Any]] = []
    if not mentions:
        wanted = Query(
            text=word, ignores_case=True, from_seq=first_seq, until_seq=point.seq
        )
        texts = _records(source, wanted)
    clients_seq = first_seq
    if mentions:
        clients_seq = max(first_seq, point.seq - _CLIENTS_SCANNED_MAX)
    by_client = Query(client=text, from_seq=clients_seq, until_seq=point.seq)
    return {
        "text": text,
        "record": int(digits) if is_record else None,
        "jobs": [] if is_common else _jobs(source, word, point),
        "keys": _keys(source, word, point, first_seq if is_common else 1),
        "clients": _records(source, by_client),
        "mentions": mentions,
        "texts": texts,
        "searched_from": first_seq,
        "clients_from": clients_seq,
        "is_common": is_common,
    }


def _mentions(
    source: Source, word: bytes, point: Point
) -> tuple[list[dict[str, Any]], bool]:
    """Return the newest records that mention a word, and whether very many do."""
    found = Search(source.index, Query(job=word, until_seq=point.seq)).backward()
    newest = list(_told(source, islice(found, FOUND_MAX)))
    if point.seq - source.index.first_seq <= LONG_RECORDS:
        return newest, False
    others = islice(found, MENTIONS_MAX - FOUND_MAX, None)
    return newest, next(others, None) is not None


def _jobs(source: Source, word: bytes, point: Point) -> list[dict[str, Any]]:
    jobs = JobLog(source.index, source.schemas, source.progress)
    return [
        {
            "id": json_text(each.story.id),
            "queue": json_text(each.story.queue),
            "verdict": each.verdict.word,
            "text": verdict_text(
                each.verdict, lambda at_ms: near_time(at_ms, point.at_ms)
            ),
        }
        for each in jobs.follow(word, point, source.limits)
        if each.story.state
    ]


def _keys(
    source: Source, word: bytes, point: Point, from_seq: int
) -> list[dict[str, Any]]:
    found = source.index.key_records(0, word, from_seq, point.seq, is_reverse=True)
    last = next(iter(found), None)
    if last is None:
        return []
    version = find_version(source.index, source.progress, 0, word, point.seq)
    return [
        {
            "db": 0,
            "key": json_text(word),
            "type": version.kind if version is not None else None,
            "text": version_text(version, _LIMIT),
            "seq": last.seq,
        }
    ]


def _records(source: Source, query: Query) -> list[dict[str, Any]]:
    found = Search(source.index, query).backward()
    return list(_told(source, islice(found, FOUND_MAX)))


def _told(source: Source, found: Iterable[Match]) -> Iterable[dict[str, Any]]:
    names = ScriptNames(source.index)
    for record, client in found:
        yield {
            "seq": record.seq,
            "at_ms": record.at_ms,
            "who": client_label(client),
            "text": record_text(record, _LIMIT, names),
        }
