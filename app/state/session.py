"""Sessions: what the server knows of a client, and of what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.state.buffers import IDLE_BYTES, NO_BUFFERS, Buffers
from joblog.app.table.table import Flag, find_command, require_command

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from joblog.app.keyspace.database import Database
    from joblog.app.state.subscriptions import Subscriptions
    from joblog.app.state.tracking_modes import TrackingMode
    from joblog.app.state.visits import Visit
    from joblog.app.table.table import Command
    from joblog.app.users.gate import Gate
    from joblog.app.words import Argv

Place = tuple[int, bytes]
"""A key of a database: (index of the database, key)."""

REPLY_MODES: Final = ("on", "off", "skip next", "skip")
"""What CLIENT REPLY makes of a session; inside of EXEC there are others."""

_WORD_BYTES_MAX: Final = 64
# CLIENT REPLY inside of a transaction: the reply to EXEC itself is still sent.
_LATER: Final = {"off later": "off", "skip later": "skip"}


def _is_gone() -> bool:
    """Say that a client's connection is closed."""
    return True


def _no_buffers() -> Buffers:
    """Return that nothing is held any more."""
    return NO_BUFFERS


class Session:
    """What the server knows of one client.

    docs/sessions.md says which states it can be in, and who may set what.

    Attributes:
        id: rises by one for each client.
        db: the selected database.
        resp: the protocol of replies, 2 or 3.
        last_words: the name of the last command, and its first argument.
        backlog_bytes: size of the replies that the socket does not take yet.
        queued: the commands since MULTI, or None outside of a transaction.
        postponed: what is left of a batch that was postponed, or None.
        is_broken: a command of the transaction was refused while queueing.
        watched: (database index, key) of each watched key, or None.
        is_stale: a watched key changed.
        has_news: look at the client before its next reply is encoded: its protocol may
            be another, it may have to wait, or be pushed something behind the reply.
        is_special: the quick road is closed to this client: look at the rest first.
        is_described: the log knows who this client is.
        is_authenticated: the client has given the password, or needs none.
        is_limited: it may not do everything: `Access` is asked about each command.
        gate: of a limited client, what tells of most commands that it may run them, on
            the quick road; None where `Access` is asked at once.
        held_ms: how long to hold back the replies, and what follows: a login failed.
        is_master: it is the server that this one follows, and gets no replies.
        is_replica: it follows this server, and is sent the stream.
        reply_mode: `on`, `off`, or `skip` (CLIENT REPLY).
        is_closing: close the connection once the replies are sent.
        subscriptions: what the client listens to, or None where it listens to nothing.
        tracking: how its reads are tracked, or None where they are not.
        unsent: what of a long reply was not encoded yet, a part at a time, or None.
        waiter: what the client waits for in a blocking command, or None.
        past: the moment of the past that the client looks at (CLIENT AT), or None.
        has_hung_up: asks whether the peer has closed the connection already.
        buffers: asks what the connection holds.
    """

    __slots__ = (
        "address",
        "backlog_bytes",
        "buffers",
        "created_ms",
        "db",
        "fd",
        "gate",
        "has_hung_up",
        "has_news",
        "held_ms",
        "id",
        "is_authenticated",
        "is_broken",
        "is_closing",
        "is_described",
        "is_limited",
        "is_master",
        "is_monitor",
        "is_replica",
        "is_special",
        "is_stale",
        "last_ms",
        "last_words",
        "library_name",
        "library_version",
        "local_address",
        "name",
        "no_evict",
        "no_touch",
        "past",
        "postponed",
        "queued",
        "reply_mode",
        "resp",
        "subscriptions",
        "tracking",
        "unsent",
        "user",
        "waiter",
        "watched",
    )

    def __init__(
        self,
        client_id: int,
        db: Database,
        *,
        address: str = "",
        local_address: str = "",
        fd: int = -1,
        steady_ms: int = 0,
        has_hung_up: Callable[[], bool] = lambda: False,
        buffers: Callable[[], Buffers] = _no_buffers,
    ) -> None:
        """Make the session of a client that has just connected."""
        self.id = client_id
        self.db = db
        self.resp = 2
        self.address = address
        self.local_address = local_address
        self.fd = fd
        self.created_ms = steady_ms
        self.last_ms = steady_ms
        self.last_words: list[bytes] = []
        self.name = b""
        self.library_name = b""
        self.library_version = b""
        self.user = b"default"
        self.is_authenticated = True
        self.is_limited = False
        self.gate: Gate | None = None
        self.held_ms = 0
        self.is_master = self.is_replica = False
        self.backlog_bytes = 0
        self.queued: list[Argv] | None = None
        self.postponed: list[Argv] | None = None
        self.is_broken = False
        self.has_news = False
        self.watched: set[tuple[int, bytes]] | None = None
        self.is_stale = False
        self.is_special = False
        self.is_described = False
        self.is_monitor = False
        self.is_closing = False
        self.reply_mode = "on"
        self.no_evict = False
        self.no_touch = False
        self.waiter: Waiter | None = None
        self.unsent: Iterator[bytes] | None = None
        self.subscriptions: Subscriptions | None = None
        self.tracking: TrackingMode | None = None
        self.past: Visit | None = None
        self.has_hung_up = has_hung_up
        self.buffers = buffers

    def stand_for(self, caller: Session) -> None:
        """Be who the caller of a script is, as far as its commands go."""
        self.id = caller.id
        self.db = caller.db
        self.resp = 2
        self.user = caller.user
        self.is_authenticated = caller.is_authenticated
        self.is_limited = caller.is_limited

    def let_go(self) -> None:
        """Hold nothing large any more, nor the connection: the client is gone.

        Somebody may hold the session for a while, such as a waiter whose time is not
        over.
        """
        self.has_hung_up = _is_gone
        self.buffers = _no_buffers
        self.queued = self.postponed = self.unsent = None
        self.last_words = []

    def note_end(self, argv: Argv, steady_ms: int) -> None:
        """Remember the last command of a batch, and when it ended.

        Of long words only what may name a command.
        """
        self.last_ms = steady_ms
        words = argv[:2]
        for place, word in enumerate(words):
            if len(word) > _WORD_BYTES_MAX:
                words[place] = word[:_WORD_BYTES_MAX]
        self.last_words = words

    def note_outer(self, words: list[bytes]) -> None:
        """Remember a command, by its name, that is about to run others."""
        self.last_words = words

    def put_off(self, commands: list[Argv], argv: Argv) -> None:
        """Keep what is left of a batch: from a command on that is postponed, or waits.

        Args:
            commands: the batch.
            argv: the command, itself and not one that only looks like it.
        """
        place = next(i for i, other in enumerate(commands) if other is argv)
        if self.waiter is not None:
            self.waiter.begin(argv)
            place += 1  # it has run
        self.postponed = commands[place:]

    def queued_flags(self) -> Flag:
        """Return the flags that any of the commands since MULTI has."""
        flags = Flag(0)
        for argv in self.queued or ():
            flags |= require_command(argv).flags
        return flags

    def withholds(self) -> bool:
        """Say whether CLIENT REPLY keeps the reply to the command just run.

        Asked once for each reply, and only where the mode is another one than `on`.
        """
        if self.reply_mode == "skip":
            self.reply_mode = "on"
            self.update_special()
            return True
        if self.reply_mode == "skip next":
            self.reply_mode = "skip"
            return True
        if self.reply_mode in _LATER:
            self.reply_mode = _LATER[self.reply_mode]
            return False
        return True

    def update_special(self) -> None:
        """Set `is_special` anew; call it after changing what it depends on."""
        self.has_news = True
        self.is_special = self._is_special()

    def _is_special(self) -> bool:
        return (
            self.queued is not None
            or (self.is_limited and self.gate is None)
            or self.held_ms > 0
            or self.reply_mode != "on"
            or self.is_monitor
            or self.subscriptions is not None
            or self.tracking is not None
            or self.past is not None
        )

    def check(self) -> None:
        """Assert what holds between two commands; see docs/sessions.md.

        Raises:
            AssertionError: two states are there that exclude each other.
        """
        assert self.is_special == self._is_special(), "update_special was forgotten"
        assert self.is_limited or self.is_authenticated
        assert self.is_limited or self.gate is None
        assert self.queued is None or self.is_authenticated
        assert not self.is_broken or self.queued is not None
        assert not self.is_stale or self.watched is not None
        assert self.watched is None or self.watched
        assert self.waiter is None or self.waiter.session is self
        assert self.waiter is None or self.queued is None
        assert self.subscriptions is None or not self.subscriptions.is_empty
        assert self.reply_mode in REPLY_MODES


class Waiter:
    """A client that waits.

    Attributes:
        session: the client.
        places: what it waits for.
        kind: the type of value that may serve it; None for any change of a key.
        is_sharing: whether a value that serves it is still there for the next waiter
            (a stream), rather than taken (an element).
        serve: called when a place may be ready; returns a reply, or BLOCKED.
        at_timeout: the reply when the time is over; BLOCKED where it cannot be.
        argv: the command as it was given.
        command: the same in the table, or None.
        spent_ns: for how long it has run so far, where that was long.
        number: by which its timeout knows it; -1 where it waits for ever.
        retry: tells in how many ms to serve it again; None for not before a touch.
        retry_number: by which its retry is known; -1 where it has none.
        inquiry: the question whose answer it waits for, or None.
    """

    __slots__ = (
        "argv",
        "at_timeout",
        "command",
        "inquiry",
        "is_sharing",
        "kind",
        "number",
        "places",
        "retry",
        "retry_number",
        "serve",
        "session",
        "spent_ns",
    )

    def __init__(
        self,
        session: Session,
        serve: Callable[[], Any],
        at_timeout: Any,
        *,
        places: Iterable[Place] = (),
        kind: type | None = None,
        is_sharing: bool = False,
    ) -> None:
        """Make a waiter; `joblog.app.engine.blocking` lets it wait."""
        self.session = session
        self.places = tuple(dict.fromkeys(places))
        self.kind = kind
        self.serve = serve
        self.at_timeout = at_timeout
        self.is_sharing = is_sharing
        self.argv: Argv = []
        self.command: Command | None = None
        self.spent_ns = 0
        self.number = self.retry_number = -1
        self.retry: Callable[[], int] | None = None
        self.inquiry: object | None = None

    def begin(self, argv: Argv) -> None:
        """Note the command that the client waits in: it counts as a call at its end."""
        self.argv = argv
        self.command = find_command(argv)


def client_bytes(sessions: Collection[Session]) -> int:
    """Return what clients take together, but for what they have sent in part."""
    return len(sessions) * IDLE_BYTES + sum(one.backlog_bytes for one in sessions)
