"""What the system says of this process: memory, CPU time, where it runs."""

from __future__ import annotations

import functools
import os
import platform
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_STATM: Final = Path("/proc/self/statm")
_PROCESSES: Final = Path("/proc")
_RSS_PAGES_FIELD: Final = 1
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_MAXRSS_BYTES: Final = 1 if sys.platform == "darwin" else 1024

_UNITS: Final = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


def resident_bytes() -> int:
    """Return the memory that the process holds, or its peak if only that is known."""
    try:
        fields = _STATM.read_bytes().split()
    except OSError:
        return peak_resident_bytes()
    return int(fields[_RSS_PAGES_FIELD]) * _PAGE_BYTES


def resident_and_shared_bytes() -> tuple[int, int]:
    """Return the memory that the process holds, and how much of it files lend it."""
    try:
        fields = _STATM.read_bytes().split()
    except OSError:
        return peak_resident_bytes(), 0
    resident, shared = fields[_RSS_PAGES_FIELD : _RSS_PAGES_FIELD + 2]
    return int(resident) * _PAGE_BYTES, int(shared) * _PAGE_BYTES


def resident_bytes_of(pid: int) -> int:
    """Return the memory that another process holds; 0 where that is not known."""
    try:
        fields = (_PROCESSES / str(pid) / "statm").read_bytes().split()
    except OSError:
        return 0
    return int(fields[_RSS_PAGES_FIELD]) * _PAGE_BYTES if fields else 0


def peak_resident_bytes() -> int:
    """Return the most memory that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES


def system_bytes() -> int:
    """Return the memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES


def give_back() -> None:
    """Give the system back what the C library keeps of freed memory, where it can.

    It returns long blocks by itself only where they end its heap: one short block
    behind them keeps tens of megabytes.
    """
    trim = _find_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _find_trim() -> Callable[[int], int] | None:
    import ctypes  # noqa: PLC0415 - a megabyte that few servers need

    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def operating_system() -> str:
    """Return system, release and processor, as INFO shows them."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def is_compiled() -> bool:
    """Say whether the modules on the road of every command are native; see setup.py."""
    engine = sys.modules.get("joblog.app.engine.engine")
    return engine is not None and not str(engine.__file__).endswith(".py")


def human_bytes(count: int) -> str:
    """Return a number of bytes for people: `919.04K`."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.2f}{unit}"
    return f"{count}B"


STARTUP_BYTES: Final = resident_bytes()
"""What the process held before it had any data."""
