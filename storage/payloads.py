"""Payloads: the msgpack of records, written word by word.

    96  seq  synced_seq at_ms db  91  93 c4 03 SET c4 01 k c4 01 v  origin
        ---  -------------------  --  ----------------------------  ------
        new  of many records      how many effects, and each        of many records

What most records share is packed once, and commands are their words with their lengths:
msgpack itself takes three times the instructions for them. The bytes are the very same
(tests/storage/test_payloads.py). A `BytesWriter` is a buffer that compiled code writes
to without a call of Python's (docs/decisions/0059-a-buffer-for-compiled-code.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from librt.strings import BytesWriter


LONG_BYTES: Final = 4096
"""A word of so many bytes is not copied into the buffer."""


def write_effects(
    into: BytesWriter, effects: Sequence[Sequence[bytes]], long: list[bytes]
) -> None:
    """Write the effects of a record.

    Args:
        into: gets them.
        effects: each a command.
        long: gets what was in the buffer before each long word, and that word itself;
            the buffer has what is behind the last one.

    Raises:
        TypeError: one has what is no byte string.
    """
    count = len(effects)
    _write_count(into, count)
    if count == 1:  # as nearly all records have
        write_words(into, effects[0], long)
    else:
        for effect in effects:
            write_words(into, effect, long)


def write_words(into: BytesWriter, words: Sequence[bytes], long: list[bytes]) -> None:
    """Write a command; see `write_effects`."""
    _write_count(into, len(words))
    if type(words) is list:  # as nearly all are: mypyc goes through it the quick way
        listed: list[bytes] = cast("Any", words)
        for word in listed:
            _write_word(into, word, long)
    else:
        for word in words:
            _write_word(into, word, long)


def write_number(into: BytesWriter, number: int) -> None:
    """Write a number that is not negative."""
    if number < 0x80:  # noqa: PLR2004 - widths of bytes, here and below
        into.append(number)
        return
    if number < 0x100:  # noqa: PLR2004 - see above
        into.append(0xCC)
    elif number < 0x10000:  # noqa: PLR2004 - see above
        into.append(0xCD)
        into.append(number >> 8)
    else:
        if number < 0x100000000:  # noqa: PLR2004 - see above
            into.append(0xCE)
        else:
            into.append(0xCF)
            _write_four(into, number >> 32)
        _write_four(into, number)
        return
    into.append(number & 0xFF)


def _write_word(into: BytesWriter, word: bytes, long: list[bytes]) -> None:
    size: int = len(word)
    if size < 0x100:  # noqa: PLR2004 - widths of bytes, here and below
        into.append(0xC4)
        into.append(size)
    elif size < 0x10000:  # noqa: PLR2004 - see above
        into.append(0xC5)
        into.append(size >> 8)
        into.append(size & 0xFF)
    else:
        into.append(0xC6)
        _write_four(into, size)
    if size < LONG_BYTES:
        into.write(word)
    else:
        long.append(into.getvalue())
        long.append(word)
        into.truncate(0)


def _write_count(into: BytesWriter, count: int) -> None:
    """Write the head of an array."""
    if count < 16:  # noqa: PLR2004 - widths of bytes, here and below
        into.append(0x90 | count)
    elif count < 0x10000:  # noqa: PLR2004 - see above
        into.append(0xDC)
        into.append(count >> 8)
        into.append(count & 0xFF)
    else:
        into.append(0xDD)
        _write_four(into, count)


def _write_four(into: BytesWriter, number: int) -> None:
    """Write the lowest four bytes of a number, the highest of them first."""
    into.append(number >> 24 & 0xFF)
    into.append(number >> 16 & 0xFF)
    into.append(number >> 8 & 0xFF)
    into.append(number & 0xFF)
