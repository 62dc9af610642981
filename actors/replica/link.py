"""Link: the connection to the server that this one follows.

    dial -> handshake -> (dataset ->) stream -> the link breaks -> dial ...

It reads no more than the keyspace takes: a stretch of the stream is mailed, and read on
from when that is applied. What it tells the master is what is durable in the log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.cooperative import CooperativeActor
from joblog.actors.inbox import ActorReceiver
from joblog.actors.loop import READ
from joblog.actors.messages import Close
from joblog.actors.replica.acknowledging import Acknowledging
from joblog.actors.replica.dialer import Dial, Dialed, Dialer
from joblog.actors.replica.handshake import (
    Agreement,
    Conversation,
    HandshakeError,
    settings_of,
)
from joblog.actors.replica.log_stream import LogStream, NoComparisonError
from joblog.actors.replica.mail import (
    Applied,
    Closed,
    Durable,
    Follow,
    LinkNews,
    Opened,
    Refused,
    Synchronized,
)
from joblog.actors.replica.payload import Payload, PayloadError
from joblog.actors.replica.retrying import Retrying
from joblog.actors.replica.stream import Stream, StreamError
from joblog.app import clock
from joblog.app.history.positions import DatasetFile, dataset_path
from joblog.app.state.replication import Address, LinkFacts, Position

if TYPE_CHECKING:
    from collections.abc import Callable

    import pykka

    from joblog.actors.inbox import Inbox
    from joblog.actors.loop import Loop
    from joblog.actors.replica.dialer import Reached
    from joblog.app.config import Config
    from joblog.storage.cutting import LogPlace

logger = logging.getLogger(__name__)

_TICK_SECONDS: Final = 1.0
_SOUND_TICKS: Final = 60
"""After so long a link counts as sound; it is not, where it fails again and again."""

_READ_BYTES: Final = 256 * 1024


class Link(CooperativeActor):
    """Keeps up a connection to a master, as long as one is to be followed."""

    def __init__(
        self,
        loop: Loop,
        config: Config,
        keyspace: Inbox,
        reach: Callable[[str, int, int], Reached],
        object_to: Callable[[Reached], str],
        log_place: Callable[[], LogPlace | None],
    ) -> None:
        """Follow nobody yet.

        Args:
            loop: the loop to run on.
            config: the settings.
            keyspace: where what comes goes.
            reach: connects to a server; called in a thread.
            object_to: says why a server is not to be followed, or "".
            log_place: says where the log ends, if a master's is to be taken.
        """
        super().__init__(loop)
        self._config, self._keyspace, self._reach = config, keyspace, reach
        self._object_to, self._log_place = object_to, log_place
        self._dialer: pykka.ActorRef[Dialer] | None = None
        self._master: Address | None = None
        self._position: Position | None = None
        self._serial = self._number = 0
        # What was mailed may still be applied when the connection is gone: where to go
        # on is not known before that.
        self._is_mailed = self._redials = self._is_handover = self._takes_log = False
        self._facts, self._retrying = LinkFacts(), Retrying()
        self._reached: Reached | None = None
        self._receiver = ActorReceiver(self)
        self._forget_connection()
        self.loop.call_later(_TICK_SECONDS, self._tick, self._receiver)

    def _forget_connection(self) -> None:
        self._talk: Conversation | None = None
        self._payload: Payload | None = None
        self._stream: Stream | LogStream | None = None
        self._file: Any = None
        self._buffer = self._output = b""
        self._telling = Acknowledging(self._config, self._keyspace, self._number)
        self._is_waiting, self._ticks_up = False, 0

    def contain(self, error: Exception) -> bool:
        """Let a failure cost the connection: what was applied is whole."""
        logger.error("internal error in the link to the master", exc_info=error)
        self.give_up(f"internal error: {error!r}")
        return True

    def on_stop(self) -> None:
        """Close the connection."""
        self._master = None
        self._close()
        if self._dialer is not None:
            self._dialer.stop(block=False)

    def on_receive(self, message: Any) -> None:
        """Follow somebody else, or go on where the keyspace has come."""
        if isinstance(message, Follow):
            self._close()
            self._master, self._position, self._serial, self._is_handover = message
            # What was not applied yet never is.
            self._is_mailed, self._takes_log = False, True
            self._retrying.begin()
            self._facts = LinkFacts()
            self._dial()
        elif isinstance(message, Dialed):
            self._take_over(message)
        elif isinstance(message, Close):
            self.give_up("the connection was closed by CLIENT KILL")
        elif isinstance(message, Applied):
            self._position = message.position
            self._is_mailed = False
            if message.number == self._number and self._reached is not None:
                self._go_on()
            elif self._redials:
                self._dial()
        elif isinstance(message, Refused):
            self._take_refusal(message)
        elif isinstance(message, Durable) and message.number == self._number:
            self._send(self._telling.take(message.offset))

    def _take_refusal(self, message: Refused) -> None:
        self._position, self._is_mailed, self._redials = None, False, False
        self._takes_log &= not message.by_stream
        if message.number == self._number and self._reached is not None:
            self.give_up(message.why, is_refusal=True)
        else:
            self._retrying.fail(self._master, message.why, is_refusal=True)
            self._note(error=message.why)

    # --- connecting ----------------------------------------------------------------

    def _dial(self) -> None:
        if self._master is None:
            return
        self._redials = self._is_mailed
        if self._redials:
            return
        if self._dialer is None:
            self._dialer = Dialer.start(self._reach, self.actor_ref.tell)
        wait_ms = self._config.repl_timeout * 1000
        self._note(state="connecting", last_io_ms=clock.steady_ms())
        self._dialer.tell(Dial(self._number, self._master, wait_ms))

    def _take_over(self, dialed: Dialed) -> None:
        if dialed.number != self._number:
            dialed.drop()
            return
        if dialed.reached is None:
            self.give_up(dialed.error)
            return
        self._reached = dialed.reached
        settings = settings_of(self._config)
        takes = self._takes_log and not self._is_handover
        place = self._log_place() if takes else None
        self._talk = Conversation(settings, self._position, self._is_handover, place)
        self.loop.serve(self._reached.transport.fileno(), READ, self._receiver)
        self._note(state="handshake")
        self._send(self._talk.begin())

    # --- reading -------------------------------------------------------------------

    def on_ready(self, _: int) -> None:
        """Take what the master has sent."""
        assert self._reached is not None
        transport, number = self._reached.transport, self._number
        try:
            while True:
                data = transport.recv(_READ_BYTES)
                if not data:
                    self.give_up("the master closed the connection")
                    return
                self.loop.traffic.links.note_read(len(data))
                self._facts = self._facts._replace(last_io_ms=clock.steady_ms())
                self._take(data)
                if self._number != number or self._is_waiting or not self._has_more():
                    return
        except BlockingIOError:
            return
        except HandshakeError as error:
            self.give_up(str(error), is_refusal=not error.is_for_now)
        except (PayloadError, StreamError) as error:
            self._takes_log &= not isinstance(error, NoComparisonError)
            self._position = None if self._stream is not None else self._position
            self.give_up(str(error), is_refusal=True)
        except OSError as error:
            self.give_up(error.strerror or str(error))

    def _take(self, data: bytes) -> None:
        if self._talk is not None and self._talk.agreed is None:
            data = self._take_lines(self._talk, data)
        if self._payload is not None:
            data = self._take_payload(self._payload, data)
        if self._is_waiting:
            self._buffer += data
        elif self._stream is not None and data:
            self._take_stream(self._stream, data)

    def _take_lines(self, talk: Conversation, data: bytes) -> bytes:
        """Answer lines of the handshake; return what is behind its end."""
        assert self._reached is not None
        if objection := self._object_to(self._reached):
            raise HandshakeError(objection, is_for_now=True)
        answer, rest = talk.feed(data)
        self._send(answer)
        if talk.agreed is not None and self._reached is not None:
            self._agree(talk.agreed)
        return rest

    def _agree(self, agreed: Agreement) -> None:
        self._is_handover = False
        if agreed.is_whole:
            logger.info("the master %s sends its whole dataset", self._master)
            self._file = DatasetFile(self._config)
            self._payload = Payload(self._file)
            self._note(state="sync", sync_bytes=0, sync_total=0)
        elif agreed.log is not None and self._talk is not None:
            logger.info("taking the log of %s behind %d", self._master, agreed.log[0])
            log = LogStream(self._talk.place, agreed.log, self._config)
            self._open(agreed.position, is_log=True, is_parting=log.is_comparing)
            self._begin_stream(agreed.position, log)
        else:
            logger.info("following %s from offset %d on", self._master, agreed[0][1])
            self._open(agreed.position)
            self._begin_stream(agreed.position)

    def _open(self, continued: Position | None, **more: Any) -> None:
        reached = self._reached
        assert reached is not None
        ends = reached.address, reached.local_address, reached.transport.fileno()
        opened = Opened(self._number, self._serial, *ends, continued, **more)
        self._keyspace.post(opened)

    def _take_payload(self, payload: Payload, data: bytes) -> bytes:
        """Take a piece of the dataset; return what is behind it."""
        rest = payload.feed(data)
        counted: Any = {"sync_bytes": payload.taken, "sync_total": payload.size}
        self._facts = self._facts._replace(**counted)
        if not payload.is_whole:
            return b""
        assert self._talk is not None
        assert self._talk.agreed is not None
        self._payload = None
        self._file.close()
        self._file = None
        self._open(None)
        config, position = self._config, self._talk.agreed.position
        synchronized = Synchronized(
            self._number, dataset_path(config), position, config.log_encryption_key_file
        )
        self._keyspace.post(synchronized)
        self._wait()
        return rest

    def _begin_stream(self, position: Position, log: LogStream | None = None) -> None:
        word_bytes = self._config.proto_max_bulk_len
        self._stream = log or Stream(position.offset, word_bytes)
        self._position = position
        is_up = log is None or not log.is_comparing
        self._note(state="connected" if is_up else "sync", error="")
        self._telling.ask()

    def _take_stream(self, stream: Stream | LogStream, data: bytes) -> None:
        mail = stream.mail(self._number, data)
        if mail is not None:
            self._keyspace.post(mail)
            self._wait()
        elif stream.asks:
            self._telling.answer(stream)

    def _wait(self) -> None:
        """Read no more before the keyspace has taken what it got."""
        assert self._reached is not None
        self._is_waiting = self._is_mailed = True
        self.loop.change(self._reached.transport.fileno(), 0)

    def _go_on(self) -> None:
        """Read on: the keyspace has applied what it got."""
        assert self._reached is not None
        assert self._position is not None
        self._is_waiting = False
        self.loop.change(self._reached.transport.fileno(), READ)
        if self._stream is None:
            self._begin_stream(self._position)
        elif self._stream.asks:
            self._telling.answer(self._stream)
        if not self._facts.is_up:
            self._note(state="connected")
        rest, self._buffer = self._buffer, b""
        try:
            if self._stream is not None and self._stream.error is not None:
                raise self._stream.error
            if rest:
                self._take(rest)
        except StreamError as error:
            self._position = None
            self.give_up(str(error), is_refusal=True)
            return
        if not self._is_waiting and self._has_more():
            self.on_ready(READ)

    def _has_more(self) -> bool:
        """Say whether bytes have come that no poll tells of."""
        has_pending = self._reached and self._reached.transport.has_pending
        return has_pending is not None and has_pending()

    # --- telling -------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        if self._reached is None or not (data or self._output):
            return
        self._output += data
        try:
            sent = self._reached.transport.send(self._output)
            self._output = self._output[sent:]
            self.loop.traffic.links.note_write(sent)
        except BlockingIOError:
            return  # with the next
        except OSError as error:
            self.give_up(error.strerror or str(error))

    def _tick(self) -> None:
        self.loop.call_later(_TICK_SECONDS, self._tick, self._receiver)
        if self._master is None:
            return
        silent_ms = clock.steady_ms() - self._facts.last_io_ms
        if self._reached is None:
            if self._facts.state == "connect" and self._retrying.is_due():
                self._dial()
        elif self._is_waiting and self._stream is None:
            self._send(b"\n")  # the dataset is being read: we are there
        elif silent_ms > self._config.repl_timeout * 1000 and not self._is_waiting:
            self.give_up("the master said nothing for repl-timeout seconds")
        elif self._stream is not None:
            self._ticks_up += 1
            if self._ticks_up == _SOUND_TICKS:
                self._retrying.begin()
            self._send(self._telling.again())
            self._telling.ask()
        self._note()

    def _note(self, **facts: Any) -> None:
        self._facts = self._facts._replace(**facts)
        self._keyspace.post(LinkNews(self._facts))

    # --- closing -------------------------------------------------------------------

    def give_up(self, why: str, *, is_refusal: bool = False) -> None:
        """Close the connection, say why, and dial again by and by."""
        is_broken = self._stream is not None and not is_refusal
        self._retrying.fail(self._master, why, is_refusal=is_refusal)
        now_ms = clock.steady_ms()
        since = self._facts.down_since_ms
        since = now_ms if self._facts.is_up or since < 0 else since
        self._close()
        self._note(
            state="connect", error=why, is_refused=is_refusal, down_since_ms=since
        )
        if is_broken:
            self._dial()  # it was there just now, and may be again

    def _close(self) -> None:
        for one in (self._file, self._stream):
            if one is not None:
                one.close()
        if self._reached is not None:
            reached, self._reached = self._reached, None
            self.loop.unwatch(reached.transport.fileno())
            reached.transport.close()
            self._keyspace.post(Closed(self._number))
        self._number += 1
        self._forget_connection()
