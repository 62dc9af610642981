"""UnsyncedAge: for how long the oldest record that is not durable has been waiting."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.command_log import CommandLog

_MS_PER_SECOND: Final = 1000
_SAMPLES_MAX: Final = 7200
"""After two hours without a sync the oldest samples are thinned out."""


class UnsyncedAge:
    """Looks now and then how far the log is, which costs an append nothing.

    A record that a look did not see yet is younger than the look, so an age is too
    high by the time between two looks at the most, and never too low.
    """

    def __init__(self, steady_ms: Callable[[], int] = clock.steady_ms) -> None:
        """Begin with a log of which all is durable."""
        self._steady_ms = steady_ms
        self._looks: deque[tuple[int, int]] = deque()

    def look_at(self, log: CommandLog) -> dict[str, int]:
        """Return how far a log is, by the names of the fields of INFO."""
        last_seq, synced_seq = log.last_seq, log.synced_seq
        return {
            "log_last_seq": last_seq,
            "log_synced_seq": synced_seq,
            "log_unsynced_records": last_seq - synced_seq,
            "log_unsynced_seconds": self.look(last_seq, synced_seq),
            "log_size_bytes": log.size_bytes,
            "log_first_seq": log.first_seq,
            "log_segments": len(log.segments),
        }

    def look(self, last_seq: int, synced_seq: int) -> int:
        """Return the age in whole seconds, rounded up; 0 where all is durable.

        Args:
            last_seq: the last record of the log.
            synced_seq: the last one that is durable.
        """
        looks = self._looks
        now_ms = self._steady_ms()
        while len(looks) > 1 and looks[1][1] <= synced_seq:
            looks.popleft()
        age_ms = now_ms - looks[0][0] if looks and synced_seq < last_seq else 0
        looks.append((now_ms, last_seq))
        if len(looks) > _SAMPLES_MAX:
            self._looks = deque([looks[0], *list(looks)[1::2]])
        return -(-age_ms // _MS_PER_SECOND)
