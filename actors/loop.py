"""The event loop: sockets, the run queue of cooperative actors, timers, and wake-ups.

One turn (a tick):

    poll -> call the owner of each ready socket -> run actors until no mail is left
         (and in between, whenever many commands have come) -> call what is due

All of it happens in one thread. Other threads may only `wake` the loop, which mail to a
cooperative actor does by itself. `run_once` may be called from inside a tick: that is
how sockets are served while a script runs for long.

What a callback raises never leaves a tick: whom it was about ends it, or the server
stops (see `joblog.actors.failures`).
"""

from __future__ import annotations

import heapq
import os
import select
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, final

from joblog.actors.inbox import Inbox, Receiver
from joblog.app.state.traffic import Traffics

READ = select.EPOLLIN if hasattr(select, "epoll") else selectors.EVENT_READ
WRITE = select.EPOLLOUT if hasattr(select, "epoll") else selectors.EVENT_WRITE

HANG_UP = getattr(select, "EPOLLRDHUP", 0)
"""The peer has closed its side; told even while nothing is read, where epoll is."""

GONE = getattr(select, "EPOLLHUP", 0) | getattr(select, "EPOLLERR", 0)
"""The connection is closed on both sides, or broken; told whatever is waited for."""

Callback = Callable[[], None]
Ready = Callable[[int], None]

_IDLE_SECONDS = 3600.0
_WAKES_READ = 4096
_COMMANDS_AT_ONCE = 200
_TIMERS_SLACK = 256


class Timer:
    """A call that is due at a time; `cancel` keeps it from happening."""

    __slots__ = ("callback", "owner")

    def __init__(self, callback: Callback, owner: Receiver | None = None) -> None:
        """Make a timer; `Loop.call_later` does."""
        self.callback: Callback | None = callback
        self.owner = owner

    def cancel(self) -> None:
        """Do not call."""
        self.callback = None


@final
class _Call(Receiver):
    """Leads from a ready file descriptor to a callback."""

    __slots__ = ("_ready",)

    def __init__(self, ready: Ready) -> None:
        self._ready = ready

    def on_ready(self, events: int) -> None:
        self._ready(events)


class _SelectorsPoll:
    """The `select.epoll` interface where there is none (kqueue and the like)."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fd: int, events: int) -> None:
        self._selector.register(fd, events)

    def modify(self, fd: int, events: int) -> None:
        if events:
            try:
                self._selector.modify(fd, events)
            except KeyError:
                self._selector.register(fd, events)
        else:
            self._selector.unregister(fd)

    def unregister(self, fd: int) -> None:
        try:
            self._selector.unregister(fd)
        except KeyError:
            return

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return [(key.fd, events) for key, events in self._selector.select(timeout)]

    def close(self) -> None:
        self._selector.close()


class Loop:
    """The loop of one server.

    Attributes:
        run_queue: inboxes with mail, in the order in which it came. Only the loop's own
            thread adds to it.
        ticks: how many turns there were.
        commands_read: how many commands came in since actors last ran; whoever reads
            them counts.
        traffic: what was read and written; whoever does so counts it.
        on_bug: called with an exception that costs more than whom it was about.
    """

    def __init__(self) -> None:
        """Make a loop that watches nothing but its own wake-up."""
        self.run_queue: list[Inbox] = []
        self._drained = 0
        self.commands_read = 0
        self.traffic = Traffics()
        self._from_threads: deque[tuple[Any, Any]] = deque()
        self.ticks = 0
        self._poll = select.epoll() if hasattr(select, "epoll") else _SelectorsPoll()
        self._ready: dict[int, Receiver] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._timers_at_most = _TIMERS_SLACK
        self._soon: deque[Timer] = deque()
        self.on_bug: Callable[[Exception], None] = _raise
        self._order = count()
        self._is_stopped = False
        self.thread_id = threading.get_ident()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self.watch(self._wake_read, READ, self._on_wake)

    # --- sockets -----------------------------------------------------------------

    def watch(self, fd: int, events: int, ready: Ready) -> None:
        """Call `ready(events)` whenever a file descriptor is ready."""
        self.serve(fd, events, _Call(ready))

    def serve(self, fd: int, events: int, receiver: Receiver) -> None:
        """Call the receiver whenever a file descriptor is ready."""
        self._ready[fd] = receiver
        try:
            self._poll.register(fd, events)
        except FileExistsError:
            # It was watched before, and `unwatch` failed.
            self._poll.modify(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Wait for other events of a watched file descriptor; 0 for none."""
        self._poll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forget a file descriptor; call it before closing."""
        if self._ready.pop(fd, None) is not None:
            try:
                self._poll.unregister(fd)
            except OSError:
                # Nobody is called for it any more, and to close it is to unregister.
                return

    # --- time --------------------------------------------------------------------

    def call_later(
        self, seconds: float, callback: Callback, owner: Receiver | None = None
    ) -> Timer:
        """Call back once after a while, from the loop; a failure is the owner's."""
        if len(self._timers) >= self._timers_at_most:
            self._drop_cancelled()
        timer = Timer(callback, owner)
        due = time.monotonic() + seconds
        heapq.heappush(self._timers, (due, next(self._order), timer))
        return timer

    def _drop_cancelled(self) -> None:
        """Forget timers that nobody waits for: some would be due in days."""
        timers = self._timers
        # In place: one may be made while the due ones are called.
        timers[:] = [one for one in timers if one[2].callback is not None]
        heapq.heapify(timers)
        self._timers_at_most = 2 * len(timers) + _TIMERS_SLACK

    def call_soon(self, callback: Callback, owner: Receiver | None = None) -> None:
        """Call back in the next tick, after the sockets were served."""
        self._soon.append(Timer(callback, owner))

    def wake(self) -> None:
        """End the wait for sockets; any thread may call it, and a signal handler."""
        try:
            os.write(self._wake_write, b"\0")
        except OSError:
            # The pipe is full of wake-ups, and one more would say nothing new. Where it
            # fails otherwise, the next tick looks for what is new in any case.
            return

    def post_from_thread(self, inbox: Any, message: Any) -> None:
        """Leave mail from another thread, in an inbox or what stands in for one."""
        self._from_threads.append((inbox, message))
        self.wake()

    # --- running -----------------------------------------------------------------

    def run(self) -> None:
        """Run ticks until `stop`, which may have been called before."""
        self.thread_id = threading.get_ident()
        while not self._is_stopped:
            try:
                self.run_once()
            except Exception as error:  # noqa: BLE001 - whatever it is
                self.on_bug(error)
        self._is_stopped = False

    def stop(self) -> None:
        """End `run` after the tick under way; the next, if none is."""
        self._is_stopped = True
        self.wake()

    def run_once(self, timeout: float | None = None) -> None:
        """Run one tick.

        Args:
            timeout: how long to wait for sockets, in seconds; None for as long as
                nothing else is due.
        """
        self.ticks += 1
        if timeout is None:
            timeout = self._seconds_to_wait()
        ready = self._ready
        for fd, events in self._poll.poll(timeout):
            # An earlier callback of this tick may have closed it.
            receiver = ready.get(fd)
            if receiver is not None:
                try:
                    receiver.on_ready(events)
                except Exception as error:  # noqa: BLE001 - it costs its owner
                    self._contain(receiver, error)
                # Many clients with pipelines are not read all before any is served:
                # what the caches hold is used, and the first clients need not wait.
                if self.commands_read >= _COMMANDS_AT_ONCE:
                    self.run_actors()
        if self._from_threads:
            self._take_from_threads()
        self.run_actors()
        if self._soon:
            for _ in range(len(self._soon)):
                self._call(self._soon.popleft())
            self.run_actors()
        if self._timers and self._timers[0][0] <= time.monotonic():
            self._call_due()
            self.run_actors()

    def run_actors(self) -> None:
        """Let actors take their mail until none is left."""
        queue = self.run_queue
        while self._drained < len(queue):
            # A place in the queue rather than a shorter queue: a tick inside of a drain
            # goes on from it, and leaves nothing to the tick outside.
            self._drained += 1
            inbox = queue[self._drained - 1]
            try:
                inbox.drain()
            except Exception as error:  # noqa: BLE001 - it costs its receiver
                self._contain(inbox.receiver, error)
                inbox.queue_again()
        queue.clear()
        self._drained = 0
        self.commands_read = 0

    def close(self) -> None:
        """Give up the loop's own file descriptors."""
        self.unwatch(self._wake_read)
        self._poll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _seconds_to_wait(self) -> float:
        if self._soon or self.run_queue or self._from_threads:
            return 0.0
        if not self._timers:
            return _IDLE_SECONDS
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _call_due(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            self._call(heapq.heappop(self._timers)[2])

    def _call(self, timer: Timer) -> None:
        callback = timer.callback
        if callback is None:
            return
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - it costs its owner
            self._contain(timer.owner, error)

    def _contain(self, owner: Receiver | None, error: Exception) -> None:
        """Let a failure cost its owner; the server, where that is not enough."""
        if owner is None or not owner.on_failure(error):
            self.on_bug(error)

    def _on_wake(self, _: int) -> None:
        try:
            while len(os.read(self._wake_read, _WAKES_READ)) == _WAKES_READ:
                continue
        except OSError:
            # Nothing is left to read; or it failed, and is tried again at once.
            return

    def _take_from_threads(self) -> None:
        while self._from_threads:
            inbox, message = self._from_threads.popleft()
            inbox.post(message)


def _raise(error: Exception) -> None:
    """Do what a loop does whose owner has nothing better to do about a bug."""
    raise error
