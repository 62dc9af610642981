"""Visits: clients of a running server that look at a moment of the past (CLIENT AT).

The moment is in a process of its own (`joblog.actors.viewing`), which has a double of
the client's session. Here the client waits for its replies, as in a blocking command.
Nothing that it does there is seen in the present: no command or error is counted,
none is slow, and no look-up hits or misses.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from joblog.app.errors import CommandError
from joblog.app.reply import BLOCKED
from joblog.app.state.inquiries import RunInPast
from joblog.app.state.visits import (
    facts_of,
    is_of_present,
    may_be_of_present,
    take_facts,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.access import Access
    from joblog.app.engine.blocking import Blocking
    from joblog.app.engine.outbox import Outbox
    from joblog.app.state.session import Session
    from joblog.app.state.visits import Visit
    from joblog.app.users.users import Users
    from joblog.app.words import Argv


class Visits:
    """Has commands run in the past, and gives clients what comes from there."""

    def __init__(
        self, outbox: Outbox, blocking: Blocking, access: Access, users: Users
    ) -> None:
        """Make the visits of an engine, that of the present.

        Args:
            outbox: takes what is asked of the past.
            blocking: lets clients wait.
            access: is told what is refused there.
            users: know what each may do, there too.
        """
        self._outbox = outbox
        self._users = users
        self._blocking = blocking
        self._access = access

    def run(
        self,
        session: Session,
        commands: list[Argv],
        run: Callable[[Session, list[Argv]], bytes],
    ) -> bytes:
        """Run what one read of a client brought that looks at the past.

        Args:
            session: the client's, in the present.
            commands: in order.
            run: runs a batch in the present, which takes over from CLIENT AT on.

        Returns:
            The encoded replies that there are yet, one behind the other. The others
            come when the client, whose batch is postponed, waits no longer.
        """
        replies = []
        place = 0
        while place < len(commands) and not session.is_closing:
            visit = session.past
            argv = commands[place]
            if visit is None:
                replies.append(run(session, commands[place:]))
                break
            if is_of_present(argv, visit):
                replies.append(run(session, [argv]))
                place += 1
                if session.postponed is not None:
                    session.postponed = commands[place:]
                    break
                if session.held_ms:
                    self._outbox.rest = commands[place:]
                    break
            elif visit.ended is not None:
                replies.append(self._refuse(visit, [argv]))
                place += 1
            else:
                until = place + 1
                while until < len(commands) and not may_be_of_present(commands[until]):
                    until += 1
                self._send(visit, commands[place:until])
                session.postponed = commands[until:]
                break
        return b"".join(replies)

    def _send(self, visit: Visit, commands: list[Argv]) -> None:
        """Have commands run in the past; the client waits for the replies."""
        visit.sent = commands
        session = visit.session
        user = self._users.find(session.user)
        assert user is not None, "its clients would have been closed"
        facts = facts_of(session, None if user.may_do_all else user.describe_rights())
        inquiry = RunInPast(session, visit.number, facts, commands)
        self._outbox.ask(inquiry)
        self._blocking.await_answer(inquiry, partial(self._receive, inquiry, visit))

    def _receive(self, inquiry: RunInPast, visit: Visit) -> Any:
        """Give a client the replies that came from the past."""
        if inquiry.answer is not BLOCKED:
            data, facts, is_closing, refusals = inquiry.answer
            visit.sent = []
            session = visit.session
            session.is_closing = is_closing
            take_facts(session, facts)
            visit.is_queueing = facts.is_queueing
            for refusal in refusals:
                self._access.note_in_past(session, refusal)
            self._blocking.let_go(session, data)
        return BLOCKED

    def end(self, visits: list[Visit], text: bytes) -> None:
        """Tell clients why they see their moment no longer, whatever they ask.

        They are not put back to the present, whose answers they do not expect.
        """
        for visit in visits:
            visit.ended = text
            session = visit.session
            if visit.sent and session.past is visit and session.waiter is not None:
                commands, visit.sent = visit.sent, []
                self._blocking.let_go(session, self._refuse(visit, commands))

    def _refuse(self, visit: Visit, commands: list[Argv]) -> bytes:
        """Return the error, encoded, as the answer to each of some commands."""
        assert visit.ended is not None
        replies = []
        for _ in commands:
            error = CommandError(visit.ended)
            replies.append(self._outbox.what_is_sent(visit.session, error, 0))
        return b"".join(replies)
