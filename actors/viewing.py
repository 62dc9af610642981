"""`python -m joblog.actors.viewing`: a view of the past, in a process of its own.

The server starts one for each moment that clients look at (CLIENT AT), and talks with
it over a socket that is the child's standard input. Each message, either way, is a
frame: its length (8 bytes, little-endian) and so many bytes of msgpack, an array whose
first item is its kind. From the server:

    [1, folder, databases, bytes_max, moment]   first: what to open, see `Order`
    [2, visit, facts, commands]                 run commands of a client
    [3, visit]                                  a client's visit is over

To the server:

    [1, seq]                                    the tag is this moment
    [2, seq, at_ms]                             the moment is open
    [3, text, is_limit]                         it cannot be opened; the child ends
    [4, visit, data]                            a piece of long replies
    [5, visit, data, *others]                   the rest of `PastReplies`

The child writes nothing, holds nothing that anybody would miss, and can be killed at
any moment. When nobody holds the other end of the socket any more, it ends.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack

from joblog.app import collector, errors
from joblog.app.config import Config
from joblog.app.engine.past import open_past
from joblog.app.engine.past_views import PastView
from joblog.app.errors import CommandError
from joblog.app.history.moments import Moment
from joblog.app.history.opening import MomentOpener
from joblog.app.history.redacted import redacted_keys
from joblog.app.state.process import human_bytes, resident_bytes
from joblog.app.state.visits import ClientFacts
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER: Final = 1
RUN: Final = 2
LEAVE: Final = 3

FOUND: Final = 1
OPENED: Final = 2
REFUSED: Final = 3
PIECE: Final = 4
RAN: Final = 5

NICENESS = 10
_LENGTH: Final = Struct("<Q")
_READ_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
_SOCKET: Final = 0
_ADMITS_ALL: Final = dict.fromkeys(
    ("enable-debug-command", "enable-module-command"), "yes"
)
"""A view refuses all that looks after a server, in its own words."""


class Order(NamedTuple):
    """What a view is to open.

    Attributes:
        folder: the data folder.
        databases: how many the server has.
        bytes_max: the memory that the process may hold; 0 for any.
        moment: the fields of a `Moment`.
    """

    folder: str
    databases: int
    bytes_max: int
    moment: tuple[str, int | None, int | None, bytes | None]


def encode_frame(*message: Any) -> bytes:
    """Return a message as it is sent."""
    payload = msgpack.packb(
        message, use_bin_type=True, unicode_errors="surrogateescape"
    )
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts what comes from the other side into messages."""

    def __init__(self) -> None:
        """Make a reader that has seen nothing yet."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """Yield the messages that are whole with some more bytes."""
        self._buffer += data
        head = _LENGTH.size
        while len(self._buffer) >= head:
            end = head + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[head:end])
            del self._buffer[:end]
            yield msgpack.unpackb(payload, unicode_errors="surrogateescape")


class _GoneError(Exception):
    """Nobody is at the other end of the socket any more."""


class _Viewing:
    """One run of the child."""

    def __init__(self) -> None:
        self._frames = FrameReader()
        self._bytes_max = 0
        self._is_over_limit = False

    def run(self) -> None:
        """Open a moment, and serve it until nobody is there to serve."""
        messages = self._messages()
        _, *fields = next(messages)
        order = Order(*fields)
        self._bytes_max = order.bytes_max
        try:
            view = self._open(order)
        except CommandError as error:
            _say(REFUSED, error.text, self._is_over_limit)
            return
        except StorageError as error:
            text = errors.in_own_words(error)
            _say(REFUSED, text, False)  # noqa: FBT003 - fields of a message
            return
        for kind, *rest in messages:
            if kind == RUN:
                _run(view, *rest)
            else:
                view.leave(*rest)

    def _messages(self) -> Iterator[list[Any]]:
        while data := os.read(_SOCKET, _READ_BYTES):
            yield from self._frames.feed(data)

    def _open(self, order: Order) -> PastView:
        """Open the moment and say so.

        Raises:
            CommandError: there is no such moment, or it is too large.
            StorageError: the log cannot be read.
        """
        opener = MomentOpener(
            Path(order.folder), open_disk(), order.databases, self._look
        )
        moment = Moment(*order.moment)
        if moment.tag is not None:
            moment = opener.find(moment)
            _say(FOUND, moment.seq)
        opened = opener.open(moment)
        config = Config({"databases": str(order.databases)} | _ADMITS_ALL)
        missing = redacted_keys(
            Path(order.folder), open_disk(), opened.seq, opened.at_ms
        )
        view = PastView(open_past(config, opened.keyspace, opened.at_ms), missing)
        _say(OPENED, opened.seq, opened.at_ms)
        return view

    def _look(self) -> None:
        """End the work where it got too large, or nobody waits for it any more.

        Raises:
            CommandError: the process holds more than it may.
            _GoneError: the server is gone.
        """
        if 0 < self._bytes_max < resident_bytes():
            self._is_over_limit = True
            limit = human_bytes(self._bytes_max).encode()
            raise CommandError(errors.PAST_TOO_LARGE % limit)
        # Until it has an answer, the server has nothing more to say but good-bye.
        if select.select([_SOCKET], [], [], 0)[0]:
            raise _GoneError


def _run(
    view: PastView, visit: int, facts: list[Any], commands: list[list[bytes]]
) -> None:
    data, *others = view.run(visit, ClientFacts(*facts), commands)
    start = 0
    while len(data) - start > _PIECE_BYTES:
        _say(PIECE, visit, data[start : start + _PIECE_BYTES])
        start += _PIECE_BYTES
    _say(RAN, visit, data[start:], *others)


def _say(*message: Any) -> None:
    rest = memoryview(encode_frame(*message))
    while rest:
        rest = rest[os.write(_SOCKET, rest) :]


def main() -> int:
    """Serve a view and return the exit code."""
    collector.calm()
    try:
        _Viewing().run()
    except (BrokenPipeError, ConnectionResetError, _GoneError):
        return 1
    return 0


if __name__ == "__main__":
    os.nice(NICENESS)
    sys.exit(main())
