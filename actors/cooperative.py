"""CooperativeActor: a pykka actor whose thread is the loop's run queue.

To pykka it is an actor like any other: `start`, `tell`, `ask` and `stop` work, from
any thread. Its inbox (`actors.inbox`) stands in the loop's run queue while there is
mail, and the loop lets it take all of it in one go. Actors of the same loop may `post`
to each other's inbox: that is `tell` without the envelope, which carries an address for
the answer.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import pykka
from pykka._envelope import Envelope

from actors.inbox import ActorReceiver, Inbox, refuse

if TYPE_CHECKING:
    from actors.loop import Loop

logger = logging.getLogger(__name__)


class CooperativeActor(pykka.Actor):
    """An actor on the loop. Its `on_receive` must not block."""

    def __init__(self, loop: Loop) -> None:
        """Make the actor; `start` registers it and calls `on_start`."""
        super().__init__()
        self.loop = loop
        self.actor_inbox: Inbox
        self.actor_inbox.bind(ActorReceiver(self), loop)

    @property
    def inbox(self) -> Inbox:
        """Where actors of the same loop leave their mail."""
        return self.actor_inbox

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return Inbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self._actor_loop_setup()

    def receive_all(self, inbox: Inbox) -> None:
        """Take all mail, in order; the loop calls it."""
        while not inbox.empty():
            self.receive(inbox.take())

    def receive(self, message: Any) -> None:
        """Take one message; it fails as pykka has it, and the actor with it."""
        if type(message) is Envelope:
            self._receive_envelope(message)
        elif not self.actor_stopped.is_set():
            try:
                self.on_receive(message)
            except Exception:  # noqa: BLE001 - pykka's contract: the actor fails
                self._fail()

    def _receive_envelope(self, envelope: Envelope[Any]) -> None:
        if self.actor_stopped.is_set():
            refuse(envelope)
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
