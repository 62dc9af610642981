"""CooperativeActor: a pykka actor whose thread is the loop's run queue.

To pykka it is an actor like any other: `start`, `tell`, `ask` and `stop` work, from
any thread. Its inbox stands in the loop's run queue while there is mail, and the loop
lets it take all of it in one go. Actors of the same loop may `post` to each other's
inbox, which is `tell` without the envelope that carries a reply address.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pykka
from pykka import messages as pykka_messages
from pykka._envelope import Envelope

if TYPE_CHECKING:
    from actors.loop import Loop

logger = logging.getLogger(__name__)


class CooperativeInbox:
    """The mailbox of one cooperative actor, in pykka's interface and in ours."""

    __slots__ = ("_actor", "_is_queued", "_loop", "_mail", "_run_later")

    def __init__(self) -> None:
        """Make an empty inbox; `bind` gives it its actor and its loop."""
        self._mail: deque[Any] = deque()
        self._actor: CooperativeActor | None = None
        self._loop: Loop | None = None
        self._is_queued = False

    def bind(self, actor: CooperativeActor, loop: Loop) -> None:
        """Say whose inbox it is, and whose run queue it stands in."""
        self._actor = actor
        self._loop = loop
        self._run_later = loop.run_queue.append

    def post(self, message: Any) -> None:
        """Leave a message; only from the loop's own thread."""
        self._mail.append(message)
        if not self._is_queued:
            self._is_queued = True
            self._run_later(self)

    def put(self, envelope: Any) -> None:
        """Leave an envelope of pykka's; from any thread."""
        loop = self._loop
        assert loop is not None
        self._mail.append(envelope)
        # Another thread must not look at _is_queued, which changes under it: standing
        # in the run queue twice only means that the second time there is no mail.
        if threading.get_ident() != loop.thread_id:
            loop.run_queue.append(self)
            loop.wake()
        elif not self._is_queued:
            self._is_queued = True
            loop.run_queue.append(self)

    def get(self) -> Any:
        """Take the oldest mail; pykka asks for it while an actor stops."""
        message = self._mail.popleft()
        return message if isinstance(message, Envelope) else Envelope(message)

    def empty(self) -> bool:
        """Say whether there is no mail."""
        return not self._mail

    def drain(self) -> None:
        """Let the actor take all its mail."""
        self._is_queued = False
        self._actor.receive_all(self._mail)  # type: ignore[union-attr]  # bound at the start


class CooperativeActor(pykka.Actor):
    """An actor on the loop. Its `on_receive` must not block."""

    def __init__(self, loop: Loop) -> None:
        """Make the actor; `start` registers it and calls `on_start`."""
        super().__init__()
        self.loop = loop
        self.actor_inbox: CooperativeInbox
        self.actor_inbox.bind(self, loop)

    @property
    def inbox(self) -> CooperativeInbox:
        """Where actors of the same loop leave their mail."""
        return self.actor_inbox

    @staticmethod
    def _create_actor_inbox() -> CooperativeInbox:
        return CooperativeInbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self._actor_loop_setup()

    def receive_all(self, mail: deque[Any]) -> None:
        """Take all mail, in order; the loop calls it."""
        while mail:
            message = mail.popleft()
            if type(message) is Envelope:
                self._receive_envelope(message)
            elif not self.actor_stopped.is_set():
                try:
                    self.on_receive(message)
                except Exception:  # noqa: BLE001 - pykka's contract: the actor fails
                    self._fail()

    def _receive_envelope(self, envelope: Envelope[Any]) -> None:
        if self.actor_stopped.is_set():
            if isinstance(envelope.message, pykka_messages._ActorStop):  # noqa: SLF001 - as pykka
                if envelope.reply_to is not None:
                    envelope.reply_to.set(None)
            elif envelope.reply_to is not None:
                error = pykka.ActorDeadError(f"{self.actor_ref} is stopped")
                envelope.reply_to.set_exception((type(error), error, None))
            return
        try:
            response = self._handle_receive(envelope.message)
        except Exception:  # noqa: BLE001 - the same
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception()
            else:
                self._fail()
        else:
            if envelope.reply_to is not None:
                envelope.reply_to.set(response)

    def _fail(self) -> None:
        self._handle_failure(*sys.exc_info())
        self.on_failure(*sys.exc_info())
