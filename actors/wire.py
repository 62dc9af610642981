"""Wire: the bytes of one client's connection, in and out.

    readable socket -> read -> parse -> one batch to the keyspace
    replies -> send -> what the socket does not take waits until it is writable
            -> while too much waits, nothing more of the client is run or read

The connection owns it and decides what is seldom asked: limits, hang-ups, the close. A
wire is a class of its own so that mypyc makes it native: every request goes through it.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from joblog.actors.inbox import Inbox, Receiver
from joblog.actors.loop import GONE, HANG_UP, READ, WRITE, Loop
from joblog.actors.messages import ClientWaits
from joblog.actors.output import drop_sent, next_pieces, size_of_first
from joblog.actors.traffic import Batch, Portion
from joblog.actors.transport import Crossing, OtherWayError
from joblog.app.state.buffers import Buffers

if TYPE_CHECKING:
    from joblog.actors.transport import Transport
    from joblog.app.protocol.parser import RequestParser

READ_BYTES = 64 * 1024
HIGH_BYTES: Final = 1024 * 1024
LOW_BYTES: Final = 256 * 1024
HIGHEST_BYTES: Final = 32 * 1024 * 1024
"""How much output may wait: see `Wire._bytes_at_most`."""

PATIENCE_SECONDS: Final = 0.25
"""How long a client that is still sending may take nothing before more of it runs."""

# What Python takes from its own pool of small objects: a twentieth of a read's time.
SMALL_READ_BYTES = 448
SMALL_READS = 16


@final
class Wire(Receiver):
    """One client's traffic: its parser, and the replies that it does not take yet.

    Attributes:
        parser: cuts what comes in into commands.
        output: the pieces that wait for the socket.
        output_bytes: their size.
        is_busy: a batch is under way, and the socket is not read.
        is_choked: the batch is answered in part or whole, and nothing more runs before
            the client has taken more of its replies.
        is_waiting: the batch under way is postponed: look for a hang-up meanwhile.
        is_closing: read nothing more; close once all is sent.
        is_closed: the socket is closed.
        traffic: where what is read and written counts.
    """

    __slots__ = (
        "_actor",
        "_batch_bytes",
        "_client_id",
        "_crossing",
        "_fd",
        "_has_pending",
        "_highest_bytes",
        "_inbox",
        "_is_reading",
        "_is_watched",
        "_keyspace",
        "_loop",
        "_peak_bytes",
        "_recv",
        "_rest",
        "_room",
        "_send",
        "_sendmsg",
        "_sent_of_first",
        "_small_reads",
        "is_busy",
        "is_choked",
        "is_closed",
        "is_closing",
        "is_waiting",
        "output",
        "output_bytes",
        "parser",
        "traffic",
    )

    def __init__(
        self,
        loop: Loop,
        client_id: int,
        transport: Transport,
        parser: RequestParser,
        keyspace: Inbox,
        actor: Any,
    ) -> None:
        """Take over the traffic of a connection.

        Args:
            loop: the loop that serves the socket.
            client_id: the number of this client.
            transport: the connection.
            parser: the client's parser.
            keyspace: where batches go.
            actor: the connection: asked what to do where a request is not as usual.
        """
        self._loop, self.traffic = loop, loop.traffic.clients
        self._client_id = client_id
        # Bound once: the two calls of every request.
        self._recv: Any = transport.recv
        self._send: Any = transport.send
        self._sendmsg: Any = transport.sendmsg
        self._has_pending = transport.has_pending
        self._crossing: Crossing | None = None
        self._fd = transport.fileno()
        self._inbox: Inbox = actor.actor_inbox
        self._keyspace = keyspace
        self._actor = actor
        self._is_reading = True
        self._room = READ_BYTES
        self._small_reads = self._batch_bytes = self._peak_bytes = 0
        self.parser = parser
        self.output: deque[bytes] = deque()
        self._sent_of_first = 0
        self._highest_bytes = HIGHEST_BYTES
        self._is_watched = False
        self._rest: Batch | None = None
        self.output_bytes = 0
        self.is_busy = self.is_choked = self.is_waiting = False
        self.is_closing = False
        self.is_closed = False

    def receive_all(self, inbox: Inbox) -> None:
        """Take all mail: nearly always the replies to the one batch under way."""
        while not inbox.empty():
            message = inbox.take()
            if isinstance(message, bytes):
                self._take_replies(message, None)
            elif isinstance(message, Portion):
                self._take_replies(message.data, message.rest)
            elif isinstance(message, ClientWaits):
                self.is_waiting = True
                if not self._is_reading:
                    self.choose_events()
            else:
                self._actor.receive(message)

    def _take_replies(self, data: bytes, rest: Batch | None) -> None:
        """Send the replies to a batch, or to the part that has run, and go on."""
        if self.is_closed:
            return
        self.is_waiting = False
        self._rest = rest
        if data:
            self.send(data)
        self.is_choked = self.output_bytes > self._bytes_at_most()
        if not self.is_choked:
            self._go_on()
        elif not self._is_reading:
            self._watch()

    def _bytes_at_most(self) -> int:
        """Return how much output may wait while the client's commands still run.

        More where it is still sending, which may read nothing before it has sent all.
        """
        return HIGH_BYTES if self._is_reading else self._highest_bytes

    def _watch(self) -> None:
        """See in a moment whether a client that is still sending takes its replies."""
        if not self._is_watched:
            self._is_watched = True
            look = partial(self._look, self.output_bytes)
            self._loop.call_later(PATIENCE_SECONDS, look, self)

    def _look(self, waited_bytes: int) -> None:
        self._is_watched = False
        if self.is_closed or not self.is_choked:
            return
        if self.output_bytes < waited_bytes:
            self._watch()
        else:
            self._highest_bytes = 2 * self.output_bytes
            self._go_on()

    def _go_on(self) -> None:
        """Let the rest of the batch run when others had a turn, or read the next."""
        self.is_choked = False
        if self.is_closed:
            return
        if self._rest is not None:
            self._loop.call_soon(self._run_rest, self)
            return
        self.is_busy = False
        if not self._is_reading and not self.is_closing:
            self._is_reading = True
            self.choose_events()
        self._look_for_pending()

    def _run_rest(self) -> None:
        rest, self._rest = self._rest, None
        if rest is not None and not self.is_closing and not self.is_closed:
            self._keyspace.post(rest)

    # --- reading -----------------------------------------------------------------

    def on_ready(self, events: int) -> None:
        """Read, or send what waits."""
        if self._crossing is not None:
            events = self._crossing.tries(events, has_output=bool(self.output))
        if events != READ or self.is_busy or self.is_closing:
            if events & WRITE:
                self._flush()
                if self.is_closed or not events & ~WRITE:
                    return
            if self.is_busy or self.is_closing:
                self._on_ready_while_busy(events)
                return
        self._read()

    def _read(self) -> None:
        try:
            data: bytes = self._recv(self._room)
        except BlockingIOError as error:
            self._wait(error, READ)
            return
        except OSError as error:
            self.on_failure(error)
            return
        if not data:
            self._actor.stop_now()
            return
        parser, size, held = self.parser, len(data), self.parser.buffered_bytes
        self.traffic.note_read(size)
        if self._crossing is not None:
            self._wait(None, READ)
        self._choose_room(size)
        commands = parser.feed(data)
        if held and self._actor.refuses(held + size, commands):
            return
        if commands or parser.error is not None:
            self.is_busy, self._batch_bytes = True, size
            self._loop.commands_read += len(commands)
            inbox, broken = self._inbox, parser.error
            self._keyspace.post(Batch(self._client_id, inbox, commands, broken))
        else:
            self._actor.on_half_read(parser.buffered_bytes)
            self._look_for_pending()

    def _on_ready_while_busy(self, events: int) -> None:
        """Look at what there is to read, and leave it in the kernel."""
        # A broken connection is reported at every poll until it is closed.
        if events & GONE or (self.is_waiting and self._actor.has_hung_up()):
            self._actor.stop_now()
            return
        self._is_reading = False
        self.choose_events()
        if not self.is_choked:
            return
        if self.output_bytes <= self._bytes_at_most():
            self._go_on()
        else:
            self._watch()

    def _choose_room(self, size: int) -> None:
        """Read little at a time from a client that asks for little at a time."""
        if size >= SMALL_READ_BYTES:
            self._room = READ_BYTES
            self._small_reads = 0
        elif self._small_reads < SMALL_READS:
            self._small_reads += 1
        else:
            self._room = SMALL_READ_BYTES

    # --- a transport that is no plain socket ---------------------------------------

    def _look_for_pending(self) -> None:
        """Read what no poll tells of, when others had a turn."""
        if self._has_pending is not None and self._has_pending():
            self._loop.call_soon(self._read_pending, self)

    def _read_pending(self) -> None:
        if not (self.is_busy or self.is_closing or self.is_closed):
            self._read()

    def _wait(self, error: BlockingIOError | None, direction: int) -> None:
        """Note which way a call waits, or that it does not; tell the loop."""
        is_crossed = isinstance(error, OtherWayError)
        if self._crossing is None:
            if not is_crossed:
                return
            self._crossing = Crossing(READ, WRITE)
        self._crossing.note(direction, is_crossed=is_crossed)
        if self._crossing.is_over:
            self._crossing = None
        self.choose_events()

    # --- sending -----------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes, behind those that wait already."""
        self._peak_bytes = max(self._peak_bytes, len(data))
        if self.output:
            self._keep(data)
            return
        try:
            sent: int = self._send(data)
        except BlockingIOError as error:
            sent = 0
            self._wait(error, WRITE)
        except OSError as error:
            self.on_failure(error)
            return
        self.traffic.note_write(sent)
        if sent < len(data):
            self._sent_of_first = sent
            self.output_bytes -= sent
            self._keep(data)
            self.choose_events()

    def _keep(self, data: bytes) -> None:
        self.output.append(data)
        self.output_bytes += len(data)
        self._actor.on_backlog()

    def _flush(self) -> None:
        """Send some of what waits: nothing is copied, and others have their turn."""
        try:
            sent: int = self._sendmsg(next_pieces(self.output, self._sent_of_first))
        except BlockingIOError as error:
            self._wait(error, WRITE)
            return
        except OSError as error:
            self.on_failure(error)
            return
        if self._crossing is not None:
            self._wait(None, WRITE)
        self.traffic.note_write(sent)
        self.output_bytes -= sent
        self._sent_of_first = drop_sent(self.output, sent + self._sent_of_first)
        self._actor.on_backlog()
        if self.is_closed:
            return
        if not self.output:
            if self.is_closing:
                self._actor.stop_now()
                return
            self.choose_events()
        if self.is_choked and self.output_bytes <= LOW_BYTES:
            self._highest_bytes = HIGHEST_BYTES
            self._go_on()

    def on_failure(self, error: Exception) -> bool:
        """Close the connection: that is all that its failure costs."""
        if not self.is_closed:
            self._actor.fail(error)
        return True

    def close(self) -> None:
        """Let go of what was read and what was to be sent, and of the connection.

        The three hold each other: without this they would all stay in memory until the
        garbage collector comes by, which it seldom does.
        """
        self.is_closed = True
        self.parser.forget()
        self.output.clear()
        self.output_bytes = 0
        self._recv = self._send = self._sendmsg = self._actor = None
        self._has_pending = None
        self._rest = None
        self._inbox.close()

    def buffers(self) -> Buffers:
        """Return what the connection holds."""
        return Buffers(
            self._batch_bytes if self.is_busy else 0,
            *self.parser.held_bytes(),
            self.output_bytes,
            len(self.output),
            self._peak_bytes,
            *size_of_first(self.output, self._sent_of_first),
        )

    def choose_events(self) -> None:
        """Tell the loop what to wait for; call it where what it depends on changed."""
        if self.is_closed:
            return
        events = WRITE if self.output else 0
        if self._is_reading and not self.is_closing:
            events |= READ
        elif self.is_waiting:
            events |= HANG_UP
        if self._crossing is not None:
            events = self._crossing.events(events)
        self._loop.change(self._fd, events)
