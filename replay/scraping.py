"""The process beside a server that tells its metrics (`metrics-port`).

    python -c 'from joblog.replay.scraping import main; main()' FOLDER FD...

The descriptors are listening sockets; without a folder no queues are told. Each scrape
asks the server, by a line on standard output, and gets a line of JSON on standard
input: what `joblog.app.commands.server.readings` tells. What the log tells is followed
between scrapes, for a moment at a time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.actors.metrics.page import Request, Response, plain, serve
from joblog.app import clock, families
from joblog.app.history.moments import NoSuchMomentError
from joblog.replay.jobs.schema import SchemaError
from joblog.replay.output.exposition import encode
from joblog.replay.records.known_scripts import KNOWN
from joblog.replay.records.scripts import script_name
from joblog.replay.views.following import Following
from joblog.replay.views.series import Value
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRAPE_SECONDS = 1.0
_PIECE_SECONDS = 0.2
_AGAIN_SECONDS = 60.0
_PATH = "/metrics"


class Scraping:
    """Answers scrapes."""

    def __init__(self, folder: Path | None) -> None:
        """Begin.

        Args:
            folder: the data folder; None where queues are not to be told.
        """
        self._following = None
        if folder is not None:
            self._following = Following(folder, open_disk())
        self._again_at = 0.0

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        reading = _ask()
        # Who does not know how the server is protected takes it that it is.
        if (reading is None or reading["is_local_only"]) and not request.is_local:
            return plain("403 Forbidden", "the server lets only this machine look")
        if request.path != _PATH:
            return plain("404 Not Found", f"the metrics are at {_PATH}")
        values = list(self._values(reading))
        kind, body = encode(
            values, _histograms(reading), request.headers.get("accept", "")
        )
        return Response("200 OK", kind, body)

    def go_on(self, seconds: float = _PIECE_SECONDS) -> bool:
        """Follow the log for a moment; say whether there is more to follow."""
        following = self._following
        if following is None or time.monotonic() < self._again_at:
            return False
        try:
            return following.go_on(seconds)
        except (StorageError, NoSuchMomentError, SchemaError) as error:
            sys.stderr.write(f"metrics of queues: {error}\n")
            sys.stderr.flush()
            following.close()
            self._again_at = time.monotonic() + _AGAIN_SECONDS
            return False

    def _values(self, reading: dict[str, Any] | None) -> Iterator[Value]:
        yield Value(families.UP, (), int(reading is not None))
        if reading is not None:
            yield from reading_values(reading)
        if self._following is None:
            return
        is_behind = self.go_on(_SCRAPE_SECONDS)
        last_seq = 0 if reading is None else reading["fields"].get("log_last_seq", 0)
        behind = (
            max(last_seq - self._following.seq, 0)
            if is_behind or (time.monotonic() < self._again_at)
            else 0
        )
        yield Value(families.QUEUES_BEHIND, (), behind)
        if not behind:
            yield from self._following.values(clock.now_ms())


def _ask() -> dict[str, Any] | None:
    sys.stdout.write("?\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    reading: dict[str, Any] | None = json.loads(line) if line else None
    return reading


def reading_values(reading: dict[str, Any]) -> Iterator[Value]:
    """Yield what the server told of itself, but for histograms."""
    yield Value(families.BUILD, (reading["version"],), 1)
    fields = reading["fields"]
    for family in (*families.FIELDS, *families.HISTORY):
        number = fields.get(family.field)
        if number is not None and float(number) >= 0:
            yield Value(family, (), float(number) * family.scale)
    for name, calls, failed, rejected, *_ in reading["commands"]:
        yield Value(families.COMMANDS, (name,), calls)
        yield Value(families.FAILED_COMMANDS, (name,), failed)
        yield Value(families.REJECTED_COMMANDS, (name,), rejected)
    for code, count in reading["errors"].items():
        yield Value(families.ERRORS, (code,), count)
    for db, keys, expiring in reading["databases"]:
        yield Value(families.KEYS, (str(db),), keys)
        yield Value(families.EXPIRING, (str(db),), expiring)
    for script, calls, nanoseconds, head in reading["scripts"]:
        yield Value(families.SCRIPT_CALLS, (script,), calls)
        yield Value(families.SCRIPT_SECONDS, (script,), nanoseconds / 1e9)
        name = KNOWN.get(script) or script_name(head.encode("latin-1"))
        if name:
            label = name.decode("utf-8", "backslashreplace")
            yield Value(families.SCRIPT_NAMES, (script, label), 1)


def _histograms(
    reading: dict[str, Any] | None,
) -> list[tuple[tuple[str, ...], list[int], float]]:
    """Return of each command the counts of its buckets, and the seconds in all."""
    return [
        ((name,), buckets, nanoseconds / 1e9)
        for name, _, _, _, nanoseconds, buckets in (reading or {"commands": []})[
            "commands"
        ]
        if buckets
    ]


def main() -> None:
    """Serve the metrics of a server until it closes standard input."""
    folder, *fds = sys.argv[1:]
    scraping = Scraping(Path(folder) if folder else None)
    serve([int(fd) for fd in fds], scraping.respond, scraping.go_on)
