"""A copier: whoever keeps a log beside its files is told of all that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from joblog.storage.segment import encode_footer, encode_header

if TYPE_CHECKING:
    from joblog.storage.segment import SegmentFooter, SegmentHeader


class Copier(Protocol):
    """Is told of what was written, in order; it must not block."""

    def copy_frames(self, data: bytes, last_seq: int, /) -> None:
        """Take frames, the last of which is that of a record."""

    def copy_seal(self, data: bytes, last_seq: int, /) -> None:
        """Take the footer of a segment, with the header of the one behind it."""


def copy_seal(
    copier: Copier, footer: SegmentFooter, ended: SegmentHeader, begun: SegmentHeader
) -> None:
    """Tell a copier of a seal.

    Args:
        copier: is told.
        footer: of the segment that ended.
        ended: its header.
        begun: the header of the next one.
    """
    data = encode_footer(footer, ended.salt) + encode_header(begun)
    copier.copy_seal(data, footer.last_seq)
