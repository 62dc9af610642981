"""Output: what a call takes of the replies that wait for a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections import deque

FLUSH_BYTES: Final = 256 * 1024
PIECES_AT_ONCE: Final = 256
"""What one call sends: the system copies it while others wait."""


def next_pieces(output: deque[bytes], sent_of_first: int) -> list[Any]:
    """Return views of what is to be sent next; nothing is copied.

    Args:
        output: the pieces that wait.
        sent_of_first: how many bytes of the first one were sent.
    """
    pieces: list[Any] = []
    size, skipped = 0, sent_of_first
    for piece in output:
        left = min(len(piece) - skipped, FLUSH_BYTES - size)
        pieces.append(memoryview(piece)[skipped : skipped + left])
        size += left
        skipped = 0
        if size >= FLUSH_BYTES or len(pieces) >= PIECES_AT_ONCE:
            break
    return pieces


def drop_sent(output: deque[bytes], sent: int) -> int:
    """Drop the pieces that were sent whole; return how much was of the next one."""
    while output and sent >= len(output[0]):
        sent -= len(output.popleft())
    return sent


def size_of_first(output: deque[bytes], sent: int) -> tuple[int, int]:
    """Return how long the first piece is, and how much of it is left, in bytes.

    Args:
        output: the pieces that wait.
        sent: how much of the first has been sent.
    """
    if not output:
        return 0, 0
    size = len(output[0])
    return size, size - sent
