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

Channels are arguments of a command like its keys, so SUBSCRIBE comes through the same
doors. A client that looks at the past (CLIENT AT) has a double
there, which is as limited as the client is now and comes through the doors of an engine
of its own.

What speaks against a command for other reasons, whoever gave it (the server loads, the
disk is full, all are paused), is for `joblog.app.engine.guards`, behind these.

The road stays free: doors that every command passes ask only about a client that
`is_limited`. A client whose user may do everything is not. Another has its user's gate
on the quick way (`joblog.app.users.gate`), which knows most calls that it may make; all
others come here.

Who there is, and what each may do, `joblog.app.users` knows; what happens to clients
whose user changes is for `joblog.app.engine.revocations`.

Source: Redis 7.2; see tests/parity/test_access.py and test_acl.py.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.clients.lines import client_line
from joblog.app.errors import CommandError
from joblog.app.state.privileges import is_admitted
from joblog.app.table.table import Flag, find_command
from joblog.app.users.denials import REASONS, Entry
from joblog.app.users.requests import Reason
from joblog.app.users.users import DEFAULT

if TYPE_CHECKING:
    from joblog.app.engine.access_records import AccessRecords
    from joblog.app.state.server_state import ServerState
    from joblog.app.state.session import Session
    from joblog.app.state.visits import Refusal
    from joblog.app.table.table import Command
    from joblog.app.users.requests import Denial
    from joblog.app.users.user import User
    from joblog.app.words import Argv


class Door(enum.Enum):
    """Which way a command comes in by."""

    COMMAND = "toplevel"
    QUEUE = "multi"
    EXEC = "exec"
    SCRIPT = "lua"
    WAKE = "wake"
    PATTERN = "pattern"


_CONTEXTS: Final = {Door.QUEUE: "multi", Door.EXEC: "multi", Door.SCRIPT: "lua"}
_INNER: Final = (Door.EXEC, Door.SCRIPT)
_SHORT: Final = {
    Reason.KEY: errors.KEY_DENIED,
    Reason.CHANNEL: errors.CHANNEL_DENIED,
}
_NO_MORE: Final = {
    Reason.COMMAND: errors.NO_MORE_COMMAND,
    Reason.KEY: errors.NO_MORE_KEY,
    Reason.CHANNEL: errors.NO_MORE_CHANNEL,
}
_REASONS: Final = {
    Reason.COMMAND: "command",
    Reason.KEY: "key",
    Reason.CHANNEL: "channel",
}


class Request:
    """What somebody asks to do: one call of a command.

    Attributes:
        session: who asks.
        command: what for.
        argv: the same with its arguments.
        door: which way it comes in by.
    """

    __slots__ = ("argv", "command", "door", "session")

    def __init__(
        self, session: Session, command: Command, argv: Argv, door: Door
    ) -> None:
        """Name who asks for what."""
        self.session = session
        self.command = command
        self.argv = argv
        self.door = door


Rule = Callable[[Request], bytes | None]
"""Returns why a request is refused, as the text of an error, or None."""


class Access:
    """Says who may do what.

    Attributes:
        rules: what is asked of a limited client before its user's rules, in order. The
            past has one (`joblog.app.engine.past_views`).
    """

    def __init__(self, server: ServerState, records: AccessRecords) -> None:
        """Ask for what the users of a server say.

        Args:
            server: knows them.
            records: are told of logins, refusals and changes.
        """
        self._server = server
        self._records = records
        self._users = server.users
        self.rules: list[Rule] = []

    # --- who somebody is ------------------------------------------------------------

    def begin(self, session: Session) -> None:
        """Let in a client that has just connected, or is as if it had (RESET)."""
        self._take_user(session, self._users.default)
        session.is_authenticated = self._users.default.is_open
        self._limit(session)

    def log_in(self, session: Session, name: bytes, password: bytes, by: bytes) -> None:
        """Let a client be a user, and do what that may.

        Args:
            session: the client.
            name: the user's.
            password: what the client gave for its password.
            by: the command that it did so by, as it was called.

        Raises:
            CommandError: there is no such user, or the password is another.
        """
        user = self._users.find(name)
        if user is None or not self._users.check(name, password):
            context = "toplevel" if session.queued is None else "multi"
            running = by.decode().lower() if session.queued is None else None
            self._note(session, "auth", context, by, name, running)
            self._hold_back(session)
            raise CommandError(errors.WRONG_PASSWORD)
        self._take_user(session, user)
        session.is_authenticated = True
        self._limit(session)
        self._records.note_login(session)

    def _hold_back(self, session: Session) -> None:
        """Answer a client late: so many passwords a second may be tried, and no more.

        All that it has sent behind waits too, and nobody else does.
        """
        session.held_ms += self._server.config.login_failure_delay
        session.update_special()

    def note_change(self, session: Session, what: bytes) -> None:
        """Record that a client has changed the server, where that is asked for."""
        self._records.note_change(self._real(session), what)

    def _real(self, session: Session) -> Session:
        """Return the client itself: a script has a session with its caller's number."""
        return self._server.sessions.get(session.id, session)

    def look_again(self, session: Session) -> None:
        """Go by what the user of a client may do now."""
        if session.user == DEFAULT and self._users.default.is_open:
            session.is_authenticated = True
        self._limit(session)

    def expel(self, session: Session) -> None:
        """Let a client do nothing more, whose connection is about to be closed."""
        self._take_user(session, self._users.default)
        session.is_authenticated = False
        self._limit(session)

    def _take_user(self, session: Session, user: User) -> None:
        if session.user != user.name:
            session.user = user.name
            session.is_described = False

    def _limit(self, session: Session) -> None:
        user = self._users.find(session.user) if session.is_authenticated else None
        session.is_limited = user is None or not user.may_do_all
        session.gate = None
        if user is not None and session.is_limited and not self.rules:
            session.gate = user.gate()
        session.update_special()

    # --- what somebody may do -------------------------------------------------------

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
        if self.rules:
            text = self._ask(Request(session, command, argv, door))
            if text is not None:
                return text
        user = self._users.find(session.user)
        if user is None:
            return errors.NO_AUTH  # it is being cut off
        if user.lets(command, argv):
            return None
        denial = user.judge(command, argv)
        if denial is None:
            return None
        self._note(
            session,
            _REASONS[denial.reason],
            _CONTEXTS.get(door, "toplevel"),
            denial.word,
            user.name,
            None if door in _INNER else command.name,
        )
        return _in_words(user, denial, door)

    def may_call(self, session: Session, command: Command, argv: Argv) -> bool:
        """Say whether a script's caller may run a command, which nobody does now."""
        if not session.is_limited:
            return True
        user = self._users.find(session.user)
        return (
            user is not None
            and self._ask(Request(session, command, argv, Door.SCRIPT)) is None
            and user.judge(command, argv) is None
        )

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
        if not session.is_limited:
            return
        user = self._users.find(session.user)
        request = Request(session, command, argv, Door.PATTERN)
        if (
            user is None
            or self._ask(request) is not None
            or not user.may_read_any_key(command, argv)
        ):
            raise CommandError(errors.pattern_denied(option))

    def _ask(self, request: Request) -> bytes | None:
        for rule in self.rules:
            text = rule(request)
            if text is not None:
                return text
        return None

    def note_in_past(self, session: Session, refusal: Refusal) -> None:
        """Count what a client was refused at a moment of the past, and keep it."""
        reason, context, word, user, count = refusal
        self._note(session, reason, context, word, user, count=count)

    def _note(
        self,
        session: Session,
        reason: str,
        context: str,
        word: bytes,
        user: bytes,
        running: str | None = None,
        count: int = 1,
    ) -> None:
        """Count a refusal, and keep it for ACL LOG.

        Args: as of `Entry`; and the command that was refused, where it is no part of
            another, which ACL LOG shows then.
        """
        server = self._server
        server.statistics[REASONS[reason]] += count
        most, real = server.config.acllog_max_len, self._real(session)
        self._records.note_refusal(real, reason, word, user)
        client = b""
        if most:
            client = client_line(real, server.steady_ms(), running)
        now_ms = server.now_ms()
        entry = Entry(0, reason, context, word, user, now_ms, now_ms, client, count)
        server.denials.note(entry, most)

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


def _in_words(user: User, denial: Denial, door: Door) -> bytes:
    """Return what a client is told of a denial."""
    if door is Door.EXEC:
        return errors.RULES_CHANGED + _NO_MORE[denial.reason]
    text = _SHORT.get(denial.reason) or user.explain(denial)
    return (errors.SCRIPT_DENIED if door is Door.SCRIPT else b"NOPERM ") + text
