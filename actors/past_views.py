"""The views of the past (CLIENT AT): which there are, who looks at them, how long.

Each is a process of its own (`joblog.actors.viewing`), so that opening one takes
nothing from the others but idle processor time, and its memory is nobody else's and
comes back whole. Those who ask for the same moment share one, also while it is still
being opened. It ends when the last of them leaves, or where a setting bounds it.

    CLIENT AT -> OpenMoment -> a view: opening -> open -> a Visit for each who asked
    commands  -> RunInPast  -> the view's process -> the replies, encoded
"""

from __future__ import annotations

import logging
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.messages import Answered, PastEnded, PastStatus
from joblog.actors.past_process import PastProcess
from joblog.actors.viewing import FOUND, LEAVE, OPENED, ORDER, PIECE, REFUSED, RUN
from joblog.app import clock, errors
from joblog.app.errors import CommandError
from joblog.app.errors.general import one_line
from joblog.app.history.moments import Moment, MomentError, parse_moment
from joblog.app.history.opening import refusal
from joblog.app.state.process import human_bytes
from joblog.app.state.visits import ClientFacts, PastReplies, Refusal, Visit
from joblog.storage.disk import child_environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from joblog.actors.command_log import CommandLog
    from joblog.actors.inbox import Inbox
    from joblog.actors.loop import Loop
    from joblog.app.config import Config
    from joblog.app.state.inquiries import Inquiry, OpenMoment, RunInPast

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.1

_Key = tuple[Any, ...]


class _View:
    """One moment, open or being opened.

    Attributes:
        key: what makes the moment the same as another.
        process: where it is.
        asking: who waits for it, or has just been answered.
        visits: who looks at it, by the number of the visit, with the question then.
        running: what is being answered there, by the number of the visit.
        is_open: whether it is open.
        seq: the last record that has happened there, once it is.
        begun: when it began to be opened, by the clock that nobody sets, in s.
        used: when somebody last asked it anything, by the same clock.
        resident_bytes: the memory that its process holds.
    """

    def __init__(self, key: _Key) -> None:
        self.key = key
        self.process: PastProcess
        self.asking: list[OpenMoment] = []
        self.visits: dict[int, tuple[Visit, OpenMoment]] = {}
        self.running: dict[int, RunInPast] = {}
        self.is_open = False
        self.seq = 0
        self.begun = self.used = time.monotonic()
        self.resident_bytes = 0

    def forget_the_gone(self) -> bool:
        """Forget clients that left, whichever way; say whether any is left."""
        self.asking = [inquiry for inquiry in self.asking if inquiry.is_wanted]
        for number, (visit, inquiry) in list(self.visits.items()):
            if visit.session.past is not visit and not inquiry.is_wanted:
                del self.visits[number]
                self.running.pop(number, None)
                self.process.send(LEAVE, number)
        return bool(self.asking or self.visits)


class PastViews:
    """All views of the past of one server; the historian owns them."""

    def __init__(
        self, loop: Loop, folder: Path, log: CommandLog, config: Config, keyspace: Inbox
    ) -> None:
        """Make the views of a log; none is open.

        Args:
            loop: the loop to run on.
            folder: the data folder.
            log: the same log as it is written; asked only for its last number.
            config: the server's settings.
            keyspace: where answers go.
        """
        self._loop = loop
        self._folder = folder.resolve()
        self._log = log
        self._config = config
        self._keyspace = keyspace
        self._views: dict[_Key, _View] = {}
        self._dying: list[PastProcess] = []
        self._numbers = count(1)
        self._is_looking = False
        self._told: dict[str, int] = {}
        self._opened = self._refused = self._ended = 0

    def open(self, inquiry: OpenMoment) -> None:
        """Let a client look at a moment, once it is open."""
        try:
            moment = parse_moment(inquiry.text, clock.now_ms())
        except MomentError as error:
            self._answer(inquiry, refusal(error))
            return
        last_seq = self._log.last_seq
        if moment.seq is not None and moment.seq > last_seq:
            self._answer(inquiry, CommandError(errors.log_ends(last_seq)))
            return
        self._forget_the_gone()
        view = self._find_view(moment, last_seq, inquiry)
        if view is not None:
            view.asking.append(inquiry)
            if view.is_open:
                self._let_in(view)
        self._tell()

    def run(self, inquiry: RunInPast) -> None:
        """Have commands of a client run at the moment that it looks at."""
        for view in self._views.values():
            if inquiry.visit in view.visits:
                view.used = time.monotonic()
                view.running[inquiry.visit] = inquiry
                view.process.send(RUN, inquiry.visit, inquiry.facts, inquiry.commands)
                return
        # Else it has ended, and the client is about to be told.

    def end_all(self, reason: bytes) -> None:
        """End all views for a reason, which their clients are told."""
        for view in list(self._views.values()):
            self._end(view, reason)

    def close(self) -> None:
        """End all views; the server stops."""
        for view in list(self._views.values()):
            self._remove(view)
        for process in self._dying:
            process.reap()

    # --- opening -------------------------------------------------------------------

    def _find_view(
        self, moment: Moment, last_seq: int, inquiry: OpenMoment
    ) -> _View | None:
        """Return the view of a moment, which may be made for it; None if refused."""
        # A tag is the last moment of that name: a later record may move it.
        tag = None if moment.tag is None else (moment.tag, last_seq)
        key = (moment.seq, moment.at_ms, tag)
        view = self._views.get(key)
        if view is not None:
            return view
        if len(self._views) >= self._config.past_views_max:
            self._refused += 1
            text = errors.PAST_VIEWS_MAX % self._config.past_views_max
            self._answer(inquiry, CommandError(text))
            return None
        view = _View(key)
        try:
            view.process = PastProcess(
                self._loop,
                lambda message: self._hear(view, message),
                lambda: self._end(view, errors.PAST_DIED),
                child_environment(self._config.log_encryption_key_file),
            )
        except OSError as error:
            reason = one_line(str(error).encode(errors="replace"))
            self._answer(inquiry, CommandError(errors.PAST_NOT_OPENED % reason))
            return None
        databases = self._config.databases
        limit = self._config.past_view_memory_max
        view.process.send(ORDER, str(self._folder), databases, limit, moment)
        self._views[key] = view
        self._look_soon()
        return view

    def _hear(self, view: _View, message: list[Any]) -> None:
        """Take a message of a view's process."""
        kind, *rest = message
        if kind == FOUND:
            self._name(view, rest[0])
        elif kind == OPENED:
            view.is_open = True
            view.used = time.monotonic()
            view.seq = rest[0]
            self._opened += 1
            self._let_in(view)
        elif kind == REFUSED:
            text, is_limit = rest
            self._refused += is_limit
            self._refuse(view, text)
        else:
            self._take_replies(view, kind, *rest)
        self._tell()

    def _name(self, view: _View, seq: int) -> None:
        """Note which moment a tag is; it may be open already, for others."""
        key = (seq, None, None)
        other = self._views.get(key)
        if other is None:
            del self._views[view.key]
            view.key = key
            self._views[key] = view
            return
        other.asking += view.asking
        view.asking = []
        self._remove(view)
        if other.is_open:
            self._let_in(other)

    def _let_in(self, view: _View) -> None:
        """Begin the visits of those who wait for a view that is open."""
        for inquiry in view.asking:
            if inquiry.is_wanted:
                number = next(self._numbers)
                visit = Visit(number, inquiry.session, view.seq)
                view.visits[number] = (visit, inquiry)
                self._answer(inquiry, visit)
        view.asking = []

    def _refuse(self, view: _View, text: bytes) -> None:
        """Tell those who wait for a view that it is not to be."""
        for inquiry in view.asking:
            if inquiry.is_wanted:
                self._answer(inquiry, CommandError(text))
        view.asking = []
        self._remove(view)

    # --- replies -------------------------------------------------------------------

    def _take_replies(
        self,
        view: _View,
        kind: int,
        number: int,
        data: bytes,
        facts: list[Any] | None = None,
        is_closing: bool = False,  # noqa: FBT001, FBT002 - fields of a message
        refusals: Sequence[list[Any]] = (),
    ) -> None:
        inquiry = view.running.get(number)
        if inquiry is None:
            return  # the client is gone
        inquiry.pieces.append(data)
        if kind != PIECE:
            assert facts is not None
            view.used = time.monotonic()
            del view.running[number]
            data = b"".join(inquiry.pieces)
            inquiry.pieces.clear()
            refused = [Refusal(*one) for one in refusals]
            replies = PastReplies(data, ClientFacts(*facts), is_closing, refused)
            self._answer(inquiry, replies)

    def _answer(self, inquiry: Inquiry, answer: Any) -> None:
        inquiry.answer = answer
        self._keyspace.post(Answered(inquiry.session.id))

    # --- ending --------------------------------------------------------------------

    def _look_soon(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._loop.call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """See who has left, and what has become too old or too large."""
        self._is_looking = False
        self._dying = [each for each in self._dying if not each.is_reaped()]
        self._forget_the_gone()
        now = time.monotonic()
        for view in list(self._views.values()):
            view.resident_bytes = view.process.resident_bytes()
            self._bound(view, now)
        self._tell()
        if self._views or self._dying:
            self._look_soon()

    def _bound(self, view: _View, now: float) -> None:
        """End a view that has come to a bound of the settings."""
        config = self._config
        memory_max = config.past_view_memory_max
        seconds_max = config.past_view_seconds_max
        idle_max = config.past_view_idle_seconds_max
        if 0 < memory_max < view.resident_bytes:
            limit = human_bytes(memory_max).encode()
            text = errors.PAST_GREW if view.is_open else errors.PAST_TOO_LARGE
            self._end(view, text % limit)
        elif 0 < seconds_max < now - view.begun:
            text = errors.PAST_TOO_OLD if view.is_open else errors.PAST_TOO_SLOW
            self._end(view, text % seconds_max)
        elif view.is_open and not view.running and 0 < idle_max < now - view.used:
            self._end(view, errors.PAST_IDLE % idle_max)

    def _forget_the_gone(self) -> None:
        """Forget clients that have left, and views that nobody looks at any more."""
        for view in list(self._views.values()):
            if not view.forget_the_gone():
                self._remove(view)

    def _end(self, view: _View, reason: bytes) -> None:
        """End a view for a reason, which its clients are told when they next ask."""
        logger.warning(
            "a view of the past has ended, of %d clients: %s",
            len(view.visits) + len(view.asking),
            reason.decode(errors="replace"),
        )
        if not view.is_open:
            self._refused += 1
            is_whole = reason.startswith(b"ERR ")
            self._refuse(view, reason if is_whole else errors.PAST_NOT_OPENED % reason)
        else:
            self._ended += 1
            visits = [visit for visit, _ in view.visits.values()]
            self._remove(view)
            self._keyspace.post(PastEnded(visits, errors.PAST_ENDED % reason))
        self._tell()

    def _remove(self, view: _View) -> None:
        """Have done with a view: its process goes, and with it all that it held."""
        del self._views[view.key]
        view.visits.clear()
        view.running.clear()
        view.process.kill()
        self._dying.append(view.process)
        self._look_soon()

    def _tell(self) -> None:
        """Tell INFO, if there is news."""
        views = self._views.values()
        status = {
            "past_views": len(views),
            "past_views_opening": sum(not view.is_open for view in views),
            "past_views_memory": sum(view.resident_bytes for view in views),
            "past_views_clients": sum(len(view.visits) for view in views),
            "total_past_views_opened": self._opened,
            "total_past_views_refused": self._refused,
            "total_past_views_ended": self._ended,
        }
        if status != self._told:
            self._told = status
            self._keyspace.post(PastStatus(status))
