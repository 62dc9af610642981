"""A fuzz of the wire: hostile clients of every kind beside one of good faith.

    python -m tests.fuzz.run --seconds 600
    python -m tests.fuzz.run --cases 1000000
    python -m tests.fuzz.run --seed 7 --replay 1234 1240

Each case is a connection, or some, that does what no client of good faith does
(`tests.fuzz.behaviours`, `tests.fuzz.killings`, `tests.fuzz.endings`), or a stream of
bytes for the parser alone (`tests.fuzz.parsing`). The server must live, answer the
others in time, have its memory and files back at each rest, and lose nothing that was
acknowledged. Exit status 1 where anything is wrong, with the line that plays it again.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import sys
import time

from tests.fuzz.playing import Run, fuzz

ROUND_SECONDS = 20.0
FOREVER = 10**9
WORST_SECONDS_MAX = 30.0


def say(text: str) -> None:
    """Write a line."""
    print(text, flush=True)  # noqa: T201 - it runs by hand and in CI


def allow_open_files() -> None:
    """Let this process open as many files as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def report(run: Run, seconds: float) -> None:
    """Say what was played and measured."""
    play = run.play
    say(
        f"{play.counts.total():,} cases in {seconds:,.0f} s, "
        f"{play.connections:,} connections, {len(play.sizes)} rests"
    )
    for name, count in play.counts.most_common(15):
        say(f"  {count:>9,} {name}")
    if play.sizes:
        first, last = play.sizes[0], play.sizes[-1]
        most = max(size.kib for size in play.sizes)
        say(
            f"memory {first.kib:,} KiB at the first rest, {last.kib:,} at the last, "
            f"{most:,} at most; open files {first.files} and {last.files}"
        )
    if (seen := run.watched) is not None:
        say(
            f"the watcher: {seen.asked:,} replies, {seen.busy:,} of them BUSY; median "
            f"{seen.median * 1000:.2f} ms, p99 {seen.p99 * 1000:.1f} ms, worst "
            f"{seen.worst * 1000:.0f} ms; {len(seen.acknowledged):,} keys are there"
        )


def main() -> int:
    """Fuzz as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--cases", type=int, default=FOREVER)
    parser.add_argument("--round-seconds", type=float, default=ROUND_SECONDS)
    parser.add_argument("--replay", type=int, nargs="+", help="only these cases")
    options = parser.parse_args()
    seconds = options.seconds
    if seconds is None:
        is_bounded = options.replay or options.cases != FOREVER
        seconds = FOREVER if is_bounded else 120.0
    allow_open_files()
    say(f"seed {options.seed}")
    started = time.monotonic()
    numbers = options.replay or range(options.cases)
    run = fuzz(options.seed, numbers, seconds, options.round_seconds)
    report(run, time.monotonic() - started)
    for finding in run.play.findings:
        say(f"FOUND {finding}")
    if run.play.findings:
        say(f'again: make fuzz ARGS="--seed {options.seed} --replay NUMBER..."')
        return 1
    say("nothing was found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
