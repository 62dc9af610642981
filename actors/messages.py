"""All mail between actors, but that of every request, which is in `actors.traffic`.

Plain `bytes` to a connection are the replies to its batch, and let it read on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.inbox import Inbox
    from app.commands.holds import Hold


class ClientOpened(NamedTuple):
    """A client connected. Connection -> keyspace.

    Attributes:
        has_hung_up: asks the connection whether the peer has closed it already; in the
            loop's thread, and at the cost of a system call.
    """

    client_id: int
    mailbox: Inbox
    address: str
    local_address: str
    fd: int
    has_hung_up: Callable[[], bool]


class ClientWaits(NamedTuple):
    """The batch under way is held back: see to it if the client hangs up meanwhile.

    Keyspace -> connection.
    """


class Backlog(NamedTuple):
    """Replies that the client's socket does not take yet. Connection -> keyspace.

    Attributes:
        size: bytes in all.
        items: in how many pieces.
    """

    client_id: int
    size: int
    items: int


class ClientClosed(NamedTuple):
    """A client is gone. Connection -> keyspace."""

    client_id: int


class Push(NamedTuple):
    """Bytes for a client besides the replies to its batch. Keyspace -> connection."""

    data: bytes


class Close(NamedTuple):
    """Send what is waiting, then close. Log writer -> connection."""

    at_once: bool = False


class Limits(NamedTuple):
    """How much output may wait for the client from now on. Keyspace -> connection.

    Attributes:
        name: a class of `client-output-buffer-limit`.
    """

    name: str


class Admit(NamedTuple):
    """The client has authenticated: lift the small limits. Keyspace -> connection."""


class HeldReply(NamedTuple):
    """A reply that waits as its command said (SAVE, WAIT). Keyspace -> log writer."""

    mailbox: Inbox
    data: bytes
    hold: Hold


class Sync(NamedTuple):
    """Make durable what was written. Log writer -> syncer."""


class Synced(NamedTuple):
    """All records up to a sequence number are durable. Syncer -> log writer."""

    seq: int


class SyncFailed(NamedTuple):
    """An fsync failed: nothing more may be acknowledged. Syncer -> log writer."""

    reason: str


class LogTrouble(NamedTuple):
    """The log cannot be written (why), or can again (None). Log writer -> keyspace."""

    reason: bytes | None


class Status(NamedTuple):
    """What INFO says of the log. Log writer -> keyspace."""

    fields: dict[str, Any]
