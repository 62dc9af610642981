"""`python -m joblog.app.history.sending`: the child that makes a replica's dataset.

    python -m joblog.app.history.sending DIR --until SEQ --file PATH [options]

It folds the newest snapshot and the log behind it up to a record, as a start does, and
writes what that comes to as an RDB file. It runs beside the server, niced, and can be
killed at any moment. What it says is a JSON object a line:

    {"seq": 41000}                     how far it has come
    {"version": 9, "bytes": 1234}      the file is whole
    {"error": "..."}                   it failed; the exit code is then 1

When nobody reads these lines any more, the server is gone, and so is the child.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.app.collector import paused
from joblog.app.history.rdb_files import write_rdb
from joblog.app.history.recovery import Recovery
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.keyspace.keyspace import Keyspace

NICENESS = 10
_FILE_MODE = 0o600


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m joblog.app.history.sending")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--databases", type=int, default=16)
    parser.add_argument("--for-redis", action="store_true")
    parser.add_argument("--history", required=True)
    parser.add_argument("--offset", type=int, required=True)
    options = parser.parse_args(arguments)
    try:
        _write(options, _fold(options))
    except BrokenPipeError:
        return 1
    except (StorageError, OSError) as error:
        _say(error=str(error))
        return 1
    return 0


def _fold(options: argparse.Namespace) -> Keyspace:
    """Return the state after a record.

    Raises:
        StorageError: the log has no such record, or is damaged.
    """
    recovery = Recovery(
        options.folder,
        open_disk(),
        options.databases,
        options.until,
        packs_hashes=True,
    )
    with paused():
        for _ in recovery.steps():
            _say(seq=recovery.fold.last_seq)
    last_seq = recovery.fold.last_seq
    if last_seq != options.until:
        raise StorageError(
            f"{options.folder}: the log ends with seq {last_seq}, expected "
            f"{options.until}"
        )
    return recovery.fold.keyspace


def _write(options: argparse.Namespace, keyspace: Keyspace) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(options.file, flags, _FILE_MODE), "wb+") as file:
        version = write_rdb(
            file,
            keyspace,
            is_for_redis=options.for_redis,
            look=lambda: _say(seq=options.until),
            remarks=place_remarks(options.history, options.offset),
        )
        size = file.tell()
    _say(version=version, bytes=size)


def place_remarks(history: str, offset: int) -> dict[str, str | int]:
    """Return what a dataset says of its place: a Redis that restarts goes on there."""
    return {"repl-stream-db": 0, "repl-id": history, "repl-offset": offset}


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    sys.exit(main())
