"""A view of the past: the clients of another process look at one moment (CLIENT AT).

The moment is an engine of its own (`joblog.app.engine.past`), in which each client has
a double of its session. `joblog.actors.viewing` is the process;
`joblog.app.engine.visits` the other end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.state.visits import PastReplies, Refusal, facts_of, take_facts
from joblog.app.table.table import Flag
from joblog.app.users.requests import keys_of
from joblog.app.users.user import user_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.access import Request
    from joblog.app.engine.engine import Engine
    from joblog.app.state.session import Session
    from joblog.app.state.visits import ClientFacts
    from joblog.app.words import Argv

_REFUSALS_MAX: Final = 128


class PastView:
    """A moment of the past, and the doubles of those who look at it.

    Attributes:
        engine: that of the moment.
    """

    def __init__(
        self,
        engine: Engine,
        find_redacted: Callable[[bytes], bytes | None] | None = None,
    ) -> None:
        """Make the view of a moment.

        Args:
            engine: what `open_past` returned.
            find_redacted: tells of a key that is missing why it is, in the text of an
                error, where somebody made it unreadable; None where nothing was.
        """
        self.engine = engine
        self._doubles: dict[int, Session] = {}
        self._rights: dict[bytes, list[bytes] | None] = {}
        engine.access.rules += [_refuse_admin, _refuse_login]
        if find_redacted is not None:
            self._find_redacted = find_redacted
            engine.access.rules.append(self._refuse_redacted)
        # Nobody could be served from inside this engine: a script ends after a while.
        engine.scripts.meanwhile = self._end_script

    def run(self, visit: int, facts: ClientFacts, commands: list[Argv]) -> PastReplies:
        """Run commands of a client.

        Args:
            visit: the number of its visit.
            facts: what the client is, as it begins the visit.
            commands: in order.
        """
        double = self._doubles.get(visit) or self._enter(visit, facts)
        if self._rights.get(facts.user, []) != facts.rights:
            self._rights[facts.user] = facts.rights
            self.engine.server.users.adopt(user_with(facts.user, facts.rights))
        double.is_limited = True  # by `_refuse_admin`
        take_facts(double, facts)
        replies = []
        for argv in commands:
            replies.append(self._run_one(double, argv))
            if double.is_closing:
                break
        data = b"".join(replies)
        return PastReplies(data, facts_of(double), double.is_closing, self._refusals())

    def _refusals(self) -> list[Refusal]:
        """Take what was refused: the present counts it, and keeps it."""
        denials = self.engine.server.denials
        entries = denials.newest(_REFUSALS_MAX)
        denials.clear()
        return [
            Refusal(one.reason, one.context, one.word, one.user, one.count)
            for one in reversed(entries)
        ]

    def leave(self, visit: int) -> None:
        """Forget a client whose visit is over."""
        double = self._doubles.pop(visit, None)
        if double is not None:
            self.engine.clients.close(double)

    def _enter(self, visit: int, facts: ClientFacts) -> Session:
        double = self.engine.clients.open(
            facts.id,
            address=facts.address,
            local_address=facts.local_address,
            fd=facts.fd,
        )
        self._doubles[visit] = double
        return double

    def _run_one(self, double: Session, argv: Argv) -> bytes:
        engine = self.engine
        data = engine.run(double, [argv])
        engine.outbox.pushes.clear()
        return data

    def _refuse_redacted(self, request: Request) -> bytes | None:
        """Return why a command is refused that would find a key missing.

        Who may not reach that key is told that, by its user's rules.
        """
        command, argv = request.command, request.argv
        values = request.session.db.values
        missing = [use.key for use in keys_of(command, argv) if use.key not in values]
        if not missing or command.is_write:
            return None
        user = self.engine.server.users.find(request.session.user)
        if user is None or user.judge(command, argv) is not None:
            return None
        return next(filter(None, map(self._find_redacted, missing)), None)

    def _end_script(self) -> None:
        scripts = self.engine.scripts
        scripts.kill(is_function=scripts.is_function)


def _refuse_admin(request: Request) -> bytes | None:
    """Return why a command is refused that would look after a server of the past."""
    is_refused = bool(request.command.flags & Flag.ADMIN)
    return errors.READ_ONLY_IN_PAST if is_refused else None


def _refuse_login(request: Request) -> bytes | None:
    """Return why AUTH, alone or of HELLO, is refused inside of a MULTI.

    Outside it is answered in the present: no password is known here.
    """
    is_refused = bool(request.command.flags & Flag.OF_PRESENT) and any(
        word.upper() == b"AUTH" for word in request.argv
    )
    return errors.LOGIN_IN_PAST if is_refused else None
