"""The allocators of the process, Python's own and malloc, and what is in use of them.

CPython tells of pymalloc only in print, and not to its own programs: its function is
called here with a stream in memory, and what it has printed is read.
"""

from __future__ import annotations

import ctypes
import re
from typing import Final, NamedTuple

_TOTAL: Final = re.compile(rb"^(.+?) +=\s+([\d,]+)$", re.MULTILINE)
_ARENAS: Final = re.compile(rb"\d+ arenas \* \d+ bytes/arena")
_UNUSED: Final = re.compile(rb"\d+ unused pools \* \d+ bytes")
_AVAILABLE: Final = b"# bytes in available blocks"
_CLASS: Final = re.compile(rb"^ *\d+ +\d+ +\d+ +(\d+) +\d+$", re.MULTILINE)
"""A line of a size class: its number, size, pools, blocks in use, blocks available."""


class PymallocTotals(NamedTuple):
    """What pymalloc has in use: bytes, with their share of the pools, and blocks."""

    size: int
    blocks: int


def read_totals(text: bytes) -> PymallocTotals:
    """Return what is in use by what pymalloc prints of itself."""
    arenas = free = 0
    for name, figure in _TOTAL.findall(text):
        count = int(figure.replace(b",", b""))
        if _ARENAS.match(name):
            arenas = count
        elif name == _AVAILABLE or _UNUSED.match(name):
            free += count
    return PymallocTotals(arenas - free, sum(map(int, _CLASS.findall(text))))


_MALLOC_FIELDS: Final = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)


class _MallocInfo(ctypes.Structure):
    """What mallinfo2 returns."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _MALLOC_FIELDS)


class MallocTotals(NamedTuple):
    """What malloc has in use: bytes in its heaps, and those that are mapped alone."""

    heaps: int
    mapped: int


class Allocators:
    """The two allocators, as far as they can be asked."""

    def __init__(self) -> None:
        """Find the functions.

        Raises:
            AttributeError: this C library or this Python has not got one of them.
        """
        library = ctypes.CDLL(None)
        self._malloc_info = library.mallinfo2
        self._malloc_info.restype = _MallocInfo
        self._print_totals = ctypes.pythonapi._PyObject_DebugMallocStats  # noqa: SLF001
        self._print_totals.argtypes = [ctypes.c_void_p]
        self._open = library.open_memstream
        self._open.restype = ctypes.c_void_p
        self._close = library.fclose
        self._close.argtypes = [ctypes.c_void_p]
        self._free = library.free
        self._free.argtypes = [ctypes.c_void_p]

    def malloc(self) -> MallocTotals:
        """Return what malloc has in use; this may take long."""
        info = self._malloc_info()
        return MallocTotals(info.uordblks, info.hblkhd)

    def pymalloc(self) -> PymallocTotals:
        """Return what pymalloc has in use."""
        text, size = ctypes.c_void_p(), ctypes.c_size_t()
        stream = self._open(ctypes.byref(text), ctypes.byref(size))
        if not stream:
            return PymallocTotals(0, 0)
        try:
            self._print_totals(stream)
        finally:
            self._close(stream)  # then the text is there
            printed = ctypes.string_at(text, size.value) if text.value else b""
            self._free(text)
        return read_totals(printed)


def find_allocators() -> Allocators | None:
    """Return the allocators; None where they do not tell how much is in use."""
    try:
        allocators = Allocators()
    except (AttributeError, OSError):
        return None
    return allocators if allocators.pymalloc().size > 0 else None
