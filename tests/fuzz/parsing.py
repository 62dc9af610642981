"""One case for the parser alone: the same commands however the bytes are cut."""

from __future__ import annotations

from random import Random
from typing import Any

from joblog.app.errors import ProtocolError
from joblog.app.protocol.parser import RequestParser
from tests.fuzz.findings import Finding
from tests.fuzz.shapes import cut, stream

BULK_BYTES_MAX = 1 << 20


def check_parser(random: Random) -> None:
    """Make a stream, cut it in two ways, and compare what the parser reads.

    Raises:
        Finding: it reads something else, or nonsense.
    """
    compare_cuts(stream(random), random)


def compare_cuts(data: bytes, random: Random) -> None:
    """Compare what is read of some bytes as a whole and in pieces.

    Raises:
        Finding: the commands, the error or what is left of the bytes are not the same.
    """
    is_known = random.random() < 0.8
    whole = _read([data], is_known=is_known)
    pieces = cut(random, data)
    cut_up = _read(pieces, is_known=is_known)
    if whole != cut_up:
        raise Finding(
            f"the parser reads {whole} from the whole, {cut_up} from {pieces}"
        )


def _read(pieces: list[bytes], *, is_known: bool) -> tuple[Any, ...]:
    parser = RequestParser(BULK_BYTES_MAX)
    parser.is_authenticated = is_known
    commands = []
    for piece in pieces:
        commands += parser.feed(piece)
    for argv in commands:
        if not argv or any(type(word) is not bytes for word in argv):
            raise Finding(f"the parser reads a command {argv} from {pieces}")
    error = parser.error
    if error is not None and type(error) is not ProtocolError:
        raise Finding(f"the parser fails with {error!r} at {pieces}")
    # What waits behind an error is nobody's.
    left = parser.buffered_bytes if error is None else None
    return commands, error.text if error is not None else None, left
