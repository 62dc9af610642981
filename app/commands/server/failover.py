"""FAILOVER: a master hands over to one of its replicas, and follows it.

Source: Redis 7.0.15; see tests/replication/test_handing_over.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.config.kinds import decode
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.state.failover import HandOver
from joblog.app.state.operator_lines import note_change
from joblog.app.state.replication import Address
from joblog.app.table.arguments import integer
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_WORDS: Final = {b"TO": 2, b"TIMEOUT": 1, b"FORCE": 0}
"""How many words are behind an option."""


class _Asked(NamedTuple):
    target: Address | None
    timeout_ms: int
    is_forced: bool


@command(
    "FAILOVER",
    arity=-1,
    flags=Flag.ADMIN | Flag.NOSCRIPT | Flag.STALE,
    group="server",
    since="6.2.0",
    summary="Hand over to a replica once it has all, and follow it.",
    complexity="O(1)",
)
def failover(ctx: Context, *option: bytes) -> SimpleString:
    """Begin to hand over, or give it up; OK comes at once.

    Raises:
        CommandError: an option is wrong, or there is nobody to hand over to.
    """
    server, pause = ctx.server, ctx.engine.pause
    under_way = server.replication.failover
    if len(option) == 1 and option[0].upper() == b"ABORT":
        if not under_way.is_on:
            raise CommandError(errors.NO_FAILOVER)
        facts = server.log_facts
        seq = 0 if facts is None else int(facts()["last_seq"])
        server.replication.abort_failover(pause, seq)
        note_change(ctx, "FAILOVER ABORT")
        return OK
    asked = _parse(option)
    if under_way.is_on:
        raise CommandError(errors.FAILOVER_UNDER_WAY)
    if server.replication.is_replica:
        raise CommandError(errors.FAILOVER_OF_REPLICA)
    if ctx.server.config.log_store:
        raise CommandError(errors.FOLLOWS_ITS_STORE % b"FAILOVER")
    _check(ctx, asked)
    end_ms = server.steady_ms() + asked.timeout_ms if asked.timeout_ms else 0
    under_way.begin(pause, asked.target, end_ms, is_forced=asked.is_forced)
    ctx.engine.outbox.ask(HandOver(ctx.session))
    note_change(ctx, f"FAILOVER to {asked.target or 'any replica'}")
    return OK


def _parse(option: tuple[bytes, ...]) -> _Asked:
    target, timeout_ms, is_forced = None, 0, False
    rest = list(reversed(option))
    allowed = set(_WORDS)
    while rest:
        word = rest.pop().upper()
        if word not in allowed or len(rest) < _WORDS[word]:
            raise CommandError(errors.SYNTAX)
        allowed.remove(word)
        if word == b"TO":
            host = decode(rest.pop())
            target = Address(host, integer(rest.pop()))
        elif word == b"TIMEOUT":
            timeout_ms = integer(rest.pop())
            if timeout_ms <= 0:
                raise CommandError(errors.FAILOVER_TIMEOUT)
        else:
            is_forced = True
    return _Asked(target, timeout_ms, is_forced)


def _check(ctx: Context, asked: _Asked) -> None:
    """Refuse where there is nobody to hand over to."""
    attached = ctx.server.replicas.attached()
    if not attached:
        raise CommandError(errors.NO_REPLICAS)
    if asked.is_forced and not (asked.timeout_ms and asked.target):
        raise CommandError(errors.FAILOVER_FORCE)
    if asked.target is None:
        return
    found = [one for one in attached if (one.address, one.port) == asked.target]
    if not found:
        raise CommandError(errors.FAILOVER_TO_NOBODY)
    if not found[0].is_online:
        raise CommandError(errors.FAILOVER_NOT_ONLINE)
