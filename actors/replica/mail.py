"""Mail between the link to a master and the keyspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.actors.inbox import Inbox
    from joblog.actors.messages import Mailbox
    from joblog.app.state.replication import Address, LinkFacts, Position
    from joblog.app.words import Argv
    from joblog.storage.cutting import Cut
    from joblog.storage.parting import Parting


class Follow(NamedTuple):
    """Follow a server from now on, or nobody (None). Keyspace -> link.

    Attributes:
        position: where to go on from; None where a whole dataset is needed.
        serial: of this among all that there were.
        is_handover: it is a replica of this server, and to be told to be the master.
    """

    master: Address | None
    position: Position | None
    serial: int
    is_handover: bool = False


class Applied(NamedTuple):
    """What was mailed is applied, be the connection open or not. Keyspace -> link.

    Attributes:
        number: of the connection that it came by.
        position: where memory is now.
    """

    number: int
    position: Position


class Durable(NamedTuple):
    """What was applied up to an offset is durable. Keyspace -> link."""

    number: int
    offset: int


class Refused(NamedTuple):
    """What the master sent cannot be applied. Keyspace -> link.

    Attributes:
        number: of the connection that it came by.
        why: for people.
        by_stream: the log cannot be taken; what the master streams may be.
    """

    number: int
    why: str
    by_stream: bool = False


class Opened(NamedTuple):
    """The master has answered, and sends from here on. Link -> keyspace.

    Attributes:
        number: of the connection, among all that there were.
        serial: of the order to follow that it was made for.
        address, local_address: of both ends.
        fd: the connection's file descriptor.
        continued: where it goes on from; None where it sends a dataset first.
        is_log: it sends its log. is_parting: where that parts from the one here is to
            be found.
    """

    number: int
    serial: int
    address: str
    local_address: str
    fd: int
    continued: Position | None
    is_log: bool = False
    is_parting: bool = False


class Synchronized(NamedTuple):
    """A dataset has come, and lies in a file. Link -> keyspace.

    Attributes:
        position: where the stream goes on behind it.
        key_file: what it is encrypted with; "" for nothing.
    """

    number: int
    path: Path
    position: Position
    key_file: str


class Stretch(NamedTuple):
    """A stretch of the master's stream. Link -> keyspace.

    Attributes:
        units: (the commands of a unit, the offset behind it), in order; no commands
            where it says nothing about the data.
    """

    number: int
    units: list[tuple[list[Argv], int]]


class LogStretch(NamedTuple):
    """A stretch of the master's log. Link -> keyspace.

    Attributes:
        cuts: what came, in order.
    """

    number: int
    cuts: list[Cut]


class Parts(NamedTuple):
    """The master's log parts from the one here. Link -> keyspace.

    Attributes:
        parting: behind which record.
        cuts: what the master's goes on with, in order.
    """

    number: int
    parting: Parting
    cuts: list[Cut]


class GoBack(NamedTuple):
    """Go back to a record; `WentBack` is the answer. Keyspace -> log writer.

    Attributes:
        parting: the record.
        inbox: whom to answer. number: of the connection that it came by.
    """

    parting: Parting
    inbox: Inbox
    number: int


class WentBack(NamedTuple):
    """The log is back at a record, durably. Log writer -> keyspace.

    Attributes:
        last_seq: the record.
        kept: where the history is that it had; "" where nothing was behind the record.
    """

    number: int
    last_seq: int
    kept: str


class Take(NamedTuple):
    """Take what another log has; `Taken` is the answer. Keyspace -> log writer.

    Attributes:
        cuts: in order.
        inbox: whom to answer. number: of the connection that it came by.
    """

    cuts: list[Cut]
    inbox: Mailbox
    number: int


class EndTaking(NamedTuple):
    """Have the log be this server's own again. Keyspace -> log writer.

    Attributes:
        note: what the last record before that says.
    """

    note: dict[str, Any]


class Taken(NamedTuple):
    """What came of the master's log is in this one, durably. Log writer -> keyspace.

    Attributes:
        last_seq: up to which record.
        why: why the rest is not; or "".
    """

    number: int
    last_seq: int
    why: str


class TellDurable(NamedTuple):
    """Say (`Durable`) when all that was applied is durable. Link -> keyspace."""

    number: int


class Closed(NamedTuple):
    """A connection has ended. Link -> keyspace."""

    number: int


class LinkNews(NamedTuple):
    """How the link is. Link -> keyspace."""

    facts: LinkFacts


FromLink = (
    Opened
    | Synchronized
    | Stretch
    | LogStretch
    | Parts
    | WentBack
    | Taken
    | TellDurable
    | Closed
    | LinkNews
)
