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
from joblog.app.reply import BLOCKED, NO_REPLY, NULL_ARRAY
from joblog.app.state.waiters import Place, Serve, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from joblog.app.engine.engine import Engine
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context, Session
    from joblog.app.state.inquiries import Inquiry

_HEAP_SLACK: Final = 1024
_HELD_MS: Final = 100
"""When to look again whether clients may be served whose time has come meanwhile."""


_Queue = OrderedDict[Waiter, None]


class Blocking:
    """Who waits for which key, in which order, and until when.

    Attributes:
        ready: places that were touched and are waited for, in order.
        woken: (client id, encoded reply) of those who wait no longer. The engine's
            driver empties it.
        timeouts: a heap of (steady time in ms, number of a waiter). Some wait no more:
            numbers are left behind, and nothing of the client.
    """

    def __init__(self, engine: Engine) -> None:
        """Make the blocking of an engine; nobody waits yet."""
        self._engine = engine
        self.ready: dict[Place, None] = {}
        self.woken: list[tuple[int, bytes]] = []
        self.timeouts: list[tuple[int, int]] = []
        self._timed: dict[int, Waiter] = {}
        self._queues: dict[Place, dict[type | None, _Queue]] = {}
        self._order = count()
        self._is_listening = False

    def wait(
        self,
        keys: Iterable[bytes],
        timeout_ms: int,
        kind: type | None,
        serve: Serve,
        *,
        at_timeout: Any = NULL_ARRAY,
        inside_unit: Any = NULL_ARRAY,
        is_sharing: bool = False,
        retry: Callable[[Context], int] | None = None,
    ) -> Any:
        """Serve the client now, or let it wait; return this from the handler.

        Args, returns and raises: as of `Context.wait`, which handlers call.
        """
        engine = self._engine
        context = engine.context
        session = context.session
        if engine.unit is not None or engine.guards.is_read_only:
            # In the past nothing comes any more that could be waited for.
            reply = serve(context)
            return inside_unit if reply is BLOCKED else reply
        if session.has_hung_up():
            # It sent the command and died: what it would take would be lost.
            session.is_closing = True
            return NO_REPLY
        reply = serve(context)
        if reply is not BLOCKED:
            return reply
        index = context.db.index
        places = [(index, key) for key in keys]
        waiter = Waiter(session, places, kind, serve, at_timeout, is_sharing=is_sharing)
        self._add(waiter)
        if timeout_ms:
            deadline_ms = context.steady_ms + timeout_ms
            waiter.number = next(self._order)
            self._timed[waiter.number] = waiter
            heapq.heappush(self.timeouts, (deadline_ms, waiter.number))
        waiter.retry = retry
        self._plan_retry(waiter)
        return BLOCKED

    def _plan_retry(self, waiter: Waiter) -> None:
        """Have a client served again later, where it asks for that."""
        if waiter.retry is None:
            return
        context = self._engine.context
        self._timed.pop(waiter.retry_number, None)
        waiter.retry_number = next(self._order)
        self._timed[waiter.retry_number] = waiter
        at_ms = context.steady_ms + waiter.retry(context)
        heapq.heappush(self.timeouts, (at_ms, waiter.retry_number))

    def await_answer(self, inquiry: Inquiry, serve: Serve) -> None:
        """Let a client wait for the answer to what it has asked, however long it takes.

        Args:
            inquiry: the question; CLIENT UNBLOCK does not let its client go on.
            serve: as of `wait`; it may call `let_go` in place of returning a reply.
        """
        waiter = Waiter(inquiry.session, (), None, serve, BLOCKED, is_sharing=False)
        waiter.inquiry = inquiry
        self._add(waiter)

    def let_go(self, session: Session, data: bytes) -> None:
        """Let a client go on whose replies are encoded already."""
        assert session.waiter is not None
        self._end(session.waiter, 0, is_failure=False)
        session.last_ms = self._engine.context.steady_ms
        self.woken.append((session.id, data))

    def retry(self, session: Session) -> None:
        """Serve a client that waits for something else than a touch, which has come."""
        context = self._engine.context
        running, database = context.session, context.db
        if session.waiter is not None:
            self._try(session.waiter)
        context.session, context.db = running, database

    def unblock(self, session: Session, *, is_error: bool) -> bool:
        """Let a client go on, as if its time were over or with an error (UNBLOCK).

        Returns:
            Whether it waited.
        """
        waiter = session.waiter
        if waiter is None or waiter.at_timeout is BLOCKED:
            return False
        if is_error:
            self._finish(waiter, CommandError(errors.UNBLOCKED))
        else:
            self._finish(waiter, waiter.at_timeout)
        return True

    def forget(self, session: Session) -> None:
        """Forget a client that is gone."""
        if session.waiter is not None:
            self._remove(session.waiter)

    def expire(self) -> None:
        """Let those go on whose time is over; serve those who asked for it by now."""
        timeouts, steady_ms = self.timeouts, self._engine.context.steady_ms
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
                heapq.heappush(timeouts, (steady_ms + _HELD_MS, number))

    # --- serving -------------------------------------------------------------------

    def serve(self) -> None:
        """Serve those who wait for what became ready.

        Never inside of an EXEC or a script: they end first. While the server is paused
        or cannot write, what is ready stays so; `Engine.cron` comes back to it.
        """
        if not self._may_serve():
            return
        context = self._engine.context
        session, database = context.session, context.db
        while self.ready:
            ready, self.ready = self.ready, {}
            for place in ready:
                self._serve_place(place)
        context.session, context.db = session, database

    def _may_serve(self) -> bool:
        engine = self._engine
        return not engine.pause.is_on and engine.guards.disk_error is None

    def _serve_place(self, place: Place) -> None:
        queues = self._queues.get(place)
        if queues is None:
            return
        index, key = place
        database = self._engine.keyspace.databases[index]
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
        engine, session = self._engine, waiter.session
        if session.has_hung_up():
            engine.disconnect(session)
            return True
        command = waiter.command
        if session.is_limited and command is not None:
            why = engine.access.why_not(session, command, waiter.argv, Door.WAKE)
            if why is not None:
                self._finish(waiter, CommandError(why))
                return True
        context = engine.context
        context.session, context.db = session, session.db
        keyspace = engine.keyspace
        changes, hits, misses = keyspace.changes, keyspace.hits, keyspace.misses
        started = perf_counter_ns()
        try:
            reply = waiter.serve(context)
        except CommandError as error:
            reply = error.with_traceback(None)
        keyspace.hits, keyspace.misses = hits, misses
        if keyspace.changes != changes:
            engine.record(session, waiter.argv)
        if reply is BLOCKED:
            self._plan_retry(waiter)
            return False
        self._finish(waiter, reply, perf_counter_ns() - started)
        return True

    def _finish(self, waiter: Waiter, reply: Any, nanoseconds: int = 0) -> None:
        """Let a client go on with its reply, which took some time to make."""
        engine, session = self._engine, waiter.session
        is_failure = isinstance(reply, CommandError)
        self._end(waiter, nanoseconds, is_failure=is_failure)
        if is_failure:
            engine.guards.count_error(reply)
        session.last_ms = engine.context.steady_ms
        if session.reply_mode != "on" and engine.guards.withholds(session):
            reply = NO_REPLY
        self.woken.append((session.id, encode(reply, session.resp)))

    def _end(self, waiter: Waiter, nanoseconds: int, *, is_failure: bool) -> None:
        """Count the command that a client has waited in: now it has ended."""
        self._remove(waiter)
        engine, command = self._engine, waiter.command
        if command is None:
            return
        counts = engine.server.counts[command.number]
        counts.calls += 1
        counts.failed += is_failure
        counts.nanoseconds += nanoseconds
        spent_ns = waiter.spent_ns + nanoseconds
        if engine.server.config.latency_tracking:
            counts.note_delay(spent_ns)
        if spent_ns > engine.slow_above_ns:
            engine.guards.note_slow(waiter.session, command, waiter.argv, spent_ns)

    # --- queues --------------------------------------------------------------------

    def _add(self, waiter: Waiter) -> None:
        session = waiter.session
        session.waiter = waiter
        session.has_news = True
        for place in waiter.places:
            queues = self._queues.setdefault(place, {})
            queues.setdefault(waiter.kind, OrderedDict())[waiter] = None
        self._engine.server.blocked_clients += 1
        if not self._is_listening:
            self._is_listening = True
            self._engine.observers.add_listener(self._note, self._note_replaced)

    def _remove(self, waiter: Waiter) -> None:
        server = self._engine.server
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
            self._engine.observers.remove_listener(self._note, self._note_replaced)

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
            self._engine.look_after_command()

    def _note_replaced(self, database: Database, _: Database | None) -> None:
        for place in self._queues:
            if place[0] == database.index:
                self.ready[place] = None
                self._engine.look_after_command()
