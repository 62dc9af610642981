"""The mail of every request: batches, and the commits that they end in.

One is made for every read of a socket, one for every turn of the keyspace: hence native
classes (see docs/decisions/0005) rather than NamedTuples. Nobody changes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.actors.inbox import Inbox, Replies
    from joblog.actors.messages import Order
    from joblog.app.engine.outbox import Entry
    from joblog.app.errors import ProtocolError
    from joblog.app.words import Argv


@final
class Batch:
    """The commands of one read. Connection -> keyspace.

    Attributes:
        client_id: whose commands they are.
        inbox: where the replies go.
        commands: in order.
        error: what is wrong with the bytes behind the last command, or None.
    """

    __slots__ = ("client_id", "commands", "error", "inbox")

    def __init__(
        self,
        client_id: int,
        inbox: Inbox,
        commands: list[Argv],
        error: ProtocolError | None,
    ) -> None:
        """Make the mail."""
        self.client_id = client_id
        self.inbox = inbox
        self.commands = commands
        self.error = error


@final
class Portion:
    """The first replies of a batch that was cut, and what is left of it.

    Keyspace -> connection, which sends the rest on when the client has taken enough.

    Attributes:
        data: the encoded replies.
        rest: the commands that have not run.
    """

    __slots__ = ("data", "rest")

    def __init__(self, data: bytes, rest: Batch) -> None:
        """Make the mail."""
        self.data = data
        self.rest = rest


@final
class Commit:
    """What one turn of the keyspace made. Keyspace -> log writer.

    Attributes:
        entries: to be appended, in order.
        replies: to be delivered once the entries are as safe as the fsync policy
            promises.
        orders: what to do once the entries are durable, whatever the policy.
    """

    __slots__ = ("entries", "orders", "replies")

    def __init__(
        self,
        entries: list[Entry],
        replies: Replies,
        orders: Sequence[Order] = (),
    ) -> None:
        """Make the mail."""
        self.entries = entries
        self.replies = replies
        self.orders = orders
