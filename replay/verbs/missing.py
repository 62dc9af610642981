"""What verbs say where nothing is found: what there is of a like name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.history.touched import find_touched
from joblog.replay.index.scanning import Pieces
from joblog.replay.output.near import near_text
from joblog.replay.output.texts import plain_text, show
from joblog.replay.shown.redactions import find_redactions, redacted_texts
from joblog.replay.verbs.completing import find_jobs, find_keys, find_queues

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.replay.verbs.options import Tool

_DBS_SHOWN = 3
_SECONDS = 0.5
_MOST = 5000


def near_keys(tool: Tool, key: bytes) -> str:
    """Return which keys of the log are called like one, in words; "" for none."""
    return _near(key, find_keys(tool.index, b"", _SECONDS, _MOST))


def near_jobs(tool: Tool, job_id: bytes) -> str:
    """Return which jobs of the log are called like one, in words; "" for none."""
    return _near(job_id, find_jobs(tool.index, b"", _SECONDS, _MOST))


def near_queues(tool: Tool, queue: bytes) -> str:
    """Return which queues of the log are called like one, in words; "" for none."""
    known = find_queues(tool.index, _SECONDS)
    near = _near(queue, known)
    if not near and known:
        near = f"; there are {', '.join(map(show, known[:10]))}"
    return near


def near_scripts(tool: Tool, name: str) -> str:
    """Return which scripts of the log are called like one, in words; "" for none."""
    from joblog.replay.records.script_texts import ScriptNames  # noqa: PLC0415 - only then

    return near_text(plain_text(name), map(show, ScriptNames(tool.index).known()))


def tell_redacted(tool: Tool, kind: str, name: bytes, seq: int | None = None) -> bool:
    """Say that a key or a job is redacted, if it is: by whom, when and why.

    Args:
        tool: the verb's.
        kind: "key" or "job".
        name: its name.
        seq: the moment that was asked for; None for all.

    Returns:
        Whether it is.
    """
    texts = redacted_texts(find_redactions(tool.index), kind, name, seq)
    for text in texts:
        tool.output.hint(f"replay: {show(name)}: {text}")
    return bool(texts)


def other_dbs(tool: Tool, key: bytes, db: int) -> str:
    """Return in which other databases a key was changed, in words; "" for none."""
    found: dict[int, None] = {}
    for record in tool.index.candidates([[key]], Pieces(key)):
        for other, name in find_touched(record).keys:
            if name == key and other != db:
                found[other] = None
        if len(found) == _DBS_SHOWN:
            break
    names = ", ".join(f"db{other}" for other in found)
    return f"; it was in {names}: --db {next(iter(found))}" if found else ""


def tell_missing_key(tool: Tool, key: bytes, seq: int, db: int) -> None:
    """Say that there is no such key at a moment, and what is called like it."""
    if tell_redacted(tool, "key", key, seq):
        return
    known = find_keys(tool.index, b"", _SECONDS, _MOST)
    near = other_dbs(tool, key, db)
    if not near and key in known:
        near = "; 'replay history' shows when it was there"
    if not near:
        near = _near(key, known)
    tool.output.hint(f"replay: {show(key)} is missing at seq {seq}{near}")


def _near(wanted: bytes, known: Iterable[bytes]) -> str:
    return near_text(show(wanted), map(show, known))
