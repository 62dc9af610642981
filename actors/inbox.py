"""Inboxes: where cooperative actors leave each other mail, and who takes it out.

An inbox stands in the loop's run queue while it holds mail; the loop then lets its
receiver take all of it in one go. Like the loop, these are plain classes rather than
actors, so that mypyc makes them native: a request passes through three inboxes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, final

import pykka
from pykka import messages as pykka_messages
from pykka._envelope import Envelope

if TYPE_CHECKING:
    from joblog.actors.loop import Loop

Replies = list[tuple["Inbox", Any]]
"""(inbox, mail): what to deliver, in order."""


class Receiver:
    """Whom the loop calls: there is mail, or a watched file descriptor is ready."""

    __slots__ = ()

    def receive_all(self, inbox: Inbox) -> None:  # noqa: ARG002 - the interface
        """Take all mail, in order."""
        raise TypeError(f"{self!r} takes no mail")

    def on_ready(self, events: int) -> None:  # noqa: ARG002 - the interface
        """Do what the events of the file descriptor ask for."""
        raise TypeError(f"{self!r} serves no file descriptor")

    def on_failure(self, error: Exception) -> bool:  # noqa: ARG002 - the interface
        """End what one of the calls above, or a timer, raised an exception about.

        Returns:
            Whether that is all that it costs. If not, the server stops, since memory
            may no longer be what the log says (see `joblog.actors.failures`).
        """
        return False


@final
class ActorReceiver(Receiver):
    """Leads from an inbox to an actor that is no native class."""

    __slots__ = ("_actor",)

    def __init__(self, actor: Any) -> None:
        """Lead to an actor with a `receive_all`."""
        self._actor = actor

    def receive_all(self, inbox: Inbox) -> None:
        """Let the actor take its mail."""
        self._actor.receive_all(inbox)

    def on_ready(self, events: int) -> None:
        """Let the actor do what the events of its file descriptor ask for."""
        self._actor.on_ready(events)

    def on_failure(self, error: Exception) -> bool:
        """Let the actor say what its failure costs."""
        return bool(self._actor.contain(error))


@final
class _Nobody(Receiver):
    """Takes the mail of an actor that is gone; whoever asked is told so."""

    __slots__ = ()

    def receive_all(self, inbox: Inbox) -> None:
        """Drop all mail."""
        while not inbox.empty():
            message = inbox.take()
            if isinstance(message, Envelope):
                refuse(message)

    def on_failure(self, error: Exception) -> bool:  # noqa: ARG002 - the interface
        """Say that it cost only the actor, which is gone."""
        return True


@final
class Inbox:
    """The mailbox of one cooperative actor, in pykka's interface and in ours.

    Attributes:
        receiver: takes the mail.
    """

    __slots__ = ("_is_queued", "_loop", "_mail", "_taken", "receiver")

    def __init__(self) -> None:
        """Make an empty inbox; `bind` gives it its receiver and its loop."""
        self._mail: list[Any] = []
        self._taken = 0
        self._is_queued = False

    def bind(self, receiver: Receiver, loop: Loop) -> None:
        """Say who takes the mail, and whose run queue the inbox stands in."""
        self.receiver = receiver
        self._loop = loop

    def close(self) -> None:
        """Drop what is there and what will come: the actor is gone.

        Its receiver is let go, so that neither keeps the other in memory.
        """
        self.receiver = _NOBODY
        _NOBODY.receive_all(self)

    def is_closed(self) -> bool:
        """Say whether the actor is gone."""
        return self.receiver is _NOBODY

    def post(self, message: Any) -> None:
        """Leave a message; only from the loop's own thread."""
        self._mail.append(message)
        if not self._is_queued:
            self._is_queued = True
            self._loop.run_queue.append(self)

    def put(self, envelope: Any) -> None:
        """Leave an envelope of pykka's; from any thread."""
        if threading.get_ident() == self._loop.thread_id:
            self.post(envelope)
        else:
            self._loop.post_from_thread(self, envelope)

    def take(self) -> Any:
        """Take the oldest message; there must be one."""
        mail = self._mail
        message = mail[self._taken]
        self._taken += 1
        if self._taken == len(mail):
            mail.clear()
            self._taken = 0
        return message

    def get(self) -> Any:
        """Take the oldest mail as pykka wants it."""
        message = self.take()
        return message if isinstance(message, Envelope) else Envelope(message)

    def empty(self) -> bool:
        """Say whether there is no mail."""
        return not self._mail

    def drain(self) -> None:
        """Let the receiver take all mail."""
        self._is_queued = False
        self.receiver.receive_all(self)

    def queue_again(self) -> None:
        """Stand in the run queue again with the mail that a failure left behind."""
        if self._mail and not self._is_queued:
            self._is_queued = True
            self._loop.run_queue.append(self)


_NOBODY: Final = _Nobody()


def refuse(envelope: Any) -> None:
    """Answer who asks an actor that is gone: nothing but a stop can be done."""
    if envelope.reply_to is None:
        return
    if isinstance(envelope.message, pykka_messages._ActorStop):  # noqa: SLF001 - as pykka
        envelope.reply_to.set(None)
    else:
        error = pykka.ActorDeadError("the actor is stopped")
        envelope.reply_to.set_exception((type(error), error, None))


def deliver(replies: Replies) -> None:
    """Leave each client its mail, in order."""
    for inbox, mail in replies:
        inbox.post(mail)
