"""Access: the one place that says whether a client may do what it asks for.

Whatever way a command comes in by, it is asked about here before it runs:

    door      what comes through it                           who asks
    COMMAND   a command of a client, when it comes            `Guards.refuse`
    QUEUE     the same behind MULTI, when it is queued        `Guards.refuse`
    EXEC      a queued command, when its turn comes           `Transactions`
    SCRIPT    a command of a script or a function, and what   `ScriptCommands`
              `redis.acl_check_cmd` asks about
    WAKE      a command that has waited, when it is served    `Blocking`
    PATTERN   keys that SORT makes of BY and GET              `Context.require_any_key`

Channels are arguments of a command like its keys (`Request.channels`), so SUBSCRIBE
comes through the same doors. A client that looks at the past (CLIENT AT) has a double
there, which is as limited as the client is now and comes through the doors of an engine
of its own.

What speaks against a command for other reasons, whoever gave it (the server loads, the
disk is full, all are paused), is for `joblog.app.engine.guards`, behind these.

The road stays free: doors that every command passes ask only about a client that
`is_limited`, which the quick way (`Engine.run`) is closed to.

Source: Redis 7.0.15; see tests/parity/test_access.py.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.state.privileges import is_admitted
from joblog.app.table.table import Flag, find_command

if TYPE_CHECKING:
    from joblog.app.state.server_state import ServerState
    from joblog.app.state.session import Session
    from joblog.app.table.table import Command
    from joblog.app.words import Argv


class Door(enum.Enum):
    """Which way a command comes in by."""

    COMMAND = "toplevel"
    QUEUE = "multi"
    EXEC = "exec"
    SCRIPT = "lua"
    WAKE = "wake"
    PATTERN = "pattern"


class Request:
    """What somebody asks to do: one call of a command.

    Attributes:
        session: who asks.
        command: what for.
        argv: the same with its arguments.
        door: which way it comes in by.
        pattern: what SORT makes keys of, of any name; None elsewhere.
    """

    __slots__ = ("argv", "command", "door", "pattern", "session")

    def __init__(
        self,
        session: Session,
        command: Command,
        argv: Argv,
        door: Door,
        pattern: bytes | None = None,
    ) -> None:
        """Name who asks for what."""
        self.session = session
        self.command = command
        self.argv = argv
        self.door = door
        self.pattern = pattern

    def key_accesses(self) -> list[tuple[bytes, str]]:
        """Return the keys, each with what is done to it, such as `RW ACCESS UPDATE`.

        They are those of the table's key specs; none where the arguments do not say
        which they are, which the handler refuses.
        """
        if self.pattern is not None:
            return [(self.pattern, "RO ACCESS")]
        try:
            return self.command.key_accesses(self.argv)
        except CommandError:
            return []

    def channels(self) -> list[bytes]:
        """Return the channels, or for PSUBSCRIBE the patterns of channels."""
        channels = self.command.channels
        return [] if channels is None else self.argv[channels]


Rule = Callable[[Request], bytes | None]
"""Returns why a request is refused, as the text of an error, or None."""


class Access:
    """Says who may do what.

    Attributes:
        rules: what is asked of a limited client beyond the password, in order. The
            past has one (`joblog.app.engine.past_views`).
    """

    def __init__(self, server: ServerState) -> None:
        """Ask for a password where the settings have one, and no more."""
        self._server = server
        self.rules: list[Rule] = []

    def begin(self, session: Session) -> None:
        """Let in a client that has just connected, or is as if it had (RESET)."""
        session.is_authenticated = not self._server.config.requirepass
        session.is_limited = not session.is_authenticated
        session.update_special()

    def admit(self, session: Session) -> None:
        """Let a client do what its user may, who has given the right password."""
        session.is_authenticated = True
        session.is_limited = False
        session.update_special()

    def why_not(
        self, session: Session, command: Command, argv: Argv, door: Door
    ) -> bytes | None:
        """Return why a client may not run a command, or None where it may.

        Args:
            session: the client, or the session of its script.
            command: the command.
            argv: the same with its arguments, whose number is right.
            door: which way it comes in by.
        """
        if command.is_protected and door in (Door.COMMAND, Door.QUEUE):
            text = self._why_not_protected(session, command)
            if text is not None:
                return text
        if not session.is_limited:
            return None
        if not session.is_authenticated and not command.flags & Flag.NO_AUTH:
            return errors.NO_AUTH
        return self._ask(Request(session, command, argv, door))

    def require_any_key(self, session: Session, argv: Argv, option: bytes) -> None:
        """Refuse to name keys by a pattern to a client that may not read all keys.

        Args:
            session: the client.
            argv: the command.
            option: that which the pattern belongs to, such as `BY`.

        Raises:
            CommandError: it may not.
        """
        command = find_command(argv)
        assert command is not None, "it runs"
        request = Request(session, command, argv, Door.PATTERN, b"*")
        if session.is_limited and self._ask(request) is not None:
            raise CommandError(errors.pattern_denied(option))

    def _ask(self, request: Request) -> bytes | None:
        for rule in self.rules:
            text = rule(request)
            if text is not None:
                return text
        return None

    def _why_not_protected(self, session: Session, command: Command) -> bytes | None:
        """Return why DEBUG or MODULE is refused, which a setting admits clients to."""
        config = self._server.config
        name = command.name.partition("|")[0]
        is_debug = name == "debug"
        setting = (
            config.enable_debug_command if is_debug else config.enable_module_command
        )
        if is_admitted(session, setting):
            return None
        return errors.command_not_allowed(name.encode())
