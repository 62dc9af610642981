"""MetricsProcess: a thread that minds the process which Prometheus asks.

The child has the listening sockets. For each scrape it writes a line to its standard
output, and reads a line of JSON from its standard input: what the keyspace says of
itself in the loop, or null where it does not come to that. All else is the child's:
HTTP, text, and what the log tells of queues. It ends when its standard input closes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import select
import subprocess
import sys
import time
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pykka

from joblog.actors.children import Children, Retries
from joblog.actors.messages import TakeReading
from joblog.actors.sockets import ListenError, close_all, listen_on_all
from joblog.app import clock

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from joblog.app.config import Config

logger = logging.getLogger(__name__)

_NICED: Final = (
    "import os; os.nice(10); from joblog.replay.scraping import main; main()"
)
_LOOK_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 1.0
_BUSY_SECONDS: Final = 0.02
_PORT_SECONDS: Final = 2.0
"""So long a child of a server that was killed may still have the port."""


class _Look(NamedTuple):
    """Look after the child, and come again."""


def listen_for_metrics(
    config: Config, others: Sequence[socket.socket]
) -> list[socket.socket]:
    """Return the listening sockets of the page; none where no port is for it.

    Args:
        config: the settings.
        others: sockets to be closed where these cannot be had.

    Raises:
        ListenError: a package is missing, or the port is another's.
    """
    if not config.metrics_port:
        return []
    try:
        return _listen(config)
    except ListenError:
        close_all(list(others))
        raise


def _listen(config: Config) -> list[socket.socket]:
    if importlib.util.find_spec("prometheus_client") is None:
        text = f"metrics-port {config.metrics_port}: metrics need the package "
        raise ListenError(f"{text}prometheus-client: pip install 'joblog[metrics]'")
    deadline = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            return listen_on_all(config, "metrics_port")
        except ListenError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)


class MetricsProcess(pykka.ThreadingActor):
    """Runs the child, and answers it."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path | None,
        listening: Sequence[socket.socket],
        tell: Callable[[Any], None],
        environment: Callable[[], dict[str, str]],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the thread of a server.

        Args:
            folder: the data folder; None where queues are not to be told.
            listening: the sockets; they stay the caller's.
            tell: mails to the keyspace; called in this thread.
            environment: gives the child's.
            steady_ms: the clock that nobody sets.
        """
        super().__init__()
        self._folder = "" if folder is None else str(folder.resolve())
        self._fds = [each.fileno() for each in listening]
        self._tell = tell
        self._environment = environment
        self._children = Children()
        self._child: subprocess.Popen[bytes] | None = None
        self._retries = Retries(steady_ms)

    def on_start(self) -> None:
        """Begin."""
        self.actor_ref.tell(_Look())

    def on_receive(self, message: Any) -> None:
        """Start a child where there is none; answer it, or see that it has ended."""
        assert isinstance(message, _Look)
        try:
            if self._child is not None:
                self._look(self._child)
            elif self._retries.is_due():
                self._begin()
            else:
                time.sleep(_LOOK_SECONDS)
        except OSError as error:
            self._end()
            self._fail(str(error))
        with contextlib.suppress(pykka.ActorDeadError):
            self.actor_ref.tell(_Look())

    def on_stop(self) -> None:
        """End the child."""
        self._end()

    def _begin(self) -> None:
        words = [sys.executable, "-c", _NICED, self._folder]
        self._child = self._children.start(
            [*words, *map(str, self._fds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._children.open_words(),
            pass_fds=self._fds,
        )

    def _look(self, child: subprocess.Popen[bytes]) -> None:
        """Wait a moment for a question, and answer it."""
        assert child.stdout is not None
        assert child.stdin is not None
        if not select.select([child.stdout], [], [], _LOOK_SECONDS)[0]:
            return
        asked = os.read(child.stdout.fileno(), 1024)
        if asked:
            self._retries.succeed()
            answer = json.dumps(self._take_reading(), separators=(",", ":"))
            child.stdin.write(answer.encode() + b"\n")
            child.stdin.flush()
            return
        ended = self._children.take_codes()
        if ended is None:
            return
        self._close(child)
        (code,), words = ended
        self._fail(f"exit code {code}: {words.splitlines()[-1:]}")

    def _take_reading(self) -> dict[str, Any] | None:
        """Ask the keyspace; None where it does not come to it in time."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
            try:
                self._tell(TakeReading(answers.put))
                reading = answers.get(timeout=left)
            except (Empty, pykka.ActorDeadError):
                return None
            if reading is not None:
                return reading
            time.sleep(_BUSY_SECONDS)
        return None

    def _close(self, child: subprocess.Popen[bytes]) -> None:
        self._child = None
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _end(self) -> None:
        child = self._child
        self._children.end()
        if child is not None:
            self._close(child)

    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""
        warn = partial(logger.warning, "the process of the metrics has ended: %s")
        self._retries.fail(text, warn)
