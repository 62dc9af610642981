"""Scripts: what EVAL and its family do, and the commands that a script calls.

A script is one unit: its effects become one record, whose origin is the call by SHA1,
keys and arguments; the text is recorded once, before the first record that needs it.

While a script runs, time stands still. One that runs for longer than
`busy-reply-threshold` lets the driver serve other clients in between (`meanwhile`):
they get BUSY, except for what may end the script.

Source: Redis 7.2; see tests/parity/test_scripting.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.config import SettingError
from joblog.app.engine.long_scripts import (
    END_LOADING,
    GO_ON,
    forget_abandoned,
    look_at_long,
)
from joblog.app.engine.lua_callbacks import Hooks
from joblog.app.engine.lua_values import sha1_of
from joblog.app.engine.script_text import FUNCTION_NOTE, SCRIPT_CALL, failure_note
from joblog.app.engine.script_times import make_runtime
from joblog.app.errors import CommandError
from joblog.app.state.alarm import BUSY, PAST
from joblog.app.state.script_runner import Script, ScriptRunner
from joblog.app.state.script_sources import count_keys, read_script_flags
from joblog.app.state.units import Unit
from joblog.app.table.table import LOOKUP

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.script_commands import ScriptCommands
    from joblog.app.engine.scripting import ScriptRuntime
    from joblog.app.state.context import Context
    from joblog.app.state.script_runner import FunctionSpec
    from joblog.app.state.session import Session
    from joblog.app.words import Argv

_BY_TEXT: Final = {b"EVAL": SCRIPT_CALL, b"EVAL_RO": b"EVALSHA_RO"}
_LOADING_MS_MAX = 500
_DIGITS: Final = [b"%d" % number for number in range(10)]


class Scripts(ScriptRunner):
    """Runs scripts for the clients of an engine.

    Attributes (see also `ScriptRunner`):
        is_busy: whether one has run for so long that others are told BUSY.
        meanwhile: serves other clients while a script runs; the driver sets it.
        is_killed: somebody wants it to end.
        end_by_ns: when it has to, by the monotonic clock, since the server stops; 0
            while that goes on. A signal handler may set it.
        is_abandoned: it was broken off for that: memory has what it wrote, and the log
            has not. Nothing may run behind it.
        on_abandoned: called then; whoever goes by what is in memory is among them.
    """

    def __init__(
        self, context: Context, outbox: Outbox, commands: ScriptCommands
    ) -> None:
        """Make the scripts of an engine; none is loaded.

        Args:
            context: the engine's.
            outbox: takes what is recorded.
            commands: run what scripts call.
        """
        super().__init__()
        self._context = context
        self._outbox = outbox
        self._commands = commands
        self._session = commands.session
        self._runtime: ScriptRuntime | None = None
        self._by_source: dict[bytes, Script] = {}
        self._by_sha: dict[bytes, Script] = {}
        self._last: Script | None = None
        self._described: set[bytes] = set()
        self._named: list[Script] = []
        self._unit = Unit()
        self._effects_before = 0
        self._started_ns = 0
        self.is_killed = False
        self.is_abandoned = False
        self.end_by_ns = 0
        self.is_busy = False
        self.meanwhile: Callable[[], None] | None = None
        self.on_abandoned: list[Callable[[], None]] = []
        context.server.config.on_change(self._limit_memory, "script_memory_max")

    @property
    def runtime(self) -> ScriptRuntime:
        """Lua, with all scripts that are loaded; it is made when it is first needed."""
        if self._runtime is None:
            hooks = Hooks(
                self._commands,
                names=LOOKUP,
                should_stop=self._tick,
                check_access=self._commands.may_call,
                on_setresp=self._note_resp,
            )
            self._runtime = make_runtime(hooks, self._context.server)
        return self._runtime

    def _limit_memory(self) -> None:
        """Let scripts hold what the setting says.

        Raises:
            SettingError: a script runs.
        """
        if self.is_running:
            raise SettingError("a script that runs cannot change it")
        self.runtime.limit_memory(self._context.server.config.script_memory_max)

    # --- loading -----------------------------------------------------------------

    def load(self, source: bytes) -> Script:
        """Return a script, compiled if it was not known.

        Raises:
            CommandError: its first line, or what follows, cannot be read.
        """
        last = self._last
        if last is not None and last.source == source:
            return last  # which spares the hash of a long text
        script = self._by_source.get(source)
        if script is None:
            flags = read_script_flags(source)
            sha = sha1_of(source)
            script = Script(sha, source, self.runtime.load(source), flags)
            script.is_described = sha in self._described
            self._by_source[source] = self._by_sha[sha] = script
        self._last = script
        return script

    def find(self, sha: bytes) -> Script | None:
        """Return a script that is loaded, by its SHA1; it may be in capitals."""
        return self._by_sha.get(sha) or self._by_sha.get(sha.lower())

    def flush(self) -> None:
        """Forget all scripts, not the functions."""
        self._by_source.clear()
        self._by_sha.clear()
        self._last = None
        self.runtime.flush()

    def describe_anew(self) -> None:
        """Record each script's text again before its next record."""
        self._described.clear()
        for script in self._by_sha.values():
            script.is_described = False

    def status(self) -> dict[str, int]:
        """Return what INFO tells of scripts: how many, and the bytes they hold."""
        texts = sum(len(source) + 100 for source in self._by_source)
        lua = 0 if self._runtime is None else self._runtime.memory_used
        return {"scripts": len(self._by_sha), "script_bytes": texts, "lua_bytes": lua}

    # --- running -----------------------------------------------------------------

    def evaluate(
        self,
        script: Script,
        count: int,
        rest: tuple[bytes, ...],
        by: list[bytes],
        *,
        is_read_only: bool = False,
    ) -> Any:
        """Run a loaded script for the client of the engine's context.

        Args:
            script: the script.
            count: how many of the rest are keys.
            rest: keys, then arguments.
            by: the command that runs it.
            is_read_only: whether the client asked for the form that cannot write.

        Returns:
            A reply value.

        Raises:
            CommandError: the script may not run, or it failed.
        """
        if script.flags is not None:
            self._refuse(script.flags, is_read_only=is_read_only)
        else:
            self._commands.allow(allows_oom=False, can_write=not is_read_only)
        caller = self._context.session
        self.is_function = False
        self.name = script.sha
        self._begin(caller, by)
        error: bytes | None = None
        is_whole = False
        try:
            reply = self.runtime.run(
                script.number, script.sha, count, rest, caller.resp
            )
            is_whole = True
        except CommandError as failure:
            error = failure.text
            is_whole = True
            raise
        finally:
            if self._end(caller, is_whole=is_whole):
                if not script.is_described:
                    self._describe(caller, script)
                if self._is_outermost:
                    numkeys = _DIGITS[count] if count < len(_DIGITS) else b"%d" % count
                    command = [SCRIPT_CALL, script.sha, numkeys, *rest]
                    note = None if error is None else failure_note(script.sha, error)
                    self._outbox.record_unit(caller, self._unit, command, note)
        return reply

    def call_function(
        self,
        argv: Argv,
        function: FunctionSpec,
        *,
        is_read_only: bool = False,
    ) -> Any:
        """Run a function; see `evaluate`.

        Args:
            argv: the command as it was given.
            function: the function.
            is_read_only: whether the client asked for the form that cannot write.
        """
        rest = tuple(argv[3:])
        count = count_keys(argv[2], rest, bad_count=errors.BAD_KEY_COUNT)
        self._refuse(function.flags, is_read_only=is_read_only)
        caller = self._context.session
        self.is_function = True
        self.name = function.name
        self.command = argv
        self._begin(caller, argv[:1])
        error: bytes | None = None
        is_whole = False
        try:
            reply = self.runtime.run_function(function, count, rest, caller.resp)
            is_whole = True
        except CommandError as failure:
            error = failure.text
            is_whole = True
            raise
        finally:
            if self._end(caller, is_whole=is_whole) and self._is_outermost:
                note = FUNCTION_NOTE if error is None else failure_note(b"", error)
                self._outbox.record_unit(caller, self._unit, argv, note)
        return reply

    def load_library(self, source: bytes) -> list[FunctionSpec]:
        """Run the text of a library and return the functions that it registered.

        Raises:
            CommandError: it does not compile, fails, or takes too long.
        """
        self._started_ns = time.monotonic_ns()
        return self.runtime.load_library(source)

    def drop_functions(self, functions: list[FunctionSpec]) -> None:
        """Forget functions of a library that is no longer there."""
        self.runtime.drop_functions(functions)

    def kill(self, *, is_function: bool) -> None:
        """End the script, or the function, that runs.

        Raises:
            CommandError: none runs, it has written, or it is the other of the two.
        """
        if not self.is_running:
            raise CommandError(errors.NOT_BUSY)
        if len(self._unit.effects) - self._unit.expired > self._effects_before:
            raise CommandError(errors.UNKILLABLE)
        if self.is_function is not is_function:
            raise CommandError(self.busy_text)
        self.is_killed = True

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
            self._commands.allow(can_write=False, allows_oom=True)
            return
        if is_read_only:
            raise CommandError(errors.WRITE_FLAG_IN_READ_ONLY)
        server, alarm = self._context.server, self._context.server.alarm
        if alarm.disk_error is not None:
            raise CommandError(errors.MISCONF + alarm.disk_error)
        if alarm.has(PAST) or server.replication.is_read_only:
            raise CommandError(errors.READ_ONLY_SCRIPT)
        self._commands.allow(can_write=True, allows_oom=b"allow-oom" in flags)

    def _begin(self, caller: Session, by: list[bytes]) -> None:
        context, session = self._context, self._session
        session.stand_for(caller)
        if caller.is_limited:
            self._commands.look_at_each()
        unit = context.unit
        if unit is None:
            caller.note_outer(by)
            unit = context.unit = Unit(context.server.time_ns())
            self._effects_before = 0
            self._is_outermost = True
        else:
            self._effects_before = len(unit.effects) - unit.expired
            self._is_outermost = False
        self._unit = unit
        self._started_ns = 0
        self.is_running = True
        context.session = session

    def _end(self, caller: Session, *, is_whole: bool) -> bool:
        """Go back to the caller, and say whether the script has changed anything."""
        context, unit = self._context, self._unit
        self.is_running = False
        context.session = caller
        context.db = caller.db
        context.effects = []
        if self.is_busy or self.is_killed:
            self._calm_down()
        if not is_whole or self.is_abandoned:  # broken off: nothing is recorded
            unit.effects.clear()
            unit.db = None
            if self.is_abandoned:
                forget_abandoned(self, caller)
        if self._is_outermost:
            context.unit = None
        return len(unit.effects) > self._effects_before

    def as_recorded(self, argv: Argv) -> Argv:
        """Return how the record of a transaction names a script (see below)."""
        name = argv[0].upper()
        find = self._by_source.get if name in _BY_TEXT else self.find
        script = find(argv[1])
        if script is None:
            return argv
        if not script.is_described:
            self._named.append(script)
        return [_BY_TEXT.get(name, name), script.sha, *argv[2:]]

    def describe_named(self, caller: Session, unit: Unit) -> None:
        """Record the texts of scripts that the record of a transaction is to name."""
        for script in self._named:
            if unit.effects and not script.is_described:
                self._describe(caller, script)
        self._named.clear()

    def _describe(self, caller: Session, script: Script) -> None:
        """Record the text of a script before the first record that comes of it."""
        if self._context.server.is_recording:
            script.is_described = True
            self._described.add(script.sha)
            self._outbox.describe_script(caller, self._unit, script)

    def _calm_down(self) -> None:
        """Let the server be itself again behind a script that ran for long."""
        self.is_busy = self.is_killed = False
        self._context.server.alarm.note(BUSY, holds=False)
        self._context.read_clock()

    def _note_resp(self, version: int) -> None:
        self._session.resp = version

    # --- long scripts ------------------------------------------------------------

    def _tick(self) -> int:
        """Say whether the script is to stop; serve others if it has run for long."""
        if self._started_ns == 0:
            # Nothing is lost by it: the first look comes within a millisecond.
            self._started_ns = time.monotonic_ns()
            return GO_ON
        if not self.is_running:
            return END_LOADING if self.running_ms > _LOADING_MS_MAX else GO_ON
        return look_at_long(self, self._context)
