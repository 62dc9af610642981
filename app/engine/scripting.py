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

import hashlib
import logging
import struct
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, NamedTuple, Protocol

from lupa import lua51

from app.engine import lua_replies
from app.engine.lua_bytecode import keep_frames
from app.errors import CommandError
from app.reply import OK, BulkList, Encoded
from app.types.numbers import format_double

_LOG = logging.getLogger(__name__)

MEMORY_LIMIT = 512 * 1024 * 1024
"""How much all scripts may hold at once, in bytes, before an allocation fails."""

ROOM = 2 * 1024 * 1024
"""How far from the limit values stop crossing, in bytes."""

_FILES = (
    "core", "base", "libraries", "patterns", "matcher", "numbers", "bit", "struct",
    "cjson", "cmsgpack", "replies", "redis", "driver",
)  # fmt: skip
_NOT_A_SCRIPT = b"ERR Error compiling script (new function): "
_NOT_A_LIBRARY = b"ERR Error compiling function: "
_STAGE_ITEMS = 1000
_DIRECT_ITEMS = 200
_INT64_MIN = -(2**63)
_LEVELS = (logging.DEBUG, logging.DEBUG, logging.INFO, logging.WARNING)

_BOOT = b"""
local files, names, callbacks = ...
local debug, loadstring, error = debug, loadstring, error
callbacks.null = newproxy(true)
debug.getmetatable(callbacks.null).__tostring = function() return "userdata: (nil)" end
debug.getmetatable(callbacks.null).__metatable = false
debug.getmetatable(callbacks.execute).__metatable = false
collectgarbage("setpause", 150)
local chunks = {}
for i = 1, #names do
  local chunk, reason = loadstring(files[i], "=~")
  if not chunk then error(names[i] .. ": " .. reason) end
  chunks[i] = chunk
end
for i = 1, #chunks - 1 do chunks[i](callbacks) end
local function finish(...)
  local globals = _G
  local next = next
  for name in next, globals do globals[name] = nil end
  return ...
end
return finish(chunks[#chunks](callbacks))
"""


class CommandCaller(Protocol):
    """Runs one command for the script; the reply, errors included, is returned."""

    def __call__(self, argv: tuple[bytes, ...], /) -> Any:
        """Return a reply value, or a CommandError."""


class FunctionSpec(NamedTuple):
    """One function that a library registered.

    Attributes:
        number: what the runtime knows it by.
        name: as FCALL takes it.
        description: free text, or None.
        flags: such as `no-writes`.
    """

    number: int
    name: bytes
    description: bytes | None
    flags: frozenset[bytes]


def _deny(*_: object) -> Any:
    raise AttributeError("nothing of Python is for scripts")


class ScriptRuntime:
    """Compiles and runs scripts and functions, one at a time.

    Attributes:
        script_resp: the protocol that the running script asked for, 2 or 3.
        on_setresp: called with it when the script asks.
    """

    def __init__(
        self,
        call: CommandCaller,
        *,
        should_stop: Callable[[], int] = lambda: 0,
        check_access: Callable[[tuple[bytes, ...]], bool | None] = lambda _: True,
        on_setresp: Callable[[int], None] = lambda _: None,
        version: str = "7.2.4",
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        """Make a runtime without scripts.

        Args:
            call: runs a command of the script.
            should_stop: asked about every 100,000 instructions; 0 goes on, 1 kills a
                script, 2 a function. It may serve other clients meanwhile.
            check_access: answers redis.acl_check_cmd; None where there is no such
                command.
            on_setresp: told when the script changes its protocol.
            version: what redis.REDIS_VERSION says.
            memory_limit: in bytes.
        """
        self._call = call
        self._should_stop = should_stop
        self._check_access = check_access
        self._on_setresp = on_setresp
        self._version = version
        self._memory_limit = memory_limit
        self._ceiling = memory_limit - ROOM
        self._numbers: dict[bytes, int] = {}
        self._next_number = 1
        self._pieces: list[lua_replies.Crossing] = []
        self._staged: list[bytes] = []
        self._failure: BaseException | None = None
        self._client_resp = 2
        self.script_resp = 2
        self._boot()

    # --- scripts -----------------------------------------------------------------

    def load(self, source: bytes) -> bytes:
        """Compile a script, unless it is known, and return the SHA1 of its text.

        Args:
            source: its text; a shebang line is skipped.

        Raises:
            CommandError: it does not compile.
        """
        sha = hashlib.sha1(source, usedforsecurity=False).hexdigest().encode()
        if sha not in self._numbers:
            number = self._next_number
            self._make_room(len(source) * 10)
            dumped = self._compile_text(source, False, _NOT_A_SCRIPT)
            self._keep_script(number, dumped)
            self._next_number += 1
            self._numbers[sha] = number
        return sha

    def knows(self, sha: bytes) -> bool:
        """Say whether a script is compiled, by its SHA1 in lower case."""
        return sha in self._numbers

    def flush(self) -> None:
        """Forget all scripts, and give their memory back."""
        for number in self._numbers.values():
            self._drop_script(number)
        self._numbers.clear()
        self._forget()
        self._lua.gccollect()

    def run(
        self, sha: bytes, keys: Sequence[bytes], arguments: Sequence[bytes], resp: int
    ) -> Any:
        """Run a compiled script.

        Args:
            sha: of a script that is known.
            keys: what KEYS holds.
            arguments: what ARGV holds.
            resp: the protocol of the client, 2 or 3.

        Returns:
            A reply value.

        Raises:
            CommandError: the script raised an error, or returned one.
        """
        number = self._numbers[sha]
        size = sum(map(len, keys)) + sum(map(len, arguments))
        if self._used(True) + size > self._ceiling:
            self._make_room(size)
        if resp != self._client_resp:
            self._client_resp = resp
            self._set_client_resp(resp)
        count = len(keys)
        if count < 4 and len(arguments) < _DIRECT_ITEMS:
            result = self._runs[count](number, *keys, *arguments)
        else:
            self._stage_all(keys, arguments)
            result = self._run_staged(number, count)
        if self._is_tidy is False or size > ROOM:
            self._tidy()
        kind = type(result)
        if kind is bytes or kind is int or result is None:
            return result
        return self._decode(result, sha)

    # --- functions ---------------------------------------------------------------

    def load_library(self, source: bytes) -> list[FunctionSpec]:
        """Run the text of a library and return the functions that it registered.

        Raises:
            CommandError: it does not compile, or fails.
        """
        self._make_room(len(source) * 10)
        number = self._next_number
        dumped = self._compile_text(source, True, _NOT_A_LIBRARY)
        result = self._load_library(number, dumped)
        self._tidy()
        code, *rest = result if type(result) is tuple else (result,)
        if code == 5:
            text = b"ERR Error registering functions: " + rest[0]
            raise CommandError(one_line(text))
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
        self,
        function: FunctionSpec,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        resp: int,
    ) -> Any:
        """Run a function; see `run`."""
        size = sum(map(len, keys)) + sum(map(len, arguments))
        if self._used(True) + size > self._ceiling:
            self._make_room(size)
        if resp != self._client_resp:
            self._client_resp = resp
            self._set_client_resp(resp)
        self._stage_all(keys, arguments)
        result = self._run_function(function.number, len(keys))
        self._tidy()
        kind = type(result)
        if kind is bytes or kind is int or result is None:
            return result
        return self._decode(result, function.name)

    def drop_functions(self, functions: Sequence[FunctionSpec]) -> None:
        """Forget functions of a library that is deleted."""
        for function in functions:
            self._drop_function(function.number)

    def _compile_text(self, source: bytes, is_library: bool, refusal: bytes) -> bytes:  # noqa: FBT001
        result = self._compile(without_shebang(source), is_library)
        if type(result) is tuple:
            raise CommandError(one_line(refusal + result[1]))
        return keep_frames(result)

    # --- the rest ----------------------------------------------------------------

    @property
    def memory_used(self) -> int:
        """How many bytes Lua holds."""
        return int(self._used(True))

    @property
    def script_count(self) -> int:
        """How many scripts are compiled."""
        return len(self._numbers)

    def _boot(self) -> None:
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
        self._is_tidy = True
        folder = resources.files("app.engine") / "lua"
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
        ) = self._lua.execute(
            _BOOT,
            self._lua.table_from(files),
            self._lua.table_from(names),
            self._lua.table_from(self._callbacks()),
        )
        self._lua.gccollect()
        self._lua.set_max_memory(self._memory_limit, total=True)

    def _callbacks(self) -> dict[bytes, Any]:
        major, minor, patch = map(int, self._version.split("."))
        return {
            b"execute": self._make_execute(),
            b"push_arguments": self._push_arguments,
            b"fetch": self._fetch,
            b"should_stop": self._ask_to_stop,
            b"sha1": self._sha1,
            b"log": _log,
            b"on_setresp": self._note_resp,
            b"acl_check": self._acl_check,
            b"format_double": self._format_double,
            b"format_number": self._format_number,
            b"bit_operation": bit_operation,
            b"version": self._version.encode(),
            b"version_number": major << 16 | minor << 8 | patch,
        }

    def _make_execute(self) -> Callable[..., Any]:
        call, used, staged = self._call, self._used, self._staged
        ceiling, park = self._ceiling, self._park

        def execute(*argv: bytes) -> Any:
            # The hottest function of the runtime: a closure, so that names are cells.
            if staged:
                argv = (*staged, *argv)
                staged.clear()
            try:
                reply = call(argv)
            except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
                return self._fail(error)
            kind = type(reply)
            if kind is int or reply is None:
                return reply
            if kind is bytes and used(True) + len(reply) < ceiling:
                return reply
            if reply is OK:
                return True
            return park(reply)

        return execute

    def _park(self, reply: Any) -> bool:
        """Keep a reply that does not cross at once, and say that it is to be fetched."""
        try:
            if type(reply) is bytes:
                self._pieces = [(lua_replies.NO_ROOM,)]
            else:
                pieces = lua_replies.crossings(reply, self.script_resp)
                if self._used(True) + lua_replies.size_of(pieces) > self._ceiling:
                    pieces = [(lua_replies.NO_ROOM,)]
                pieces.reverse()
                self._pieces = pieces
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            return self._fail(error)
        return False

    def _fail(self, error: BaseException) -> bool:
        self._failure = error
        self._is_tidy = False
        self._pieces = [(lua_replies.ERROR, b"ERR internal error", True)]
        return False

    def _fetch(self) -> lua_replies.Crossing:
        return self._pieces.pop() if self._pieces else (lua_replies.NO_ROOM,)

    def _push_arguments(self, *arguments: bytes) -> None:
        self._staged += arguments

    def _ask_to_stop(self) -> int | None:
        if self._failure is not None:
            return 1
        try:
            return self._should_stop() or None
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            self._fail(error)
            return 1

    def _has_room(self) -> bool:
        return bool(self._used(True) < self._ceiling)

    def _sha1(self, text: bytes) -> bytes | None:
        if not self._has_room():
            return None
        return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()

    def _format_double(self, number: float) -> bytes | None:
        return format_double(float(number)) if self._has_room() else None

    def _format_number(self, number: float) -> bytes | None:
        return format_argument(number) if self._has_room() else None

    def _note_resp(self, version: int) -> None:
        self.script_resp = version
        self._is_tidy = False
        self._on_setresp(version)

    def _acl_check(self, *argv: bytes) -> bool | None:
        try:
            return self._check_access(argv)
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            self._fail(error)
            return None

    def _stage_all(self, keys: Sequence[bytes], arguments: Sequence[bytes]) -> None:
        everything = [*keys, *arguments]
        for start in range(0, len(everything), _STAGE_ITEMS):
            self._stage(*everything[start : start + _STAGE_ITEMS])

    def _make_room(self, size: int) -> None:
        """Collect garbage for what is to cross.

        Raises:
            CommandError: there is not enough room even so.
        """
        if self._used(True) + size <= self._ceiling:
            return
        self._forget()
        self._lua.gccollect()
        if self._used(True) + size > self._ceiling:
            raise CommandError(b"ERR not enough memory for the script")

    def _tidy(self) -> None:
        """Clear up behind a script that did more than call commands."""
        self._is_tidy = True
        self.script_resp = 2
        self._staged.clear()
        self._forget()
        if self._used(True) > self._memory_limit // 2:
            self._lua.gccollect()
        failure, self._failure = self._failure, None
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
        if code == 1:
            return BulkList(result[1:])
        if code == 2:
            return list(result[1:])
        if code == 3:
            return Encoded(result[1])
        if code == 4:
            raise CommandError(result[1])
        _, text, source, line = (*result, None, None)[:4]
        if source is not None:
            text += b" script: %b, on %b:%d." % (name, source, line)
        raise CommandError(one_line(text))


def without_shebang(source: bytes) -> bytes:
    """Return a source whose shebang line is empty, so that lines keep their numbers."""
    if not source.startswith(b"#!"):
        return source
    end = source.find(b"\n")
    return source[end:] if end >= 0 else b""


def one_line(text: bytes) -> bytes:
    """Return an error text without the bytes that would end it."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def truncate(number: float) -> int:
    """Return a double as the integer that Redis makes of it on x86."""
    if not -9.223372036854775808e18 <= number < 9.223372036854775808e18:
        return _INT64_MIN
    return int(number)


def format_argument(number: float) -> bytes:
    """Return a number of a script as the argument of a command.

    Source: Valkey 9.1, which follows Redis 7.2 here.
    """
    if number != number:  # noqa: PLR0124 - only NaN differs from itself
        return b"-nan" if struct.pack(">d", number)[0] & 0x80 else b"nan"
    return format_double(number)


_MASK = 0xFFFFFFFF
_ROUND = 6755399441055744.0
_PACK_DOUBLE = struct.Struct("<d")
_UNPACK_INT32 = struct.Struct("<i")


def _to_bits(number: float) -> int:
    """Return the low 32 bits of a number, rounded as the BitOp library rounds."""
    packed = _PACK_DOUBLE.pack(number + _ROUND)
    return int(_UNPACK_INT32.unpack_from(packed)[0]) & _MASK


def _arithmetic_shift(a: int, b: int) -> int:
    signed = a - (1 << 32) if a >> 31 else a
    return signed >> (b & 31)


_BIT_OPERATIONS: dict[bytes, Callable[[int, int], int]] = {
    b"tobit": lambda a, _: a,
    b"bnot": lambda a, _: ~a,
    b"bswap": lambda a, _: int.from_bytes(a.to_bytes(4, "little"), "big"),
    b"band": lambda a, b: a & b,
    b"bor": lambda a, b: a | b,
    b"bxor": lambda a, b: a ^ b,
    b"lshift": lambda a, b: a << (b & 31),
    b"rshift": lambda a, b: a >> (b & 31),
    b"arshift": _arithmetic_shift,
    b"rol": lambda a, b: a << (b & 31) | a >> (32 - (b & 31)),
    b"ror": lambda a, b: a >> (b & 31) | a << (32 - (b & 31)),
}


def bit_operation(name: bytes, left: float, right: float) -> int:
    """Return the result of an operation of the bit library, a signed 32-bit integer."""
    result = _BIT_OPERATIONS[name](_to_bits(left), _to_bits(right)) & _MASK
    return result - (1 << 32) if result >> 31 else result


def _log(level: int, text: bytes) -> None:
    _LOG.log(_LEVELS[level], "script: %s", text.decode("utf-8", "replace"))
