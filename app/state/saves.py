"""Saves: what SAVE, BGSAVE, BGREWRITEAOF and the `save` rules ask for, and what came.

Each ends in a snapshot, which a child process folds from the log: the engine's part is
to say that one is due, and to remember how it went. One is made at a time. Whatever
fails, the data is safe: it is in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.config import SavePoint

RETRY_MS: Final = 5000
"""After a failure the rules ask again no sooner; the same as in Redis."""

_RETRY_DOUBLED_MAX: Final = 6
"""Each failure in a row doubles that, up to some five minutes."""

TIDY_MS: Final = 60_000
"""So often at the least it is looked whether a segment has become too old."""

URGENT_TIDY_MS: Final = 10_000
"""And so often while the disk is full."""

_MS_PER_SECOND: Final = 1000


class Saves:
    """The snapshots of one server.

    Attributes:
        running: "save" or "rewrite" while a snapshot is asked for or made, "tidy" while
            the log is pruned or packed, else "".
        scheduled: what comes when that is done, else "".
        is_due: whether the driver is to have one made; it sets this back.
        asked: how often a snapshot was asked for. One that is begun now covers all.
        covered: how many of those the one that is made covers.
        is_ok: whether the last one succeeded.
        is_rewrite_ok: whether the last one that BGREWRITEAOF asked for did.
        last_seq: the record that the newest snapshot goes up to; 0 for none.
        last_at_ms: when the last one succeeded, by the wall clock; all other times are
            of the clock that nobody sets.
        took_seconds: how long the last one took, -1 for none.
        rewrite_took_seconds: the same of the last that BGREWRITEAOF asked for.
        count: how many succeeded since the start.
        progress: what the child last said: keys and records so far.
        count_changes: counts all changes since the start; the driver sets it.
        has_waiters: whether a client waits for the one under way, or the next (SAVE).
        is_reload_saving: whether DEBUG wants a snapshot before the state is loaded.
        trouble: why the log was last not pruned or packed; "" where it was.
        error: why the last snapshot failed; "" where it did not.
        proven: how often a fold was compared with what memory had.
        differences: how often they were not the same: a bug.
    """

    def __init__(self, steady_ms: int, at_ms: int) -> None:
        """Begin at the time of the start, which counts as a save.

        Args:
            steady_ms: the time, of the clock that nobody sets.
            at_ms: the time of day, in ms since the epoch.
        """
        self.running = ""
        self.scheduled = ""
        self.is_due = False
        self.asked = self.covered = 0
        self.is_ok = self.is_rewrite_ok = True
        self.last_seq = 0
        self.last_at_ms = at_ms
        self._last_ms = steady_ms
        self.took_seconds = self.rewrite_took_seconds = -1
        self.count = self.rewrites = 0
        self.began_ms = steady_ms
        self.count_changes: Callable[[], int] = lambda: 0
        self._changes_begun = self._changes_saved = 0
        self.has_waiters = False
        self.progress: dict[str, Any] = {}
        self.proven = self.differences = 0
        self.is_reload_saving = False
        self.trouble = self.error = ""
        self._failed_ms = self._failures = 0
        self._tidied_ms = 0
        self._tidied_segments = 0

    def ask(self, kind: str, steady_ms: int) -> None:
        """Have a snapshot made, at once or when the one under way is done."""
        self.asked += 1
        if self.running:
            self.scheduled = kind
        else:
            self._begin(kind, steady_ms)

    def _begin(self, kind: str, steady_ms: int) -> None:
        self.running = kind
        self.covered = self.asked
        self.began_ms = steady_ms
        self._changes_begun = self.count_changes()
        self.progress = {}
        self.is_due = True

    def end(
        self, seq: int, steady_ms: int, at_ms: int, *, is_ok: bool, error: str = ""
    ) -> None:
        """Note how the snapshot under way came out; begin the one that is scheduled.

        Args:
            seq: the record that it goes up to.
            steady_ms: the time, of the clock that nobody sets.
            at_ms: the time of day, in ms since the epoch.
            is_ok: whether it succeeded.
            error: why not.
        """
        took = max((steady_ms - self.began_ms) // _MS_PER_SECOND, 0)
        self.trouble = self.progress.get("trouble", "")
        if self.running == "rewrite":
            self.is_rewrite_ok, self.rewrite_took_seconds = is_ok, took
            self.rewrites += is_ok
        elif self.running == "save":
            self.is_ok, self.took_seconds = is_ok, took
            self.count += is_ok
        self.error = "" if is_ok else error
        self._failed_ms = steady_ms
        self._failures = 0 if is_ok else self._failures + 1
        if is_ok and (seq or self.running != "tidy"):
            self.last_seq, self.last_at_ms, self._last_ms = seq, at_ms, steady_ms
            self._changes_saved = self._changes_begun
        self._tidied_ms = steady_ms
        self.running, kind = "", self.scheduled
        self.progress = {}
        self.scheduled = ""
        self.has_waiters = self.has_waiters and bool(kind)
        if kind:
            self._begin(kind, steady_ms)

    @property
    def changes(self) -> int:
        """How many changes the newest snapshot does not have, as Redis counts them."""
        return self.count_changes() - self._changes_saved

    def note_all_saved(self) -> None:
        """Note that a snapshot has all changes so far: it was made to be loaded."""
        self._changes_saved = self.count_changes()

    def consider(self, points: tuple[SavePoint, ...], steady_ms: int) -> None:
        """Have a snapshot made where a `save` rule asks for one.

        Args:
            points: the rules.
            steady_ms: the time, of the clock that nobody sets.
        """
        if self.running or self._is_too_soon(steady_ms):
            return
        changes = self.changes
        since_ms = steady_ms - self._last_ms
        for point in points:
            is_enough = changes >= max(point.changes, 1)
            if is_enough and since_ms > point.seconds * _MS_PER_SECOND:
                self.ask("save", steady_ms)
                return

    def _is_too_soon(self, steady_ms: int) -> bool:
        """Say whether the rules have to wait, each time that it fails twice as long."""
        if not self._failures:
            return False
        wait_ms = RETRY_MS << min(self._failures - 1, _RETRY_DOUBLED_MAX)
        return steady_ms - self._failed_ms < wait_ms

    def look_again(self) -> None:
        """Have it looked soon whether the log can be pruned: something has changed."""
        self._tidied_segments = 0

    def consider_tidying(
        self, segments: int, steady_ms: int, *, is_urgent: bool = False
    ) -> None:
        """Have the log pruned and packed where that may be due.

        It may be when a segment was sealed, and now and then because of their age.

        Args:
            segments: how many there are.
            steady_ms: the time, of the clock that nobody sets.
            is_urgent: whether the disk is full.
        """
        # Those that were pruned count no more: the next seal is one more again.
        self._tidied_segments = min(self._tidied_segments, segments)
        if self.running or (self._is_too_soon(steady_ms) and not is_urgent):
            return
        has_more = segments > max(self._tidied_segments, 1)
        tidy_ms = URGENT_TIDY_MS if is_urgent else TIDY_MS
        if has_more or steady_ms - self._tidied_ms >= tidy_ms:
            self._tidied_segments = segments
            self._tidied_ms = steady_ms
            self.ask("tidy", steady_ms)

    def note(self, fields: dict[str, Any]) -> None:
        """Take what the child says; see `joblog.app.history.folding`."""
        self.progress.update(fields)
        self.differences += fields.get("differences", 0)
        self.proven += fields.get("proven", 0)
