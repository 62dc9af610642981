r"""The handshake: what a replica and its master say before the data comes.

    PING                                  +PONG, or -NOAUTH, -NOPERM
    AUTH [user] password                  +OK; only where a password is set
    REPLCONF listening-port n             +OK
    REPLCONF ip-address a                 +OK; only where it is set
    REPLCONF capa eof capa psync2         +OK
    REPLCONF version v                    +OK, or an error, which is passed over
    REPLCONF capa joblog-log              +OK joblog-log id, of a joblog; else +OK
    PSYNC id offset+1, or PSYNC ? -1      +FULLRESYNC id offset, or +CONTINUE [id]

Of a joblog the log itself is asked for, behind the record with which the own ends, or
from its beginning where that says nothing yet:

    PSYNC id offset+1 LOG log-id first-seq last-seq digest [first-seq digest ...]
    PSYNC id offset+1 LOG ? 0 0 -         +LOG id last-seq until-seq, or as above

The digest is of the open segment, which starts with first-seq. Behind it stand segments
and the digests of their headers, from the newest back: where the master's log parts
from this one it begins with the first of them that it has. What follows is the
bytes of the master's log (`joblog.storage.cutting`); until-seq is how far it is then.

Where it is to become the master of the one that asks, it is PSYNC id offset+1 FAILOVER.

A master that waits sends bare line feeds, also between its answer and the dataset.

Source: Redis 6.2.14, 7.0.15 and 8.2.3 and Valkey 9.1, recorded between real servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app.config.kinds import encode
from joblog.app.protocol.encoder import encode_bulks
from joblog.app.state.replicas import LOG, LOG_ANEW, LOG_CAPABILITY
from joblog.app.state.replication import Position

if TYPE_CHECKING:
    from collections.abc import Generator

    from joblog.app.config import Config
    from joblog.storage.cutting import LogPlace

_LINE_BYTES_MAX: Final = 64 * 1024

_VERSION: Final = b"9.1.0"
"""Valkey sends what that version reads; without one it sends no deadlines of fields."""

_ID_DIGITS: Final = 40
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


class HandshakeError(Exception):
    """The master does not let us follow; the text says why.

    Attributes:
        is_for_now: it may be otherwise in a second.
    """

    def __init__(self, text: str, *, is_for_now: bool = False) -> None:
        """Say why."""
        super().__init__(text)
        self.is_for_now = is_for_now


class Settings(NamedTuple):
    """What we tell a master of ourselves."""

    user: bytes
    password: bytes
    announced_host: bytes
    announced_port: int


def settings_of(config: Config) -> Settings:
    """Return what the settings have us tell."""
    return Settings(
        encode(config.masteruser),
        config.masterauth,
        encode(config.replica_announce_ip),
        config.replica_announce_port or config.port,
    )


class Agreement(NamedTuple):
    """What comes next.

    Attributes:
        position: where the stream begins, or goes on.
        is_whole: a dataset comes first.
        log: (the record behind which the log comes, how far it is); None where the
            stream comes.
    """

    position: Position
    is_whole: bool
    log: tuple[int, int] | None = None


def shake_hands(
    settings: Settings,
    position: Position | None,
    *,
    is_handover: bool = False,
    place: LogPlace | None = None,
) -> Generator[bytes, bytes, Agreement]:
    """Yield requests, and take the line that answers each; return what was agreed.

    Args:
        settings: what we tell.
        position: from where we could go on; None for nowhere.
        is_handover: whether it is to become a master first.
        place: where the log ends, if the master's is to be taken.

    Raises:
        HandshakeError: the master does not let us follow.
    """
    line = yield encode_bulks([b"PING"])
    # Older masters say "operation not permitted" without a code of its own.
    is_known = line.startswith((b"-NOAUTH", b"-NOPERM")) or b"not permitted" in line
    if not (line.startswith(b"+") or is_known):
        raise _refusal("PING", line)
    if settings.password:
        words = [settings.user, settings.password] if settings.user else []
        line = yield encode_bulks([b"AUTH", *(words or [settings.password])])
        if not line.startswith(b"+"):
            line = _without_password(line, settings.password)
            raise _refusal("AUTH (masterauth, masteruser)", line)
    elif line.startswith(b"-NOAUTH"):
        raise HandshakeError("the master asks for a password: set masterauth")
    told = [[b"listening-port", b"%d" % settings.announced_port]]
    if settings.announced_host:
        told.append([b"ip-address", settings.announced_host])
    told += [[b"capa", b"eof", b"capa", b"psync2"], [b"version", _VERSION]]
    for words in told:
        line = yield encode_bulks([b"REPLCONF", *words])
        if line.startswith((b"-NOAUTH", b"-NOPERM")):
            raise _refusal("REPLCONF", line)
    ask = [b"?", b"-1"]
    if position is not None:
        ask = [position.id.encode(), b"%d" % (position.offset + 1)]
        ask += [b"FAILOVER"] if is_handover else []
    if place is not None and not is_handover:
        line = yield encode_bulks([b"REPLCONF", b"capa", LOG_CAPABILITY])
        ask += _ask_for_log(line, place)
    line = yield encode_bulks([b"PSYNC", *ask])
    return _agree(line, position)


def _ask_for_log(line: bytes, place: LogPlace) -> list[bytes]:
    """Return how the log is asked for; nothing where the master has another one."""
    words = line.split()
    if words[:2] != [b"+OK", LOG_CAPABILITY]:
        return []
    if not place.log_id:
        return [LOG, *LOG_ANEW]
    if words[2:] != [place.log_id.encode()]:
        return []
    first_seq, last_seq = place.header.first_seq, place.last_seq
    log_id, digest = words[2], place.digest.encode()
    ask = [LOG, log_id, b"%d" % first_seq, b"%d" % last_seq, digest]
    for begin_seq, header_digest in place.begins:
        ask += [b"%d" % begin_seq, header_digest.encode()]
    return ask


class Conversation:
    """The handshake of one connection, line by line.

    Attributes:
        agreed: what comes next; None before the end.
        place: where the log ended when it began.
    """

    def __init__(
        self,
        settings: Settings,
        position: Position | None,
        is_handover: bool = False,  # noqa: FBT001, FBT002 - as `shake_hands` has it
        place: LogPlace | None = None,
    ) -> None:
        """Begin; see `shake_hands`."""
        self._steps = shake_hands(
            settings, position, is_handover=is_handover, place=place
        )
        self.place = place
        self._buffer = b""
        self.agreed: Agreement | None = None

    def begin(self) -> bytes:
        """Return the first request."""
        return next(self._steps)

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what the master has sent.

        Returns:
            What to answer, and what is behind the end of the handshake.

        Raises:
            HandshakeError: the master does not let us follow.
        """
        data = (self._buffer + data).lstrip(b"\n")
        answers = b""
        while b"\n" in data:
            line, _, data = data.partition(b"\n")
            data = data.lstrip(b"\n")
            try:
                answers += self._steps.send(line.removesuffix(b"\r"))
            except StopIteration as ended:
                self.agreed = ended.value
                return answers, data
        if len(data) > _LINE_BYTES_MAX:
            raise HandshakeError("the master's answer has no end")
        self._buffer = data
        return answers, b""


def _agree(line: bytes, position: Position | None) -> Agreement:
    words = line.split()
    if words[:1] == [b"+FULLRESYNC"] and len(words) == 3:  # noqa: PLR2004 - id, offset
        history, offset = _history(words[1]), words[2]
        if not offset.isdigit():
            raise HandshakeError(f"the master answers PSYNC with {_shown(line)}")
        return Agreement(Position(history, int(offset), 0), is_whole=True)
    if words[:1] == [b"+LOG"] and len(words) == 4 and b"".join(words[2:]).isdigit():  # noqa: PLR2004 - id, from where, to where
        begun = Position(_history(words[1]), position.offset if position else 0, 0)
        return Agreement(begun, is_whole=False, log=(int(words[2]), int(words[3])))
    if words[:1] == [b"+CONTINUE"] and position is not None:
        history = _history(words[1]) if len(words) > 1 else position.id
        return Agreement(position._replace(id=history), is_whole=False)
    raise _refusal("PSYNC", line)


def _history(word: bytes) -> str:
    text = word.decode(errors="replace")
    if len(text) != _ID_DIGITS or not _HEXADECIMAL.issuperset(text):
        raise HandshakeError(f"the master has {text[:80]!r} for a replication id")
    return text


def _without_password(line: bytes, password: bytes) -> bytes:
    """Return an answer to AUTH as it may be shown.

    A master that knows no such command, which was renamed there, repeats its arguments.
    """
    return line.partition(b", with args beginning with:")[0].replace(
        password, b"(redacted)"
    )


def _refusal(what: str, line: bytes) -> HandshakeError:
    is_for_now = line.startswith((b"-NOMASTERLINK", b"-LOADING", b"-MASTERDOWN"))
    text = f"the master answers {what} with {_shown(line)}"
    return HandshakeError(text, is_for_now=is_for_now)


def _shown(line: bytes) -> str:
    return repr(line[:200].decode(errors="replace"))
