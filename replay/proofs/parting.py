"""Parting: where the logs of two nodes begin to differ.

A digest is of all bytes of a log up to a record. So the first record at which two logs
have other digests is the first that differs, also where records are redacted. Where a
segment begins in one log alone, they differ from there on whatever the records say.

The header of a segment ties all before to it. So headers are compared first, and only
of the newest segment that both have are digests asked for: of a log of any length that
is some forty headers, and one segment, a few times at the most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.moments import show_time
from joblog.app.history.notes import full_note
from joblog.replay.shown.records import record_text

if TYPE_CHECKING:
    from joblog.replay.proofs.nodes import Begin, Node, Shown

_AT_ONCE = 64
"""Into so many parts a segment is cut to find the first record that differs."""


class PartingError(Exception):
    """Two logs cannot be compared; the text says why."""


class Parting(NamedTuple):
    """How two logs lie to each other.

    Attributes:
        same_until: they are the same up to this record; 0 where nothing is.
        seq: the first record that differs; 0 where none does, or none can be named.
        texts: what it is in each, where it differs.
        digests: and the digests there, in hexadecimal digits.
        why: what differs, where that is no record; else "".
    """

    same_until: int
    seq: int = 0
    texts: tuple[str, str] = ("", "")
    digests: tuple[str, str] = ("", "")
    why: str = ""


def find_parting(one: Node, other: Node) -> Parting:
    """Find the first difference between two logs, as far as both go.

    Raises:
        PartingError: a node has not what it said that it has.
        StorageError, LiveError: one cannot be read, or was pruned meanwhile.
    """
    first_seq = max(one.first_seq, other.first_seq)
    until_seq = min(one.last_seq, other.last_seq)
    if first_seq > until_seq:
        return Parting(0, why=f"they have no record in common: {_extents(one, other)}")
    if one.log_id != other.log_id:
        why = f"they are two logs, {one.log_id} and {other.log_id}"
        return _parting(one, other, 0, first_seq, why)
    begin_seq, parted_seq = _compare_headers(one, other, first_seq, until_seq)
    if begin_seq:
        seq = _first_digest(one, other, begin_seq, parted_seq - 1)
        if seq:
            return _parting(one, other, seq - 1, seq, "")
    if parted_seq > until_seq:
        return Parting(until_seq)
    begins = one.begin_of(parted_seq), other.begin_of(parted_seq)
    same_until = parted_seq - 1 if begin_seq else 0
    why = _header_difference(*begins, is_behind=bool(begin_seq))
    return _parting(one, other, same_until, parted_seq, why)


def _compare_headers(
    one: Node, other: Node, first_seq: int, until_seq: int
) -> tuple[int, int]:
    """Compare the headers of segments.

    Returns:
        The first record of the newest segment whose header is the same, 0 for none;
        and that of the first one whose header is not, `until_seq + 1` for none.
    """
    low, high = first_seq, until_seq
    begin_seq, parted_seq = 0, until_seq + 1
    place = until_seq  # mostly the newest one settles it
    while low <= high:
        mine, theirs = one.begin_of(place), other.begin_of(place)
        if mine.digest == theirs.digest:
            begin_seq, low = mine.first_seq, place + 1
        else:
            parted_seq = max(mine.first_seq, theirs.first_seq)
            high = parted_seq - 1
        place = (low + high) // 2
    return begin_seq, parted_seq


def _first_digest(one: Node, other: Node, first_seq: int, last_seq: int) -> int:
    """Return the first record of a segment whose digest differs; 0 for none."""
    if not _first_of(one, other, [last_seq]):
        return 0
    low, high = first_seq, last_seq
    while low < high:
        step = max((high - low) // _AT_ONCE, 1)
        seqs = list(range(low, high, step))
        found = _first_of(one, other, seqs)
        if not found:
            low = seqs[-1] + 1
            continue
        high = found
        low = max(low, found - step + 1)
    return low


def _first_of(one: Node, other: Node, seqs: list[int]) -> int:
    """Return the first of some records whose digest differs; 0 for none."""
    mine, theirs = _digests(one, seqs), _digests(other, seqs)
    return next((seq for seq in seqs if mine[seq] != theirs[seq]), 0)


def _digests(node: Node, seqs: list[int]) -> dict[int, str]:
    found = node.digests(seqs)
    for seq in seqs:
        if seq not in found:
            raise PartingError(f"{node.name} has no sound seq {seq}")
    return found


def _parting(one: Node, other: Node, same_until: int, seq: int, why: str) -> Parting:
    """Return what both have where they part."""
    shown = one.show(seq), other.show(seq)
    texts = _text(shown[0]), _text(shown[1])
    if not why and texts[0] == texts[1]:
        why = _difference_around(*shown)
    digests = _digests(one, [seq])[seq], _digests(other, [seq])[seq]
    return Parting(same_until, seq, texts, digests, why)


def _text(shown: Shown) -> str:
    """Return a record as a line."""
    text = record_text(shown.record, 80)
    return f"{text} ({shown.redacted})" if shown.redacted else text


def _difference_around(one: Shown, other: Shown) -> str:
    """Return in which way two records differ that say the same."""
    mine, theirs = one.record, other.record
    if mine.at_ms != theirs.at_ms:
        times = show_time(mine.at_ms), show_time(theirs.at_ms)
        return f"its time differs: {times[0]} here, {times[1]} there"
    if mine.db != theirs.db:
        return f"its database differs: {mine.db} here, {theirs.db} there"
    if mine.origin.client_id != theirs.origin.client_id:
        clients = mine.origin.client_id, theirs.origin.client_id
        return f"who wrote it differs: client {clients[0]} here, {clients[1]} there"
    if full_note(mine.origin) != full_note(theirs.origin):
        return "what is noted beside it differs"
    return "what was known to be durable when it was written differs, or a word of it"


def _header_difference(mine: Begin, theirs: Begin, *, is_behind: bool) -> str:
    """Return why the headers of two segments differ.

    Args:
        mine: how the segment begins here.
        theirs: how it begins there.
        is_behind: whether the records before it are the same in both.
    """
    if mine.first_seq != theirs.first_seq:
        return "a segment begins there in one of them alone"
    if mine.previous != theirs.previous and is_behind:
        return "the segment before it ends in another way"
    if mine.previous != theirs.previous:
        return "they part before it, in what one of them has pruned"
    if mine.epoch != theirs.epoch:
        terms = f"{mine.epoch} here, {theirs.epoch} there"
        return f"a segment begins there, in another term: {terms}"
    return "a segment begins there, at another time"


def _extents(one: Node, other: Node) -> str:
    """Return which records two logs have."""
    return (
        f"seq {one.first_seq} to {one.last_seq} here, {other.first_seq} to "
        f"{other.last_seq} there"
    )
