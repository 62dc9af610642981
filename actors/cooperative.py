"""CooperativeActor: a pykka actor whose thread is the loop's run queue.

To pykka it is an actor like any other: `start`, `tell`, `ask` and `stop` work, from
any thread. Its inbox (`joblog.actors.inbox`) stands in the loop's run queue while there
is mail, and the loop lets it take all of it in one go. Actors of the same loop may
`post` to each other's inbox: that is `tell` without the envelope, which carries an
address for the answer.

In one thing it is not pykka's: an actor that fails does not quietly end, so that its
mail goes nowhere and those who wait for it wait for ever. What it raises goes to the
loop, which asks the actor's receiver what that costs (see `joblog.actors.failures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka
from pykka import messages as pykka_messages
from pykka._envelope import Envelope

from joblog.actors.inbox import ActorReceiver, Inbox, refuse

if TYPE_CHECKING:
    from joblog.actors.loop import Loop


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
        try:
            self.on_start()
        except Exception:
            self._stop()
            raise

    def _stop(self) -> None:
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        self.on_stop()

    def contain(self, error: Exception) -> bool:  # noqa: ARG002 - some look at it
        """End what a failure was about; say whether that is all that it costs."""
        return False

    def receive_all(self, inbox: Inbox) -> None:
        """Take all mail, in order; the loop calls it."""
        while not inbox.empty():
            self.receive(inbox.take())

    def receive(self, message: Any) -> None:
        """Take one message; what it raises is the loop's, or that of whoever asked."""
        if type(message) is Envelope:
            self._receive_envelope(message)
        elif not self.actor_stopped.is_set():
            self.on_receive(message)

    def _receive_envelope(self, envelope: Envelope[Any]) -> None:
        if self.actor_stopped.is_set():
            refuse(envelope)
            return
        if envelope.reply_to is None:
            self._handle_receive(envelope.message)
            return
        try:
            response = self._handle_receive(envelope.message)
        except Exception:
            # pykka's contract: whoever asked gets it. Of a stop, nobody looks at it.
            envelope.reply_to.set_exception()
            if isinstance(envelope.message, pykka_messages._ActorStop):  # noqa: SLF001 - as pykka
                raise
        else:
            envelope.reply_to.set(response)
