"""What questions cost on a long log, beside another build of `replay`.

    python -m tests.bench.replay_answers LOG [OTHER_REPLAY [OTHER_LOG]]

LOG is a data folder whose index is made (`replay index LOG`), such as one that
`tests.bench.queue_history` wrote. OTHER_REPLAY is the program of another build, and
OTHER_LOG a copy of the log with an index of its own. A line for each question: the
processor time of each build in seconds, their ratio, and the most memory in MiB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from joblog.replay.index.finder import LogIndex
from joblog.storage.filesystem import FileSystem

_AUDITED_SHARE = 0.92
_RANGE_RECORDS = 20_000
_RECORDS_A_JOB = 10
_KIB_A_MIB = 1024


class Cost(NamedTuple):
    """What a program took: processor time in seconds, memory in MiB."""

    seconds: float
    memory: float


def questions(last_seq: int, job_id: str) -> dict[str, list[str]]:
    """Return the questions by what they are called; DIR stands for the log."""
    since = f"@{round(last_seq * _AUDITED_SHARE)}"
    middle = last_seq // 2
    return {
        "jobs --lost": ["jobs", "DIR", "--lost"],
        "jobs": ["jobs", "DIR"],
        "jobs --since": ["jobs", "DIR", "--since", since],
        "jobs, a range": ["jobs", "DIR", f"@{middle}..@{middle + _RANGE_RECORDS}"],
        "top": ["top", "DIR"],
        "top --since": ["top", "DIR", "--since", since],
        "audit": ["audit", "DIR", f"{since}..now"],
        "stats": ["stats", "DIR"],
        "job": ["job", "DIR", job_id],
        "history": ["history", "DIR", "queue:mail", "-n", "5"],
        "revert": ["revert", "DIR", f"@{last_seq * 7 // 10}"],
        "bisect": ["bisect", "DIR", "@1000..now", "--check", _condition(last_seq)],
    }


def _condition(last_seq: int) -> str:
    """Return Lua that no longer holds at two thirds of the log or so."""
    most = last_seq // _RECORDS_A_JOB * 2 // 3
    return f"return tonumber(redis.call('GET', 'stat:done') or 0) < {most}"


def measure(program: str, words: list[str], folder: Path) -> Cost:
    """Run a program once, and return what it took."""
    argv = [program, *(str(folder) if word == "DIR" else word for word in words)]
    child = subprocess.Popen(
        [*argv, "--plain"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(child.pid, 0)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _KIB_A_MIB)


def main() -> None:
    """Measure every question, by one build or two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("other", nargs="?")
    parser.add_argument("other_log", type=Path, nargs="?")
    parser.add_argument("--job", default="j00000123")
    chosen = parser.parse_args()
    own = str(Path(sys.executable).with_name("replay"))
    with closing(LogIndex(chosen.log, FileSystem())) as index:
        last_seq = index.last_seq
    for name, words in questions(last_seq, chosen.job).items():
        cost = measure(own, words, chosen.log)
        line = f"{name:14} {cost.seconds:8.2f} s {cost.memory:6.0f} MiB"
        if chosen.other:
            before = measure(chosen.other, words, chosen.other_log or chosen.log)
            line += f" {before.seconds:8.2f} s {before.memory:6.0f} MiB"
            line += f" {before.seconds / cost.seconds:6.1f} times"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
