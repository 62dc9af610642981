"""A job: its steps, its verdict, and its way as bars, one for each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.app.history.touched import changed_keys
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.schema import ENDS
from joblog.replay.jobs.verdicts import PROBLEMS
from joblog.replay.jobs.views import Actors, step_facts, story_facts
from joblog.replay.keys.inquiry import find_version
from joblog.replay.output.texts import json_text
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.search import Match
from joblog.replay.shown.records import record_text
from joblog.replay.shown.versions import version_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.stories import Step
    from joblog.replay.jobs.timelines import Timeline
    from joblog.replay.jobs.verdicts import Verdict
    from joblog.replay.views.source import Source

_STEPS_MAX = 2000
_TRIES = 8


def timeline_facts(timeline: Timeline, point: Point, actors: Actors) -> dict[str, Any]:
    """Return a job with its steps for JSON."""
    story, steps, verdict = timeline
    facts = story_facts(story, verdict, point.at_ms)
    culprit = find_culprit(timeline)
    if culprit is not None:
        facts["by"] = step_facts(culprit, actors)
    facts["steps"] = [step_facts(step, actors) for step in steps]
    return facts


def find_culprit(timeline: Timeline) -> Step | None:
    """Return the step to which a job's problem is due, None where it has none."""
    story, steps, verdict = timeline
    if verdict.word == "delivered twice":
        return next((step for step in reversed(steps) if step.problem), story.last)
    return story.last if verdict.word in PROBLEMS else None


def fold_leases(steps: list[Step]) -> list[Step]:
    """Return steps with only the last of each run of extended leases."""
    kept: list[Step] = []
    for step in steps:
        if step.kind == "lease" and kept and kept[-1].kind == "lease":
            kept[-1] = step
        else:
            kept.append(step)
    return kept


def find_own_key(timelines: Sequence[Timeline], job_id: bytes) -> bytes | None:
    """Return the key in which its library keeps what is known of a job."""
    for timeline in timelines:
        for step in timeline.steps:
            for argv in step.record.effects:
                for key in changed_keys(argv):
                    meaning = timeline.story.schema.meaning(key, argv[0])
                    if meaning is None or meaning.rule.kind != "job":
                        continue
                    if meaning.names.id == job_id:
                        return key
    return None


def bars_of(timeline: Timeline, at_ms: int) -> list[dict[str, Any]]:
    """Return for how long a job was in each state, in order.

    Taken again, it is in the next bar. An end is a bar without a length. Where a job is
    lost or stuck, the last bar is that, from then on.
    """
    bars: list[dict[str, Any]] = []
    for step in timeline.steps:
        record = step.record
        is_same = bool(bars) and bars[-1]["state"] == step.state
        if is_same and step.kind != "taken":
            continue
        if bars and bars[-1]["until_ms"] is None:
            bars[-1]["until_ms"] = record.at_ms
        is_end = step.state in ENDS
        bars.append(
            {
                "state": step.state,
                "from_ms": record.at_ms,
                "until_ms": record.at_ms if is_end else None,
                "client_id": record.origin.client_id,
                "seq": record.seq,
                "problem": step.problem,
            }
        )
    if bars and bars[-1]["until_ms"] is None:
        bars[-1]["until_ms"] = max(at_ms, bars[-1]["from_ms"])
        _tell_verdict(bars, timeline.verdict)
    return bars


def _tell_verdict(bars: list[dict[str, Any]], verdict: Verdict) -> None:
    """End the last bar where the job was no longer what nobody wrote that it is."""
    last, word, since_ms = bars[-1], verdict.word, verdict.since_ms
    if word == last["state"] or word not in PROBLEMS or since_ms is None:
        return
    since_ms = min(max(since_ms, last["from_ms"]), last["until_ms"])
    bars.append({**last, "state": word, "from_ms": since_ms, "problem": ""})
    last["until_ms"] = since_ms


def job_facts(source: Source, job_id: bytes, point: Point) -> list[dict[str, Any]]:
    """Return the jobs of an id for JSON: several where queues share ids.

    Each is as `replay job --json` has it; besides there are `bars`, for each step the
    record as `text`, and `own`: its own key, with what that held then, decoded.

    Raises:
        StorageError: the log is damaged, or was pruned.
    """
    jobs = JobLog(source.index, source.schemas, source.progress)
    timelines = jobs.follow(job_id, point, source.limits)
    actors = Actors(source.index, source.clients)
    names = ScriptNames(source.index)
    return [
        {
            **_page_facts(timeline, point, actors, names),
            "own": _own_facts(source, timeline, job_id, point),
        }
        for timeline in timelines
    ]


def _page_facts(
    timeline: Timeline,
    point: Point,
    actors: Actors,
    names: ScriptNames,
) -> dict[str, Any]:
    lean = timeline._replace(steps=fold_leases(timeline.steps)[-_STEPS_MAX:])
    facts = timeline_facts(lean, point, actors)
    for told, step in zip(facts["steps"], lean.steps, strict=True):
        match = Match(step.record, actors.client(step.record))
        told["text"] = record_text(match.record, 200, names)
        told["client_label"] = actors.label(step.record)
    bars = bars_of(timeline, point.at_ms)
    for bar in bars:
        is_running = bar["state"] == "running"
        who = actors.name(bar["client_id"], bar["seq"]) if is_running else ""
        bar["worker"] = who
        for name in ("from", "until"):
            bar[name] = json_time(bar[f"{name}_ms"])
    facts["bars"] = bars
    facts["title"] = timeline.story.schema.title
    facts["queue_text"] = json_text(timeline.story.queue)
    return facts


def _own_facts(
    source: Source, timeline: Timeline, job_id: bytes, point: Point
) -> dict[str, Any] | None:
    """Return what a job's own key held, the last that the log has of it."""
    key = find_own_key([timeline], job_id)
    if key is None:
        return None
    seqs = [step.record.seq for step in timeline.steps[-_TRIES:]]
    version = None
    # A job that has ended may have no key any more: then what it was before counts.
    for seq in (point.seq, *(seq - 1 for seq in reversed(seqs))):
        version = find_version(source.index, source.progress, 0, key, seq)
        if version is not None:
            break
    if version is None:
        return {"key": json_text(key), "seq": point.seq, "value": None}
    return {
        "key": json_text(key),
        "seq": seq,
        "value": version_facts(version),
        "decoded": source.payloads.elements(version),
    }
