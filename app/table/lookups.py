"""Which look-ups of keys count as reading: for keyspace_hits, and the event keymiss.

Commands that only read count with all their keys. Some that write read first, as a
command that reads would; what others look up counts as writing.

Source: Redis 7.2 and Valkey 9.1; see tests/parity/test_lookups.py.
"""

from __future__ import annotations

from typing import Final

_ALL: Final = slice(None)
_NONE: Final = slice(0)
_FIRST: Final = slice(1)
_REST: Final = slice(1, None)
READ_BY_WRITERS: Final = {
    **dict.fromkeys(("getset", "getdel", "getex", "hgetex", "pfmerge"), _ALL),
    **dict.fromkeys(("xack", "xackdel", "xclaim", "xautoclaim"), _ALL),
    **dict.fromkeys(("xreadgroup", "migrate"), _ALL),
    **dict.fromkeys(("sort", "copy", "georadius", "georadiusbymember"), _FIRST),
    **dict.fromkeys(("sunionstore", "sinterstore", "sdiffstore"), _REST),
    **dict.fromkeys(("zunionstore", "zinterstore", "zdiffstore"), _REST),
    **dict.fromkeys(("set", "config|resetstat"), _NONE),
    **dict.fromkeys(("zrangestore", "geosearchstore", "bitop"), _REST),
}
"""Which of their keys commands that write look up as one that reads would.

SET looks one up with GET only, for which `note_misses` does not look; CONFIG RESETSTAT
sets the counters back, which is not to be undone.
"""
