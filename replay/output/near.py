"""What somebody may have meant who wrote a name that is not there."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 3
_CUTOFF = 0.6
_GLOB = "*?[]^\\"


def near_text(wanted: str, known: Iterable[str]) -> str:
    """Return `; did you mean a, b?` for the names that are most like one, "" for none.

    Args:
        wanted: the name, or a glob, of which the plain letters count.
        known: the names that there are.
    """
    plain = wanted.translate({ord(letter): None for letter in _GLOB})
    names = list(dict.fromkeys(known))
    if wanted in names:  # it is there, and was not misspelt
        return ""
    near = difflib.get_close_matches(plain, names, _MOST, _CUTOFF)
    small = plain.lower()
    more = (name for name in names if small and small in name.lower())
    near = list(dict.fromkeys([*near, *more]))[:_MOST]
    return f"; did you mean {', '.join(near)}?" if near else ""
