"""Options of XREAD and XREADGROUP: what to read, how much, and how long to wait.

    [COUNT n] [BLOCK ms] [GROUP group consumer] [CLAIM ms] [NOACK] STREAMS key .. id ..

Source: Redis 7.2; see tests/parity/test_streams.py. CLAIM: the public documentation and
tests of Redis 8.4, of which there is no server to ask; see tests/app/commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer, whole_timeout_ms
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context


class Reading(NamedTuple):
    """What XREAD or XREADGROUP asks for.

    Attributes:
        keys: the streams.
        ids: for each the text that says from where on.
        most: how many entries of each; 0 sets no limit.
        block_ms: how long to wait, 0 for ever; None for not at all.
        group: the name of the group and of the consumer, or None.
        is_acknowledged: whether what is read counts as acknowledged (NOACK).
        claim_ms: how long pending entries must be idle to be read too; None for never.
    """

    keys: tuple[bytes, ...]
    ids: tuple[bytes, ...]
    most: int
    block_ms: int | None
    group: tuple[bytes, bytes] | None
    is_acknowledged: bool
    claim_ms: int | None


def _streams_at(argv: Sequence[bytes]) -> int:
    """Return where STREAMS is in a call of XREAD or XREADGROUP, 0 where it is not."""
    at = 1
    while at < len(argv):
        option = argv[at].upper()
        if option == b"STREAMS":
            return at
        if option in (b"BLOCK", b"COUNT", b"CLAIM"):
            at += 1
        elif option == b"GROUP":
            at += 2
        elif option != b"NOACK":
            return 0
        at += 1
    return 0


def find_stream_keys(argv: list[bytes]) -> list[int]:
    """Return where the keys of XREAD or XREADGROUP are.

    Where the options make no sense, or keys and IDs do not pair up, they are those
    which Redis takes for keys then: who may not use them is told that, and nothing of
    what is wrong.

    Raises:
        CommandError: there is no STREAMS with anything behind it.
    """
    least = 1 if argv[0].upper() == b"XREAD" else 4
    at = _streams_at(argv)
    if at < least:
        at = _first_streams(argv, least)
    count = (len(argv) - at - 1) // 2
    if not at or not count:
        raise CommandError(errors.INVALID_KEY_ARGUMENTS)
    return list(range(at + 1, at + 1 + count))


def _first_streams(argv: list[bytes], least: int) -> int:
    """Return where the first STREAMS is from a place on, or 0."""
    for at in range(least, len(argv)):
        if argv[at].upper() == b"STREAMS":
            return at
    return 0


def parse_reading(ctx: Context, words: tuple[bytes, ...], name: bytes) -> Reading:
    """Read all options, in order, so that the first wrong one is what is told.

    Args:
        ctx: the context of the command.
        words: what follows the name of the command.
        name: `xread` or `xreadgroup`.

    Raises:
        CommandError: an option is wrong or missing.
    """
    is_group = name == b"xreadgroup"
    count, block_ms, group, is_acknowledged = 0, None, None, False
    claim_ms: int | None = None
    at = 0
    while at < len(words):
        option, more = words[at].upper(), len(words) - at - 1
        if option == b"BLOCK" and more:
            block_ms = whole_timeout_ms(words[at + 1], ctx.now_ms)
        elif option == b"COUNT" and more:
            count = max(integer(words[at + 1]), 0)
        elif option == b"STREAMS" and more:
            if more % 2:
                symbol = b">" if is_group else b"$"
                raise CommandError(errors.unbalanced_streams(name, symbol))
            if is_group and group is None:
                raise CommandError(errors.MISSING_GROUP_OPTION)
            first, middle = at + 1, at + 1 + more // 2
            keys, ids = words[first:middle], words[middle:]
            waits = (count, block_ms)
            return Reading(keys, ids, *waits, group, is_acknowledged, claim_ms)
        elif option == b"GROUP" and more > 1:
            if not is_group:
                raise CommandError(errors.GROUP_OPTION_IN_XREAD)
            group = words[at + 1], words[at + 2]
            at += 1
        elif option == b"CLAIM" and more:
            if not is_group:
                raise CommandError(errors.CLAIM_OPTION_IN_XREAD)
            claim_ms = _claim_ms(words[at + 1])
        elif option == b"NOACK":
            if not is_group:
                raise CommandError(errors.NOACK_OPTION_IN_XREAD)
            is_acknowledged = True
            at -= 1
        else:
            break
        at += 2
    raise CommandError(errors.SYNTAX)


def _claim_ms(text: bytes) -> int:
    idle_ms = parse_int64(text)
    if idle_ms is None:
        raise CommandError(errors.MIN_IDLE_NOT_AN_INTEGER)
    if idle_ms < 0:
        raise CommandError(errors.MIN_IDLE_NEGATIVE)
    return idle_ms
