"""Batch: the mail that carries requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from actors.inbox import Inbox
    from app.commands.context import Argv
    from app.errors import ProtocolError


@final
class Batch:
    """The commands of one read. Connection -> keyspace.

    One is made for every read of a socket, hence a native class and no NamedTuple.

    Attributes:
        client_id: whose commands they are.
        inbox: where the replies go.
        commands: in order.
        error: what is wrong with the bytes behind the last command, or None.
        size: how many bytes were read.
    """

    __slots__ = ("client_id", "commands", "error", "inbox", "size")

    def __init__(
        self,
        client_id: int,
        inbox: Inbox,
        commands: list[Argv],
        error: ProtocolError | None,
        size: int,
    ) -> None:
        """Make the mail."""
        self.client_id = client_id
        self.inbox = inbox
        self.commands = commands
        self.error = error
        self.size = size
