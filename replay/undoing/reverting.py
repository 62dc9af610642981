"""Reverting: the commands that undo what some records did, and nothing else.

What the records did to a key is undone piece by piece, the last record first: a field,
member or score gets back the value that it had, an element goes out of a list or comes
back to the end that was nearer. A piece that something else has changed since is left
as it is, and told as a conflict; so is a string or a stream, and an element that has
left its list since, wherever it went. What is as it was before
the records (since it was undone already) is no conflict, and nothing to undo.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.history.value_commands import change_commands
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.marks import word_test
from joblog.replay.jobs.belonging import find_jobs
from joblog.replay.keys.pieces import BY_PIECES, undo_pieces
from joblog.replay.keys.values import Version, elements
from joblog.replay.undoing.steps import State, Step, find_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from joblog.app.history.touched import DbKey
    from joblog.app.words import Argv
    from joblog.replay.jobs.belonging import Belonging
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.keys.past import Progress
    from joblog.replay.keys.pieces import Fate
    from joblog.storage.filesystem import FileSystem


class Conflict(NamedTuple):
    """Something that is not undone, since it was changed again.

    Attributes:
        key: (database, key).
        seq: the record that is not undone in this.
        place: the field, member or element; "value" or "deadline".
        fate: what became of it since.
    """

    key: DbKey
    seq: int
    place: bytes | str
    fate: Fate = "changed"


class Plan(NamedTuple):
    """How to undo records.

    Attributes:
        seqs: the records that are undone, all or in part.
        commands: (database, argv), in order; to be run as one transaction.
        conflicts: what is not undone.
        jobs: (id, record) of the jobs that came with the records, and go with them.
        end_seq: the last record of the log when this was worked out; it holds as long
            as no later one changes one of the keys.
    """

    seqs: list[int]
    commands: list[tuple[int, Argv]]
    conflicts: list[Conflict]
    end_seq: int
    jobs: list[tuple[bytes, int]] = []  # noqa: RUF012 - a default, never changed

    @property
    def keys(self) -> list[DbKey]:
        """The keys that the commands change, each once."""
        return list(dict.fromkeys((db, argv[1]) for db, argv in self.commands))


class Scope(NamedTuple):
    """What is to be undone of what records did.

    Attributes:
        word: where given, only keys and elements that have it, such as a job's id.
        is_key: where given, only keys of such names, wholly.
        belonging: where given, only what is of some queues.
        schemas: what keys mean, to tell which jobs come and go.
    """

    word: bytes = b""
    is_key: Callable[[bytes], object] | None = None
    belonging: Belonging | None = None
    schemas: Sequence[Schema] = ()

    def narrow(self, steps: list[Step]) -> list[Step]:
        """Return what is left of steps where only this is undone."""
        if self.is_key is not None:
            steps = [step for step in steps if self.is_key(step.key[1])]
        if self.word:
            mentions = word_test(self.word)
            steps = list(_narrow(steps, mentions, lambda _: mentions))
        if self.belonging is not None:
            self.belonging.learn(
                (step.key[1], state.version)
                for step in steps
                for state in (step.before, step.after)
                if state.version
            )
            has_key, mentions_in = self.belonging.has_key, self.belonging.mentions
            steps = list(_narrow(steps, has_key, mentions_in))
        return steps


_ALL = Scope()


def plan_revert(
    folder: Path,
    filesystem: FileSystem,
    seqs: Collection[int],
    end_seq: int,
    progress: Progress = lambda _: None,
    scope: Scope = _ALL,
) -> Plan:
    """Work out how to undo records.

    Args:
        folder: the data folder; it is only read.
        filesystem: the door to the disk.
        seqs: the numbers of the records.
        end_seq: the last record of the log.
        progress: is told how far the fold has come.
        scope: what of that is undone.

    Raises:
        StorageError: the log is damaged, or does not go back so far.
    """
    wanted = set(seqs)
    if not wanted:
        return Plan([], [], [], end_seq)
    with closing(LogIndex(folder, filesystem)) as index:
        steps, now = find_steps(index, progress, sorted(wanted), end_seq)
    steps = scope.narrow(steps)
    now = {step.key: now[step.key] for step in steps}
    conflicts: list[Conflict] = []
    target = dict(now)
    for step in reversed(steps):
        target[step.key] = _undo(step, target[step.key], conflicts)
    commands = [
        (key[0], argv)
        for key, state in now.items()
        for argv in change_commands(key[1], state.version, *target[key])
    ]
    jobs = _leaving_jobs(scope.schemas, steps, now, target)
    return Plan(sorted(wanted), commands, conflicts, end_seq, jobs)


def _leaving_jobs(
    schemas: Sequence[Schema],
    steps: list[Step],
    now: dict[DbKey, State],
    target: dict[DbKey, State],
) -> list[tuple[bytes, int]]:
    """Return the jobs that are there now, and are not once all is undone."""

    def jobs_in(states: Iterable[tuple[DbKey, State]]) -> set[bytes]:
        values = ((key[1], state.version) for key, state in states)
        return find_jobs(schemas, ((key, each) for key, each in values if each))

    leaving = jobs_in(now.items()) - jobs_in(target.items())
    found: dict[bytes, int] = {}
    for step in steps:
        came = jobs_in([(step.key, step.after)]) - jobs_in([(step.key, step.before)])
        for job_id in sorted(came & leaving):
            found.setdefault(job_id, step.seq)
    return list(found.items())


def _narrow(
    steps: list[Step],
    has_key: Callable[[bytes], object],
    mentions_in: Callable[[bytes], Callable[[bytes], object]],
) -> Iterator[Step]:
    """Yield what is left of steps where only some keys and pieces are undone.

    Args:
        steps: what records did.
        has_key: whether all that was done to a key is wanted.
        mentions_in: of another key, what tells whether a piece of it is.
    """
    for step in steps:
        before, after = step.before.version, step.after.version
        versions = [version for version in (before, after) if version]
        kind, *others = {version.kind for version in versions}
        mentions = mentions_in(step.key[1])
        if has_key(step.key[1]):
            yield step
        elif others or kind not in BY_PIECES:
            if any(map(mentions, _words(versions))):
                yield step
        else:
            new = after.data if after else BY_PIECES[kind]()
            data = undo_pieces(kind, _data_pair(step, kind), new, mentions)
            if data != new:
                kept = versions[-1]._replace(data=data)
                yield step._replace(before=State(kept if data else None))


def _words(versions: list[Version]) -> Iterator[bytes]:
    """Yield what values have for names and contents."""
    for version in versions:
        for name, content in elements(version):
            yield from (word for word in (name, content) if isinstance(word, bytes))


# --- undoing --------------------------------------------------------------------


def _undo(step: Step, now: State, conflicts: list[Conflict]) -> State:
    """Return a key's state with one step undone, as far as that can be."""
    before, after, current = step.before.version, step.after.version, now.version
    if current == after:
        return step.before

    def report(place: bytes | str, fate: Fate = "changed") -> None:
        conflicts.append(Conflict(step.key, step.seq, place, fate))

    kinds = {version.kind for version in (before, after, current) if version}
    if current == before:
        if kinds == {"list"}:
            old, new = _data_pair(step, "list")
            for element in sorted((Counter(new) - Counter(old)).elements()):
                report(element, "left")
        return now
    [kind, *others] = sorted(kinds)
    if others or kind not in BY_PIECES:
        report("value")
        return now
    data = current.data if current else BY_PIECES[kind]()
    data = undo_pieces(kind, _data_pair(step, kind), data, lambda _: True, report)
    deadline_ms = current.deadline_ms if current else None
    if before and after and before.deadline_ms != after.deadline_ms:
        if deadline_ms == after.deadline_ms:
            deadline_ms = before.deadline_ms
        elif deadline_ms != before.deadline_ms:
            report("deadline")
    elif current is None and before:
        deadline_ms = before.deadline_ms
    fields = _field_deadlines(step, current, data) if kind == "hash" else None
    return State(Version(kind, data, deadline_ms, fields) if data else None)


def _field_deadlines(
    step: Step, current: Version | None, data: dict[bytes, bytes]
) -> dict[bytes, int] | None:
    """Return when fields are to expire: as now, and as before where they come back."""
    before = step.before.version
    had = (before.field_deadlines if before else None) or {}
    now = (current.field_deadlines if current else None) or {}
    values = current.data if current else {}
    deadlines = {
        field: at_ms
        for field in data
        if (at_ms := (now if values.get(field) == data[field] else had).get(field))
    }
    return deadlines or None


def _data_pair(step: Step, kind: str) -> tuple[Any, Any]:
    """Return a key's value before and after a step; what is missing is empty."""
    old, new = (
        state.version.data if state.version else BY_PIECES[kind]()
        for state in (step.before, step.after)
    )
    return old, new
