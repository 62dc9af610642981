"""Answers: the questions that a face asks of a folder, each by its name.

A face, be it a page or a terminal screen, computes nothing: it asks, and shows what it
is told, which is plain data, as JSON has it. A desk keeps what is worth keeping from
one question to the next; each of them sees the log as it is when it is asked.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import MomentError, NoSuchMomentError, json_time
from joblog.replay.index.background import index_later
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.ledger import ledger_kind
from joblog.replay.jobs.schema import SchemaError
from joblog.replay.jobs.verdicts import VERDICTS, Limits
from joblog.replay.output.texts import from_json_text, json_text
from joblog.replay.views.axis import axis_facts
from joblog.replay.views.board import DEEDS, Board, Moment, look_at
from joblog.replay.views.comparing import compare_facts
from joblog.replay.views.connections import clients_facts
from joblog.replay.views.errors import error_marks
from joblog.replay.views.facts import overview_facts
from joblog.replay.views.health import health_facts
from joblog.replay.views.job_list import Wanted, list_facts
from joblog.replay.views.job_page import job_facts
from joblog.replay.views.kept import Kept
from joblog.replay.views.key_page import key_facts
from joblog.replay.views.nearby import near_job_facts, near_key_facts
from joblog.replay.views.overview import Looked, look_over
from joblog.replay.views.queue_scripts import queue_scripts_facts
from joblog.replay.views.rates import Rates
from joblog.replay.views.receipts import receipt_facts
from joblog.replay.views.record_page import record_page_facts
from joblog.replay.views.script_list import scripts_facts
from joblog.replay.views.searching import search_facts
from joblog.replay.views.standing import standing_facts
from joblog.replay.views.sums import Slots
from joblog.storage.errors import (
    CorruptLogError,
    EncryptionError,
    PrunedError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from joblog.app.history.moments import Point
    from joblog.replay.keys.past import Progress
    from joblog.replay.views.source import Source

LISTED_MAX = 200
_GLOB = re.compile(rb"[*?\[\]\\^]")


class Desk:
    """Answers questions about one data folder, one after the other."""

    def __init__(
        self,
        folder: Path,
        schemas: Sequence[str] = (),
        limits: Limits = Limits(),  # noqa: B008 - a NamedTuple never changes
        descriptors: Sequence[str] = (),
    ) -> None:
        """Look at a folder; nothing is read yet.

        Args:
            folder: the data folder.
            schemas: those that were named; none to find them out.
            limits: from when on a job is stuck or lost.
            descriptors: of messages that jobs carry; see `protobufs`.
        """
        self._kept = Kept(folder, schemas, limits, descriptors)
        self._board: Board | None = None
        self._has_pages = True
        self._is_indexing = False
        self._rates: tuple[tuple[int, int, int], dict[str, Any]] | None = None

    def ask(
        self, name: str, words: Mapping[str, str], progress: Progress = lambda _: None
    ) -> dict[str, Any]:
        """Return the answer to a question; what went wrong is an answer, too.

        Args:
            name: one of `QUESTIONS`.
            words: what it is asked with; see there.
            progress: is told how far long work has come, by records' numbers.

        Returns:
            Plain data; `error` and `kind` where there is no answer: `damaged`,
            `pruned`, `locked`, `usage` or `nothing`.
        """
        ask = QUESTIONS.get(name)
        if ask is None:
            return {"error": f"nobody answers {name}", "kind": "usage"}
        try:
            return ask(self, self._kept.open(progress), words)
        except DamagedPartError:
            # What the index says is not needed; it is only quicker.
            self._drop_board()
            self._has_pages = False
            return ask(self, self._kept.open(progress), words)
        except (MomentError, SchemaError, _WordError) as error:
            return {"error": str(error), "kind": "usage"}
        except PrunedError as error:
            self.forget()
            text = f"{error}; nothing is known of what was before"
            return {"error": text, "kind": "pruned"}
        except CorruptLogError as error:
            self.forget()
            return {"error": str(error), "kind": "damaged"}
        except EncryptionError as error:
            self.forget()
            return {"error": str(error), "kind": "locked"}
        except NoSuchMomentError as error:
            return {"error": str(error), "kind": "nothing"}
        except StorageError as error:
            self.forget()
            return {"error": str(error), "kind": "nothing"}

    def forget(self) -> None:
        """Keep nothing: the next question reads all anew."""
        self._kept.close()
        self._drop_board()

    def _drop_board(self) -> None:
        if self._board is not None:
            self._board.close()
        self._board = self._rates = None

    def board_of(self, source: Source, until_seq: int | None = None) -> Board:
        """Return the board, and let it go on where it does not know a record yet.

        A board that was just made of what the index knows goes on at the next call: so
        there is something to show at once. Where that is little, indexing is begun.

        Args:
            source: the log.
            until_seq: the record; None for the log's last one.

        Raises:
            StorageError: the log is damaged.
            DamagedPartError: a page of the ledger is not what was written.
        """
        board, is_new = self._board, False
        kind = ledger_kind(source.schemas, source.index.bases.find_floor())
        if board is not None and (
            board.kind != kind or (not board.is_whole and board.is_behind(source))
        ):
            self._drop_board()
            board = None
        if board is None:
            board = self._board = Board(source, has_pages=self._has_pages)
            is_new = bool(board.pages)
            if not self._is_indexing:
                self._is_indexing = index_later(source.index)
        if not is_new and (until_seq is None or board.known_seq < until_seq):
            board.go_on(source)
        return board

    def rates_of(self, source: Source, from_ms: int, until_ms: int) -> dict[str, Any]:
        """Return depths and rates of a span; the last that were asked for are kept.

        They are those of the records that the board knows; what no page of the index
        has it follows at questions for the board.

        Raises:
            StorageError: the log is damaged.
        """
        board = self.board_of(source, 0)
        if not board.pages and not board.is_whole:
            board.go_on(source)
        name = board.known_seq, from_ms, until_ms
        if self._rates is None or self._rates[0] != name:
            span = Slots.over(from_ms, until_ms)
            self._rates = name, Rates(board, span).facts()
        return self._rates[1]


class _WordError(ValueError):
    """A question was asked with a word that means nothing."""


def point_facts(point: Point) -> dict[str, Any]:
    """Return a moment for JSON."""
    return {"seq": point.seq, "at": json_time(point.at_ms), "at_ms": point.at_ms}


def _number(words: Mapping[str, str], name: str, default: int) -> int:
    with suppress(ValueError):
        return int(words.get(name) or default)
    raise _WordError(f"{name} is no number")


def _board(desk: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """The queues at a moment `at`, by the steps of jobs; see `board`.

    `is_whole` says whether all records up to the moment are counted; where they are
    not, the moment is the last that is, and the next answer knows more.
    """
    point = source.point(words.get("at"))
    board = desk.board_of(source, point.seq)
    end = source.point(None)
    source.index.bases.require_openable(point.seq)
    is_whole = point.seq <= board.known_seq
    if not is_whole:
        point = point._replace(seq=board.known_seq)
    return {
        "folder": str(source.folder),
        "schemas": [schema.title for schema in source.schemas],
        "point": point_facts(point),
        "end": point_facts(end),
        "known_seq": board.known_seq,
        "is_whole": is_whole,
        "queues": _queues(look_at(board, point)),
    }


def _queues(moment: Moment) -> list[dict[str, Any]]:
    """Return queues for JSON, those with most that has not ended first."""

    def order(name: bytes) -> tuple[int, bytes]:
        states = moment.queues[name].states
        return -sum(states[each] for each in ("waiting", "running", "scheduled")), name

    return [
        {
            "queue": json_text(name),
            "states": {
                state: count
                for state, count in moment.queues[name].states.items()
                if count
            },
            "minute": {deed: moment.minute[name][deed] for deed in DEEDS},
            "total": {deed: moment.queues[name].deeds[deed] for deed in DEEDS},
        }
        for name in sorted(moment.queues, key=order)
    ]


def _rates(desk: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """Depths and rates from `from_ms` to `until_ms`, by default all of the log."""
    from_ms, until_ms = _span(source)
    from_ms = _number(words, "from_ms", from_ms)
    until_ms = _number(words, "until_ms", until_ms)
    return desk.rates_of(source, from_ms, max(from_ms, until_ms))


def _span(source: Source) -> tuple[int, int]:
    """Return when the first and the last record of a log were written."""
    index = source.index
    ends = max(index.first_seq, index.bases.find_floor() + 1), index.last_seq
    times = [record.at_ms for seq in ends if (record := index.get_record(seq))]
    return min(times, default=0), max(times, default=0)


def _axis(desk: Desk, source: Source, _: Mapping[str, str]) -> dict[str, Any]:
    """The time axis, and what stands out on it.

    Errors are those up to record `known_seq`, which the board knows.
    """
    rates = desk.rates_of(source, *_span(source))
    errors = error_marks(desk.board_of(source, 0), rates)
    return {"known_seq": rates["known_seq"], **axis_facts(source, errors)}


def _overview(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """What `replay top --until AT --json` says: it looks at each job."""
    point = source.point(words.get("at"))
    looked = Looked(0, point, source.limits)
    overview = look_over(
        source.index, source.schemas, source.clients, looked, source.progress
    )
    return overview_facts(overview)


def _standing(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """The jobs that have not ended well at a moment, counted, and what is wrong."""
    return standing_facts(source, source.point(words.get("at")))


def _jobs(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """The jobs of a `queue` at a moment, of some `states`, with commas between."""
    point = source.point(words.get("at"))
    states = tuple(filter(None, (words.get("states") or "").split(",")))
    for state in states:
        if state not in VERDICTS:
            raise _WordError(f"{state} is no verdict")
    queue = words.get("queue")
    glob = None if not queue else _GLOB.sub(rb"\\\g<0>", from_json_text(queue))
    wanted = Wanted(glob, states, is_all=words.get("all") == "1")
    most = min(_number(words, "n", LISTED_MAX), LISTED_MAX)
    return {"point": point_facts(point), **list_facts(source, point, wanted, most)}


def _job(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """A job by its `id`, up to a moment."""
    point = source.point(words.get("at"))
    job_id = from_json_text(words.get("id", ""))
    return {"point": point_facts(point), "jobs": job_facts(source, job_id, point)}


def _key(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """A `key` of `db` at a moment."""
    point = source.point(words.get("at"))
    key = from_json_text(words.get("key", ""))
    facts = key_facts(source, _number(words, "db", 0), key, point)
    return {"point": point_facts(point), **facts}


def _nearby(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """The records `before` and `after` number `seq`: of a job's `id`, or of a `key`."""
    seq = _number(words, "seq", 0)
    if "id" in words:
        return near_job_facts(source, from_json_text(words["id"]), seq)
    key = from_json_text(words.get("key", ""))
    return near_key_facts(source, _number(words, "db", 0), key, seq)


def _record(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """The record of number `seq`."""
    return record_page_facts(source, _number(words, "seq", 0))


def _compare(desk: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """Two moments, `a` and `b`: queues of both, and the keys that differ."""
    points = source.point(words.get("a")), source.point(words.get("b"))
    board = desk.board_of(source)
    glob = (words.get("key") or "*").encode()
    return {
        "a": {**point_facts(points[0]), "queues": _queues(look_at(board, points[0]))},
        "b": {**point_facts(points[1]), "queues": _queues(look_at(board, points[1]))},
        **compare_facts(source, points, glob),
    }


def _clients(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """Who was connected up to a moment."""
    return clients_facts(source, source.point(words.get("at")))


def _scripts(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """Which scripts wrote up to a moment."""
    return scripts_facts(source, source.point(words.get("at")))


def _queue_scripts(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """Which scripts wrote to a `queue` shortly before a moment."""
    queue = from_json_text(words.get("queue", ""))
    return queue_scripts_facts(source, queue, source.point(words.get("at")))


def _health(_: Desk, source: Source, __: Mapping[str, str]) -> dict[str, Any]:
    """How the log is."""
    return health_facts(source)


def _search(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """What `text` may be: a job, a key, a client, or what records mention."""
    return search_facts(source, words.get("text", ""), source.point(words.get("at")))


def _receipt(_: Desk, source: Source, words: Mapping[str, str]) -> dict[str, Any]:
    """A receipt for a job's `id`, to be checked by `replay check`."""
    return receipt_facts(source, from_json_text(words.get("id", "")))


QUESTIONS: dict[str, Callable[[Desk, Source, Mapping[str, str]], dict[str, Any]]] = {
    "axis": _axis,
    "board": _board,
    "clients": _clients,
    "compare": _compare,
    "health": _health,
    "job": _job,
    "jobs": _jobs,
    "key": _key,
    "nearby": _nearby,
    "overview": _overview,
    "queue_scripts": _queue_scripts,
    "rates": _rates,
    "receipt": _receipt,
    "record": _record,
    "scripts": _scripts,
    "standing": _standing,
    "search": _search,
}
"""What can be asked; all that know a moment take it as `at`, but for two."""
