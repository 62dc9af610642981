"""Faults at random in a cluster under load, for as long as asked.

    python -m tests.crash.jepsen.run --minutes 60

A cluster lives for some twenty faults; then all must be as `checks` says, and a new one
begins, with other settings. Each fault lasts for up to some seconds; in a third of the
cases another one begins before it ends. Then clients must get answers again. Exit
status 1 where anything is wrong; what the servers had stays to be looked at, and the
seed, which says which faults there were, is told.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tests.crash.jepsen.checks import find_wrong
from tests.crash.jepsen.cluster import Cluster
from tests.crash.jepsen.faults import FAULTS, OF_DISKS
from tests.crash.jepsen.load import Load
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.jepsen.faults import Fault

FAULTS_OF_ONE = 20
LASTS_SECONDS = (0.1, 4.0)
CALM_SECONDS = (0.5, 2.0)
BACK_SECONDS = 90.0
ANSWERS = 20
SETTINGS = (
    *("--log-store-lease", "1000", "--log-store-timeout", "2000"),
    *("--replica-serve-stale-data", "no"),
)


class Report(NamedTuple):
    """What became of one cluster.

    Attributes:
        faults: the name of each.
        answered: how many answers clients had.
        gaps: for each fault, the seconds from its end until there were answers again.
        wrong: what was wrong.
    """

    faults: list[str]
    answered: int
    gaps: list[float]
    wrong: list[str]


def play(
    seed: int,
    count: int,
    nodes: int = 3,
    among: Sequence[Fault] = (),
    lasts: tuple[float, float] = LASTS_SECONDS,
) -> Report:
    """Have faults befall a cluster.

    Args:
        seed: says which, when, and with which settings.
        count: how many.
        nodes: how many joblogs there are.
        among: which there are; all by default.
        lasts: how many seconds one lasts, from and to.
    """
    chance = random.Random(seed)
    policy = chance.choice(("always", "everysec", "no"))
    size = chance.choice(("65536", "67108864"))
    options = [*SETTINGS, "--appendfsync", policy, "--segment-bytes-max", size]
    cluster = Cluster(nodes, options)
    load = Load(cluster, seed)
    wrong: list[str] = []
    names: list[str] = []
    gaps: list[float] = []
    try:
        _await_answers(load)
        choice = list(among or (FAULTS + OF_DISKS if cluster.has_disks else FAULTS))
        while len(names) < count and not load.findings:
            time.sleep(chance.uniform(*CALM_SECONDS))
            endings = []
            for _ in range(2 if chance.random() < 1 / 3 else 1):
                fault = chance.choice(choice)
                names.append(fault.__name__)
                sys.stdout.write(f"{fault.__name__} ")
                sys.stdout.flush()
                endings.append(fault(cluster, chance))
                time.sleep(chance.uniform(*lasts))
            for ending in endings:
                ending()
            began = time.monotonic()
            cluster.bring_back()
            cluster.network.heal()
            _await_answers(load, cluster)
            gaps.append(time.monotonic() - began)
        load.end()
        for node in cluster.nodes:
            node.set_clock(0)
        wrong = list(find_wrong(cluster, load))
    except Exception as error:  # noqa: BLE001 - it is told, and what there is stays
        wrong.append(repr(error))
    finally:
        load.end()
        cluster.close(keep=bool(wrong))
    if wrong:
        wrong.append(f"what there was is in {cluster.home}")
    return Report(names, load.answered, gaps, wrong)


def _await_answers(load: Load, cluster: Cluster | None = None) -> None:
    """Wait until clients get answers."""
    before = load.answered

    def is_so() -> bool:
        if cluster is not None:
            cluster.bring_back()
        return load.answered >= before + ANSWERS

    wait_until(is_so, lambda: "no client gets an answer", seconds=BACK_SECONDS)


def main(words: Sequence[str] | None = None) -> int:
    """Play until the time is over; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.jepsen.run")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first cluster")
    parser.add_argument("--nodes", type=int, default=3, help="joblogs in a cluster")
    options = parser.parse_args(words)
    ends = time.monotonic() + options.minutes * 60
    faults = Counter[str]()
    gaps: list[float] = []
    seed, answered, wrong = options.seed, 0, 0
    while time.monotonic() < ends:
        report = play(seed, FAULTS_OF_ONE, options.nodes)
        faults.update(report.faults)
        gaps += report.gaps
        answered += report.answered
        sys.stdout.write(f"\nseed {seed}: {len(report.faults)} faults\n")
        sys.stdout.write("".join(f"WRONG {text}\n" for text in report.wrong))
        sys.stdout.flush()
        wrong += bool(report.wrong)
        seed += 1
    gaps = gaps or [0.0]
    sys.stdout.write(
        f"{seed - options.seed} clusters ({wrong} wrong), {faults.total()} faults, "
        f"{answered} answers; "
        f"answers came {statistics.median(gaps):.1f} s after a fault had ended (the "
        f"median), at the latest {max(gaps):.1f} s\n"
    )
    for name, count in faults.most_common():
        sys.stdout.write(f"  {count:4}  {name}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
