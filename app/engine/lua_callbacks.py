"""What Lua may call in Python: every callback of a runtime.

A callback takes and returns numbers, byte strings, booleans and None only. It never
raises: what goes wrong is kept in `failure`, for whoever runs the script. It returns
text only where Lua's memory has room for it, since lupa cannot fail in between.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from app.engine import lua_replies
from app.engine.lua_values import bit_operation, format_argument, sha1_of
from app.reply import OK
from app.types.numbers import format_double

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_RESP3 = 3
_LEVELS = (logging.DEBUG, logging.DEBUG, logging.INFO, logging.WARNING)


class CommandCaller(Protocol):
    """Runs one command for a script; the reply, errors included, is returned."""

    def __call__(self, argv: tuple[bytes, ...], /) -> Any:
        """Return a reply value, or a CommandError."""


class Hooks:
    """What a runtime asks of whoever owns it; the defaults are for tests.

    Attributes:
        call: runs a command of the script.
        should_stop: asked about every 100,000 instructions; 0 goes on, 1 kills a
            script, 2 a function, 3 a library that is being loaded. It may serve other
            clients meanwhile.
        check_access: answers redis.acl_check_cmd; None where there is no such command.
        on_setresp: told when the script changes its protocol.
    """

    def __init__(
        self,
        call: CommandCaller,
        *,
        should_stop: Callable[[], int] = lambda: 0,
        check_access: Callable[[tuple[bytes, ...]], bool | None] = lambda _: True,
        on_setresp: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Name the functions to call."""
        self.call = call
        self.should_stop = should_stop
        self.check_access = check_access
        self.on_setresp = on_setresp


class Callbacks:
    """The callbacks of one runtime.

    Attributes:
        script_resp: the protocol that the running script asked for, 2 or 3.
        staged: the first arguments of a command that has many.
        failure: what went wrong in a callback, or None.
        is_tidy: whether the script left nothing behind that is to be cleared up.
    """

    def __init__(self, hooks: Hooks, used: Callable[[], int], ceiling: int) -> None:
        """Make the callbacks of a runtime.

        Args:
            hooks: whom to ask.
            used: returns how many bytes Lua holds.
            ceiling: up to how many bytes text may still cross.
        """
        self._hooks = hooks
        self._call = hooks.call
        self._used = used
        self._ceiling = ceiling
        self._pieces: list[lua_replies.Crossing] = []
        self.script_resp = 2
        self.staged: list[bytes] = []
        self.failure: BaseException | None = None
        self.is_tidy = True

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
            b"format_number": self._format_number,
            b"bit_operation": bit_operation,
            b"version": version.encode(),
            b"version_number": major << 16 | minor << 8 | patch,
        }

    def _execute(self, *argv: bytes) -> Any:
        """Run a command of the script; the hottest callback."""
        if self.staged:
            argv = (*self.staged, *argv)
            self.staged.clear()
        try:
            reply = self._call(argv)
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            return self._fail(error)
        kind = type(reply)
        if kind is int or reply is None:
            return reply
        if kind is bytes and self._used() + len(reply) < self._ceiling:
            return reply
        if reply is OK:
            return True
        return self._park(reply)

    def _park(self, reply: Any) -> bool:
        """Keep a reply that does not cross at once; Lua fetches it."""
        try:
            if type(reply) is bytes:
                self._pieces = [(lua_replies.NO_ROOM,)]
            else:
                pieces = lua_replies.crossings(
                    reply, is_resp3=self.script_resp == _RESP3
                )
                if self._used() + lua_replies.size_of(pieces) > self._ceiling:
                    pieces = [(lua_replies.NO_ROOM,)]
                pieces.reverse()
                self._pieces = pieces
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            return self._fail(error)
        return False

    def _fail(self, error: BaseException) -> bool:
        self.failure = error
        self.is_tidy = False
        self._pieces = [(lua_replies.ERROR, b"ERR internal error", True)]
        return False

    def _fetch(self) -> lua_replies.Crossing:
        return self._pieces.pop() if self._pieces else (lua_replies.NO_ROOM,)

    def _push_arguments(self, *arguments: bytes) -> None:
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
        return bool(self._used() < self._ceiling)

    def _sha1(self, text: bytes) -> bytes | None:
        if not self._has_room():
            return None
        return sha1_of(text)

    def _format_double(self, number: float) -> bytes | None:
        return format_double(float(number)) if self._has_room() else None

    def _format_number(self, number: float) -> bytes | None:
        return format_argument(number) if self._has_room() else None

    def _note_resp(self, version: int) -> None:
        self.script_resp = version
        self.is_tidy = False
        self._hooks.on_setresp(version)

    def _acl_check(self, *argv: bytes) -> bool | None:
        try:
            return self._hooks.check_access(argv)
        except BaseException as error:  # noqa: BLE001 - nothing may reach Lua
            self._fail(error)
            return None


def _log(level: int, text: bytes) -> None:
    _LOG.log(_LEVELS[level], "script: %s", text.decode("utf-8", "replace"))
