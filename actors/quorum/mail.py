"""Mail of the store of the log: to the log writer, and to the keyspace's part."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.quorum.publisher import Publisher
    from joblog.app.state.cluster import Node
    from joblog.storage.cutting import Cut


class StoreTrouble(NamedTuple):
    """The store takes nothing (why), or takes all again (None).

    Store -> log writer -> keyspace.
    """

    reason: bytes | None


class Came(NamedTuple):
    """What the stream has behind what is here. Store -> following.

    Attributes:
        cuts: in order.
        number: of the message that ends there. epoch: that of its writer.
        done: to be called when it is applied; any thread may.
    """

    cuts: list[Cut]
    number: int
    epoch: int
    done: Callable[[], None]


class InTouch(NamedTuple):
    """The stream was read to its end just now. Store -> following."""


class Led(NamedTuple):
    """This server leads: its claim is in the stream. Store -> following.

    Attributes:
        publisher: goes on behind it.
    """

    publisher: Publisher


class LedAgain(NamedTuple):
    """The lease was lost, and is had again. Store -> following.

    Nobody knows who led meanwhile before the stream has taken a record made since.
    """


class Heard(NamedTuple):
    """Another server has said how it is. Store -> following."""

    node: Node


FromStore = Came | InTouch | Led | LedAgain | Heard
