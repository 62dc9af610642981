"""Manifests: which files make up an append-only file, since Redis 7.

    file appendonly.aof.1.base.rdb seq 1 type b       the base: an RDB file, or commands
    file appendonly.aof.1.incr.aof seq 1 type i       an increment: commands
    file appendonly.aof.0.incr.aof seq 0 type h       history: to be deleted

Words are quoted as in redis.conf.

Source: Redis 7.0.15.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING

from joblog.app.words import split_words
from joblog.replay.exchange.aof import ExchangeError

if TYPE_CHECKING:
    from pathlib import Path


def find_parts(path: Path) -> list[Path]:
    """Return the files that make up an append-only file, in the order to load them.

    Args:
        path: a file; a manifest; or the folder that has one.

    Raises:
        ExchangeError: there is no such file, or no manifest in the folder.
    """
    if path.is_dir():
        manifests = sorted(path.glob("*.manifest"))
        if len(manifests) != 1:
            raise ExchangeError(f"{path}: {len(manifests)} manifests, expected one")
        path = manifests[0]
    if path.suffix != ".manifest":
        if not path.is_file():
            raise ExchangeError(f"{path}: no such file")
        return [path]
    parts = [
        part
        for line in path.read_bytes().splitlines()
        if line and not line.startswith(b"#")
        if (part := _read_part(path, line)) is not None
    ]
    missing = [part for _, _, part in parts if not part.is_file()]
    if missing:
        raise ExchangeError(f"{missing[0]}: no such file, but {path.name} names it")
    return [part for _, _, part in sorted(parts)]


def _read_part(path: Path, line: bytes) -> tuple[bool, int, Path] | None:
    """Return what a line of a manifest names: is it an increment, its number, its path.

    Returns:
        None for history, which is to be deleted.

    Raises:
        ExchangeError: it names no file, or one in another folder.
    """
    words = split_words(line) or []
    facts = dict(zip(words[::2], words[1::2], strict=False))
    kind, number = facts.get(b"type", b""), facts.get(b"seq", b"")
    name = os.fsdecode(facts.get(b"file", b""))
    if kind not in (b"b", b"i", b"h") or not number.isdigit() or not name:
        raise ExchangeError(f"{path}: {line[:200]!r} names no file")
    if PurePath(name).name != name:
        raise ExchangeError(
            f"{path}: {line[:200]!r} names a file in another folder, which no server "
            "would load"
        )
    return None if kind == b"h" else (kind == b"i", int(number), path.with_name(name))
