"""The directive `user`: which lines change nothing for a server without ACL users.

CONFIG REWRITE of a real server writes a line for its user `default`; a redis.conf that
it wrote must start this server too. That line says that the user may do everything,
and has no password, or the one of `requirepass`, as its SHA-256.

Source: Redis 7.0.15, where a `user` line begins with a user who may do nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HASH: Final = "#"
_ALL: Final = (
    frozenset({"on"}),
    frozenset({"~*", "allkeys"}),
    frozenset({"&*", "allchannels"}),
    frozenset({"+@all", "allcommands"}),
)
_NO_PASSWORD: Final = "nopass"  # noqa: S105 - a rule, not a password
_KNOWN: Final = frozenset().union(
    *_ALL, {_NO_PASSWORD, "sanitize-payload", "skip-sanitize-payload"}
)


def is_like_default(line: Sequence[str]) -> bool:
    """Say whether a line gives the user `default` all rights, whatever its password."""
    name, *words = line
    rules = {word.lower() for word in words}
    passwords = {rule for rule in rules if rule.startswith(_HASH)}
    return (
        name == "default"
        and rules - passwords <= _KNOWN
        and all(rules & ways for ways in _ALL)
        and (_NO_PASSWORD in rules) != bool(passwords)
    )


def asks_for_another_password(
    lines: Iterable[Sequence[str]], requirepass: bytes
) -> bool:
    """Say whether the last of some lines gives `default` other than `requirepass`."""
    words: Sequence[str] = ()
    for line in lines:
        words = line[1:]
    passwords = {word.lower() for word in words if word.startswith(_HASH)}
    if not passwords:
        return False
    return not requirepass or passwords != {
        _HASH + hashlib.sha256(requirepass).hexdigest()
    }
