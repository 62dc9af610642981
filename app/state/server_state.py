"""What a server knows of itself: settings, statistics, clients, slow commands."""

from __future__ import annotations

import secrets
import time
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.app import clock
from joblog.app.clock import Jumps
from joblog.app.state.alarm import LOADING, Alarm
from joblog.app.state.buffers import RecentMax
from joblog.app.state.cluster import Cluster
from joblog.app.state.heap import Excess, Gauge
from joblog.app.state.replicas import Replicas
from joblog.app.state.replication import Replication
from joblog.app.state.saves import Saves
from joblog.app.state.traffic import Traffics
from joblog.app.table.delays import TICK_BITS, Delays, delays_of, note_delays
from joblog.app.table.table import REGISTERED
from joblog.app.users.denials import REASONS, Denials
from joblog.app.users.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.config import Config
    from joblog.app.errors import CommandError
    from joblog.app.state.links import Dial
    from joblog.app.state.session import Session

_STATISTICS: Final = (
    "total_connections_received",
    "sync_full",
    "sync_partial_ok",
    "sync_partial_err",
    "rejected_connections",
    "accept_errors",
    "client_errors",
    "inquiry_errors",
    "expired_keys",
    "expired_fields",
    "evicted_keys",
    "evicted_clients",
    "total_error_replies",
    "unexpected_error_replies",
    "client_query_buffer_limit_disconnections",
    "client_output_buffer_limit_disconnections",
    *REASONS.values(),
)
_PAST_STATUS: Final = (
    "past_views",
    "past_views_opening",
    "past_views_memory",
    "past_views_clients",
    "total_past_views_opened",
    "total_past_views_refused",
    "total_past_views_ended",
)
_RATES: Final = (
    *("commands", "input", "output", "input_repl", "output_repl", "cycles"),
)
_RATE_SAMPLES: Final = 16
"""Rates are the mean of so many samples, which the engine takes ten times a second."""

_CODE_BYTES_MAX: Final = 31
_CODES_MAX: Final = 128
_OTHER_CODES: Final = b"ERRORSTATS_OVERFLOW"

LATENCY_SAMPLES_MAX: Final = 160
"""Samples that are kept of each latency event, as in Redis."""


class SlowCommand(NamedTuple):
    """One entry of the slow log."""

    id: int
    at_seconds: int
    microseconds: int
    argv: list[bytes]
    address: bytes
    name: bytes


class CallCounts:
    """What is counted of the calls of one command.

    Attributes:
        calls: how often it ran. nanoseconds: for how long in all.
        failed: how often it ended in an error. rejected: refused before it ran.
        ticks, long_delays: how long it took, if tracked; see `joblog.app.table.delays`.
        untimed: how many calls by scripts the next that is timed stands for as well.
        untimed_most: how many there may be.
    """

    __slots__ = (
        "calls",
        "failed",
        "long_delays",
        "nanoseconds",
        "rejected",
        "ticks",
        "untimed",
        "untimed_most",
    )

    def __init__(self) -> None:
        """Make the counts of a command that was not called."""
        self.calls = self.nanoseconds = 0
        self.failed = self.rejected = self.untimed = self.untimed_most = 0
        self.ticks: list[int] = []
        self.long_delays: Delays = {}

    def reset(self) -> None:
        """Count from zero, whoever counts a call that is under way included."""
        self.calls = self.nanoseconds = 0
        self.failed = self.rejected = self.untimed = self.untimed_most = 0
        self.ticks.clear()
        self.long_delays.clear()

    def note_delays(self, nanoseconds: int, times: int) -> None:
        """Count how long some calls took each."""
        ticks, tick = self.ticks, nanoseconds >> TICK_BITS
        if tick < len(ticks):
            count: int = ticks[tick]  # a quarter faster than to add in place
            ticks[tick] = count + times
        else:
            note_delays(ticks, self.long_delays, nanoseconds, times)

    def note_time(self, nanoseconds: int, *, is_tracked: bool) -> None:
        """Count how long one call by a script took, and those that it stands for."""
        times, self.untimed = self.untimed + 1, 0
        self.nanoseconds += times * nanoseconds
        if is_tracked:
            self.note_delays(nanoseconds, times)

    def delays(self) -> Delays:
        """Return how many calls took how long, of those that were tracked."""
        if self.untimed and self.ticks:
            mean_ns = self.nanoseconds // (self.calls - self.untimed)
            self.untimed -= 1  # one of them stands for the others
            self.note_time(mean_ns, is_tracked=True)
        return delays_of(self.ticks, self.long_delays)


class Rate:
    """How fast a counter rises, as the mean over the last second and a half."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        """Make the rate of a counter that has not been looked at."""
        self._samples: deque[tuple[int, int]] = deque(maxlen=_RATE_SAMPLES + 1)

    def sample(self, steady_ms: int, count: int) -> None:
        """Note what the counter says now."""
        self._samples.append((steady_ms, count))

    def reset(self) -> None:
        """Forget what the counter has said: it begins anew."""
        self._samples.clear()

    def per_second(self) -> float:
        """Return the rise in a second; 0 until there are two samples."""
        if not self._samples:
            return 0.0
        (first_ms, first), (last_ms, last) = self._samples[0], self._samples[-1]
        if last_ms <= first_ms:
            return 0.0
        return max(last - first, 0) * 1000 / (last_ms - first_ms)


class ServerState:
    """Settings, counters and clients, as INFO, CLIENT and SLOWLOG report them.

    Attributes:
        config: all settings.
        counts: what is counted of the calls of each command, by its number.
        now_ms, steady_ms: the wall clock, and the one that nobody sets; commands go by
            the time of their context.
        alarm: the reasons to look at every command.
        memory: how much is in use; excess: for how long it was too much.
        has_log: False while the server keeps no log.
        is_recording: whether it makes records: it has a log, and that is not taken from
            a master.
        is_log_synced: tells whether all that was appended is durable; the driver sets
            it.
        log_facts: tells how far the log goes, what is not appended yet included; None
            while the server keeps no log.
        is_loading: whether the log is being folded.
        saves: the snapshots that are made, and how they went.
        users: who there is, and what each may do; denials: what was refused to whom.
        sessions: the clients by id.
        blocked_clients: how many of them wait in a blocking command.
        statistics: counters by the name of their INFO field.
        error_codes: how many error replies had each code.
        slow_commands: the newest first.
        latencies: (seconds since the epoch, milliseconds) of each event, oldest first.
        latency_peaks: the longest of each event, in milliseconds.
        script_times: calls and nanoseconds of each script, by its SHA-1 or its name;
            None where nobody asks (`metrics-port`).
        expires_unasked: whether keys that are due go before they are asked for.
        is_cron_paused: whether idle clients and expired keys are left alone.
        admits_debugging_scripts: whether scripts may call DEBUG and its like.
        skips_checksums: whether RESTORE takes a payload with a wrong checksum.
        tell_operator: writes a line of a kind to the server's log file, but not too
            many; the driver sets it (see `operator_lines`).
        supervised: `systemd` or `upstart` where that is told how the server is.
        dial: connects to another server; the driver sets it (see `links.Link`).
        replication: whom the server follows; replicas: who follows it.
        client_ids: the numbers of clients to come.
        rates: `commands`, `input`, `output` and `cycles`, which the engine has sampled.
        traffic: what was read and written; the driver sets the one that it counts in.
        loop_cycles: tells how many turns the event loop has made; the driver sets it.
        time_ns: the time that TIME tells, in ns since the epoch.
        jumps: what the wall clock was set by.
        recent_input: the most that waited of one command; recent_output: of the replies
            of one client.
        stopped_by: who asked for the stop; empty where nobody did.
        started_at_ms: when the server started, by the wall clock; `started_steady_ms`:
            by the one that nobody sets.
    """

    def __init__(
        self,
        config: Config,
        now_ms: Callable[[], int] = clock.now_ms,
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the state of a server that has just started.

        Args:
            config: the settings.
            now_ms: the wall clock.
            steady_ms: the clock that nobody sets.

        Raises:
            ConfigError: a user is not as it should be.
        """
        self.config, self.counts = config, [CallCounts() for _ in REGISTERED]
        self.now_ms, self.steady_ms = now_ms, steady_ms
        self.alarm, self.memory, self.excess = Alarm(), Gauge(), Excess()
        self.has_log = self.is_recording = True
        self.is_log_synced: Callable[[], bool] = lambda: False
        self.log_facts: Callable[[], dict[str, int | bytes]] | None = None
        self.run_id, self.client_ids = secrets.token_hex(20), count(1)
        self.replication, self.replicas = Replication(config, self.alarm), Replicas()
        self.replication.note_taking = self.judge_recording
        self.jumps, self.cluster = Jumps(now_ms, steady_ms), Cluster(config)
        self.started_at_ms, self.started_steady_ms = now_ms(), steady_ms()
        self.saves = Saves(self.started_steady_ms, self.started_at_ms)
        self.users, self.denials = Users(config), Denials()
        config.on_change(self.users.take_requirepass, "requirepass")
        self.sessions: dict[int, Session] = {}
        self.monitors: set[int] = set()
        self.blocked_clients = self.slow_commands_seen = self._cycles_before = 0
        self.slow_commands: deque[SlowCommand] = deque()
        self.latencies: dict[bytes, deque[tuple[int, int]]] = {}
        self.latency_peaks: dict[bytes, int] = {}
        self.statistics: dict[str, int] = dict.fromkeys(_STATISTICS, 0)
        self.error_codes: dict[bytes, int] = {}
        self.recent_input, self.recent_output = RecentMax(), RecentMax()
        self.rates, self.traffic = {name: Rate() for name in _RATES}, Traffics()
        self.loop_cycles: Callable[[], int] = lambda: 0
        self.time_ns: Callable[[], int] = time.time_ns
        self.loading: dict[str, int] = {}
        self.log_status: dict[str, Any] = {}
        self.archive_status: dict[str, Any] = {}
        self.anchor_status: dict[str, Any] = {}
        self.index_status: dict[str, Any] = {}
        self.key_status: dict[str, Any] = {}
        self.past_status: dict[str, int] = dict.fromkeys(_PAST_STATUS, 0)
        self.script_times = _begin_times(config)
        self.tell_operator: Callable[[str, str], None] | None = None
        self.dial: Dial | None = None
        self.expires_unasked = True
        self.is_loading = self.stop_requested = self.is_cron_paused = False
        self.admits_debugging_scripts = self.skips_checksums = False
        self.stopped_by, self.exit_code, self.supervised = "", 0, "no"

    def judge_recording(self) -> None:
        """Make records where there is a log that is this server's own."""
        self.is_recording = self.has_log and not self.replication.is_taking

    def set_loading(self, *, is_loading: bool) -> None:
        """Note that the log is being folded, or no longer."""
        self.is_loading = is_loading
        self.alarm.note(LOADING, holds=is_loading)

    def commands_processed(self) -> int:
        """Return how many commands ran since the statistics were last reset."""
        return sum([counts.calls for counts in self.counts])

    def cycles(self) -> int:
        """Return the turns of the event loop since the statistics were last reset."""
        return self.loop_cycles() - self._cycles_before

    def sample_rates(self, steady_ms: int) -> None:
        """Note how far the counters are; the engine calls it ten times a second."""
        self.rates["commands"].sample(steady_ms, self.commands_processed())
        self.rates["input"].sample(steady_ms, self.traffic.input_bytes())
        self.rates["output"].sample(steady_ms, self.traffic.output_bytes())
        links = self.traffic.links
        self.rates["input_repl"].sample(steady_ms, links.input_bytes)
        self.rates["output_repl"].sample(steady_ms, links.output_bytes)
        self.rates["cycles"].sample(steady_ms, self.cycles())

    def note_buffers(self, input_bytes: int, output_bytes: int) -> None:
        """Note what waits of one client's command, and of its replies."""
        steady_ms = self.steady_ms()
        self.recent_input.note(steady_ms, input_bytes)
        self.recent_output.note(steady_ms, output_bytes)

    def note_failure(self, error: CommandError, argv: list[bytes]) -> None:
        """Count the error of a command that ran; put it in the words of the call."""
        if not error.is_counted:  # else a script passes it on, in words of its own
            error.put_in_words_of(argv)
            self.count_error(error)

    def count_error(self, error: CommandError) -> None:
        """Count an error reply, by its code too.

        Scripts choose codes as they like, so only so many are told from each other.
        """
        if error.is_counted:
            return
        error.is_counted = True
        self.statistics["total_error_replies"] += 1
        code, space, _ = error.text[:_CODE_BYTES_MAX].partition(b" ")
        if not space:
            code = b"ERR"
        codes = self.error_codes
        if code not in codes and len(codes) >= _CODES_MAX:
            code = _OTHER_CODES
        codes[code] = codes.get(code, 0) + 1

    def note_latency(self, event: bytes, at_seconds: int, milliseconds: int) -> None:
        """Keep a delay for LATENCY: the longest of each second of each event."""
        samples = self.latencies.get(event)
        if samples is None:
            samples = self.latencies[event] = deque(maxlen=LATENCY_SAMPLES_MAX)
        self.latency_peaks[event] = max(self.latency_peaks.get(event, 0), milliseconds)
        if samples and samples[-1][0] == at_seconds:
            milliseconds = max(samples.pop()[1], milliseconds)
        samples.append((at_seconds, milliseconds))

    def reset_statistics(self) -> None:
        """Set counters back to zero, as CONFIG RESETSTAT does: not those of denials."""
        for name in self.statistics.keys() - REASONS.values():
            self.statistics[name] = 0
        self.traffic.reset()
        for rate in self.rates.values():
            rate.reset()
        self.error_codes.clear()
        self.excess.reset()
        self._cycles_before = self.loop_cycles()
        for counts in self.counts:
            counts.reset()


def _begin_times(config: Config) -> dict[bytes, tuple[int, int]] | None:
    return {} if config.metrics_port else None
