"""Notices: what entries of a stream tell of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.jobs.schema import Meaning


class Notice(NamedTuple):
    """What one entry tells.

    Attributes:
        job_id: of which job.
        state: the state that it is in now, "" where the entry tells none.
        facts: what else it tells, by the schema's names.
    """

    job_id: bytes
    state: str
    facts: dict[str, bytes]


def read_notice(meaning: Meaning, argv: Sequence[bytes]) -> Notice | None:
    """Return what an entry that an effect adds tells; None where it tells of no job."""
    rule = meaning.rule
    if argv[0].upper() != b"XADD":
        return None
    entry = _entry_fields(argv)
    job_id = meaning.names.id or entry.get(rule.job.encode())
    if not job_id:
        return None
    word = entry.get(rule.event.encode(), b"").decode("utf-8", "replace")
    facts = {
        name: entry[field.encode()]
        for name, field in rule.fields.items()
        if field.encode() in entry
    }
    return Notice(job_id, rule.states.get(word, ""), facts)


def _entry_fields(argv: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields of `XADD key [MAXLEN = n] id field value ...`."""
    start = 2
    while start < len(argv) and argv[start].upper() in {b"MAXLEN", b"MINID"}:
        start += 3 if argv[start + 1] in {b"=", b"~"} else 2
        if argv[start].upper() == b"LIMIT":
            start += 2
    words = argv[start + 1 :]
    return dict(zip(words[::2], words[1::2], strict=False))
