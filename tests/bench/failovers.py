"""How long there is no master: `python -m tests.bench.failovers [NAME=VALUE ...]`.

Three servers, of which one is the master, are watched by real Sentinels, and a
client pushes numbers by way of these. The master is killed (SIGKILL) or stopped
(SIGSTOP) by turns, and comes back once another has taken over. For each set of servers:

    without a master   seconds between two pushes that were answered: median, longest
    lost               numbers that were answered and are gone at the end
    doubled            numbers that are there twice

Replication is asynchronous, so some answered numbers may be lost, here as with Redis,
where `reply_after` is 0: with 1 or more (of sets without Redis) none may be.
Names, and what they are where not given: `failovers` (30, of each set), `sets`
(joblog,redis,mixed), `sentinel` (redis; or valkey), `sentinels` (3), `reply_after` (0;
reply-after-replicas of the joblogs), and `down_ms`
(2000; with 1000 a Sentinel may take a new master for down at once, since it tries a
link once a second, and promote another; what the first was told is lost then).
"""

from __future__ import annotations

import statistics
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.sentinels import (
    NAME,
    Watched,
    Writer,
    redis_sentinel,
    valkey_sentinel,
)
from tests.support.servers import start_joblog, start_redis

_SETS = {
    "joblog": [start_joblog] * 3,
    "redis": [start_redis] * 3,
    "mixed": [start_joblog, start_redis, start_joblog],
}
_SENTINELS = {"redis": redis_sentinel, "valkey": valkey_sentinel}
_SETTINGS = {
    "failovers": "30",
    "sets": "joblog,redis,mixed",
    "sentinel": "redis",
    "sentinels": "3",
    "down_ms": "2000",
    "reply_after": "0",
}


def main(words: list[str]) -> None:
    settings = _SETTINGS | dict(word.split("=", 1) for word in words)
    sentinel = _SENTINELS[settings["sentinel"]]
    holding = ("--reply-after-replicas", settings["reply_after"])
    for name in settings["sets"].split(","):
        starts = [
            partial(start, *holding) if start is start_joblog else start
            for start in _SETS[name]
        ]
        with (
            TemporaryDirectory() as folder,
            Watched(
                Path(folder),
                starts,
                sentinel,
                sentinels=int(settings["sentinels"]),
                down_ms=int(settings["down_ms"]),
            ) as watched,
        ):
            _fail_over(name, watched, int(settings["failovers"]))


def _fail_over(name: str, watched: Watched, failovers: int) -> None:
    writer = Writer(watched)
    gaps: dict[str, list[float]] = {"kill": [], "stop": []}
    try:
        for number in range(failovers):
            kind = ("kill", "stop")[number % 2]
            writer.wait_for_more(writer.count())
            first = writer.count()
            failed = watched.fail(kind)
            watched.wait_for_another(failed)
            writer.wait_for_more(writer.count())
            gaps[kind].append(writer.longest_gap(first))
            watched.bring_back(failed, kind)
            watched.wait_until_whole()
    finally:
        answered = writer.stop()
    client = watched.client().master_for(NAME)
    kept = [int(one) for one in client.lrange("numbers", 0, -1)]
    lost = len(set(answered) - set(kept))
    told = [f"{name:7}"]
    for kind, seconds in gaps.items():
        if seconds:
            middle = statistics.median(seconds)
            told.append(f"{kind} {middle:.2f} s, longest {max(seconds):.2f} s")
    told.append(f"{len(answered)} answered, {lost} lost")
    told.append(f"{len(kept) - len(set(kept))} doubled")
    sys.stdout.write("   ".join(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
