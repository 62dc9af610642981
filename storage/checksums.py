"""crc32, by Intel's ISA-L where it is installed: a fifth of the time for long bytes.

Processors multiply without carries; zlib, which Python's own comes from, does not let
them. The numbers are the very same (docs/decisions/0070-checksums-by-isa-l.md).
"""

from __future__ import annotations

try:
    from isal.isal_zlib import crc32
except ImportError:  # what it was not made for, or an environment from before
    from zlib import crc32

__all__ = ["crc32"]
