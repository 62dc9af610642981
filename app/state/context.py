"""All that a handler may reach: the context of a command."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

from joblog.app.clock import NEAR_MS
from joblog.app.reply import BLOCKED, NO_REPLY, NULL_ARRAY
from joblog.app.state.alarm import PAST
from joblog.app.state.script_runner import ScriptRunner
from joblog.app.state.session import Session, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.engine_parts import EngineParts
    from joblog.app.state.inquiries import Inquiry
    from joblog.app.state.server_state import ServerState
    from joblog.app.state.units import Unit
    from joblog.app.words import Argv


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
        unit: gathers the effects of the EXEC or the script under way, or None.
        is_folding: whether the command is an effect that a fold applies: nobody gave
            it, and there is no `engine`.
        engine: the parts of the engine that handlers may reach.
    """

    __slots__ = (
        "db",
        "effects",
        "engine",
        "is_folding",
        "keyspace",
        "now_ms",
        "random",
        "scripts",
        "server",
        "session",
        "steady_ms",
        "unit",
    )

    def __init__(
        self,
        keyspace: Keyspace,
        server: ServerState,
        engine: EngineParts | None = None,
    ) -> None:
        """Make a context; the engine sets `session` and `db` before each command."""
        self.keyspace = keyspace
        self.server = server
        self.is_folding = engine is None
        if engine is not None:
            self.engine = engine
        self.db: Database = keyspace.databases[0]
        self.session = Session(0, self.db)
        self.now_ms = 0
        self.steady_ms = 0
        self.random = random.Random()  # noqa: S311 - picks, not secrets
        self.scripts = ScriptRunner()
        self.effects: list[Argv] | None = None
        self.unit: Unit | None = None

    def read_clock(self) -> None:
        """Let the time go on; it stands still between two calls.

        The driver calls it before it runs batches, and a slow command after it ran.
        """
        server, keyspace = self.server, self.keyspace
        now_ms, steady_ms = server.now_ms(), server.steady_ms()
        jumps = server.jumps
        if not -NEAR_MS <= now_ms - steady_ms - jumps.ahead_ms <= NEAR_MS:
            jumps.look()
        if keyspace.is_expiring or now_ms > keyspace.now_ms:
            # What a pause hides stays hidden, also where the clock is set back.
            keyspace.now_ms = now_ms
        self.now_ms = now_ms
        self.steady_ms = steady_ms

    def record(self, *argv: bytes) -> None:
        """Record an effect in place of the command as given; call it once for each."""
        if self.is_folding:
            return  # an effect is its own
        if self.effects is None:
            self.effects = [list(argv)]
        else:
            self.effects.append(list(argv))

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
        serve: Callable[[Context], Any],
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
        if self.unit is not None or self.server.alarm.has(PAST):
            # In the past nothing comes any more that could be waited for.
            reply = serve(self)
            return inside_unit if reply is BLOCKED else reply
        session, values = self.session, self.db.values
        keys = tuple(keys)
        for key in keys:
            if key in values and session.has_hung_up():
                # It sent the command and died: what it would take would be lost.
                session.is_closing = True
                return NO_REPLY
        reply = serve(self)
        if reply is not BLOCKED:
            return reply
        index = self.db.index
        waiter = Waiter(
            session,
            partial(serve, self),
            at_timeout,
            places=[(index, key) for key in keys],
            kind=kind,
            is_sharing=is_sharing,
        )
        if retry is not None:
            waiter.retry = partial(retry, self)
        self.engine.blocking.add(waiter, timeout_ms)
        return BLOCKED

    def ask(
        self,
        inquiry: Inquiry,
        timeout_ms: int,
        then: Callable[[Any], Any],
        at_timeout: Any = NULL_ARRAY,
    ) -> Any:
        """Let the client wait for an answer; return this from the handler.

        Args:
            inquiry: the question.
            timeout_ms: how long the client waits; 0 for as long as it takes.
            then: `then(answer)` returns the reply, or BLOCKED to wait on.
            at_timeout: the reply when the time is over.
        """

        def serve(_: Context) -> Any:
            if isinstance(inquiry.answer, Exception):
                raise inquiry.answer
            return BLOCKED if inquiry.answer is BLOCKED else then(inquiry.answer)

        self.engine.outbox.ask(inquiry)
        reply = self.wait((), timeout_ms, None, serve, at_timeout=at_timeout)
        if self.session.waiter is not None:
            self.session.waiter.inquiry = inquiry
        return reply
