"""Facts: what a job's own key, a score, or a table of aliases says of a job."""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from joblog.replay.jobs.elements import read_path
from joblog.replay.jobs.moves import all_moves
from joblog.replay.jobs.stories import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from joblog.app.keyspace.database import Database
    from joblog.replay.jobs.moves import Move
    from joblog.replay.jobs.schema import Rule, Schema
    from joblog.replay.jobs.stories import Story

_ALIASES_KEPT = 200_000
_SECOND_MS = 1000
_MS_IN = {"ms": 1.0, "s": 1000.0, "ms_4096": 1 / 4096}
_LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: what is later, as a score of `inf` is, counts as that."""

_TEXT_BYTES_MAX = 65_536
_KINDS = {"pickle": "pickle", "entry": "msgpack"}
_OF_ELEMENTS = frozenset(("due", "queue", "round", "replaced", "unkept"))
"""What is no news of a job, though an element says it."""


class Aliases:
    """Other names of jobs, as hashes tell them; the oldest are forgotten first.

    Attributes:
        known: from another name to a job's id.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.known: OrderedDict[bytes, bytes] = OrderedDict()

    def learn(self, rule: Rule, moves: Iterable[Move]) -> None:
        """Note down the aliases in what came to a hash, or leaves it."""
        if rule.kind != "alias" and not rule.has_aliases:
            return
        assert rule.read_id is not None
        for move in moves:
            if move.value is not None:
                job_id = rule.read_id(move.value, self.known)
                if job_id:
                    self.known[move.element] = job_id
        while len(self.known) > _ALIASES_KEPT:
            self.known.popitem(last=False)


def take_score(
    story: Story,
    change: Change,
    rule: Rule,
    score: float,
    facts: Mapping[str, bytes],
) -> None:
    """Note down what a member's score says, or the member itself where it says when."""
    meaning, _, unit = rule.score.partition("_")
    at_ms = _clamp(score * _MS_IN[unit])
    if meaning == "deadline":
        change.has_lease = True
        story.lease_ms = at_ms
    elif meaning == "due":
        story.due_ms = _read_ms(facts.get("due", b""), at_ms)


def _read_ms(text: bytes, otherwise: int) -> int:
    try:
        return _clamp(float(text))
    except ValueError:
        return otherwise


def _clamp(at_ms: float) -> int:
    """Return a time in whole ms, one that a calendar has.

    Raises:
        ValueError: it is no number.
    """
    if math.isnan(at_ms):
        raise ValueError(at_ms)
    return round(min(max(at_ms, 0), _LATEST_MS))


def read_time(text: bytes | None) -> int | None:
    """Return a time in ms, of a number of ms or of ISO 8601 (UTC where it says none).

    Returns:
        None where there is none.
    """
    if text is None:
        return None
    try:
        return _clamp(float(text))
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text.decode("utf-8", "replace"))
    except ValueError:
        return None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return _clamp(seconds * _SECOND_MS)


def read_fields(rule: Rule, value: object, moves: list[Move]) -> dict[str, bytes]:
    """Return what a job's own key says now, of the fields that the record wrote."""
    found: dict[str, bytes] = {}
    if rule.form == "hash":
        changed = {move.element: move.value for move in moves if move.delta >= 0}
        for name, field in rule.fields.items():
            content = changed.get(field.encode())
            if content is not None:
                found[name] = content
        if rule.guesses:
            found |= _guess(rule, changed.items())
            if isinstance(value, bytes):
                found |= _guess(rule, _json_words(value))
    elif rule.form in {"json", "pickle"} and isinstance(value, bytes):
        found = read_paths(rule, value)
    return found


def read_paths(rule: Rule, data: bytes) -> dict[str, bytes]:
    """Return what JSON, or a pickle, says at the paths that a rule names."""
    found: dict[str, bytes] = {}
    kind = _KINDS.get(rule.form, "json")
    for name, path in rule.fields.items():
        for one in path.split(" or "):
            content = read_path(data, one.split("."), kind)
            if content is not None:
                found[name] = content
                break
    if rule.guesses:
        found |= _guess(rule, _json_words(data))
    if "round" in rule.fields:
        found.setdefault("round", b"0")
    return found


def _guess(rule: Rule, words: Iterable[tuple[bytes, bytes | None]]) -> dict[str, bytes]:
    """Return what fields say whose names tell what they are; of two the last counts."""
    found: dict[str, bytes] = {}
    for field, content in words:
        name = rule.guesses.get(field.decode(errors="replace").lower())
        if name is not None and content:
            found[name] = content
    return found


def _json_words(data: bytes) -> list[tuple[bytes, bytes | None]]:
    """Return the fields of JSON whose values are text or numbers."""
    if data[:1] != b"{":
        return []
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return []
    return [
        (field.encode(), str(content).encode(errors="replace"))
        for field, content in value.items()
        if isinstance(content, str | int | float)
    ]


def learn_of_job(
    story: Story, schema: Schema, rule: Rule, database: Database, key: bytes
) -> None:
    """Note down what a key that is named after a job says, at a log's beginning."""
    if rule.kind == "mark":
        deadline_ms = database.deadlines.get(key)
        story.marks[(database.index, key)] = (rule, deadline_ms)
        if rule.is_lease:
            story.lease_ms = deadline_ms
        return
    fresh = read_fields(rule, database.values[key], all_moves(database, key))
    if "status" in fresh:
        story.status = schema.statuses.get(fresh["status"], "")
    note_facts(story, Change(story), fresh)


def note_element(
    story: Story, change: Change, rule: Rule, facts: dict[str, bytes]
) -> None:
    """Note down what an element that came to a place says of its job."""
    note_facts(story, change, facts)
    if rule.fields:
        story.eta_ms = read_time(facts.get("eta"))
        if "due" in rule.fields and not rule.score:
            story.due_ms = read_time(facts.get("due"))
        story.is_unkept = facts.get("unkept") == b"true"


def note_facts(story: Story, change: Change, fresh: dict[str, bytes]) -> None:
    """Note down what a key says of a job now, and what of it is new."""
    for name, content in fresh.items():
        if name == "queue":
            story.queue = content
        if name in _OF_ELEMENTS:
            continue
        text = unpack(content) if name == "error" else content
        if text != story.facts.get(name):
            change.notes[name] = story.facts[name] = text


def unpack(content: bytes) -> bytes:
    """Return a text that may be compressed with zlib, and that in base64 (as RQ's)."""
    packed = content
    try:
        if content[:2] == b"eJ":
            packed = base64.b64decode(content, validate=True)
        if packed[:1] == b"x":
            return zlib.decompressobj().decompress(packed, _TEXT_BYTES_MAX) or content
    except (binascii.Error, zlib.error):
        pass
    return content
