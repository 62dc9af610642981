"""How much a redaction would change; nothing is written for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgpack

from joblog.replay.redacting.flows import keys_of
from joblog.replay.redacting.rewriting import Rewriter
from joblog.replay.redacting.tokens import Tokens
from joblog.storage.folder import LogFolder
from joblog.storage.frame import leading_uints
from joblog.storage.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.replay.redacting.selection import Selection
    from joblog.storage.filesystem import FileSystem


class Count(NamedTuple):
    """What would be made unreadable.

    Attributes:
        records: how many records.
        bytes_gone: how long their payloads are.
        first_seq: the first of them; 0 for none.
        last_seq: the last.
        keys: the keys that these changed, and of which all goes.
    """

    records: int
    bytes_gone: int
    first_seq: int
    last_seq: int
    keys: list[bytes]


def count(
    folder: Path,
    filesystem: FileSystem,
    selection: Selection,
    progress: Callable[[int], None],
) -> Count:
    """Count what a redaction would change.

    Raises:
        StorageError: it could not be done, or the log is damaged.
    """
    rewriter = Rewriter(selection, Tokens(b"counted"), b"")
    first = next(iter(LogFolder(folder, filesystem).find_segments()), 1)
    reader = LogReader(folder, filesystem=filesystem, from_seq=first)
    keys: dict[bytes, None] = {}
    records = length = first_seq = last_seq = 0
    try:
        while payloads := reader.read_payloads():
            for payload in payloads:
                if rewriter.rewrite(payload) is None:
                    continue
                records += 1
                length += len(payload)
                last_seq = leading_uints(payload)[0]
                first_seq = first_seq or last_seq
                for argv in msgpack.unpackb(payload, unicode_errors="surrogateescape")[
                    4
                ]:
                    keys |= dict.fromkeys(filter(selection.has_key, keys_of(argv)))
            progress(reader.next_seq - 1)
    finally:
        reader.close()
    return Count(records, length, first_seq, last_seq, list(keys))
