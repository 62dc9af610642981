"""Problems: jobs that something is wrong with, grouped by what, why, who and where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.touched import changed_keys
from joblog.replay.jobs.views import Actors
from joblog.replay.output.texts import plain_text, show
from joblog.replay.records.script_lines import find_lines
from joblog.replay.records.script_texts import find_script
from joblog.replay.records.scripts import script_sha
from joblog.replay.shown.records import client_name

if TYPE_CHECKING:
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.reading import Judged
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.records.clients import ClientDirectory
    from joblog.replay.records.script_texts import ScriptText
    from joblog.storage.record import Record

SEVEREST = ("lost", "delivered twice", "stuck", "failed", "deleted")
"""The verdicts of which somebody should know, the severest first."""

LISTED = (*SEVEREST, "in hand")
"""The verdicts of jobs that are listed: what was popped may be lost soon."""

_OWN_WORDS = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\d+")
_KEPT_MAX = 10_000


class Group(NamedTuple):
    """What the jobs of one problem have in common.

    Attributes:
        verdict: one of LISTED.
        queue: their queue.
        reason: why; of reasons that differ in numbers or ids alone, that of the first.
        worker: who had them last: a client's name, or its host; "" where nobody did.
        client: who was the last to do something to them.
        by: the command or script with which.
        line: the script's line that did it, as `number: text`; "" where that is
            unclear, or no script did.
    """

    verdict: str
    queue: bytes
    reason: str
    worker: str
    client: str
    by: str
    line: str


class Problem(NamedTuple):
    """One problem, and its jobs.

    Attributes:
        group: what they have in common.
        jobs: how many there are.
        first_id: the job with which it began.
        first_seq: the record that brought it to that; 0 where that is not known.
        first_ms: since when that job is so; None where that is not known.
        last_ms: since when the last one is.
    """

    group: Group
    jobs: int
    first_id: bytes
    first_seq: int
    first_ms: int | None
    last_ms: int | None


def last_seq(judged: Judged) -> int:
    """Return the record that brought a job to its state, by which they best come."""
    last = judged.story.last
    return last.record.seq if last is not None else 0


class Problems:
    """Groups jobs as they come; best in the order of `last_seq`."""

    def __init__(self, index: LogIndex, clients: ClientDirectory) -> None:
        """Begin with none.

        Args:
            index: the log, for the texts of scripts.
            clients: who the clients were.
        """
        self._index = index
        self._sources: dict[str, ScriptText | None] = {}
        self._clients = clients
        self._actors = Actors(index, clients)
        self._found: dict[Group, Problem] = {}

    def add(self, judged: Judged) -> None:
        """Take in a job, where something is wrong with it, or may be soon."""
        story, verdict = judged
        if verdict.word not in LISTED:
            return
        group = self._group(judged)
        alike = group._replace(reason=_OWN_WORDS.sub("…", group.reason))
        since_ms, seq = verdict.since_ms, story.last.record.seq if story.last else 0
        found = self._found.get(alike)
        if found is None and len(self._found) >= _KEPT_MAX:
            alike = group = alike._replace(reason="", line="", worker="", client="")
            found = self._found.get(alike)
        if found is None:
            self._found[alike] = Problem(group, 1, story.id, seq, since_ms, since_ms)
            return
        latest = max(since_ms or 0, found.last_ms or 0) or None
        found = found._replace(jobs=found.jobs + 1, last_ms=latest)
        if (since_ms or 0, seq) < (found.first_ms or 0, found.first_seq):
            found = found._replace(
                group=group, first_id=story.id, first_seq=seq, first_ms=since_ms
            )
        self._found[alike] = found

    def list(self) -> list[Problem]:
        """Return the problems, the severest first, and of these that of most jobs."""
        return sorted(
            self._found.values(),
            key=lambda each: (
                LISTED.index(each.group.verdict),
                -each.jobs,
                each.first_ms or 0,
                each.first_id,
            ),
        )

    def _group(self, judged: Judged) -> Group:
        story, verdict = judged
        last = self._whole(story.last)
        return Group(
            verdict.word,
            story.queue,
            plain_text(verdict.reason),
            self._worker(story),
            client_name(self._actors.client(last.record)) if last is not None else "",
            self._actors.deed(last.record) if last is not None else "",
            self._line(last) if last is not None else "",
        )

    def _whole(self, step: Step | None) -> Step | None:
        """Return a step with its record: the ledger keeps no more than its number."""
        if step is None or step.record.effects:
            return step
        record = self._index.get_record(step.record.seq)
        return step if record is None else step._replace(record=record)

    def _worker(self, story: Story) -> str:
        """Return who had a job last, also by what its own key says."""
        worker = story.facts.get("worker")
        if story.taker:
            client = self._clients.find(story.taker, story.taken_seq)
            if not worker or (client.note is not None and client.note.name):
                return client_name(client)
        return show(worker) if worker else ""

    def _script(self, record: Record) -> ScriptText | None:
        """Return what wrote a record; scripts of EVAL are read once."""
        sha = script_sha(record)
        if not sha:
            return find_script(self._index, record)
        if sha not in self._sources:
            self._sources[sha] = find_script(self._index, record)
        return self._sources[sha]

    def _line(self, step: Step) -> str:
        """Return the one line of a script that may have made a step, "" for several."""
        record = step.record
        script = self._script(record)
        if script is None or script.source is None:
            return ""
        numbers: set[int] = set()
        for effect in record.effects:
            if step.key in changed_keys(effect):
                numbers.update(find_lines(script.source, record, effect))
        if not numbers:
            return ""
        lines = script.source.decode("utf-8", "backslashreplace").splitlines()
        number = min(numbers)
        more = " …" if len(numbers) > 1 else ""
        return plain_text(f"{number}: {lines[number - 1].strip()}{more}")
