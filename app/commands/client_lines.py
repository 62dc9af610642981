"""What CLIENT LIST and CLIENT INFO say of a client: one line of `field=value`.

The fields and their order are Redis 7.2's, and `watch` as later versions have it. The
bytes of a read are parsed at once, so nothing waits in a query buffer; replies wait
only where the socket does not take them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from app.commands.table import find_command

if TYPE_CHECKING:
    from app.commands.context import Session

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
    """Return the kind of a client: `normal` or `pubsub`, as there are no replicas."""
    return NORMAL if session.subscriptions is None else b"pubsub"


def client_line(session: Session, steady_ms: int, running: str | None = None) -> bytes:
    """Return the line for a client, without a newline.

    Args:
        session: the client.
        steady_ms: the time, of the clock that nobody sets.
        running: the name of the command that it runs just now, or None.
    """
    queued = session.queued
    listens, tracking = session.subscriptions, session.tracking
    multi_bytes = sum(len(word) for argv in queued or () for word in argv)
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
        "qbuf": 0,
        "qbuf-free": 0,
        "argv-mem": 0,
        "multi-mem": multi_bytes,
        "rbs": 0,
        "rbp": 0,
        "obl": 0,
        "oll": session.backlog_items,
        "omem": session.backlog_bytes,
        "tot-mem": sys.getsizeof(session) + multi_bytes + session.backlog_bytes,
        "events": "rw" if session.backlog_bytes else "r",
        "cmd": running or _last_command(session),
        "user": session.user.decode(),
        "redir": -1 if tracking is None else tracking.redirect,
        "resp": session.resp,
        "lib-name": session.library_name.decode(),
        "lib-ver": session.library_version.decode(),
    }
    return " ".join([f"{name}={value}" for name, value in fields.items()]).encode()


def _flags(session: Session) -> str:
    tracking = session.tracking
    flags = "".join(
        letter
        for letter, is_set in (
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
