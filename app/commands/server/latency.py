"""LATENCY: delays that were noticed, by event.

An event is `command` or `fast-command`, for one that took at least
latency-monitor-threshold. How long each command took is kept while latency-tracking is
on; see `delays`.

Source: Redis 7.0.15; see tests/parity/test_latency.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import Verbatim
from joblog.app.table.delays import histogram_usec
from joblog.app.table.table import COMMANDS, Command, Flag, command, every_command
from joblog.app.table.tips import ALL, NODES, RANDOM, SPECIAL
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_GRAPH_ROWS: Final = 4
_GRAPH_COLUMNS: Final = 80
_GRAPH_LEVELS: Final = b"_o#"
_GRAPH_BELOW: Final = ord("|")


@command(
    "LATENCY LATEST",
    arity=2,
    flags=_ADMIN,
    group="server",
    since="2.8.13",
    summary="Return the newest delay of each event.",
    complexity="O(1)",
    tips=(RANDOM, NODES, SPECIAL),
)
def latency_latest(ctx: Context) -> list[Any]:
    """Return for each event: name, when, milliseconds, and the longest ever."""
    state = ctx.server
    return [
        [event, *samples[-1], state.latency_peaks[event]]
        for event, samples in state.latencies.items()
    ]


@command(
    "LATENCY HISTORY",
    arity=3,
    flags=_ADMIN,
    group="server",
    since="2.8.13",
    summary="Return the delays of an event, at most 160, the oldest first.",
    complexity="O(1)",
    tips=(RANDOM, NODES, SPECIAL),
)
def latency_history(ctx: Context, event: bytes) -> list[Any]:
    """Return [when, milliseconds] for each."""
    return [list(sample) for sample in ctx.server.latencies.get(event, ())]


@command(
    "LATENCY RESET",
    arity=-2,
    flags=_ADMIN,
    group="server",
    since="2.8.13",
    summary="Forget the delays of some events, or of all.",
    complexity="O(1)",
    tips=(NODES, ALL),
)
def latency_reset(ctx: Context, *event: bytes) -> int:
    """Return how many events were forgotten."""
    state = ctx.server
    known = [
        name for name in event or tuple(state.latencies) if name in state.latencies
    ]
    for name in set(known):
        del state.latencies[name]
        del state.latency_peaks[name]
    return len(set(known))


@command(
    "LATENCY GRAPH",
    arity=3,
    flags=_ADMIN,
    group="server",
    since="2.8.13",
    summary="Draw the delays of an event.",
    complexity="O(1)",
    tips=(RANDOM, NODES, SPECIAL),
)
def latency_graph(ctx: Context, event: bytes) -> Verbatim:
    """Return columns of characters, one for each delay, the oldest left."""
    samples = ctx.server.latencies.get(event)
    if not samples:
        raise CommandError(errors.no_latency_samples(event))
    delays = [milliseconds for _, milliseconds in samples]
    lines = [
        b"%b - high %d ms, low %d ms (all time high %d ms)"
        % (event, max(delays), min(delays), ctx.server.latency_peaks[event]),
        b"-" * _GRAPH_COLUMNS,
    ]
    heights = _heights(delays)
    ages = [_age(ctx.now_ms // 1000 - at_seconds) for at_seconds, _ in samples]
    for start in range(0, len(delays), _GRAPH_COLUMNS):
        columns = slice(start, start + _GRAPH_COLUMNS)
        lines += [b""] if start else []
        lines += _bars(heights[columns])
        lines.append(b" " * len(heights[columns]))
        lines += _downwards(ages[columns])
    return Verbatim(b"txt", b"\n".join([*lines, b""]))


def _heights(delays: list[int]) -> list[int]:
    """Return how high the bar of each delay is, in steps above the lowest."""
    low, steps = min(delays), len(_GRAPH_LEVELS) * _GRAPH_ROWS
    reach = max(max(delays) - low, 1)
    return [min((delay - low) * steps // reach, steps - 1) for delay in delays]


def _bars(heights: list[int]) -> list[bytes]:
    """Return the rows of a bar chart, the top row first."""
    steps = len(_GRAPH_LEVELS)
    return [
        bytes(_piece(height - row * steps) for height in heights)
        for row in reversed(range(_GRAPH_ROWS))
    ]


def _piece(level: int) -> int:
    """Return what is seen of a bar in a row above which it rises so many steps."""
    if level < 0:
        return ord(" ")
    return _GRAPH_LEVELS[level] if level < len(_GRAPH_LEVELS) else _GRAPH_BELOW


def _downwards(words: list[str]) -> list[bytes]:
    """Return rows in which each word is a column."""
    height = max(map(len, words))
    return [
        "".join(word[row] if row < len(word) else " " for word in words).encode()
        for row in range(height)
    ]


def _age(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


@command(
    "LATENCY DOCTOR",
    arity=2,
    flags=_ADMIN,
    group="server",
    since="2.8.13",
    summary="Report delays in words.",
    complexity="O(1)",
    tips=(RANDOM, NODES, SPECIAL),
)
def latency_doctor(ctx: Context) -> Verbatim:
    """Return a line for each event, or how to turn the monitor on."""
    state = ctx.server
    if not state.config.latency_monitor_threshold:
        text = (
            "Delays are not being noted. To note those of 100 ms and more: "
            "CONFIG SET latency-monitor-threshold 100\n"
        )
    elif not state.latencies:
        text = "No delay reached latency-monitor-threshold so far.\n"
    else:
        text = "".join(
            f"{event.decode()}: {len(samples)} delays, {_mean(samples)} ms on average, "
            f"{state.latency_peaks[event]} ms at most. SLOWLOG GET shows them.\n"
            for event, samples in state.latencies.items()
        )
    return Verbatim(b"txt", text.encode())


def _mean(samples: Any) -> int:
    return int(sum(milliseconds for _, milliseconds in samples) // len(samples))


@command(
    "LATENCY HISTOGRAM",
    arity=-2,
    flags=_ADMIN,
    group="server",
    since="7.0.0",
    summary="Return how long commands took, as histograms.",
    complexity="O(N) for N commands",
    tips=(RANDOM, NODES, SPECIAL),
)
def latency_histogram(ctx: Context, *command_name: bytes) -> dict[bytes, Any]:
    """Return calls and histogram of each command that ran while tracking was on."""
    found = _named(command_name) if command_name else every_command()
    return {
        made.name.encode(): {
            b"calls": sum(delays.values()),
            b"histogram_usec": histogram_usec(delays),
        }
        for made in found
        if (delays := ctx.server.counts[made.number].delays())
    }


def _named(names: tuple[bytes, ...]) -> list[Command]:
    """Return commands by name; a container stands for its subcommands."""
    found = []
    for name in names:
        container, _, subcommand = name.upper().partition(b"|")
        made = COMMANDS.get(container)
        if made is not None and subcommand:
            made = made.subcommands.get(subcommand)
        if made is not None:
            found += [made, *made.subcommands.values()]
    return found


add_help("LATENCY", group="server", since="2.8.13")
