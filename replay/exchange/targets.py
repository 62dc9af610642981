"""Servers that an export is for: what each can hold, and what it cannot.

Source: tests/replay/test_targets.py has each of them that can be had load what is
written for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app.commands.writers import find_writer
from joblog.app.history.rdb_files import LIBRARY_VERSION
from joblog.app.types.hashes import Hash
from joblog.app.types.rdb_values import encode_value
from joblog.app.types.streams import Stream
from joblog.replay.exchange.aof import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.table.table import Command
    from joblog.storage.record import Record

_SHOWN: Final = 5
_WITH_TIMES: Final = (7, 0)
_OPTIONS: Final[dict[str, tuple[int, dict[bytes, tuple[int, int]]]]] = {
    "xtrim": (2, {b"ACKED": (8, 2)}),
    "xadd": (2, {b"ACKED": (8, 2)}),
    "xgroup|create": (5, {b"ENTRIESREAD": (7, 0)}),
    "xgroup|setid": (5, {b"ENTRIESREAD": (7, 0)}),
    "xsetid": (3, {b"ENTRIESADDED": (7, 0), b"MAXDELETEDID": (7, 0)}),
}
"""Options that came after their command: from which word on, and since which Redis."""


class Target(NamedTuple):
    """A server that an export is for.

    Attributes:
        rdb: the highest version of RDB files that it loads.
        commands: up to which version of Redis it knows the commands.
    """

    rdb: int
    commands: tuple[int, int]


TARGETS: Final[dict[str, Target]] = {
    "redis-6.2": Target(9, (6, 2)),
    "redis-7.0": Target(10, (7, 0)),
    "redis-7.2": Target(11, (7, 2)),
    "redis-7.4": Target(12, (7, 4)),
    "redis-8.0": Target(12, (8, 0)),
    "redis-8.2": Target(12, (8, 2)),
    "valkey-7.2": Target(11, (7, 2)),
    "valkey-8": Target(11, (7, 2)),
    "valkey-9": Target(80, (8, 0)),
}
"""By the names that `--for` takes; a server of a later version loads the same."""


def is_for_redis(name: str) -> bool:
    """Say whether a target reads deadlines of hash fields as Redis writes them."""
    return name.startswith("redis")


def knows_times(name: str | None) -> bool:
    """Say whether a target reads the times in an append-only file."""
    return name is None or TARGETS[name].commands >= _WITH_TIMES


def require_moment(keyspace: Keyspace, name: str) -> None:
    """Refuse a keyspace of which a server cannot hold something.

    Raises:
        ExchangeError: the text names what it cannot hold.
    """
    target = TARGETS[name]
    lacking: dict[str, list[str]] = {}
    if keyspace.libraries and target.rdb < LIBRARY_VERSION:
        lacking["libraries of functions"] = [
            library.decode(errors="replace") for library in keyspace.libraries
        ]
    for database in keyspace.databases:
        for key, value in database.values.items():
            if type(value) is not Stream and type(value) is not Hash:
                continue
            _, needed = encode_value(value, is_for_redis=is_for_redis(name))
            if needed > target.rdb:
                shown = f"{key!r} in database {database.index}"
                lacking.setdefault(_subject(value), []).append(shown)
    _refuse(lacking, name)


def _subject(value: object) -> str:
    if type(value) is Hash:
        return "deadlines of hash fields"
    return "when consumers of a stream were active, or streams of this form"


def require_history(records: Iterable[Record], name: str) -> None:
    """Refuse a history with a command that a server does not know.

    Raises:
        ExchangeError: the text names the commands.
    """
    lacking: dict[str, list[str]] = {}
    for record in records:
        for argv in record.effects:
            subject = _unknown_word(argv, TARGETS[name])
            if subject:
                lacking.setdefault(subject, []).append(f"record {record.seq}")
    _refuse(lacking, name)


def _unknown_word(argv: list[bytes], target: Target) -> str:
    """Return what of an effect a server does not know; "" where it knows all."""
    command = find_writer(argv)
    if command is None:
        return ""
    major, minor = command.since.split(".")[:2]
    if (int(major), int(minor)) > target.commands:
        return _shown(command)
    start, options = _OPTIONS.get(command.name, (len(argv), {}))
    words = argv[start:]
    if command.name == "xadd":
        # What follows an ID are fields and values, whatever they look like.
        words = words[:4] if words[0].upper() == b"MAXLEN" else []
    for word in words:
        if options.get(word.upper(), target.commands) > target.commands:
            return f"{_shown(command)} {word.upper().decode()}"
    return ""


def _shown(command: Command) -> str:
    return command.name.upper().replace("|", " ")


def _refuse(lacking: dict[str, list[str]], name: str) -> None:
    if not lacking:
        return
    lines = []
    for subject, places in lacking.items():
        more = f" and {len(places) - _SHOWN} more" * (len(places) > _SHOWN)
        lines.append(f"{subject} ({', '.join(places[:_SHOWN])}{more})")
    raise ExchangeError(f"{name} cannot hold {'; '.join(lines)}; nothing was written")
