"""The stream: what the log asks of JetStream, and what it has to be for that.

    publish  only where a number is the last one (`Nats-Expected-Last-Sequence`)
    read     a message by its number, from who leads the stream
    batches  many messages, from any that keeps the stream

What is not known is an exception of its own: a message may be stored though nobody said
so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.actors.quorum.pulling import Pull
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from joblog.actors.quorum.link import Link
    from joblog.app.config.stores import StorePlace

_WRONG_LAST: Final = 10071
_NO_STREAM: Final = 10059
_EXPECTED: Final = "Nats-Expected-Last-Sequence"
_MESSAGE_ID: Final = "Nats-Msg-Id"
_HEADERS_BYTES: Final = 512
"""What is left of a message for its headers."""

_ANSWER_SECONDS: Final = 2.0
_NEVER_LAST: Final = 2**62


class UnknownOutcomeError(Exception):
    """Nobody said whether it was done; the text says what was heard instead."""


class OutrunError(Exception):
    """The stream has another last message than was expected: nothing was stored."""


class UnfitStreamError(StorageError):
    """The stream is not one that a log can be kept in."""


class Head(NamedTuple):
    """The first and the last number of a stream; of an empty one the last is lower."""

    first: int
    last: int


class Stream:
    """A stream of JetStream.

    Attributes:
        name: its name. place: what it is called in texts.
        bytes_max: so many bytes fit into a message.
    """

    def __init__(self, link: Link, place: StorePlace, replicas: int) -> None:
        """Ask nothing yet.

        Args:
            link: the connection.
            place: says the stream's name.
            replicas: how many servers are to keep it, where it has to be made.
        """
        self._link = link
        self.name = self._name = place.stream
        self._subject = f"{place.stream}.log"
        self._replicas = replicas
        self.place = f"stream {place.stream}"
        self.bytes_max = 0

    async def require(self) -> Head:
        """Find the stream, or make it; return where it begins and ends.

        Raises:
            UnfitStreamError: a log cannot be kept in it.
            UnknownOutcomeError: nobody answered.
        """
        context = self._link.client.jetstream(timeout=_ANSWER_SECONDS)
        info = await self._ask(context.stream_info(self._name))
        if info is None:
            info = await self._ask(context.add_stream(self._wanted()))
        if info is None:
            raise UnfitStreamError(f"{self.place}: it is not there, nor can be made")
        wrong = list(_unfit(info.config, self._subject))
        if wrong:
            raise UnfitStreamError(
                f"{self.place}: a log cannot be kept in it: {'; '.join(wrong)}; change "
                "it, or name one that is not there yet: it is made as it has to be"
            )
        self.bytes_max = min(
            limit - _HEADERS_BYTES
            for limit in (self._link.client.max_payload, info.config.max_msg_size or 0)
            if limit and limit > 0
        )
        await self._require_refusal()
        return Head(info.state.first_seq, info.state.last_seq)

    async def head(self) -> Head:
        """Return where the stream begins and ends, as far as who answers knows."""
        context = self._link.client.jetstream(timeout=_ANSWER_SECONDS)
        info = await self._ask(context.stream_info(self._name))
        if info is None:
            raise UnfitStreamError(f"{self.place}: it is gone")
        return Head(info.state.first_seq, info.state.last_seq)

    async def _require_refusal(self) -> None:
        """See that what is to be refused is refused: all safety rests on it."""
        try:
            await self.publish(b"", _NEVER_LAST, "")
        except OutrunError:
            return
        raise UnfitStreamError(
            f"{self.place}: it takes a message that is to follow another than its last "
            "one (no conditional append): it cannot keep a log"
        )

    async def publish(self, message: bytes, expected: int, message_id: str) -> int:
        """Append a message; return its number.

        Args:
            message: its bytes.
            expected: the number of the last message.
            message_id: the same for the same message; "" for none.

        Raises:
            OutrunError: the last message is another.
            UnknownOutcomeError: it may be stored, or not.
        """
        context = self._link.client.jetstream(timeout=_ANSWER_SECONDS)
        headers = {_EXPECTED: str(expected)}
        if message_id:
            headers[_MESSAGE_ID] = message_id
        try:
            answer = await context.publish(
                self._subject,
                message,
                timeout=_ANSWER_SECONDS,
                stream=self._name,
                headers=headers,
            )
        except Exception as error:  # nats-py raises many kinds
            if getattr(error, "err_code", None) == _WRONG_LAST:
                raise OutrunError(str(error)) from error
            raise self._unknown(error) from error
        return int(answer.seq)

    async def read(self, number: int) -> bytes | None:
        """Return a message; None where there is none of that number.

        Raises:
            UnknownOutcomeError: nobody answered.
        """
        context = self._link.client.jetstream(timeout=_ANSWER_SECONDS)
        found = await self._ask(context.get_msg(self._name, number))
        if found is None:
            return None
        if found.seq != number:
            raise UnknownOutcomeError(
                f"asked for message {number}, and was given {found.seq}"
            )
        return found.data or b""

    def batches(self) -> Pull:
        """Return what sends many messages in order; nothing is asked yet."""
        return Pull(self._link, self._name)

    async def _ask(self, asked: Any) -> Any:
        """Return what is answered; None where there is no such thing."""
        from nats.js.errors import NotFoundError  # noqa: PLC0415 - an extra

        try:
            return await asked
        except NotFoundError:
            return None
        except Exception as error:
            raise self._unknown(error) from error

    def _unknown(self, error: Exception) -> UnknownOutcomeError:
        """Return what a failure means, in words."""
        code = getattr(error, "err_code", None)
        if code:
            said = getattr(error, "description", "")
            return UnknownOutcomeError(f"{said} ({code})")
        heard = str(error) or self._link.last_error
        return UnknownOutcomeError(heard.removeprefix("nats: "))

    def _wanted(self) -> Any:
        from nats.js import api  # noqa: PLC0415 - an extra

        return api.StreamConfig(
            name=self._name,
            subjects=[self._subject],
            num_replicas=self._replicas,
            discard=api.DiscardPolicy.NEW,
            storage=api.StorageType.FILE,
            deny_delete=True,
        )


def _unfit(config: Any, subject: str) -> list[str]:
    """Return what of a stream's configuration speaks against it."""
    limits = {
        "max_msgs": config.max_msgs,
        "max_bytes": config.max_bytes,
        "max_age": config.max_age,
        "max_msgs_per_subject": config.max_msgs_per_subject,
    }
    wrong = [
        f"{name} is {value}, so that messages would go"
        for name, value in limits.items()
        if value is not None and value > 0 and not _stops(name, config)
    ]
    checks = (
        (config.subjects != [subject], f"its subjects are not [{subject}]"),
        (config.retention != "limits", "its retention is not limits"),
        (config.storage != "file", "its storage is not file"),
        (bool(config.mirror or config.sources), "it copies another"),
        (bool(config.no_ack), "no_ack is set"),
        (not config.deny_delete, "deny_delete is not set"),
        (bool(config.allow_rollup_hdrs), "allow_rollup_hdrs is set"),
        (bool(config.sealed), "it is sealed"),
        (
            bool(config.persist_mode not in {None, "", "default"}),
            "it is not synchronous",
        ),
        (bool(config.republish or config.subject_transform), "it changes subjects"),
    )
    return wrong + [text for is_so, text in checks if is_so]


def _stops(name: str, config: Any) -> bool:
    """Say whether a limit refuses what is new, rather than drop what is old."""
    return name in {"max_msgs", "max_bytes"} and config.discard == "new"
