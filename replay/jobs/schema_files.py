"""Schemas as they are written: a TOML file.

    name = "rq"                            how the schema is called
    title = "RQ"                           how people call the library
    detect = ["rq:queue:{queue}"]          a log that writes such a key is of it
    acks = true                            whether a running job is kept anywhere
    ids = "queue"                          ids are a queue's own; else "everywhere"
    leases = true                          no job is taken back before its lease ran out
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

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from joblog.replay.jobs.elements import ReaderError, make_reader
from joblog.replay.jobs.patterns import Pattern, PatternError
from joblog.replay.jobs.schema import (
    FIELDS,
    SCORES,
    STATES,
    Habits,
    Rule,
    Schema,
    SchemaError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.replay.jobs.elements import ReadId

_KINDS = ("place", "job", "mark", "result", "alias", "notice", "counter", "other")


def read_schema(path: Path) -> Schema:
    """Read a schema from its file.

    Raises:
        SchemaError: it is no schema.
        OSError: the file cannot be read.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SchemaError(f"{path}: no TOML: {error}") from error
    return parse_schema(tables, str(path))


def parse_schema(tables: dict[str, Any], source: str) -> Schema:
    """Make a schema of what TOML says.

    Args:
        tables: the file's tables.
        source: the file's name, for errors.

    Raises:
        SchemaError: something in it is wrong.
    """
    known = {"name", "title", "detect", "acks", "ids", "reuse", "leases", "unless"}
    known |= {"status"}
    known |= set(_KINDS)
    _require(source, "", set(tables) <= known, f"keys are {', '.join(sorted(known))}")
    name = tables.get("name", "")
    ids = tables.get("ids", "everywhere")
    is_known = ids in {"queue", "everywhere"}
    _require(source, "ids", is_known, "write queue or everywhere")
    _require(source, "name", isinstance(name, str) and bool(name), "give it one")
    statuses = tables.get("status", {})
    for state in statuses.values():
        _require_state(source, "[status]", state)
    try:
        detect = tuple(map(Pattern, tables.get("detect", ())))
    except PatternError as error:
        raise SchemaError(f"{source}: detect: {error}") from error
    rules = [
        _parse_rule(source, kind, number, table)
        for kind in ("other", *_KINDS[:-1])
        for number, table in enumerate(tables.get(kind, ()), 1)
    ]
    _require(source, "", bool(rules), "it says nothing of any key")
    return Schema(
        name,
        str(tables.get("title", name)),
        _in_order(rules),
        detect=detect,
        statuses={word.encode(): state for word, state in statuses.items()},
        habits=Habits(
            has_acks=bool(tables.get("acks", True)),
            is_scoped=ids == "queue",
            reuses_ids=bool(tables.get("reuse", False)),
            keeps_leases=bool(tables.get("leases", False)),
        ),
        unless=str(tables.get("unless", "")),
        source=source,
    )


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
        "register",
        "fields",
        "as",
        "on_error",
        "where",
    },
    "job": {"key", "as", "fields", "id"},
    "mark": {"key", "state", "id", "lease"},
    "result": {"key", "state", "as", "fields", "id", "on_error"},
    "alias": {"key", "id"},
    "notice": {"key", "job", "event", "states", "fields"},
    "counter": {"key"},
    "other": {"key"},
}


def _parse_rule(source: str, kind: str, number: int, table: dict[str, Any]) -> Rule:
    place = f"[[{kind}]] {number}"
    allowed = _ALLOWED[kind]
    _require(
        source, place, set(table) <= allowed, f"keys are {', '.join(sorted(allowed))}"
    )
    try:
        pattern = Pattern(table["key"])
        where = re.compile(table["where"].encode()).search if "where" in table else None
        reader = None
        if kind in {"place", "alias"} or "id" in table:
            reader = make_reader(table.get("id", "whole"))
    except KeyError:
        raise SchemaError(f"{source}: {place}: give it a key") from None
    except (PatternError, ReaderError, re.error) as error:
        raise SchemaError(f"{source}: {place}: {error}") from error
    rule = _make_rule(source, place, kind, table, pattern, reader)
    return replace(rule, where=where)


def _make_rule(
    source: str,
    place: str,
    kind: str,
    table: dict[str, Any],
    pattern: Pattern,
    reader: ReadId | None,
) -> Rule:
    state = table.get("state", "done" if kind == "result" else "")
    left, score = table.get("left", ""), table.get("score", "")
    on_error = table.get("on_error", "")
    for each in (state, left, on_error, *table.get("states", {}).values()):
        _require_state(source, place, each)
    _require(source, place, score in SCORES, f"score is one of {', '.join(SCORES[1:])}")
    fields = table.get("fields", {})
    wrong = sorted(set(fields) - set(FIELDS))
    _require(source, place, not wrong, f"fields are {', '.join(FIELDS)}")
    form = table.get("as", "hash" if kind == "job" else "value")
    _require(
        source,
        place,
        form in {"hash", "json", "pickle", "value"},
        "as is hash, json, pickle or value",
    )
    if kind in {"job", "mark", "result"}:
        _require(source, place, "id" in pattern.holes, "its key needs {id}")
    rule = Rule(
        kind,
        pattern,
        state,
        reader,
        part=table.get("part", "value"),
        score=score,
        left=left,
        is_register=bool(table.get("register", False)),
        has_aliases=bool(table.get("aliases", False)),
        form=form,
        fields=fields,
        is_lease=bool(table.get("lease", False)),
        states=table.get("states", {}),
        job=str(table.get("job", "id")),
        event=str(table.get("event", "event")),
    )
    on_error_rule = replace(rule, state=on_error) if on_error else None
    return replace(rule, on_error=on_error_rule)


def _require_state(source: str, place: str, state: object) -> None:
    _require(source, place, state in {"", *STATES}, f"states are {', '.join(STATES)}")


def _require(source: str, place: str, is_right: bool, text: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not is_right:
        where = f"{source}: {place}" if place else source
        raise SchemaError(f"{where}: {text}")
