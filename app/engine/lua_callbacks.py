"""What Lua may call in Python: every callback of a runtime.

A callback takes and returns numbers, byte strings, booleans and None only. It never
raises: what goes wrong is kept in `failure`, for whoever runs the script. It returns
text only where Lua's memory has room for it, since lupa cannot fail in between.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, final

from joblog.app import errors
from joblog.app.engine import lua_replies
from joblog.app.engine.lua_values import bit_operation, make_arguments, sha1_of
from joblog.app.errors import CommandError
from joblog.app.reply import OK, RESP3
from joblog.app.types.numbers import format_double

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOG: Final = logging.getLogger(__name__)
TOTAL: Final = True
"""What lupa is told for a measure of memory that never wraps around."""

_MISSING: Final = object()
_NO_ROOM: Final = (False, lua_replies.NO_ROOM)
_INTERNAL_ERROR: Final = (False, lua_replies.ERROR, errors.INTERNAL, True)
_BAD_ARGUMENTS: Final = (False, lua_replies.ERROR, errors.SCRIPT_BAD_ARGUMENTS, False)
_LEVELS: Final = (logging.DEBUG, logging.DEBUG, logging.INFO, logging.WARNING)


class CommandCaller:
    """Runs the commands of scripts; this one knows no command.

    A class rather than a function, since compiled code calls a method of its own kind
    in a tenth of the time.
    """

    def call(self, argv: list[bytes]) -> Any:  # noqa: ARG002 - others take it
        """Run one command and return a reply value, or a CommandError."""
        return CommandError(errors.SCRIPT_UNKNOWN_COMMAND)


class FunctionCaller(CommandCaller):
    """Lets a function run the commands."""

    def __init__(self, function: Callable[[tuple[bytes, ...]], Any]) -> None:
        """Name the function."""
        self._function = function

    def call(self, argv: list[bytes]) -> Any:
        """Return what the function returns."""
        return self._function(tuple(argv))


class Hooks:
    """What a runtime asks of whoever owns it; the defaults are for tests.

    Attributes:
        caller: runs a command of the script.
        names: of the commands that scripts call the quick way, as scripts write them.
        should_stop: asked about every 100,000 instructions; 0 goes on, 1 kills a
            script, 2 a function, 3 a library that is being loaded. It may serve other
            clients meanwhile.
        check_access: answers redis.acl_check_cmd; None where there is no such command.
        on_setresp: told when the script changes its protocol.
    """

    def __init__(
        self,
        call: CommandCaller | Callable[[tuple[bytes, ...]], Any],
        *,
        names: Iterable[bytes] = (),
        should_stop: Callable[[], int] = lambda: 0,
        check_access: Callable[[tuple[bytes, ...]], bool | None] = lambda _: True,
        on_setresp: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Name the functions to call."""
        self.caller = call if isinstance(call, CommandCaller) else FunctionCaller(call)
        self.names = tuple(names)
        self.should_stop = should_stop
        self.check_access = check_access
        self.on_setresp = on_setresp


class Callbacks:
    """The callbacks of one runtime.

    Attributes:
        script_resp: the protocol that the running script asked for, 2 or 3.
        ceiling: up to how many bytes text may still cross.
        staged: the first arguments of a command that has many.
        failure: what went wrong in a callback, or None.
        is_tidy: whether the script left nothing behind that is to be cleared up.
    """

    def __init__(self, hooks: Hooks, used: Callable[[bool], int], ceiling: int) -> None:
        """Make the callbacks of a runtime.

        Args:
            hooks: whom to ask.
            used: `used(TOTAL)` returns how many bytes Lua holds.
            ceiling: up to how many bytes text may still cross.
        """
        self._hooks = hooks
        self._caller = hooks.caller
        self._used = used
        self.ceiling = ceiling
        self._pieces: list[lua_replies.Crossing] = []
        self.script_resp = 2
        self.staged: list[bytes] = []
        self.failure: BaseException | None = None
        self.is_tidy = True

    def commands(self) -> dict[bytes, Any]:
        """Return a callback for each command that scripts call the quick way."""
        return {name: NamedCommand(self, name).run for name in self._hooks.names}

    def table(self, version: str) -> dict[bytes, Any]:
        """Return the callbacks by the names that Lua knows them by.

        Args:
            version: what redis.REDIS_VERSION says.
        """
        major, minor, patch = map(int, version.split("."))
        return {
            b"execute": self._execute,
            b"push_arguments": self._push_arguments,
            b"fetch": self._fetch,
            b"should_stop": self._ask_to_stop,
            b"sha1": self._sha1,
            b"log": _log,
            b"on_setresp": self._note_resp,
            b"acl_check": self._acl_check,
            b"format_double": self._format_double,
            b"bit_operation": bit_operation,
            b"wrong_arguments": errors.SCRIPT_BAD_ARGUMENTS,
            b"version": version.encode(),
            b"version_number": major << 16 | minor << 8 | patch,
        }

    def _execute(self, *words: Any) -> Any:
        """Run a command of the script.

        Returns:
            An integer, text, None or True (OK) as they are; else a tuple, which Lua
            gets as several values: False and what `lua_replies` makes of the reply.
        """
        try:
            argv = list(words)
            if self.staged:
                argv = self.staged + argv
                self.staged = []
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            return self._fail(error)
        return self.execute(argv)

    def execute(self, argv: list[Any]) -> Any:
        """Run a command of the script, of any values that may cross; see `_execute`."""
        try:
            for word in argv:
                if type(word) is not bytes:
                    if not make_arguments(argv):
                        return _BAD_ARGUMENTS
                    break
            reply = self._caller.call(argv)
            kind = type(reply)
            if kind is int or reply is None:
                return reply
            if kind is float and self.script_resp != RESP3:
                reply, kind = format_double(reply), bytes
            if kind is bytes:
                if self._used(TOTAL) + len(reply) < self.ceiling:
                    return reply
                return _NO_ROOM
            if reply is OK:
                return True
            return self._convey(reply)
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            return self._fail(error)

    def _convey(self, reply: Any) -> lua_replies.Crossing:
        """Return what crosses of a reply at once; Lua fetches the rest."""
        is_resp3 = self.script_resp == RESP3
        first = lua_replies.crossing(reply, is_resp3=is_resp3)
        if first is not None:
            if self._used(TOTAL) + lua_replies.size_of(first) > self.ceiling:
                return _NO_ROOM
            return first
        pieces = lua_replies.crossings(reply, is_resp3=is_resp3)
        size = sum([lua_replies.size_of(piece) for piece in pieces])
        if self._used(TOTAL) + size > self.ceiling:
            return _NO_ROOM
        pieces.reverse()
        self._pieces = pieces
        return (False, *pieces.pop())

    def _fail(self, error: BaseException) -> lua_replies.Crossing:
        self.failure = error
        self.is_tidy = False
        return _INTERNAL_ERROR

    def _fetch(self) -> lua_replies.Crossing:
        return self._pieces.pop() if self._pieces else (lua_replies.NO_ROOM,)

    def _push_arguments(self, *arguments: Any) -> None:
        self.staged += arguments

    def _ask_to_stop(self) -> int | None:
        if self.failure is not None:
            return 1
        try:
            return self._hooks.should_stop() or None
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            self._fail(error)
            return 1

    def _has_room(self) -> bool:
        return bool(self._used(TOTAL) < self.ceiling)

    def _sha1(self, text: bytes) -> bytes | None:
        if not self._has_room():
            return None
        return sha1_of(text)

    def _format_double(self, number: float) -> bytes | None:
        return format_double(float(number)) if self._has_room() else None

    def _note_resp(self, version: int) -> None:
        self.script_resp = version
        self.is_tidy = False
        self._hooks.on_setresp(version)

    def _acl_check(self, *words: Any) -> bool | None:
        try:
            argv = list(words)
            if not make_arguments(argv):
                return None
            return self._hooks.check_access(tuple(argv))
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            self._fail(error)
            return None


def _log(level: int, text: bytes) -> None:
    _LOG.log(_LEVELS[level], "script: %s", text.decode("utf-8", "replace"))


@final
class NamedCommand:
    """The callback of one command; the hottest of all.

    Its name need not cross, and a fixed number of parameters is read the quick way.
    """

    def __init__(self, callbacks: Callbacks, name: bytes) -> None:
        """Name the command, as scripts write it."""
        self._callbacks = callbacks
        self._name = name

    def run(
        self,
        a: Any,
        b: Any = _MISSING,
        c: Any = _MISSING,
        d: Any = _MISSING,
        e: Any = _MISSING,
        f: Any = _MISSING,
        g: Any = _MISSING,
    ) -> Any:
        """Run the command with one to seven arguments; see `Callbacks._execute`."""
        if b is _MISSING:
            argv = [self._name, a]
        elif c is _MISSING:
            argv = [self._name, a, b]
        elif d is _MISSING:
            argv = [self._name, a, b, c]
        elif e is _MISSING:
            argv = [self._name, a, b, c, d]
        elif f is _MISSING:
            argv = [self._name, a, b, c, d, e]
        elif g is _MISSING:
            argv = [self._name, a, b, c, d, e, f]
        else:
            argv = [self._name, a, b, c, d, e, f, g]
        return self._callbacks.execute(argv)
