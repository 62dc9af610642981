"""Notices: what entries of a stream tell of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.jobs.schema import Rule


def read_notice(rule: Rule, argv: Sequence[bytes]) -> tuple[bytes, str] | None:
    """Return (id, state) of an entry that an effect adds; the state may be "".

    Returns:
        None where the effect adds none, or it tells of no job.
    """
    if argv[0].upper() != b"XADD":
        return None
    fields = _entry_fields(argv)
    job_id = fields.get(rule.fields["id"].encode())
    if not job_id:
        return None
    word = fields.get(rule.fields["status"].encode(), b"").decode("utf-8", "replace")
    return job_id, rule.states.get(word, "")


def _entry_fields(argv: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields of `XADD key [MAXLEN = n] id field value ...`."""
    start = 2
    while start < len(argv) and argv[start].upper() in {b"MAXLEN", b"MINID"}:
        start += 3 if argv[start + 1] in {b"=", b"~"} else 2
        if argv[start].upper() == b"LIMIT":
            start += 2
    words = argv[start + 1 :]
    return dict(zip(words[::2], words[1::2], strict=False))
