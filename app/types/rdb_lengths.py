"""How long values are as Redis saves them: DEBUG OBJECT's serializedlength.

Redis saves a small value as it lies in memory, in one piece (an intset, a listpack), a
large list as listpacks of 8 KiB, other large values word by word; and of each string of
more than 20 bytes what LZF leaves of it, where that is less. What DUMP writes here is
plainer (docs/decisions/0004), so this is for telling the length alone.

A list is taken to have been filled from its head. Beyond a budget nothing more is
compressed: a long value would take its time, and Redis is written in C.

Source: Redis 7.2, and liblzf for what is left; see tests/parity/test_saved_lengths.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from joblog.app.types.hashes import Hash
from joblog.app.types.listpack import encode_listpack, entry_length
from joblog.app.types.lists import List
from joblog.app.types.lzf import compressed_length
from joblog.app.types.numbers import format_double
from joblog.app.types.rdb_streams import encode_stream
from joblog.app.types.rdb_strings import encode_length, encode_short_string
from joblog.app.types.rdb_values import encode_value
from joblog.app.types.sets import INTSET, Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUDGET_BYTES: Final = 64 * 1024
_SHORT: Final = 20
_SCORE_BYTES: Final = 8
_NODE_BYTES: Final = (4096, 8192, 16384, 32768, 65536)
"""The most that a node of a list holds, by `list-max-listpack-size` of -1 to -5."""
_COUNTED_NODE_BYTES: Final = 8192
_NODE_OVERHEAD: Final = 8
_EMPTY_LISTPACK: Final = 7


@final
class SavedLength:
    """Measures a value."""

    def __init__(self, node_size: int) -> None:
        """Begin with the whole budget.

        Args:
            node_size: `list-max-listpack-size`.
        """
        self._node_size = node_size
        self._budget = _BUDGET_BYTES

    def of(self, value: Any, encoding: bytes) -> int:
        """Return the length of a value, without its kind.

        Args:
            value: of any type.
            encoding: what OBJECT ENCODING says of it.
        """
        if type(value) is bytes:
            return self._string(value)
        if type(value) is List:
            return self._list(value)
        if type(value) is Stream:
            return len(encode_stream(value, self._shortened)[0]) - 1
        if encoding == INTSET:
            return self._string(_encode_intset(value))
        if encoding == b"listpack":
            return self._string(encode_listpack(_words(value)))
        if type(value) is Hash and value.deadlines is not None:
            return len(encode_value(value)[0]) - 1
        length = len(encode_length(len(value)))
        if type(value) is SortedSet:
            scores = _SCORE_BYTES * len(value)
            return length + scores + sum(map(self._string, value.scores))
        return length + sum(map(self._string, _words(value)))

    def _string(self, text: bytes) -> int:
        """Return the length of a string: a short number, compressed, or as it is."""
        return len(self._shortened(text))

    def _shortened(self, text: bytes) -> bytes:
        """Return so many bytes as Redis would write for a string."""
        if len(text) > _SHORT and self._budget > len(text):
            self._budget -= len(text)
            left = compressed_length(text)
            if left is not None:
                lengths = encode_length(left) + encode_length(len(text))
                return bytes(1 + len(lengths) + left)
        return encode_short_string(text)

    def _list(self, elements: List) -> int:
        nodes = list(self._nodes(elements))
        length = len(encode_length(len(nodes)))
        for node in nodes:
            data = node[0] if self._is_large(node[0]) else encode_listpack(node)
            length += 1 + self._string(data)
        return length

    def _is_large(self, element: bytes) -> bool:
        """Say whether an element has a node of its own, which is no listpack."""
        return len(element) > self._bytes_max

    @property
    def _bytes_max(self) -> int:
        size = min(-self._node_size, len(_NODE_BYTES))
        return _NODE_BYTES[size - 1] if size > 0 else _COUNTED_NODE_BYTES

    def _nodes(self, elements: List) -> Iterator[list[bytes]]:
        """Yield the elements of each node."""
        node: list[bytes] = []
        size = _EMPTY_LISTPACK
        for element in elements:
            is_large = self._is_large(element)
            is_full = size + len(element) + _NODE_OVERHEAD > self._bytes_max
            is_full |= 0 <= self._node_size <= len(node)
            if node and (is_full or is_large):
                yield node
                node, size = [], _EMPTY_LISTPACK
            node.append(element)
            size += entry_length(element)
            if is_large:
                yield node
                node, size = [], _EMPTY_LISTPACK
        if node:
            yield node


def _words(value: Any) -> Iterator[bytes]:
    """Yield what lies in the listpack of a value, or is saved word by word."""
    if type(value) is SortedSet:
        for score, member in value.pairs():
            yield member
            yield format_double(score)
    elif type(value) is Hash:
        for field, text in value.items():
            yield field
            yield text
    else:
        yield from value


def _encode_intset(members: Set) -> bytes:
    """Return an intset: the size of each number, how many, and they in order."""
    numbers = sorted(map(int, members))
    size = next(
        size
        for size in (2, 4, 8)
        if -1 << 8 * size - 1 <= numbers[0] and numbers[-1] < 1 << 8 * size - 1
    )
    head = size.to_bytes(4, "little") + len(numbers).to_bytes(4, "little")
    return head + b"".join(n.to_bytes(size, "little", signed=True) for n in numbers)
