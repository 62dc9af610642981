"""What CLIENT LIST and CLIENT INFO say of a client: one line of `field=value`.

The fields and their order are Redis 7.2's, and `watch` as later versions have it. What
the connection holds it says itself (`joblog.app.state.buffers`): of a client whose
command runs the whole read counts, of one that waits what it has sent behind. There is
a buffer only for half a command (`qbuf-free` is what is free in it), and for replies
that the client does not take: `rbs` is the first piece of these where it is no larger
than Redis's buffer, `obl` what is left of it, `oll` and `omem` are the others.
`tot-mem` is the sum of all, and of what Redis takes to list what the client watches,
subscribes to and has queued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.config.kinds import decode, encode
from joblog.app.state.buffers import IDLE_BYTES
from joblog.app.table.table import find_command

if TYPE_CHECKING:
    from joblog.app.state.buffers import Buffers
    from joblog.app.state.session import Session
    from joblog.app.words import Argv

_POINTER_BYTES: Final = 8
_REPLY_BUFFER_BYTES: Final = 16 * 1024
_WATCHED_BYTES: Final = 56
_SUBSCRIBED_BYTES: Final = 24
_QUEUED_BYTES: Final = 24
_TABLE_SLOTS_LEAST: Final = 4
_PEAK_MS: Final = 5000
"""For how long the largest replies of a client are told of, as in Redis."""

NORMAL: Final = b"normal"
KINDS: Final = {
    b"normal": NORMAL,
    b"slave": b"replica",
    b"replica": b"replica",
    b"pubsub": b"pubsub",
    b"master": b"master",
}
"""The words that TYPE takes -> the kind of client."""


def client_kind(session: Session) -> bytes:
    """Return the kind of a client: `normal`, `pubsub`, `replica` or `master`."""
    if session.is_master:
        return b"master"
    if session.is_replica:
        return b"replica"
    return NORMAL if session.subscriptions is None else b"pubsub"


def client_line(
    session: Session,
    steady_ms: int,
    running: str | None = None,
    arguments: tuple[bytes, ...] = (),
) -> bytes:
    """Return the line for a client, without a newline.

    Args:
        session: the client.
        steady_ms: the time, of the clock that nobody sets.
        running: the name of the command that it runs just now, or None.
        arguments: those of that command.
    """
    queued = session.queued
    listens, tracking = session.subscriptions, session.tracking
    idle_ms = 0 if running else steady_ms - session.last_ms
    fields = {
        "id": session.id,
        "addr": session.address,
        "laddr": session.local_address,
        "fd": session.fd,
        "name": session.name.decode(),
        "age": (steady_ms - session.created_ms) // 1000,
        "idle": idle_ms // 1000,
        "flags": _flags(session),
        "db": session.db.index,
        "sub": len(listens.channels) if listens else 0,
        "psub": len(listens.patterns) if listens else 0,
        "ssub": len(listens.shard_channels) if listens else 0,
        "multi": -1 if queued is None else len(queued),
        "watch": len(session.watched or ()),
        **_held(session, running, arguments, idle_ms),
        "cmd": running or _last_command(session),
        "user": decode(session.user),
        "redir": -1 if tracking is None else tracking.redirect,
        "resp": session.resp,
        "lib-name": session.library_name.decode(),
        "lib-ver": session.library_version.decode(),
    }
    return encode(" ".join([f"{name}={value}" for name, value in fields.items()]))


def _held(
    session: Session, running: str | None, arguments: tuple[bytes, ...], idle_ms: int
) -> dict[str, int | str]:
    """Return the fields about memory."""
    held = session.buffers()
    query_bytes = held.rest + _unrun_bytes(session, held)
    argv_bytes = held.arguments + _argv_bytes(session)
    if running is not None:
        argv_bytes = len(running.replace("|", "")) + sum(map(len, arguments))
    multi_bytes = _queued_bytes(session)
    has_buffer = 0 < held.first <= _REPLY_BUFFER_BYTES
    buffered = held.first_left if has_buffer else 0
    return {
        "qbuf": query_bytes,
        "qbuf-free": held.rest_free,
        "argv-mem": argv_bytes,
        "multi-mem": multi_bytes,
        "rbs": held.first if has_buffer else 0,
        "rbp": held.peak if idle_ms < _PEAK_MS else 0,
        "obl": buffered,
        "oll": held.pieces - has_buffer,
        "omem": held.replies - buffered,
        "tot-mem": IDLE_BYTES
        + query_bytes
        + held.rest_free
        + argv_bytes
        + multi_bytes
        + _listed_bytes(session)
        + held.replies,
        "events": "rw" if held.replies else "r",
    }


def held_bytes(session: Session) -> int:
    """Return what a client holds in all: `tot-mem` between its commands."""
    held = session.buffers()
    query_bytes = held.rest + held.rest_free + _unrun_bytes(session, held)
    argv_bytes = held.arguments + _argv_bytes(session)
    listed_bytes = _queued_bytes(session) + _listed_bytes(session)
    return IDLE_BYTES + query_bytes + argv_bytes + listed_bytes + held.replies


def _listed_bytes(session: Session) -> int:
    """Return what Redis takes to list what a client watches, hears and has queued."""
    size = _WATCHED_BYTES * len(session.watched or ())
    size += _QUEUED_BYTES * len(session.queued or ())
    listens = session.subscriptions
    if listens is None:
        return size
    for channels in (listens.channels, listens.shard_channels):
        size += _SUBSCRIBED_BYTES * len(channels) + _table_bytes(len(channels))
    return size + _SUBSCRIBED_BYTES * len(listens.patterns)


def _table_bytes(count: int) -> int:
    """Return the size of the table of a dict: a power of two, with a pointer each."""
    slots = max(1 << max(count - 1, 0).bit_length(), _TABLE_SLOTS_LEAST)
    return _POINTER_BYTES * slots if count else 0


def _queued_bytes(session: Session) -> int:
    """Return how many bytes the commands since MULTI have."""
    return sum(
        _bytes_of(argv) + _POINTER_BYTES * len(argv) for argv in session.queued or ()
    )


def _unrun_bytes(session: Session, held: Buffers) -> int:
    """Return how many bytes of a read there are whose commands have not run."""
    if session.waiter is None and session.postponed is None:
        return held.batch
    unrun = session.postponed or []
    if session.waiter is None:
        unrun = unrun[1:]  # the first is what waits
    return sum(map(_request_bytes, unrun))


def _argv_bytes(session: Session) -> int:
    """Return how many bytes the command has in which a client waits."""
    if session.waiter is not None:
        return _bytes_of(session.waiter.argv)
    return _bytes_of(session.postponed[0]) if session.postponed else 0


def _bytes_of(argv: Argv) -> int:
    return sum(map(len, argv))


def _request_bytes(argv: Argv) -> int:
    """Return how many bytes a command takes as a request."""
    heads = [len(b"*%d\r\n" % len(argv)), *(len(b"$%d\r\n\r\n" % len(w)) for w in argv)]
    return sum(heads) + _bytes_of(argv)


def _flags(session: Session) -> str:
    tracking = session.tracking
    flags = "".join(
        letter
        for letter, is_set in (
            ("S", session.is_replica),
            ("M", session.is_master),
            ("O", session.is_monitor),
            ("P", session.subscriptions is not None),
            ("x", session.queued is not None),
            ("b", session.postponed is not None or session.waiter is not None),
            ("t", tracking is not None),
            ("R", tracking is not None and tracking.is_broken),
            ("B", tracking is not None and tracking.is_broadcasting),
            ("d", session.is_stale),
            ("c", session.is_closing),
            ("U", session.address.endswith(":0")),
            ("e", session.no_evict),
            ("T", session.no_touch),
        )
        if is_set
    )
    return flags or "N"


def _last_command(session: Session) -> str:
    found = find_command(session.last_words) if session.last_words else None
    return found.name if found is not None else "NULL"
