"""Schemas as they are written: a TOML file.

    name = "rq"                            how the schema is called
    title = "RQ"                           how people call the library
    detect = ["rq:queue:{queue}"]          a log that writes such a key is of it
    acks = true                            whether a running job is kept anywhere
    ids = "queue"                          ids are a queue's own; else "everywhere"
    leases = true                          no job is taken back before its lease ran out
    swept = "swept"                        the error of a job that was taken back
    reuse = true                           an id is given away again after its job's end
    unless = "bullmq"                      not of it where that schema is found too

    [[place]]                              where a job's id lies while in a state
    key = "rq:wip:{queue}"
    where = "[a-z]$"                       a regular expression that the key fits too
    state = "running"                      one of STATES, or "" for none
    id = "until :"                         how to read it (see `elements`); "whole"
    part = "value"                         of a hash: the id is in "value" or "field"
    fields = { error = "error_message" }   what more elements say that are JSON
    score = "deadline_s"                   of a sorted set: what scores are
    left = "done"                          what leaving it for nowhere means
    on_error = "failed"                    its state where `fields` find an error
    register = true                        it lists jobs that lie elsewhere too
    pending = "running"                    of a stream: entries that a consumer has
    held = true                            says no more of jobs that were taken
    repeats = true                         it tells now and then which jobs run
    untold = '"retry":false'               how those ended in which this is found
    aliases = true                         of a hash: a field is another name of the job

    [[job]]                                a key with what is known of one job
    key = "rq:job:{id}"
    as = "hash"                            or "json", "pickle", "value": a string
    fields = { status = "status", error = "exc_info" }

    [[mark]]                               a key whose being there tells a state
    key = "bull:{queue}:{id}:lock"
    state = "running"
    lease = true                           its deadline is the lease's

    [[result]]                             a key that gets a job's end
    [[alias]]                               a hash that tells other names of jobs
    [[notice]]                             a stream whose entries tell of jobs
    job = "jobId"                          the field that has the id
    event = "event"                        the field that says what happened
    states = { completed = "done" }        what that is as a state
    [[counter]]                            a number, or a hash of numbers, never below 0
    [[other]]                              keys that are none of these

    [status]                               what a status is as a state
    started = "running"

docs/schemas.md says how to write one.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from joblog.replay.jobs.elements import ReaderError, make_reader
from joblog.replay.jobs.patterns import Pattern, PatternError
from joblog.replay.jobs.schema import FIELDS, SCORES, STATES, Habits, Rule, Schema
from joblog.replay.jobs.schema_errors import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.replay.jobs.elements import ReadId
    from joblog.replay.jobs.schema_errors import Place

_KINDS = ("place", "job", "mark", "result", "alias", "notice", "counter", "other")


_IDS = ("queue", "everywhere")
_PARTS = ("value", "field")
_FORMS = ("hash", "json", "pickle", "entry", "value")
_KEYS = ("name", "title", "detect", "acks", "ids", "reuse", "leases", "swept", "unless")
_TOML_LINE = re.compile(r"at line ([0-9]+)")


def read_schema(path: Path) -> Schema:
    """Read a schema from its file.

    Raises:
        SchemaError: it is no schema.
        OSError: the file cannot be read.
    """
    source = Source(str(path))
    try:
        text = path.read_text("utf-8")
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _TOML_LINE.search(str(error))
        where = Source(f"{path}:{line[1]}") if line else source
        raise where.root().error(f"no TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise source.root().error(f"no TOML: {error}") from error
    return parse_schema(tables, str(path), text)


def find_schemas(folder: Path) -> list[Schema]:
    """Return the schemas that lie in a data folder: schemas/*.toml, *.schema.toml.

    Raises:
        SchemaError: one of them is none.
    """
    paths = [*folder.glob("schemas/*.toml"), *folder.glob("*.schema.toml")]
    return [read_schema(path) for path in sorted(paths)]


def parse_schema(tables: dict[str, Any], name: str, text: str = "") -> Schema:
    """Make a schema of what TOML says.

    Args:
        tables: the file's tables.
        name: the file's name, for errors.
        text: the file's text, so that errors have its lines.

    Raises:
        SchemaError: something in it is wrong.
    """
    source = Source(name, text)
    root = source.root()
    root.require_known(tables, (*_KEYS, "status", *_KINDS), "keys are")
    called = root.take(tables, "name", str, "")
    if not called:
        raise root.error("name: give it one", "name")
    root.require_known([ids := tables.get("ids", "everywhere")], _IDS, "ids are")
    statuses = root.take_strings(tables, "status")
    root.require_known(statuses.values(), STATES, "states are")
    rules = [
        _parse_rule(source.place(kind, number), kind, table)
        for kind in ("other", *_KINDS[:-1])
        for number, table in enumerate(_tables(root, tables, kind), 1)
    ]
    if not rules:
        raise root.error("it says nothing of any key")
    return Schema(
        called,
        root.take(tables, "title", str, called),
        _in_order(rules),
        detect=_parse_detect(root, tables),
        statuses={word.encode(): state for word, state in statuses.items()},
        habits=Habits(
            has_acks=root.flag(tables, "acks", default=True),
            is_scoped=ids == "queue",
            reuses_ids=root.flag(tables, "reuse"),
            keeps_leases=root.flag(tables, "leases"),
            swept=root.take(tables, "swept", str, "").encode(),
        ),
        unless=root.take(tables, "unless", str, ""),
        source=name,
        content=json.dumps(tables, sort_keys=True, default=str),
    )


def _tables(root: Place, tables: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = tables.get(kind, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise root.error(f"write [[{kind}]], once for each, with two brackets", kind)
    return found


def _parse_detect(root: Place, tables: dict[str, Any]) -> tuple[Pattern, ...]:
    try:
        return tuple(map(Pattern, root.take(tables, "detect", list, [])))
    except (PatternError, TypeError) as error:
        raise root.error(f"detect: {error}", "detect") from error


def _in_order(rules: list[Rule]) -> list[Rule]:
    """Return rules so that narrower patterns stand before those that have more holes.

    Of two, the one whose pattern has more fixed letters is narrower; and what none of a
    library's keys begins with is narrower than all.
    """

    def breadth(rule: Rule) -> tuple[bool, int]:
        is_whole = rule.pattern.is_prefix and rule.kind == "other"
        return not is_whole, -_letters(rule.pattern.text)

    return sorted(rules, key=breadth)


def _letters(text: str) -> int:
    depth_free = text.replace("{{", "").replace("}}", "")
    count, inside = 0, False
    for letter in depth_free:
        if letter == "{":
            inside = True
        elif letter == "}":
            inside = False
        elif not inside:
            count += 1
    return count


_ALLOWED = {
    "place": {
        "key",
        "state",
        "id",
        "part",
        "score",
        "left",
        "aliases",
        "held",
        "pending",
        "register",
        "repeats",
        "untold",
        "fields",
        "as",
        "on_error",
        "where",
    },
    "job": {"key", "as", "fields", "id", "where"},
    "mark": {"key", "state", "id", "lease", "where"},
    "result": {"key", "state", "as", "fields", "id", "on_error", "where"},
    "alias": {"key", "id"},
    "notice": {"key", "job", "event", "states", "fields"},
    "counter": {"key"},
    "other": {"key"},
}


def _parse_rule(place: Place, kind: str, table: dict[str, Any]) -> Rule:
    place.require_known(table, sorted(_ALLOWED[kind]), "keys are")
    key = place.take(table, "key", str, "")
    if not key:
        raise place.error("give it a key")
    where = place.take(table, "where", str, "")
    reader = None
    word = "key"
    try:
        pattern, word = Pattern(key), "where"
        matches, word = _search(where), "untold"
        untold, word = _search(place.take(table, "untold", str, "")), "id"
        if kind in {"place", "alias"} or "id" in table:
            reader = make_reader(_read_id(place, table))
    except (PatternError, ReaderError, re.error) as error:
        raise place.error(str(error), word) from error
    if kind in {"job", "mark", "result"} and "id" not in pattern.holes:
        raise place.error("its key needs {id}", "key")
    rule = _make_rule(place, kind, table, pattern, reader)
    return replace(rule, where=matches, untold=untold)


def _search(expression: str) -> Callable[[bytes], object] | None:
    return re.compile(expression.encode()).search if expression else None


def _read_id(place: Place, table: dict[str, Any]) -> str | list[str]:
    if isinstance(table.get("id"), list):
        return list(map(str, table["id"]))
    return str(place.take(table, "id", str, "whole"))


def _make_rule(
    place: Place,
    kind: str,
    table: dict[str, Any],
    pattern: Pattern,
    reader: ReadId | None,
) -> Rule:
    def word(name: str, default: str = "") -> str:
        return str(place.take(table, name, str, default))

    state = word("state", "done" if kind == "result" else "")
    others = word("left"), word("on_error"), word("pending")
    states = place.take_strings(table, "states")
    place.require_known([state, *others, *states.values()], STATES, "states are")
    place.require_known([score := word("score")], SCORES, "score is one of")
    fields = place.take_strings(table, "fields")
    place.require_known(fields, FIELDS, "fields are")
    form = word("as", "hash" if kind == "job" else "value")
    place.require_known([form], _FORMS, "as is one of")
    place.require_known([part := word("part", "value")], _PARTS, "part is one of")
    rule = Rule(
        kind,
        pattern,
        state,
        reader,
        part=part,
        score=score,
        left=word("left"),
        is_register=place.flag(table, "register"),
        is_held=place.flag(table, "held"),
        repeats=place.flag(table, "repeats"),
        has_aliases=place.flag(table, "aliases"),
        form=form,
        fields=fields,
        is_lease=place.flag(table, "lease"),
        states=states,
        job=word("job", "id"),
        event=word("event", "event"),
    )
    return _with_others(rule, *others)


def _with_others(rule: Rule, left: str, on_error: str, pending: str) -> Rule:
    """Return a rule with those that count where there is an error, or a consumer."""
    failed = replace(rule, state=on_error) if on_error else None
    if not pending:
        return replace(rule, on_error=failed)
    had = replace(rule, state=pending, left=left)
    return replace(rule, left="", on_error=failed, pending=had)
