"""Stories, steps and verdicts as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.app.history.notes import EvictedNote, ExecNote, ExpiredNote, read_note
from joblog.replay.jobs.verdicts import headline
from joblog.replay.output.texts import json_text, plain_text, show
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.scripts import script_sha
from joblog.replay.shown.records import client_facts, client_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.jobs.verdicts import Verdict
    from joblog.replay.records.clients import Client, ClientDirectory
    from joblog.storage.record import Record

_SECOND_MS = 1000
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))
_NAMES_SHOWN = 3


def show_duration(ms: int) -> str:
    """Return a duration in its two largest units: `340 ms`, `12.5 s`, `2h 5m`."""
    if ms < 0:
        return f"-{show_duration(-ms)}"
    if ms < _SECOND_MS:
        return f"{ms} ms"
    if ms < 60 * _SECOND_MS:
        return f"{ms / _SECOND_MS:.1f} s"
    words: list[str] = []
    for unit, size in _UNITS:
        count, ms = divmod(ms, size)
        if count or words:
            words.append(f"{count}{unit}")
    return " ".join(words[:2])


class Actors:
    """Says who made a record, and how: the client, and the script by its name.

    Attributes:
        masters: where those are that were followed, of all who were asked about: what
            came from one says neither which client of it wrote, nor by which script.
    """

    def __init__(self, index: LogIndex, clients: ClientDirectory) -> None:
        """Ask a log, and a directory of its clients."""
        self.masters: set[str] = set()
        self._clients = clients
        self._names = ScriptNames(index)

    def _find(self, client_id: int, seq: int) -> Client:
        client = self._clients.find(client_id, seq)
        if client.note is not None and client.note.replicates:
            self.masters.add(plain_text(client.note.address))
        return client

    def client(self, record: Record) -> Client:
        """Return who caused a record."""
        return self._find(record.origin.client_id, record.seq)

    def name(self, client_id: int, seq: int) -> str:
        """Return who had an id when a record was written, in a word or two."""
        return client_label(self._find(client_id, seq))

    def worker(self, story: Story) -> str:
        """Return who took a job last; of a client without a name, the worker's."""
        client = self._find(story.taker, story.taken_seq)
        worker = story.facts.get("worker")
        if not worker or (client.note is not None and client.note.name):
            return client_label(client)
        return f"{show(worker)} #{client.id}"

    def name_and_user(self, client_id: int, seq: int) -> tuple[str, str]:
        """Return the same, and as which user: "" where nobody knows."""
        client = self._find(client_id, seq)
        note = client.note
        user = "" if note is None or note.replicates else json_text(note.user)
        return client_label(client), user

    def label(self, record: Record) -> str:
        """Return who caused a record: name and id, address, and library."""
        client = self.client(record)
        note = client.note
        label = client_label(client)
        if note is None:
            return label
        address = plain_text(note.address) if note.name else ""
        library = show(note.library) if note.library else ""
        return " ".join(filter(None, (label, address, library)))

    def deed(self, record: Record) -> str:
        """Return how a record was made, in few words: `EVALSHA enqueue`, `EXEC`."""
        note = read_note(record.origin)
        if isinstance(note, ExpiredNote):
            return "expired"
        if isinstance(note, EvictedNote):
            return f"evicted by {note.policy}" if note.policy else "evicted"
        if isinstance(note, ExecNote):
            names = [
                plain_text(argv[0].decode("utf-8", "replace")) for argv in note.commands
            ]
            names = list(dict.fromkeys(name.upper() for name in names))
            more = " ..." if len(names) > _NAMES_SHOWN else ""
            return f"EXEC ({' '.join(names[:_NAMES_SHOWN])}{more})"
        command = record.origin.command or (record.effects or [[b""]])[0]
        name = show(command[0].upper())
        words = [word.upper() for word in command]
        if name == "XREADGROUP" and b"STREAMS" in words[:-1]:
            return f"{name} {show(command[words.index(b'STREAMS') + 1])}"
        sha = script_sha(record)
        if sha:
            return f"{name} {self._names.label(sha)}"
        return f"{name} {show(command[1])}" if len(command) > 1 else name


def step_notes(step: Step, limit: int | None, show_at: Callable[[int], str]) -> str:
    """Return what else a step tells, in one line: error, lease, what is wrong.

    Args:
        step: the step.
        limit: the most characters for each word.
        show_at: writes a time.
    """
    words: list[str] = []
    if step.lease_ms is not None:
        words.append(f"lease until {show_at(step.lease_ms)}")
    if step.due_ms is not None and step.state == "scheduled":
        words.append(f"due {show_at(step.due_ms)}")
    for name, content in step.notes.items():
        if name != "status" and content:
            shown = headline(content) if name == "error" else content
            words.append(f"{name} {show(shown, limit)}")
    if step.is_inferred:
        words.append("inferred")
    if step.problem:
        words.append(f"! {step.problem}")
    return ", ".join(words)


def step_facts(step: Step, actors: Actors) -> dict[str, Any]:
    """Return a step for JSON."""
    record = step.record
    facts: dict[str, Any] = {
        "seq": record.seq,
        "at": json_time(record.at_ms),
        "at_ms": record.at_ms,
        "step": step.kind,
        "state": step.state,
        "key": json_text(step.key),
        "client": client_facts(actors.client(record)),
        "by": actors.deed(record),
    }
    for name, at_ms in (("lease_until", step.lease_ms), ("due", step.due_ms)):
        if at_ms is not None:
            facts[name] = json_time(at_ms)
            facts[f"{name}_ms"] = at_ms
    facts |= {name: json_text(content) for name, content in step.notes.items()}
    if step.is_inferred:
        facts["is_inferred"] = True
    if step.problem:
        facts["problem"] = step.problem
    return facts


def story_facts(story: Story, verdict: Verdict, at_ms: int) -> dict[str, Any]:
    """Return a job and its verdict for JSON; times in ms since the epoch, UTC."""
    facts: dict[str, Any] = {
        "id": json_text(story.id),
        "queue": json_text(story.queue),
        "schema": story.schema.name,
        "state": story.state,
        "verdict": verdict.word,
        "since": None if verdict.since_ms is None else json_time(verdict.since_ms),
        "since_ms": verdict.since_ms,
    }
    if verdict.reason:
        facts["reason"] = plain_text(verdict.reason)
    facts["deliveries"] = story.deliveries
    if story.last is not None:
        record = story.last.record
        facts["last"] = {
            "step": story.last.kind,
            "seq": record.seq,
            "client_id": record.origin.client_id,
        }
    times = {
        "enqueued": story.enqueued_ms,
        "taken": story.taken_ms,
        "ended": story.ended_ms,
        "lease_until": story.lease_ms,
        "due": story.eta_ms if story.due_ms is None else story.due_ms,
    }
    for name, time_ms in times.items():
        if time_ms is not None:
            facts[name] = json_time(time_ms)
    durations = {"waited_ms": story.waited_ms, "ran_ms": ran_ms(story, verdict, at_ms)}
    facts |= {name: ms for name, ms in durations.items() if ms is not None}
    for name, content in story.facts.items():
        facts[name] = json_text(content)
    facts["places"] = [json_text(key) for _, key in story.places]
    facts["first_seq"], facts["last_seq"] = story.first_seq, story.last_seq
    return facts


def ran_ms(story: Story, verdict: Verdict, at_ms: int) -> int | None:
    """Return how long a job ran since it was last taken.

    Of one whose lease ran out it is the longest that it can have run: nobody says when
    its worker stopped.

    Returns:
        None where it never ran, or where nobody heard how long: it was lost, or taken
        by a library that keeps nothing of a running job.
    """
    if story.taken_ms is None or verdict.word in {"lost", "taken"}:
        return None
    end_ms = at_ms if story.state == "running" else story.ended_ms
    if story.state == "running" and story.lease_ms is not None:
        end_ms = min(at_ms, story.lease_ms)
    begun_ms = max(story.taken_ms, story.eta_ms or 0)
    return None if end_ms is None else max(end_ms - begun_ms, 0)


def waited_ms(story: Story, at_ms: int) -> int | None:
    """Return how long a job waits, or waited before it was taken; None for unknown."""
    if story.state != "waiting":
        return story.waited_ms
    return max(at_ms - story.since_ms, 0) if story.is_since_known else None


def verdict_text(verdict: Verdict, show_at: Callable[[int], str]) -> str:
    """Return a verdict for people: the word, since when, and why.

    Args:
        verdict: the verdict.
        show_at: writes a time.
    """
    text = verdict.word
    if verdict.since_ms is not None:
        text = f"{text} since {show_at(verdict.since_ms)}"
    return f"{text}: {plain_text(verdict.reason)}" if verdict.reason else text
