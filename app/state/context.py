"""All that a handler may reach: the context of a command, and the client's session."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from joblog.app.reply import NULL_ARRAY
from joblog.app.state.buffers import NO_BUFFERS, Buffers
from joblog.app.state.script_sources import ScriptRunner
from joblog.app.words import Argv as Argv  # noqa: PLC0414, TC001 - a door

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.server_state import ServerState
    from joblog.app.state.subscriptions import Subscriptions
    from joblog.app.state.tracking_modes import TrackingMode
    from joblog.app.state.visits import Visit
    from joblog.app.state.waiters import Serve, Waiter


REPLY_MODES: Final = ("on", "off", "skip next", "skip")
"""What CLIENT REPLY makes of a session; inside of EXEC there are others."""

_WORD_BYTES_MAX: Final = 64


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
        reply_mode: `on`, `off`, or `skip` (CLIENT REPLY).
        is_closing: close the connection once the replies are sent.
        subscriptions: what the client listens to, or None where it listens to nothing.
        tracking: how its reads are tracked, or None where they are not.
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
        "has_hung_up",
        "has_news",
        "id",
        "is_authenticated",
        "is_broken",
        "is_closing",
        "is_described",
        "is_limited",
        "is_monitor",
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
        self.queued = self.postponed = None
        self.last_words = []

    def note_words(self, argv: Argv) -> None:
        """Remember the last command; of long words only what may name a command."""
        words = argv[:2]
        if max(map(len, words), default=0) > _WORD_BYTES_MAX:
            words = [word[:_WORD_BYTES_MAX] for word in words]
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

    def update_special(self) -> None:
        """Set `is_special` anew; call it after changing what it depends on."""
        self.has_news = True
        self.is_special = self._is_special()

    def _is_special(self) -> bool:
        return (
            self.queued is not None
            or self.is_limited
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
        assert self.queued is None or self.is_authenticated
        assert not self.is_broken or self.queued is not None
        assert not self.is_stale or self.watched is not None
        assert self.watched is None or self.watched
        assert self.waiter is None or self.waiter.session is self
        assert self.waiter is None or self.queued is None
        assert self.subscriptions is None or not self.subscriptions.is_empty
        assert self.reply_mode in REPLY_MODES


class Context:
    """What a handler is given; one object serves all commands, one after the other.

    Attributes:
        db: the database that the command works on.
        session: the client.
        now_ms: the time of the command; it stands still inside a script or EXEC.
        steady_ms: that of a clock which nobody sets, for whatever waits.
        keyspace: all databases.
        server: configuration, statistics and clients.
        random: the source of chance; tests seed it.
        scripts: runs scripts.
        effects: what to record instead of the command as given, or None.
    """

    __slots__ = (
        "db",
        "effects",
        "engine",
        "keyspace",
        "now_ms",
        "random",
        "scripts",
        "server",
        "session",
        "steady_ms",
    )

    def __init__(
        self, keyspace: Keyspace, server: ServerState, engine: Any = None
    ) -> None:
        """Make a context; the engine sets `session` and `db` before each command."""
        self.keyspace = keyspace
        self.server = server
        self.engine = engine
        self.db = keyspace.databases[0]
        self.session = Session(0, self.db)
        self.now_ms = 0
        self.steady_ms = 0
        self.random = random.Random()  # noqa: S311 - picks, not secrets
        self.scripts = ScriptRunner()
        self.effects: list[Argv] | None = None

    def record(self, *argv: bytes) -> None:
        """Record an effect in place of the command as given; call it once for each."""
        if self.effects is None:
            self.effects = [list(argv)]
        else:
            self.effects.append(list(argv))

    @property
    def is_in_script(self) -> bool:
        """Whether a script or a function calls the command."""
        return self.engine is not None and bool(self.engine.scripts.is_running)

    def require_any_key(self, argv: Argv, option: bytes) -> None:
        """Refuse to name keys by a pattern to a client that may not read all keys.

        Args:
            argv: the command.
            option: that which the pattern belongs to, such as `BY`.

        Raises:
            CommandError: it may not.
        """
        if self.session.is_limited:
            self.engine.access.require_any_key(self.session, argv, option)

    def wait(
        self,
        keys: Iterable[bytes],
        timeout_ms: int,
        kind: type | None,
        serve: Serve,
        *,
        at_timeout: Any = NULL_ARRAY,
        inside_unit: Any = NULL_ARRAY,
        is_sharing: bool = False,
        retry: Callable[[Context], int] | None = None,
    ) -> Any:
        """Serve the client now, or let it wait; return this from the handler.

        Args:
            keys: what the client waits for, in the selected database.
            timeout_ms: how long; 0 for ever. See `arguments.timeout_ms`.
            kind: the type of value that may serve it, such as `List`. None asks for
                every change of a key, its removal and another type included.
            serve: `serve(ctx)` returns the reply, or BLOCKED where there is nothing
                for the client, with nothing changed and nothing recorded. It is called
                now, and again whenever a key was touched and holds such a value.
            at_timeout: the reply when the time is over.
            inside_unit: the reply in place of waiting inside of an EXEC or a script.
            is_sharing: whether one value serves all who wait for it, as a stream does.
            retry: `retry(ctx)` returns in how many ms there may be something for the
                client though nothing was touched; None where that cannot be.

        Returns:
            What `serve` returned, or BLOCKED where the client waits.

        Raises:
            CommandError: what `serve` raised.
        """
        return self.engine.blocking.wait(
            keys,
            timeout_ms,
            kind,
            serve,
            at_timeout=at_timeout,
            inside_unit=inside_unit,
            is_sharing=is_sharing,
            retry=retry,
        )
