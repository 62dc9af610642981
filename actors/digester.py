"""Digester: a thread that hashes what the log was given in long writes."""

from __future__ import annotations

import contextlib
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pykka

from joblog.actors.messages import Hash

if TYPE_CHECKING:
    from collections.abc import Callable


class Digester(pykka.ThreadingActor):
    """Calls what it is mailed."""

    use_daemon_thread = True

    @staticmethod
    def _create_actor_inbox() -> SimpleQueue[Any]:
        return SimpleQueue()  # see the syncer

    def on_receive(self, message: Any) -> None:
        """Hash what waits."""
        assert isinstance(message, Hash)
        message.catch_up()


def start_digester() -> tuple[
    pykka.ActorRef[Digester], Callable[[Callable[[], None]], None]
]:
    """Start one; return it, and what mails it a call."""
    digester = Digester.start()

    def ask(catch_up: Callable[[], None]) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # then whoever asks hashes
            digester.tell(Hash(catch_up))

    return digester, ask
