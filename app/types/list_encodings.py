"""How Redis would have encoded a list.

Source: Redis 7.2; see tests/parity/test_lists.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.types.lists import List

LISTPACK: Final = b"listpack"
QUICKLIST: Final = b"quicklist"

_LISTPACK_BYTES_MAX: Final = {-1: 4096, -2: 8192, -3: 16384, -4: 32768, -5: 65536}
_LISTPACK_SAFE_BYTES: Final = 8192
_LISTPACK_HEADER_BYTES: Final = 7
_SMALLEST_ENTRY_BYTES: Final = 2


def list_encoding(elements: List, listpack_size: int) -> bytes:
    """Return the encoding that Redis 7.2 would have chosen.

    Redis looks at the size whenever it writes and converts back only below half of it;
    here the answer always follows from the list as it is.

    Args:
        elements: the list.
        listpack_size: `list-max-listpack-size`: above zero a number of elements, from
            -1 to -5 a size of 4 to 64 KiB.
    """
    bytes_max = _LISTPACK_BYTES_MAX.get(listpack_size, _LISTPACK_SAFE_BYTES)
    if listpack_size > 0 and len(elements) > listpack_size:
        return QUICKLIST
    if len(elements) * _SMALLEST_ENTRY_BYTES > bytes_max:
        return QUICKLIST
    size = _LISTPACK_HEADER_BYTES + sum(map(listpack_entry_bytes, elements))
    return QUICKLIST if size > bytes_max else LISTPACK


def listpack_entry_bytes(element: bytes) -> int:
    """Return how many bytes an element takes in one of Redis's listpacks."""
    size = _integer_bytes(element) or _string_bytes(len(element))
    if size < 1 << 7:
        return size + 1
    return size + (2 if size < (1 << 14) - 1 else 3 if size < (1 << 21) - 1 else 4)


def _string_bytes(length: int) -> int:
    return length + (1 if length < 1 << 6 else 2 if length < 1 << 12 else 5)


def _integer_bytes(element: bytes) -> int:
    """Return the size of an integer in a listpack, or 0 for what is not one."""
    if len(element) > len(b"-9223372036854775808"):
        return 0
    try:
        value = int(element)
    except ValueError:
        return 0
    if b"%d" % value != element:
        return 0
    if 0 <= value < 1 << 7:
        return 1
    # Sign and magnitude: how many bits of two's complement it takes.
    bits = (value if value >= 0 else ~value).bit_length() + 1
    for most, size in ((13, 2), (16, 3), (24, 4), (32, 5), (64, 9)):
        if bits <= most:
            return size
    return 0
