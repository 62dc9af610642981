"""CLIENT, about tracking what is cached; `joblog.app.engine.tracking` does the work.

Source: Redis 7.2; see tests/parity/test_tracking.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SetReply, SimpleString
from joblog.app.state.tracking_modes import TrackingMode
from joblog.app.table.arguments import integer
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_FLAGS: Final = Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_NO_REDIRECTION: Final = -1


@command(
    "CLIENT TRACKING",
    arity=-3,
    flags=_FLAGS,
    group="connection",
    since="6.0.0",
    summary="Tell the connection when something changes that it has read, or no more.",
    complexity="O(N) for N prefixes",
)
def client_tracking(ctx: Context, switch: bytes, *options: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: an unknown word, no such client to redirect to, options that
            exclude each other, another mode than before, or prefixes that overlap.
    """
    mode, prefixes = _parse_options(ctx, options)
    word = switch.upper()
    if word == b"ON":
        before = ctx.session.tracking
        _check_mode(mode, before, has_prefixes=bool(prefixes))
        if mode.is_broadcasting:
            # Those that are given; all keys are broadcast beside others, as in Redis.
            _check_overlaps(prefixes, before)
            mode.prefixes = dict.fromkeys(prefixes or [b""])
        ctx.engine.tracking.start(ctx.session, mode)
    elif word == b"OFF":
        ctx.engine.tracking.stop(ctx.session)
    else:
        raise CommandError(errors.SYNTAX)
    return OK


def _parse_options(
    ctx: Context, options: tuple[bytes, ...]
) -> tuple[TrackingMode, list[bytes]]:
    """Return the mode, still without its prefixes, and the prefixes."""
    mode, prefixes = TrackingMode(), []
    words = iter(options)
    for word in words:
        name = word.upper()
        if name == b"BCAST":
            mode.is_broadcasting = True
        elif name == b"OPTIN":
            mode.is_opt_in = True
        elif name == b"OPTOUT":
            mode.is_opt_out = True
        elif name == b"NOLOOP":
            mode.is_without_own = True
        elif name == b"PREFIX" and (prefix := next(words, None)) is not None:
            prefixes.append(prefix)
        elif name == b"REDIRECT" and (number := next(words, None)) is not None:
            if mode.redirect:
                raise CommandError(errors.TRACKING_TWO_REDIRECTIONS)
            mode.redirect = integer(number)
            if mode.redirect not in ctx.server.sessions:
                raise CommandError(errors.TRACKING_NO_SUCH_CLIENT)
        else:
            raise CommandError(errors.SYNTAX)
    return mode, prefixes


def _check_mode(
    mode: TrackingMode, before: TrackingMode | None, *, has_prefixes: bool
) -> None:
    """Refuse options that exclude each other, or what the client has chosen before."""
    if has_prefixes and not mode.is_broadcasting:
        raise CommandError(errors.TRACKING_PREFIX_WITHOUT_BCAST)
    if before is not None and before.is_broadcasting != mode.is_broadcasting:
        raise CommandError(errors.TRACKING_BCAST_SWITCHED)
    if mode.is_broadcasting and (mode.is_opt_in or mode.is_opt_out):
        raise CommandError(errors.TRACKING_BCAST_AND_OPT)
    if mode.is_opt_in and mode.is_opt_out:
        raise CommandError(errors.TRACKING_OPTIN_AND_OPTOUT)
    if before is not None and (
        (mode.is_opt_in and before.is_opt_out) or (mode.is_opt_out and before.is_opt_in)
    ):
        raise CommandError(errors.TRACKING_OPT_SWITCHED)


def _check_overlaps(given: list[bytes], before: TrackingMode | None) -> None:
    """Refuse prefixes that begin with each other, or with one that is broadcast."""
    for place, prefix in enumerate(given):
        for other in before.prefixes if before is not None else ():
            if _overlap(prefix, other):
                raise CommandError(errors.overlapping_prefix(prefix, other, "existing"))
        for other in given[place + 1 :]:
            if _overlap(prefix, other):
                raise CommandError(errors.overlapping_prefix(prefix, other, "provided"))


def _overlap(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)


@command(
    "CLIENT CACHING",
    arity=3,
    flags=_FLAGS,
    group="connection",
    since="6.0.0",
    summary="Choose whether client tracking notes the keys of the next command.",
    complexity="O(1)",
)
def client_caching(ctx: Context, switch: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: the client is not tracked with OPTIN (for YES) or OPTOUT (for NO),
            or the word is neither YES nor NO.
    """
    mode = ctx.session.tracking
    if mode is None:
        raise CommandError(errors.NOT_TRACKING)
    word = switch.upper()
    if word not in (b"YES", b"NO"):
        raise CommandError(errors.SYNTAX)
    if word == b"YES" and not mode.is_opt_in:
        raise CommandError(errors.CACHING_YES)
    if word == b"NO" and not mode.is_opt_out:
        raise CommandError(errors.CACHING_NO)
    mode.is_caching = True
    return OK


@command(
    "CLIENT GETREDIR",
    arity=2,
    flags=_FLAGS,
    group="connection",
    since="6.0.0",
    summary="Tell which client gets the notices of client tracking.",
    complexity="O(1)",
)
def client_getredir(ctx: Context) -> int:
    """Return its number; 0 for the client itself, -1 where it is not tracked."""
    mode = ctx.session.tracking
    return _NO_REDIRECTION if mode is None else mode.redirect


@command(
    "CLIENT TRACKINGINFO",
    arity=2,
    flags=_FLAGS,
    group="connection",
    since="6.2.0",
    summary="Describe client tracking for the connection.",
    complexity="O(1)",
)
def client_trackinginfo(ctx: Context) -> dict[Any, Any]:
    """Return the flags, who gets the notices, and the prefixes that are broadcast."""
    mode = ctx.session.tracking
    return {
        b"flags": SetReply([b"off"] if mode is None else mode.flags()),
        b"redirect": _NO_REDIRECTION if mode is None else mode.redirect,
        b"prefixes": [] if mode is None else sorted(mode.prefixes),
    }
