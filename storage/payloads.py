"""Payloads: the msgpack of records, put together from pieces.

    96  seq  synced_seq at_ms db  91  93 c4 03 SET c4 01 k c4 01 v  origin
        ---  -------------------  --  ----------------------------  ------
        new  of many records      how many effects, and each        of many records

What most records share is packed once, and a short command is its words with their
lengths: by msgpack itself that takes three times the instructions. The bytes are the
very same (tests/storage/test_payloads.py). Longer commands are left to msgpack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BINS: Final = [bytes((0xC4, size)) for size in range(256)]
"""The heads of short byte strings."""

_FEW: Final = 16

BYTES: Final = [bytes((byte,)) for byte in range(256)]
NIL: Final = b"\xc0"


def pack_effects(
    effects: Sequence[Sequence[bytes]], pack: Callable[[object], bytes]
) -> bytes:
    """Return several effects of a record, or none, packed."""
    count = len(effects)
    if count >= _FEW:
        return pack(effects)
    return BYTES[0x90 | count] + b"".join([pack_words(each, pack) for each in effects])


def pack_words(effect: Sequence[bytes], pack: Callable[[object], bytes]) -> bytes:
    """Return a command, packed.

    Raises:
        TypeError: it has what msgpack has no form for.
    """
    count = len(effect)
    if type(effect) is not list or not 2 <= count <= 4:  # noqa: PLR2004 - as below
        return pack(effect)
    words: list[bytes] = cast("Any", effect)
    a, b = words[0], words[1]
    if count == 2:  # noqa: PLR2004 - a name and one argument
        return b"\x92%b%b%b%b" % (_head(a), a, _head(b), b)
    c = words[2]
    if count == 3:  # noqa: PLR2004 - a name and two arguments
        x, y, z = _head(a), _head(b), _head(c)
        return b"\x93%b%b%b%b%b%b" % (x, a, y, b, z, c)
    d = words[3]
    w, x, y, z = _head(a), _head(b), _head(c), _head(d)
    return b"\x94%b%b%b%b%b%b%b%b" % (w, a, x, b, y, c, z, d)


def _head(word: bytes) -> bytes:
    """Return what stands before a word."""
    size = len(word)
    if size < 256:  # noqa: PLR2004 - what fits into a byte
        return _BINS[size]
    if size < 65536:  # noqa: PLR2004 - what fits into two
        return b"\xc5" + size.to_bytes(2, "big")
    return b"\xc6" + size.to_bytes(4, "big")
