"""The Lua runtime: all of lupa, behind one class.

Scripts run in PUC Lua 5.1, which is Redis's dialect, in a sandbox that is written in
Lua (`lua/*.lua`) and loaded here. Rules that keep the sandbox whole:

- Only byte strings, numbers, booleans and nil cross, in either direction. A Python
  object in Lua, or a Lua object in Python, is a way out.
- No callback raises: a Python exception would reach the script's pcall as an object.
  What goes wrong is kept, and raised once the script has ended.
- The memory limit is never hit while a value crosses: lupa would hold the GIL for ever,
  or abort the process. So whoever lets a value cross looks first whether there is room.
- Nothing calls into Lua from within a callback.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from lupa import lua51

from joblog.app import errors
from joblog.app.engine.lua_bytecode import keep_frames
from joblog.app.engine.lua_callbacks import TOTAL, Callbacks, Hooks
from joblog.app.engine.lua_values import truncate, without_shebang
from joblog.app.errors import CommandError
from joblog.app.errors.general import one_line
from joblog.app.reply import BulkList, Encoded
from joblog.app.state.script_runner import FunctionSpec
from joblog.app.version import REDIS_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIDY_ABOVE: Final = 1024 * 1024
"""From how many bytes of arguments on they are forgotten right behind the script."""

_FILES = (
    "limits", "hook", "core", "base", "libraries", "patterns", "matcher", "numbers",
    "bit", "struct", "cjson", "cmsgpack", "replies", "redis", "driver",
)  # fmt: skip
_NO_MEMORY = "not enough memory"
_STAGE_ITEMS: Final = 1000
_DIRECT_KEYS: Final = 4
_DIRECT_ITEMS: Final = 200
# What a script leaves crosses as one plain value, or behind such a code.
_STRINGS: Final = 1
_STRINGS_AND_INTEGERS: Final = 2
_RESP: Final = 3
_ERROR_REPLY: Final = 4
_FAILURE: Final = 5


def _deny(*_: object) -> Any:
    raise AttributeError("nothing of Python is for scripts")


class ScriptRuntime:
    """Compiles and runs scripts and functions, one at a time."""

    def __init__(
        self,
        hooks: Hooks,
        *,
        memory_limit: int,
        version: str = REDIS_VERSION,
        limits: Mapping[bytes, float] | None = None,
    ) -> None:
        """Make a runtime without scripts.

        Args:
            hooks: what scripts may do to the world.
            memory_limit: how many bytes all scripts may hold at once before an
                allocation fails.
            version: what redis.REDIS_VERSION says.
            limits: those of lua/limits.lua that are to be others.
        """
        self._set_limit(memory_limit)
        self._scripts: list[int] = []
        self._runs: list[Any] = []
        self._next_number = 1
        self._client_resp = 2
        self._boot(hooks, version, limits or {})

    def _set_limit(self, memory_limit: int) -> None:
        self._memory_limit = memory_limit
        # A new string may make Lua double its table of strings: by 16 bytes for each
        # that there is, and each takes 37 or more. A third of the limit is room for it.
        self._ceiling = memory_limit * 2 // 3
        self._collect_above = memory_limit // 2

    def limit_memory(self, memory_limit: int) -> None:
        """Let scripts hold more or less from now on; none may run."""
        self._set_limit(memory_limit)
        self._callbacks.ceiling = self._ceiling
        self._collect()

    # --- scripts -----------------------------------------------------------------

    def load(self, source: bytes) -> int:
        """Compile a script and return the number that it is known by.

        Args:
            source: its text; a shebang line is skipped.

        Raises:
            CommandError: it does not compile.
        """
        self._make_room(len(source) * 10)
        dumped = self._compile_text(source, is_library=False)
        number = self._next_number
        self._keep_script(number, dumped)
        self._next_number += 1
        self._scripts.append(number)
        return number

    def flush(self) -> None:
        """Forget all scripts, and give their memory back."""
        for number in self._scripts:
            self._drop_script(number)
        self._scripts.clear()
        self._collect()

    def run(
        self, number: int, name: bytes, count: int, rest: tuple[bytes, ...], resp: int
    ) -> Any:
        """Run a compiled script.

        Args:
            number: what `load` gave.
            name: what errors call it: its SHA1.
            count: how many of the rest are in KEYS.
            rest: keys, then arguments.
            resp: the protocol of the client, 2 or 3.

        Returns:
            A reply value.

        Raises:
            CommandError: the script raised an error, or returned one.
        """
        size = self._prepare(rest, resp)
        try:
            words = len(rest)
            if count < _DIRECT_KEYS and words < _DIRECT_ITEMS:
                run = self._runs[count]
                # Spelled out for a few: a star costs a list and a tuple.
                if words == 1:
                    result = run(number, rest[0])
                elif words == 2:  # noqa: PLR2004 - one line each
                    result = run(number, rest[0], rest[1])
                elif words == 3:  # noqa: PLR2004 - one line each
                    result = run(number, rest[0], rest[1], rest[2])
                elif words == 4:  # noqa: PLR2004 - one line each
                    result = run(number, rest[0], rest[1], rest[2], rest[3])
                else:
                    result = run(number, *rest)
            else:
                self._stage_all(rest)
                result = self._run_staged(number, count)
        except lua51.LuaError as error:
            raise self._recover(error) from None
        if size > _TIDY_ABOVE or not self._callbacks.is_tidy:
            self._tidy()
        kind = type(result)
        if kind is bytes or kind is int or result is None:
            return result
        return self._decode(result, name)

    # --- functions ---------------------------------------------------------------

    def load_library(self, source: bytes) -> list[FunctionSpec]:
        """Run the text of a library and return the functions that it registered.

        Raises:
            CommandError: it does not compile, or fails.
        """
        self._make_room(len(source) * 10)
        number = self._next_number
        dumped = self._compile_text(source, is_library=True)
        try:
            result = self._load_library(number, dumped)
        except lua51.LuaError as error:
            raise self._recover(error) from None
        self._tidy()
        code, *rest = result if type(result) is tuple else (result,)
        if code == _FAILURE:
            raise CommandError(errors.registering_failed(rest[0]))
        specs = [
            FunctionSpec(
                number + i // 3,
                rest[i],
                rest[i + 1] or None,
                frozenset(rest[i + 2].split()),
            )
            for i in range(0, len(rest), 3)
        ]
        self._next_number += len(specs)
        return specs

    def run_function(
        self, function: FunctionSpec, count: int, rest: tuple[bytes, ...], resp: int
    ) -> Any:
        """Run a function; see `run`."""
        size = self._prepare(rest, resp)
        try:
            self._stage_all(rest)
            result = self._run_function(function.number, count)
        except lua51.LuaError as error:
            raise self._recover(error) from None
        if size > _TIDY_ABOVE or not self._callbacks.is_tidy:
            self._tidy()
        kind = type(result)
        if kind is bytes or kind is int or result is None:
            return result
        return self._decode(result, function.name)

    def drop_functions(self, functions: Sequence[FunctionSpec]) -> None:
        """Forget functions of a library that is deleted."""
        for function in functions:
            self._drop_function(function.number)

    def _compile_text(self, source: bytes, *, is_library: bool) -> bytes:
        try:
            result = self._compile(without_shebang(source), is_library)
        except lua51.LuaError as error:
            raise self._recover(error) from None
        if type(result) is tuple:
            refusal = errors.NOT_A_LIBRARY if is_library else errors.NOT_A_SCRIPT
            raise CommandError(one_line(refusal + result[1]))
        return keep_frames(result)

    # --- the rest ----------------------------------------------------------------

    @property
    def memory_used(self) -> int:
        """How many bytes Lua holds."""
        return int(self._used(TOTAL))

    def _boot(self, hooks: Hooks, version: str, limits: Mapping[bytes, float]) -> None:
        self._lua = lua51.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_handlers=(_deny, _deny),
            max_memory=0,
            overflow_handler=float,
        )
        self._used = self._lua.get_memory_used
        self._callbacks = Callbacks(hooks, self._used, self._ceiling)
        folder = resources.files("joblog.app.engine") / "lua"
        files = [(folder / f"{name}.lua").read_bytes() for name in _FILES]
        names = [name.encode() for name in _FILES]
        (
            *self._runs,
            self._stage,
            self._run_staged,
            self._compile,
            self._keep_script,
            self._drop_script,
            self._load_library,
            self._drop_function,
            self._run_function,
            self._set_client_resp,
            self._forget,
            self._restart,
        ) = self._lua.execute(
            (folder / "boot.lua").read_bytes(),
            self._lua.table_from(files),
            self._lua.table_from(names),
            self._lua.table_from(self._callbacks.table(version)),
            self._lua.table_from(self._callbacks.commands()),
            self._lua.table_from(limits),
        )
        self._collect()

    def _prepare(self, rest: tuple[bytes, ...], resp: int) -> int:
        """Make room for what a script is given, whose size in bytes is returned."""
        size = 0
        for word in rest:
            size += len(word)
        used: int = self._used(TOTAL)
        if used + size > self._collect_above:
            self._make_room(size)
        if resp != self._client_resp:
            self._client_resp = resp
            self._set_client_resp(resp)
        return size

    def _stage_all(self, words: tuple[bytes, ...]) -> None:
        for start in range(0, len(words), _STAGE_ITEMS):
            self._stage(*words[start : start + _STAGE_ITEMS])

    def _make_room(self, size: int) -> None:
        """Collect garbage, so that what is to cross, and the script, have room.

        Lua 5.1 does not collect where an allocation fails: the garbage of one script
        would be the end of the next.

        Raises:
            CommandError: there is not enough room even so.
        """
        if self._used(TOTAL) + size <= self._collect_above:
            return
        self._collect()
        used = self._used(TOTAL)
        self._collect_above = min(self._ceiling, max(self._memory_limit // 2, used * 2))
        if used + size > self._ceiling:
            raise CommandError(errors.NO_SCRIPT_MEMORY)

    def _collect(self) -> None:
        """Collect garbage, without a limit: the collector itself allocates."""
        self._lua.set_max_memory(0)
        self._forget()
        self._lua.gccollect()
        self._lua.set_max_memory(self._memory_limit, total=True)

    def _recover(self, error: Exception) -> CommandError:
        """Begin anew after an error outside of any script: Lua's memory had ended.

        Returns:
            The error for the client.
        """
        self._lua.set_max_memory(0)
        self._restart()
        self._collect()
        return CommandError(one_line(b"ERR " + (str(error) or _NO_MEMORY).encode()))

    def _tidy(self) -> None:
        """Clear up behind a script that did more than call commands.

        Raises:
            BaseException: what went wrong in a callback of the script.
        """
        callbacks = self._callbacks
        callbacks.is_tidy = True
        callbacks.script_resp = 2
        callbacks.staged.clear()
        if self._used(TOTAL) > self._ceiling:
            self._collect()
        else:
            self._forget()
        failure, callbacks.failure = callbacks.failure, None
        if failure is not None:
            raise failure

    def _decode(self, result: Any, name: bytes) -> Any:
        """Turn what crossed from a script into a reply; see lua/replies.lua."""
        kind = type(result)
        if kind is bool:
            return result
        if kind is float:
            return truncate(result)
        code = result[0]
        if code == _STRINGS:
            return BulkList(result[1:])
        if code == _STRINGS_AND_INTEGERS:
            return list(result[1:])
        if code == _RESP:
            return Encoded(result[1])
        if code == _ERROR_REPLY:
            error = CommandError(result[1])
            error.is_counted = result[2]
            raise error
        _, text, source, line, is_counted = (*result, None, None, False)[:5]
        if source is not None:
            text += b" script: %b, on %b:%d." % (name, source, line)
        error = CommandError(one_line(text))
        error.is_counted = is_counted
        raise error
