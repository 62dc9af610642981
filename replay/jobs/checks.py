"""Checks: what must hold of a queue at any moment.

Each is a function of a keyspace and schemas, so that a moment can be asked for, and a
bisection can find the record after which it failed.

| check | finds |
| --- | --- |
| job-in-two-places | a job that waits, runs or has failed in two places at a time |
| job-in-none | a job that its own key says is not done, and that lies in no place |
| negative-counter | a counter below zero |
| lease-without-job | a lease, lock or running job whose own key is gone |
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.types.hashes import Hash
from joblog.replay.jobs.elements import read_path
from joblog.replay.jobs.moves import contents
from joblog.replay.jobs.schema import ENDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.replay.jobs.schema import Rule, Schema

_NEGATIVE = re.compile(rb"-[0-9]+(?:\.[0-9]+)?").fullmatch
_Job = tuple[str, bytes, bytes]


class Fault(NamedTuple):
    """Something that must not be.

    Attributes:
        check: the name of the check that found it.
        job: the job's id, or the counter's name.
        keys: (database, key) of the keys that show it.
        text: what is wrong, for people.
    """

    check: str
    job: bytes
    keys: tuple[tuple[int, bytes], ...]
    text: str


class Survey:
    """All jobs of a keyspace at one moment.

    Attributes:
        places: for each job, the keys that it lies in, with their rules and how often.
        own: for each job, its own key and the state that it tells, "" for none.
        leases: for each job, the keys that say that somebody has it.
    """

    def __init__(
        self, databases: Sequence[Database], schemas: Sequence[Schema]
    ) -> None:
        """Look at every key once; O(N) for N elements."""
        self.places: dict[_Job, list[tuple[Rule, tuple[int, bytes], int]]] = (
            defaultdict(list)
        )
        self.own: dict[_Job, tuple[tuple[int, bytes], str]] = {}
        self.leases: dict[_Job, list[tuple[int, bytes]]] = defaultdict(list)
        self.has_own: set[str] = {
            schema.name
            for schema in schemas
            for rule in schema.rules
            if rule.kind == "job" or (rule.kind == "result" and not rule.state)
        }
        self._aliases: dict[bytes, bytes] = {}
        found = list(_meanings(databases, schemas))
        for database, key, _, rule, _ in found:
            if rule.kind == "alias" or rule.has_aliases:
                self._learn(database, key, rule)
        for database, key, schema, rule, names in found:
            scope = names[0] or b"" if schema.is_scoped else b""
            home = (database.index, key)
            if rule.kind == "place":
                self._survey_place(database, home, schema.name, rule, scope)
            elif names[1] is not None:
                job = (schema.name, scope, names[1])
                if rule.kind == "mark":
                    self.leases[job].append(home)
                elif rule.kind in {"job", "result"}:
                    state = _told_state(database, key, schema, rule)
                    self.own[job] = (home, state)

    def _learn(self, database: Database, key: bytes, rule: Rule) -> None:
        assert rule.read_id is not None
        for name, (_, _, value) in contents(database, key).items():
            job_id = rule.read_id(value or b"", {})
            if job_id:
                self._aliases[name] = job_id

    def _survey_place(
        self,
        database: Database,
        home: tuple[int, bytes],
        schema: str,
        rule: Rule,
        scope: bytes,
    ) -> None:
        assert rule.read_id is not None
        for element, (count, _, value) in contents(database, home[1]).items():
            text = value if value is not None and rule.part == "value" else element
            job_id = rule.read_id(text, self._aliases)
            if not job_id:
                continue
            job = (schema, scope, job_id)
            if rule.state:
                self.places[job].append((rule, home, count))
            if rule.score.startswith("deadline") or rule.state == "running":
                self.leases[job].append(home)


def _meanings(
    databases: Sequence[Database], schemas: Sequence[Schema]
) -> Iterator[tuple[Database, bytes, Schema, Rule, tuple[bytes | None, bytes | None]]]:
    for database in databases:
        for key in database.values:
            for schema in schemas:
                meaning = schema.meaning(key)
                if meaning is not None:
                    yield database, key, schema, meaning.rule, meaning.names
                    break


def _told_state(database: Database, key: bytes, schema: Schema, rule: Rule) -> str:
    """Return the state that a job's own key tells, "" for none."""
    value = database.values[key]
    where = rule.fields.get("status", "")
    status = None
    if isinstance(value, Hash):
        status = value.get(where.encode())
    elif isinstance(value, bytes) and rule.form == "json" and where:
        status = read_path(value, where.split("."))
    return schema.statuses.get(status or b"", rule.state)


def find_in_two_places(survey: Survey) -> Iterator[Fault]:
    """Yield jobs that lie in two places that exclude each other, or twice in one."""
    for (_, _, job_id), places in survey.places.items():
        strict = [
            place
            for place in places
            if place[0].state not in ENDS and not place[0].is_register
        ]
        if sum(count for _, _, count in strict) < 2:  # noqa: PLR2004 - two places
            continue
        keys = tuple(dict.fromkeys(home for _, home, _ in strict))
        states = " and ".join(dict.fromkeys(rule.state for rule, _, _ in strict))
        text = f"it is {states} in {len(keys)} keys"
        yield Fault("job-in-two-places", job_id, keys, text)


def find_in_no_place(survey: Survey) -> Iterator[Fault]:
    """Yield jobs that their own key says have not ended, and that lie nowhere."""
    for job, (home, state) in survey.own.items():
        is_somewhere = job in survey.places or job in survey.leases
        if state and state not in ENDS and not is_somewhere:
            text = f"its own key says that it is {state}, and no key has it"
            yield Fault("job-in-none", job[2], (home,), text)


def find_lease_without_job(survey: Survey) -> Iterator[Fault]:
    """Yield leases and locks of jobs whose own key is gone."""
    for job, homes in survey.leases.items():
        if job[0] in survey.has_own and job not in survey.own:
            keys = tuple(dict.fromkeys(homes))
            yield Fault("lease-without-job", job[2], keys, "its own key is gone")


def find_negative_counters(
    databases: Sequence[Database], schemas: Sequence[Schema]
) -> Iterator[Fault]:
    """Yield counters below zero: those that schemas name, or any plain number."""
    has_names = any(rule.kind == "counter" for s in schemas for rule in s.rules)
    for database in databases:
        for key, value in database.values.items():
            home = ((database.index, key),)
            if has_names and not _is_counter(schemas, key):
                continue
            if isinstance(value, bytes) and _NEGATIVE(value):
                yield Fault("negative-counter", key, home, f"it is {value.decode()}")
            elif isinstance(value, Hash) and has_names:
                for field, content in value.items():
                    if _NEGATIVE(content):
                        text = f"it is {content.decode()}"
                        yield Fault("negative-counter", field, home, text)


def _is_counter(schemas: Sequence[Schema], key: bytes) -> bool:
    for schema in schemas:
        meaning = schema.meaning(key)
        if meaning is not None:
            return meaning.rule.kind == "counter"
    return False


_OF_SURVEY: dict[str, Callable[[Survey], Iterator[Fault]]] = {
    "job-in-two-places": find_in_two_places,
    "job-in-none": find_in_no_place,
    "lease-without-job": find_lease_without_job,
}
CHECKS = (*_OF_SURVEY, "negative-counter")
"""The names of all checks."""


def find_faults(
    databases: Sequence[Database],
    schemas: Sequence[Schema],
    checks: Sequence[str] = CHECKS,
) -> Iterator[Fault]:
    """Yield what must not be, at the moment that a keyspace is of.

    Args:
        databases: the keyspace's, such as `joblog.replay.keys.past.Past.databases`.
        schemas: what keys mean.
        checks: which to make, of CHECKS.

    Raises:
        KeyError: there is no check of that name.
    """
    if "negative-counter" in checks:
        yield from find_negative_counters(databases, schemas)
    wanted = [_OF_SURVEY[name] for name in checks if name != "negative-counter"]
    if wanted:
        survey = Survey(databases, schemas)
        for find in wanted:
            yield from find(survey)


def schema_condition(
    name: str, schemas: Sequence[Schema]
) -> Callable[[Keyspace, int], bool]:
    """Return a condition that holds where a check finds nothing, for a bisection.

    Raises:
        KeyError: there is no check of that name.
    """
    if name not in CHECKS:
        raise KeyError(name)

    def holds(keyspace: Keyspace, _: int) -> bool:
        return next(find_faults(keyspace.databases, schemas, [name]), None) is None

    return holds
