"""Blocking: clients that wait for keys, and who is served when a key becomes ready.

A handler that may block says with `Context.wait` what it waits for:

    def blpop(ctx: Context, key: bytes, *rest: bytes) -> Any:
        *others, timeout = rest
        keys = (key, *others)
        serve = partial(_pop_first, keys=keys)     # serve(ctx) -> a reply, or BLOCKED
        return ctx.wait(keys, timeout_ms(timeout), List, serve)

`serve` is called at once. Where it returns BLOCKED ("there is nothing for me") the
client becomes a waiter: its connection is not read on, and `serve` is called again, for
the waiting client, whenever one of the keys was touched and holds a value of the kind.
What it returns or raises then is the client's reply; what it records (`ctx.record`) has
that client for its origin, with the command as it was given. So the same few lines
serve a command at once and later; they look at the keys in the order of the arguments,
check first and change last.

    touch -> Observers -> ready: places that somebody waits for
    end of the command, EXEC or script -> serve(): waiters of each ready place, in the
        order in which they began to wait, while there is something for them
    -> woken: (client id, encoded reply), which the driver delivers; it then runs what
        the client had sent behind the blocking command

A place is (database index, key). Waiters hang in one queue for each place and kind of
value, so a key that holds another type costs nothing, and 10,000 waiters on a list with
one element cost as much as one. Before a waiter is served its connection is asked
whether the peer is still there: what is popped for a dead client would be lost.

Source: Redis 7.2; see tests/parity/test_blocking.py.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from itertools import count
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.engine.access import Door
from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode
from joblog.app.reply import BLOCKED, NO_REPLY
from joblog.app.state.alarm import PAUSE
from joblog.app.state.session import Place, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.access import Access
    from joblog.app.engine.clients import Clients
    from joblog.app.engine.observers import Observers
    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.slow_commands import SlowCommands
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context
    from joblog.app.state.inquiries import Inquiry
    from joblog.app.state.session import Session

_HEAP_SLACK: Final = 1024
_AGAIN_MS: Final = 100
"""When to look again whether clients may be served whose time has come meanwhile."""


_Queue = OrderedDict[Waiter, None]


class Blocking:
    """Who waits for which key, in which order, and until when.

    Attributes:
        ready: places that were touched and are waited for, in order.
        timeouts: a heap of (steady time in ms, number of a waiter). Some wait no more:
            numbers are left behind, and nothing of the client.
    """

    def __init__(
        self,
        context: Context,
        observers: Observers,
        outbox: Outbox,
        access: Access,
        clients: Clients,
        slow_commands: SlowCommands,
    ) -> None:
        """Make the blocking of an engine; nobody waits yet.

        Args:
            context: the engine's.
            observers: tell of touched keys.
            outbox: takes what is recorded, and the replies of those who wait no longer.
            access: says whether a client may still do what it waits for.
            clients: close who is gone.
            slow_commands: keep commands that took long.
        """
        self._context = context
        self._observers = observers
        self._outbox = outbox
        self._access = access
        self._clients = clients
        self._slow_commands = slow_commands
        self.ready: dict[Place, None] = {}
        self.timeouts: list[tuple[int, int]] = []
        self._timed: dict[int, Waiter] = {}
        self._queues: dict[Place, dict[type | None, _Queue]] = {}
        self._order = count()
        self._is_listening = False

    def add(self, waiter: Waiter, timeout_ms: int = 0) -> None:
        """Let a client wait; see `Context.wait`, which handlers call.

        Args:
            waiter: the client, what it waits for, and how it is served.
            timeout_ms: how long; 0 for ever.
        """
        session = waiter.session
        session.waiter = waiter
        session.has_news = True
        for place in waiter.places:
            queues = self._queues.setdefault(place, {})
            queues.setdefault(waiter.kind, OrderedDict())[waiter] = None
        self._context.server.blocked_clients += 1
        if not self._is_listening:
            self._is_listening = True
            self._observers.add_observer(self._note, self._note_replaced)
        if timeout_ms:
            waiter.number = self._set_timer(waiter, timeout_ms)
        self._plan_retry(waiter)

    def _set_timer(self, waiter: Waiter, wait_ms: int) -> int:
        """Have a waiter looked at after a time; return by which number."""
        number = next(self._order)
        self._timed[number] = waiter
        heapq.heappush(self.timeouts, (self._context.steady_ms + wait_ms, number))
        if self.timeouts[0][1] == number:  # else the driver comes by earlier
            self._outbox.is_timer_due = True
        return number

    def _plan_retry(self, waiter: Waiter) -> None:
        """Have a client served again later, where it asks for that."""
        if waiter.retry is None:
            return
        self._timed.pop(waiter.retry_number, None)
        waiter.retry_number = self._set_timer(waiter, waiter.retry())

    def await_answer(self, inquiry: Inquiry, serve: Callable[[], Any]) -> None:
        """Let a client wait for the answer to what it has asked, however long it takes.

        Args:
            inquiry: the question; CLIENT UNBLOCK does not let its client go on.
            serve: called when it is there; it may call `let_go`, and return BLOCKED.
        """
        waiter = Waiter(inquiry.session, serve, BLOCKED)
        waiter.inquiry = inquiry
        self.add(waiter)

    def let_go(self, session: Session, data: bytes) -> None:
        """Let a client go on whose replies are encoded already."""
        assert session.waiter is not None
        self._end(session.waiter, 0, is_failure=False)
        session.last_ms = self._context.steady_ms
        self._outbox.woken.append((session.id, data))

    def retry(self, session: Session) -> None:
        """Serve a client that waits for something else than a touch, which has come."""
        context = self._context
        running, database = context.session, context.db
        if session.waiter is not None:
            self._try(session.waiter)
        context.session, context.db = running, database

    def unblock(
        self, session: Session, *, is_error: bool, text: bytes = errors.UNBLOCKED
    ) -> bool:
        """Let a client go on, as if its time were over or with an error (UNBLOCK).

        Returns:
            Whether it waited.
        """
        waiter = session.waiter
        if waiter is None or waiter.at_timeout is BLOCKED:
            return False
        if is_error:
            self._finish(waiter, CommandError(text))
        else:
            self._finish(waiter, waiter.at_timeout)
        return True

    def change_part(self, session: Session) -> None:
        """Let a client go that waits: the server is a replica from now on."""
        if self.unblock(session, is_error=True, text=errors.PART_HAS_CHANGED):
            session.is_closing = True

    def forget(self, session: Session) -> None:
        """Forget a client that is gone."""
        if session.waiter is not None:
            self._remove(session.waiter)

    def expire(self) -> None:
        """Let those go on whose time is over; serve those who asked for it by now."""
        timeouts, steady_ms = self.timeouts, self._context.steady_ms
        while timeouts and timeouts[0][0] <= steady_ms:
            number = heapq.heappop(timeouts)[1]
            waiter = self._timed.get(number)
            if waiter is None:
                continue
            if number == waiter.number:
                self._finish(waiter, waiter.at_timeout)
            elif self._may_serve():
                self.retry(waiter.session)
            else:
                heapq.heappush(timeouts, (steady_ms + _AGAIN_MS, number))
        if self.timeouts:
            self._outbox.is_timer_due = True

    # --- serving -------------------------------------------------------------------

    def serve(self) -> None:
        """Serve those who wait for what became ready.

        Never inside of an EXEC or a script: they end first. While the server is paused
        or cannot write, what is ready stays so; `Upkeep` comes back to it.
        """
        if not self._may_serve():
            return
        context = self._context
        session, database = context.session, context.db
        while self.ready:
            ready, self.ready = self.ready, {}
            for place in ready:
                self._serve_place(place)
        context.session, context.db = session, database

    def _may_serve(self) -> bool:
        alarm = self._context.server.alarm
        return alarm.disk_error is None and not alarm.has(PAUSE)

    def _serve_place(self, place: Place) -> None:
        queues = self._queues.get(place)
        if queues is None:
            return
        index, key = place
        database = self._context.keyspace.databases[index]
        kind = type(database.peek(key))
        queue = queues.get(kind)
        if queue is not None:
            if next(iter(queue)).is_sharing:
                for waiter in list(queue):
                    self._try(waiter)
            else:
                while queue and type(database.values.get(key)) is kind:
                    if not self._try(next(iter(queue))):
                        break
        for waiter in list(queues.get(None, ())):
            self._try(waiter)

    def _try(self, waiter: Waiter) -> bool:
        """Serve a waiter if there is something for it; say whether it is done with."""
        context, session = self._context, waiter.session
        if session.has_hung_up():
            self._clients.disconnect(session)
            return True
        command = waiter.command
        if session.is_limited and command is not None:
            why = self._access.why_not(session, command, waiter.argv, Door.WAKE)
            if why is not None:
                self._refuse(waiter, CommandError(why))
                return True
        context.session, context.db = session, session.db
        keyspace = context.keyspace
        changes, hits, misses = keyspace.changes, keyspace.hits, keyspace.misses
        started = perf_counter_ns()
        try:
            reply = waiter.serve()
        except CommandError as error:
            reply = error.with_traceback(None)
        keyspace.hits, keyspace.misses = hits, misses
        if keyspace.changes != changes:
            self._outbox.record(session, waiter.argv)
        if reply is BLOCKED:
            self._plan_retry(waiter)
            return False
        self._finish(waiter, reply, perf_counter_ns() - started)
        return True

    def _refuse(self, waiter: Waiter, error: CommandError) -> None:
        """Let a client go on whose command may not run any more: it is no call."""
        self._remove(waiter)
        server, command = self._context.server, waiter.command
        if command is not None:
            server.counts[command.number].rejected += 1
        server.count_error(error)
        self._answer(waiter.session, error)

    def _finish(self, waiter: Waiter, reply: Any, nanoseconds: int = 0) -> None:
        """Let a client go on with its reply, which took some time to make."""
        is_failure = isinstance(reply, CommandError)
        self._end(waiter, nanoseconds, is_failure=is_failure)
        if is_failure:
            self._context.server.count_error(reply)
        self._answer(waiter.session, reply)

    def _answer(self, session: Session, reply: Any) -> None:
        session.last_ms = self._context.steady_ms
        if session.reply_mode != "on" and session.withholds():
            reply = NO_REPLY
        self._outbox.woken.append((session.id, encode(reply, session.resp)))

    def _end(self, waiter: Waiter, nanoseconds: int, *, is_failure: bool) -> None:
        """Count the command that a client has waited in: now it has ended."""
        self._remove(waiter)
        server, command = self._context.server, waiter.command
        if command is None:
            return
        counts = server.counts[command.number]
        counts.calls += 1
        counts.failed += is_failure
        counts.nanoseconds += nanoseconds
        spent_ns = waiter.spent_ns + nanoseconds
        if server.config.latency_tracking:
            counts.note_delays(spent_ns, 1)
        if spent_ns > self._slow_commands.above_ns:
            self._slow_commands.note(waiter.session, command, waiter.argv, spent_ns)

    def forget_ready(self) -> None:
        """Serve nobody what has become ready: nothing goes by what memory has."""
        self.ready.clear()

    # --- queues --------------------------------------------------------------------

    def _remove(self, waiter: Waiter) -> None:
        server = self._context.server
        waiter.session.waiter = None
        self._timed.pop(waiter.number, None)
        self._timed.pop(waiter.retry_number, None)
        server.blocked_clients -= 1
        for place in waiter.places:
            queues = self._queues[place]
            queue = queues[waiter.kind]
            del queue[waiter]
            if not queue:
                del queues[waiter.kind]
                if not queues:
                    del self._queues[place]
        if len(self.timeouts) > 2 * server.blocked_clients + _HEAP_SLACK:
            timed = self._timed
            self.timeouts = [one for one in self.timeouts if one[1] in timed]
            heapq.heapify(self.timeouts)

    def rest(self) -> None:
        """Observe keys no longer if nobody waits any more.

        Not done with the last waiter: a worker that waits, takes and waits again would
        have all databases marked anew each time.
        """
        if self._is_listening and not self._queues:
            self._is_listening = False
            self._observers.remove_observer(self._note, self._note_replaced)

    def awaited_keys(self) -> int:
        """Return how many keys clients wait for."""
        return len(self._queues)

    def awaited_removals(self) -> int:
        """Return of how many of them clients want to know that they are gone too."""
        return sum(None in queues for queues in self._queues.values())

    def _note(self, database: Database, key: bytes, _: bytes) -> None:
        place = (database.index, key)
        if place in self._queues:
            self.ready[place] = None

    def _note_replaced(self, database: Database, _: Database | None) -> None:
        for place in self._queues:
            if place[0] == database.index:
                self.ready[place] = None
