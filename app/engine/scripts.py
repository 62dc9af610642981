"""Scripts: what EVAL and its family do, and the commands that a script calls.

A script is one unit: its effects become one record, whose origin is the call by SHA1,
keys and arguments; the text is recorded once, before the first record that needs it.

While a script runs, time stands still. One that runs for longer than
`busy-reply-threshold` lets the driver serve other clients in between (`meanwhile`): they
get BUSY, except for what may end the script.

Source: Redis 7.2; see tests/parity/test_scripting.py.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app import errors
from app.commands.context import Session
from app.commands.script_sources import SplitArguments, read_script_flags
from app.commands.table import LOOKUP, Command, Flag, require_command
from app.engine.effects import Unit
from app.engine.scripting import FunctionSpec, ScriptRuntime
from app.errors import CommandError
from app.version import REDIS_VERSION

if TYPE_CHECKING:
    from app.commands.context import Argv
    from app.engine.engine import Engine

logger = logging.getLogger(__name__)

_NOT_IN_READ_ONLY = Flag.NOSCRIPT | Flag.WRITE | Flag.MAY_REPLICATE
_GO_ON, _KILL_SCRIPT, _KILL_FUNCTION = 0, 1, 2


class Scripts:
    """Runs scripts for the clients of an engine.

    Attributes:
        is_running: whether a script or a function runs.
        is_busy: whether it has run for so long that others are told BUSY.
        name: what runs, or ran last: its SHA1, or the function's name.
        command: the command that runs it, as it was given.
        is_function: whether it is a function.
        meanwhile: serves other clients while a script runs; the driver sets it.
    """

    def __init__(self, engine: Engine) -> None:
        """Make the scripts of an engine; none is loaded."""
        self._engine = engine
        self._session = Session(0, engine.keyspace.databases[0], address="lua")
        self._shas: dict[bytes, bytes] = {}
        self._sources: dict[bytes, bytes] = {}
        self._flags: dict[bytes, frozenset[bytes] | None] = {}
        self._described: set[bytes] = set()
        self._refused = Flag.NOSCRIPT
        self._unit = Unit()
        self._effects_before = 0
        self._started_ns = 0
        self._is_killed = False
        self._is_abandoned = False
        self._call = self._make_call()
        self.is_running = False
        self.is_busy = False
        self.name = b""
        self.command: Argv = []
        self.is_function = False
        self.meanwhile: Callable[[], None] | None = None

    @cached_property
    def runtime(self) -> ScriptRuntime:
        """Lua, with all scripts that are loaded; it is made when it is first needed."""
        return ScriptRuntime(
            self._call,
            should_stop=self._tick,
            check_access=_check_access,
            on_setresp=self._note_resp,
            version=REDIS_VERSION,
        )

    # --- loading -----------------------------------------------------------------

    def load(self, source: bytes) -> bytes:
        """Compile a script, unless it is known, and return its SHA1.

        Raises:
            CommandError: its first line, or what follows, cannot be read.
        """
        sha = self._shas.get(source)
        if sha is None:
            flags = read_script_flags(source)
            sha = self.runtime.load(source)
            self._shas[source] = sha
            self._sources[sha] = source
            self._flags[sha] = flags
        return sha

    def knows(self, sha: bytes) -> bool:
        """Say whether a script is loaded; its SHA1 may be in capitals."""
        return sha.lower() in self._flags

    def flush(self) -> None:
        """Forget all scripts, not the functions."""
        self._shas.clear()
        self._sources.clear()
        self._flags.clear()
        self.runtime.flush()

    def status(self) -> dict[str, int]:
        """Return what INFO tells of scripts: how many, and the bytes they hold."""
        texts = sum(len(source) + 100 for source in self._sources.values())
        lua = self.runtime.memory_used if "runtime" in self.__dict__ else 0
        return {
            "scripts": len(self._sources),
            "script_bytes": texts,
            "lua_bytes": lua,
        }

    # --- running -----------------------------------------------------------------

    def evaluate(
        self, argv: Argv, sha: bytes, split: SplitArguments, *, is_read_only: bool
    ) -> Any:
        """Run a loaded script for the client of the engine's context.

        Args:
            argv: the command as it was given.
            sha: of the script, in lower case.
            split: its keys and its arguments.
            is_read_only: whether the client asked for the form that cannot write.

        Returns:
            A reply value.

        Raises:
            CommandError: the script may not run, or failed.
        """
        keys, arguments = split
        flags = self._flags[sha]
        if flags is None:
            self._refused = _NOT_IN_READ_ONLY if is_read_only else Flag.NOSCRIPT
        else:
            self._refuse(flags, is_read_only=is_read_only)
        caller = self._engine.context.session
        self._begin(caller, sha, argv, is_function=False)
        error: bytes | None = None
        is_whole = False
        try:
            reply = self.runtime.run(sha, keys, arguments, caller.resp)
            is_whole = True
        except CommandError as failure:
            error = failure.text
            is_whole = True
            raise
        finally:
            command = [b"EVALSHA", sha, *argv[2:]]
            self._end(caller, sha, command, error, is_whole=is_whole)
        return reply

    def call_function(
        self,
        argv: Argv,
        function: FunctionSpec,
        split: SplitArguments,
        *,
        is_read_only: bool,
    ) -> Any:
        """Run a function; see `evaluate`."""
        keys, arguments = split
        self._refuse(function.flags, is_read_only=is_read_only)
        caller = self._engine.context.session
        self._begin(caller, function.name, argv, is_function=True)
        error: bytes | None = None
        is_whole = False
        try:
            reply = self.runtime.run_function(function, keys, arguments, caller.resp)
            is_whole = True
        except CommandError as failure:
            error = failure.text
            is_whole = True
            raise
        finally:
            self._end(caller, b"", argv, error, is_whole=is_whole)
        return reply

    def kill(self, *, is_function: bool) -> None:
        """End the script, or the function, that runs.

        Raises:
            CommandError: none runs, it has written, or it is the other of the two.
        """
        if not self.is_running:
            raise CommandError(errors.NOT_BUSY)
        if len(self._unit.effects) > self._effects_before:
            raise CommandError(errors.UNKILLABLE)
        if self.is_function is not is_function:
            raise CommandError(self.busy_text)
        self._is_killed = True

    @property
    def busy_text(self) -> bytes:
        """What other clients are told while a script or function runs for long."""
        return errors.BUSY_FUNCTION if self.is_function else errors.BUSY_SCRIPT

    @property
    def running_ms(self) -> int:
        """For how long the script under way has run, in milliseconds."""
        if not self._started_ns:
            return 0
        return (time.monotonic_ns() - self._started_ns) // 1_000_000

    # --- a unit of effects ---------------------------------------------------------

    def _refuse(self, flags: frozenset[bytes], *, is_read_only: bool) -> None:
        """Note which commands are refused to a script, by the flags it declares.

        Raises:
            CommandError: the script itself is refused.
        """
        if b"no-writes" in flags:
            self._refused = _NOT_IN_READ_ONLY
            return
        if is_read_only:
            raise CommandError(errors.WRITE_FLAG_IN_READ_ONLY)
        trouble = self._engine.guards.disk_error
        if trouble is not None:
            raise CommandError(errors.MISCONF + trouble)
        self._refused = Flag.NOSCRIPT

    def _begin(
        self, caller: Session, name: bytes, argv: Argv, *, is_function: bool
    ) -> None:
        engine = self._engine
        session = self._session
        session.id = caller.id
        session.db = caller.db
        session.resp = 2
        unit = engine.unit
        if unit is None:
            unit = engine.unit = Unit()
            self._effects_before = 0
            self._is_outermost = True
        else:
            self._effects_before = len(unit.effects)
            self._is_outermost = False
        self._unit = unit
        self._started_ns = 0
        self.name = name
        self.command = argv
        self.is_function = is_function
        self.is_running = True
        engine.context.session = session

    def _end(
        self,
        caller: Session,
        sha: bytes,
        command: Argv,
        error: bytes | None,
        *,
        is_whole: bool,
    ) -> None:
        """Record what the script did; nothing where a bug broke it off."""
        engine = self._engine
        context = engine.context
        unit = self._unit
        self.is_running = False
        context.session = caller
        context.db = caller.db
        if self.is_busy or self._is_killed:
            self._calm_down()
        if not is_whole or self._is_abandoned:
            unit.effects.clear()
            unit.db = None
        has_effects = len(unit.effects) > self._effects_before
        if has_effects and sha not in self._described:
            self._describe(caller, sha)
        if self._is_outermost:
            engine.unit = None
            if has_effects:
                note: dict[str, Any] = {"kind": "script", "sha": sha.decode()}
                if error is not None:
                    note["error"] = error
                engine.record_unit(caller, unit, command, note)
                return
        context.effects = []

    def _describe(self, caller: Session, sha: bytes) -> None:
        """Record the text of a script before the first record that comes of it."""
        engine = self._engine
        source = self._sources.get(sha)
        if source is None or not engine.is_recording:
            return
        if not caller.is_described:
            engine.describe(caller)
        self._described.add(sha)
        note = {"kind": "script_source", "sha": sha.decode(), "source": source}
        origin = [caller.id, None, note]
        engine.entries.append((engine.context.now_ms, caller.db.index, [], origin))

    def _calm_down(self) -> None:
        """Let the server be itself again behind a script that ran for long."""
        self.is_busy = False
        self._is_killed = False
        self._engine.guards.update_watchful()
        self._engine.read_clock()

    # --- commands of a script --------------------------------------------------------

    def _make_call(self) -> Callable[[tuple[bytes, ...]], Any]:
        """Return the function that runs one command of a script.

        A closure: it is what a script's time is spent in.
        """
        engine = self._engine
        context = engine.context
        session = self._session
        lookup = LOOKUP
        count_error = engine.guards.count_error

        def call(argv: tuple[bytes, ...]) -> Any:
            command = lookup.get(argv[0])
            if (
                command is None
                or not command.least <= len(argv) <= command.most
                or command.flags & self._refused
                or engine.guards.is_watchful
            ):
                try:
                    command = self._require_allowed(list(argv))
                except CommandError as error:
                    count_error(error)
                    return error.with_traceback(None)
            context.db = session.db
            keyspace = context.keyspace
            changes = keyspace.changes
            try:
                if command.is_simple:
                    reply = command.handler(context, *argv[1:])
                else:
                    reply = command.handler(context, *command.arguments(list(argv)))
            except CommandError as error:
                reply = error.with_traceback(None)
                command.failed += 1
                count_error(error)
            command.calls += 1
            if keyspace.changes != changes:
                effects = context.effects
                if effects is None:
                    engine.unit.add(context.db.index, [argv])  # type: ignore[union-attr, list-item]  # there is one, and a tuple is recorded as well
                else:
                    context.effects = None
                    engine.unit.add(context.db.index, effects)  # type: ignore[union-attr]  # the same
            elif context.effects is not None:
                context.effects = None
            return reply

        return call

    def _require_allowed(self, argv: Argv) -> Command:
        """Return the command that a script calls.

        Raises:
            CommandError: it may not, or there is no such command.
        """
        try:
            command = require_command(argv)
        except CommandError as error:
            if error.text.startswith(b"ERR wrong number"):
                raise CommandError(errors.SCRIPT_WRONG_ARITY) from None
            raise CommandError(errors.SCRIPT_UNKNOWN_COMMAND) from None
        if command.subcommands:
            raise CommandError(errors.SCRIPT_WRONG_ARITY)
        if command.flags & Flag.NOSCRIPT:
            raise CommandError(errors.SCRIPT_COMMAND_NOT_ALLOWED)
        if command.flags & self._refused:
            raise CommandError(errors.SCRIPT_WRITES_NOT_ALLOWED)
        guards = self._engine.guards
        if guards.disk_error is not None and command.is_write:
            raise CommandError(errors.MISCONF + guards.disk_error)
        if self._engine.server.monitors:
            guards.show_to_monitors(self._session, command, argv)
        return command

    def _note_resp(self, version: int) -> None:
        self._session.resp = version

    # --- long scripts ------------------------------------------------------------------

    def _tick(self) -> int:
        """Say whether the script is to stop; serve others if it has run for long."""
        if self._started_ns == 0:
            # Nothing is lost by it: the first look comes within a millisecond.
            self._started_ns = time.monotonic_ns()
            return _GO_ON
        if not self.is_running:
            return _GO_ON
        engine = self._engine
        threshold_ms = engine.server.config.busy_reply_threshold
        if threshold_ms <= 0 or self.running_ms < threshold_ms:
            return _GO_ON
        if not self.is_busy:
            self.is_busy = True
            engine.guards.update_watchful()
            name = self.name.decode(errors="replace")
            logger.warning(
                "slow script: %s runs for %d ms already; other clients are told BUSY",
                name,
                self.running_ms,
            )
        self._serve_meanwhile()
        if engine.server.stop_requested:
            self._is_killed = self._is_abandoned = True
        if not self._is_killed:
            return _GO_ON
        return _KILL_FUNCTION if self.is_function else _KILL_SCRIPT

    def _serve_meanwhile(self) -> None:
        """Let the driver serve others; the script finds all as it was."""
        if self.meanwhile is None:
            return
        context = self._engine.context
        keyspace = context.keyspace
        kept = (context.session, context.db, context.effects, context.now_ms)
        unit = self._engine.unit
        try:
            self.meanwhile()
        finally:
            context.session, context.db, context.effects, context.now_ms = kept
            keyspace.now_ms = context.now_ms
            self._engine.unit = unit


def _check_access(argv: tuple[bytes, ...]) -> bool | None:
    """Answer redis.acl_check_cmd: all users may do everything here."""
    try:
        require_command(list(argv))
    except CommandError as error:
        if not error.text.startswith(b"ERR wrong number"):
            return None
    return True
