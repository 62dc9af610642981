"""Key specs: which keys a command has and what it does with each, as COMMAND tells.

The table's `KeySpec` says where the keys are. Where not all of them are accessed alike,
or where options move them, `_PARTS` has a part for each kind; the parts never decide
which keys a command has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app.reply import SetReply, SimpleString

if TYPE_CHECKING:
    from joblog.app.table.table import Command, KeySpec


class Part(NamedTuple):
    """Some keys of a command.

    Attributes:
        access: Redis's flags, such as `RO ACCESS`.
        position: where the first key is, or of the count of the keys; 0 is anywhere.
        last: how far the last key is from the first; negative counts from the end.
        step: distance from a key to the next.
        is_counted: their count comes first.
        keyword: the option that the keys follow, or empty; it is looked for from
            `position` on, backwards where that is negative.
    """

    access: str
    position: int = 1
    last: int = 0
    step: int = 1
    is_counted: bool = False
    keyword: bytes = b""


_STORE: Final = Part("OW UPDATE", 1)
_STORE_COUNTED: Final = (_STORE, Part("RO ACCESS", 2, is_counted=True))
_STORE_REST: Final = (_STORE, Part("RO ACCESS", 2, -1))
_MOVE: Final = (Part("RW ACCESS DELETE", 1), Part("RW INSERT", 2))
_RENAME: Final = (Part("RW ACCESS DELETE", 1), Part("OW UPDATE", 2))
_SCRIPT: Final = (Part("RW ACCESS UPDATE", 2, is_counted=True),)
_SCRIPT_READ: Final = (Part("RO ACCESS", 2, is_counted=True),)

_STORE_LAST: Final = frozenset(("sort", "georadius", "georadiusbymember"))
"""Commands that read their first key, and write the key behind the word STORE."""

_PARTS: Final[dict[str, tuple[Part, ...]]] = {
    "blmove": _MOVE,
    "brpoplpush": _MOVE,
    "copy": (Part("RO ACCESS", 1), Part("OW UPDATE", 2)),
    "eval": _SCRIPT,
    "eval_ro": _SCRIPT_READ,
    "evalsha": _SCRIPT,
    "evalsha_ro": _SCRIPT_READ,
    "fcall": _SCRIPT,
    "fcall_ro": _SCRIPT_READ,
    "bitop": (Part("OW UPDATE", 2), Part("RO ACCESS", 3, -1)),
    "geosearchstore": (Part("OW UPDATE", 1), Part("RO ACCESS", 2)),
    "georadius": (
        Part("RO ACCESS", 1),
        Part("OW UPDATE", 6, keyword=b"STORE"),
        Part("OW UPDATE", 6, keyword=b"STOREDIST"),
    ),
    "georadiusbymember": (
        Part("RO ACCESS", 1),
        Part("OW UPDATE", 5, keyword=b"STORE"),
        Part("OW UPDATE", 5, keyword=b"STOREDIST"),
    ),
    "lmove": _MOVE,
    "migrate": (
        Part("RW ACCESS DELETE", 3),
        Part("RW ACCESS DELETE", -2, -1, keyword=b"KEYS"),
    ),
    "pfmerge": (Part("RW ACCESS INSERT", 1), Part("RO ACCESS", 2, -1)),
    "rename": _RENAME,
    "renamenx": (Part("RW ACCESS DELETE", 1), Part("OW INSERT", 2)),
    "rpoplpush": _MOVE,
    "sdiffstore": _STORE_REST,
    "sinterstore": _STORE_REST,
    "smove": _MOVE,
    "sort": (
        Part("RO ACCESS", 1),
        Part("RO ACCESS", 0),
        Part("OW UPDATE", 0),
    ),
    "sort_ro": (Part("RO ACCESS", 1), Part("RO ACCESS", 0)),
    "sunionstore": _STORE_REST,
    "xread": (Part("RO ACCESS", 1, -1, 2, keyword=b"STREAMS"),),
    "xreadgroup": (Part("RO ACCESS", 4, -1, 2, keyword=b"STREAMS"),),
    "zdiffstore": _STORE_COUNTED,
    "zinterstore": _STORE_COUNTED,
    "zrangestore": (Part("OW UPDATE", 1), Part("RO ACCESS", 2)),
    "zunionstore": _STORE_COUNTED,
}


def parts_of(command: Command) -> tuple[Part, ...]:
    """Return the parts of a command's keys; empty where it has none."""
    known = _PARTS.get(command.name)
    if known is not None:
        return known
    return () if command.keys is None else (_part_of(command.keys),)


def _part_of(spec: KeySpec) -> Part:
    if spec.count_at:
        return Part(spec.access, spec.count_at, step=spec.step, is_counted=True)
    last = spec.last if spec.last < 0 else spec.last - spec.first
    return Part(spec.access, spec.first, last, spec.step)


def flag_words(access: str) -> SetReply:
    """Return access flags as COMMAND shows them: `RO ACCESS` as RO and access."""
    words = access.split()
    shown = [word if len(word) <= 2 else word.lower() for word in words]  # noqa: PLR2004
    return SetReply([SimpleString(word.encode()) for word in shown])


def describe(part: Part) -> dict[bytes, object]:
    """Return a part as one key spec of COMMAND INFO."""
    return {
        b"flags": flag_words(part.access),
        b"begin_search": _begin_search(part),
        b"find_keys": _find_keys(part),
    }


def _begin_search(part: Part) -> dict[bytes, object]:
    if part.keyword:
        spec = {b"keyword": part.keyword, b"startfrom": part.position}
        return {b"type": b"keyword", b"spec": spec}
    if not part.position:
        return {b"type": b"unknown", b"spec": {}}
    return {b"type": b"index", b"spec": {b"index": part.position}}


def _find_keys(part: Part) -> dict[bytes, object]:
    if part.is_counted:
        spec = {b"keynumidx": 0, b"firstkey": 1, b"keystep": part.step}
        return {b"type": b"keynum", b"spec": spec}
    if not part.position:
        return {b"type": b"unknown", b"spec": {}}
    limit = 2 if part.keyword and part.step > 1 else 0
    step = 1 if part.keyword else part.step
    spec = {b"lastkey": part.last, b"keystep": step, b"limit": limit}
    return {b"type": b"range", b"spec": spec}


def key_positions(command: Command) -> tuple[int, int, int]:
    """Return first key, last key and step, as COMMAND INFO has them; zeros for none.

    They tell of the keys at fixed places only, so of the first part alone where that
    is not counted; two parts that follow each other count as one range.
    """
    fixed = [
        part for part in parts_of(command) if part.position and not part.is_counted
    ]
    if not fixed or fixed[0].keyword:
        return 0, 0, 0
    first, last, step = fixed[0].position, fixed[0].last, fixed[0].step
    last = last if last < 0 else first + last
    for part in fixed[1:]:
        if part.position == last + 1 and not part.keyword:
            last = part.last if part.last < 0 else part.position + part.last
    return first, last, step


def access_of(command: Command, argv: list[bytes]) -> list[tuple[bytes, str]]:
    """Return the keys of a call, each with its access flags, in Redis's order.

    Raises:
        CommandError: the arguments do not say where the keys are.
    """
    positions = command.key_positions(argv)
    if command.name == "set":
        # What SET does with the old value depends on an option.
        has_get = any(word.upper() == b"GET" for word in argv[3:])
        return [(argv[1], "RW ACCESS UPDATE" if has_get else "OW UPDATE")]
    if command.name == "bitfield":
        has_write = any(word.upper() in (b"SET", b"INCRBY") for word in argv[2:])
        return [(argv[1], "RW ACCESS UPDATE" if has_write else "RO ACCESS")]
    if command.name in _STORE_LAST:
        return [(argv[at], "RO ACCESS" if at == 1 else "OW UPDATE") for at in positions]
    parts = parts_of(command)
    return [(argv[at], _access_at(parts, at)) for at in positions]


def _access_at(parts: tuple[Part, ...], position: int) -> str:
    fitting = [part for part in parts if part.position and part.position <= position]
    return (fitting or list(parts))[-1].access
