"""The real process under strace: each call that it makes fails, or is its last.

    python -m tests.crash.every_call --jobs 2

Three scenes cover a server's life; each is played once for every fault and every n, and
the n-th call of each thread and child meets the fault: it fails, or SIGKILL comes with
it. After that the server starts over what is left, and must have all that was
acknowledged, in order, and nothing that was never sent, in a sound log that folds to
the same digest.

    start    over a log of some segments, a snapshot and a torn tail; a few writes; stop
    run      writes that seal segments, while children fold, prune and pack
    child    the child alone: it folds a snapshot, prunes segments, packs others

A scene of its own for each, since the n-th call of one thread hides that of another
that comes later. Exit status 1 where anything is wrong. A few of all these points are
in `test_every_call.py`.
Promises 1, 4, 7, 8, 9, 10 and 12 of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING, NamedTuple, Self

from joblog.storage.filesystem import FileSystem
from joblog.storage.verify import verify_log
from tests.support.folding import FoldCheck
from tests.support.servers import ROOT, START_SECONDS, STOP_SECONDS, start_joblog

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = (
    *("--appendfsync", "always", "--segment-bytes-max", "6000"),
    *("--log-retention-bytes", "8000", "--log-compression", "zlib"),
)
TORN = b"\x20\x00\x00\x00torn"
OLD_WRITES, START_WRITES, RUN_WRITES = 40, 4, 26
SECONDS = START_SECONDS


class Fault(NamedTuple):
    """What happens at a call: an errno's name, or KILL."""

    call: str
    what: str

    def options(self, number: int) -> list[str]:
        """Return strace's options for it at the n-th call."""
        kind = "signal" if self.what == "KILL" else "error"
        inject = f"inject={self.call}:{kind}={self.what}:when={number}"
        return ["-e", f"trace={self.call}", "-e", inject]


FAULTS = (
    *(Fault(call, "KILL") for call in ("write", "fdatasync", "fsync")),
    *(Fault(call, "KILL") for call in ("rename", "ftruncate", "unlink")),
    *(Fault("write", error) for error in ("ENOSPC", "EIO")),
    *(Fault(call, "EIO") for call in ("fdatasync", "fsync")),
    *(Fault(call, "EIO") for call in ("rename", "ftruncate", "unlink")),
)


class Strike(NamedTuple):
    """What came of a fault: how the process took it, and which call it was."""

    outcome: str
    place: str


class WrongError(Exception):
    """The server lost something, made something up, or did not say what was wrong."""


def value(number: int) -> bytes:
    """Return the value of a write: its number, in some hundreds of bytes."""
    return b"%06d" % number * 100


class Scene:
    """A server, what was written to it, and strace.

    Attributes:
        server: the server, which may run or not.
    """

    name = ""

    def __init__(self, strace: str) -> None:
        """Start the server, and write until the log has some segments."""
        self._strace = strace
        self.acknowledged = self.sent = 0
        self.server = start_joblog(*SETTINGS)
        self._trace = self.server.folder.with_name("trace")
        self._kept = self.server.folder.with_name("kept")
        self.write(OLD_WRITES // 3)
        assert self.ask("SAVE") == b"+OK\r\n"
        self.write(OLD_WRITES - OLD_WRITES // 3)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and remove its folder."""
        self.server.__exit__()

    def strike(self, fault: Fault, number: int) -> Strike | None:
        """Play it with a fault at the n-th call; None where there was none.

        Raises:
            WrongError: something is wrong afterwards.
        """
        try:
            outcome = self.play(fault, number)
            place = self._find_place(fault, number)
            if place is None and outcome == "killed":
                place = f"{fault.call} of another"
            self.check()
        except (AssertionError, RuntimeError, OSError, TimeoutExpired) as error:
            raise WrongError(
                f"{self.name}: {fault.what} at {fault.call} {number}: {error}"
            ) from error
        return Strike(outcome, place) if place is not None else None

    def play(self, fault: Fault, number: int) -> str:
        """Do what the scene is about under strace; return how it took the fault."""
        raise NotImplementedError

    def ask(self, *words: object) -> bytes:
        """Ask the server on a new connection, or say that it is gone."""
        with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
            connection = self.server.connect()
            closing.callback(connection.close)
            connection._socket.settimeout(START_SECONDS)
            return connection.ask(*words)
        return b"<closed>"

    def write(self, count: int) -> bool:
        """Write some values, one after the other; say whether all were acknowledged."""
        for _ in range(count):
            self.sent += 1
            reply = self.ask("RPUSH", "list", value(self.sent))
            if reply != b":%d\r\n" % self.sent:
                return False
            self.acknowledged = self.sent
        return True

    def options(self, fault: Fault, number: int) -> list[str]:
        """Return strace's options."""
        options = ["-f", "-qq", "-y", "-s", "0", "-o", str(self._trace)]
        if fault.call == "write" and fault.what != "KILL":
            options += self._paths()
        return [*options, *fault.options(number)]

    def _paths(self) -> list[str]:
        """Return options by which writes to the files of the data folder alone fail.

        Writes to sockets, and those by which threads wake each other, never fail so.
        """
        names = ["joblog.lock"]
        seqs = [int(path.name[:20]) for path in (self.server.folder / "log").iterdir()]
        for seq in range(min(seqs), max(seqs) + 8 * RUN_WRITES):
            name = f"log/{seq:020d}.log"
            ends = ("", ".next", ".new", ".torn-new", ".packed-new")
            names += [name + end for end in ends]
            names.append(f"snapshots/{seq:020d}.snap.new")
        return [
            word for name in names for word in ("-P", f"{self.server.folder}/{name}")
        ]

    def _find_place(self, fault: Fault, number: int) -> str | None:
        """Return which call it was, from strace's output; None where there was none."""
        lines = [
            line.split(maxsplit=1)
            for line in self._trace.read_text(errors="replace").splitlines()
        ]
        if fault.what != "KILL":
            met = [text for _, text in lines if text.endswith("(INJECTED)")]
            return _short(met[0]) if met else None
        killed = [task for task, text in lines if "killed by SIGKILL" in text]
        for task in killed:
            calls = [
                text
                for each, text in lines
                if each == task and text.startswith(f"{fault.call}(")
            ]
            if len(calls) == number and calls[-1].endswith(("= ?", "<unfinished ...>")):
                return _short(calls[-1])
        return None

    def check(self) -> None:
        """Look at what a start finds; the server runs then.

        Raises:
            AssertionError: something is lost, or made up.
            RuntimeError: it does not start.
        """
        if not self.server.is_alive:
            self.server.start()
        found = self.ask("LRANGE", "list", 0, -1).split(b"\r\n")[2::2]
        assert self.acknowledged <= len(found) <= self.sent, (
            f"{self.acknowledged} were acknowledged, {self.sent} sent, "
            f"{len(found)} are there"
        )
        assert found == [value(n) for n in range(1, len(found) + 1)], "other values"
        self.acknowledged = self.sent = len(found)
        assert self.write(1), "it takes no write"
        FoldCheck()(self.server)
        report = verify_log(self.server.folder, filesystem=FileSystem())
        assert report.is_sound, report.damage

    def end(self, process: subprocess.Popen[bytes]) -> int | None:
        """Return the exit code of a process; None where it had to be killed."""
        try:
            return process.wait(SECONDS)
        except TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None

    def spawn(self, command: list[str], output: Path) -> subprocess.Popen[bytes]:
        """Start a process that leads a group of its own."""
        with output.open("wb") as file:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


class StartScene(Scene):
    """A start over a log of some segments with a torn tail, a few writes, a stop."""

    name = "start"

    def play(self, fault: Fault, number: int) -> str:
        """Start it anew from what was there at first, and stop it."""
        self.server.kill()
        if not self._kept.exists():
            shutil.copytree(self.server.folder, self._kept)
            with max((self._kept / "log").glob("*.log")).open("ab") as file:
                file.write(TORN)
            self._kept_count = self.acknowledged
        shutil.rmtree(self.server.folder)
        shutil.copytree(self._kept, self.server.folder)
        self.acknowledged = self.sent = self._kept_count
        output = self.server.folder.with_name("output")
        command = [self._strace, *self.options(fault, number), *self.server._command]
        process = self.spawn(command, output)
        is_serving = self._wait(process)
        if is_serving and self.write(START_WRITES):
            self.ask("SHUTDOWN")
        code = self.end(process)
        said = output.read_text(errors="replace")
        assert "Traceback" not in said, said
        if code is None:
            return "hung"
        if code <= 0:
            return "killed" if code else "went on"
        assert said.strip(), "it ended and said nothing"
        return "stopped" if is_serving else "refused to start"

    def _wait(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self.server._is_serving():
                return True
            time.sleep(0.02)
        return False


class RunScene(Scene):
    """Writes to a server that runs, which seal segments, while children tidy."""

    name = "run"

    def play(self, fault: Fault, number: int) -> str:
        """Attach strace, and write."""
        pid = str(self.server.process.pid)
        command = [self._strace, *self.options(fault, number), "-p", pid]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        status = Path(f"/proc/{pid}/status")
        deadline = time.monotonic() + SECONDS
        while "TracerPid:\t0\n" in status.read_text():
            assert time.monotonic() < deadline, "strace is not attached"
        is_done = self.write(RUN_WRITES // 2)
        self.ask("BGREWRITEAOF")
        is_done = is_done and self.write(RUN_WRITES - RUN_WRITES // 2)
        if is_done:
            _detach(tracer)
            return "went on"
        code = self.server.process.wait(SECONDS)
        tracer.wait(SECONDS)
        assert "Traceback" not in self.server.output(), self.server.output()
        assert code in (1, -signal.SIGKILL), f"exit code {code}"
        assert code == 1 or fault.what == "KILL", "it was killed"
        return "stopped" if code == 1 else "killed"


def _detach(tracer: subprocess.Popen[bytes]) -> None:
    """End strace; what it traced goes on."""
    tracer.terminate()
    try:
        tracer.wait(STOP_SECONDS)
    except TimeoutExpired:
        # It waits for ever where a child that it traces ends as it lets go.
        tracer.kill()
        tracer.wait()


class ChildScene(Scene):
    """The child alone: it folds a snapshot, prunes and packs."""

    name = "child"

    def play(self, fault: Fault, number: int) -> str:
        """Run the child over what was there at first, beside no server."""
        self.server.kill()
        if not self._kept.exists():
            shutil.copytree(self.server.folder, self._kept)
            self._kept_count = self.acknowledged
            report = verify_log(self._kept, filesystem=FileSystem())
            self._last_seq = report.last_seq
        shutil.rmtree(self.server.folder)
        shutil.copytree(self._kept, self.server.folder)
        self.acknowledged = self.sent = self._kept_count
        output = self.server.folder.with_name("said")
        child = [
            sys.executable,
            "-m",
            "joblog.app.history.folding",
            str(self.server.folder),
        ]
        child += ["--until", str(self._last_seq), "--pack", "--keep", "1"]
        child += ["--retention-bytes", "8000"]
        command = [self._strace, *self.options(fault, number), *child]
        code = self.end(self.spawn(command, output))
        said = output.read_text(errors="replace")
        assert "Traceback" not in said, said
        if code is None:
            return "hung"
        if code < 0:
            return "killed"
        if code:
            assert '"error"' in said, said
            return "said that it failed"
        return "left the tidying" if '"trouble"' in said else "went on"


SCENES = (StartScene, RunScene, ChildScene)


def _short(call: str) -> str:
    """Return which call it was, without what differs from run to run."""
    name = call.split("(", maxsplit=1)[0]
    found = re.search(
        r"(log|snapshots)/?[\w.-]*|joblog\.lock|eventfd|pipe|socket|output|said",
        call.replace("joblog-", ""),
    )
    return f"{name} of {re.sub('[0-9]{5,}', 'N', found[0]) if found else 'another'}"


def strike_all(
    strace: str, scene_class: type[Scene], fault: Fault, numbers: Iterator[int]
) -> Counter[Strike]:
    """Strike at each of some n, until there is no n-th call; return what came of it.

    Raises:
        WrongError: the server lost something.
    """
    strikes: Counter[Strike] = Counter()
    with scene_class(strace) as scene:
        for number in numbers:
            struck = scene.strike(fault, number)
            if struck is None:
                break
            strikes[struck] += 1
    return strikes


def main() -> int:
    """Play all scenes with all faults; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--only", nargs="*", default=[""], help="for instance run:write child:fsync:EIO"
    )
    options = parser.parse_args()
    strace = shutil.which("strace")
    if strace is None:
        print("every_call: strace is not on PATH", file=sys.stderr)  # noqa: T201
        return 1
    printing = threading.Lock()

    def play(scene_class: type[Scene], fault: Fault) -> Counter[Strike]:
        title = f"{scene_class.name}:{fault.call}:{fault.what}"
        if not title.startswith(tuple(options.only)):
            return Counter()
        try:
            strikes = strike_all(strace, scene_class, fault, itertools.count(1))
        except WrongError as error:
            with printing:
                print(f"every_call: {error}", file=sys.stderr)  # noqa: T201
            return Counter({Strike("wrong", title): 1})
        with printing:
            print(f"{title}: {strikes.total()} points", flush=True)  # noqa: T201
            for strike, count in sorted(strikes.items()):
                print(f"  {count:4} {strike.place}: {strike.outcome}")  # noqa: T201
        return strikes

    pairs = [(scene, fault) for scene in SCENES for fault in FAULTS]
    with ThreadPoolExecutor(options.jobs) as pool:
        strikes = sum(pool.map(play, *zip(*pairs, strict=True)), Counter[Strike]())
    outcomes: Counter[str] = Counter()
    for strike, count in strikes.items():
        outcomes[strike.outcome] += count
    print(f"every_call: {outcomes.total()} points: {dict(outcomes)}")  # noqa: T201
    return 1 if outcomes["wrong"] or outcomes["hung"] else 0


if __name__ == "__main__":
    sys.exit(main())
