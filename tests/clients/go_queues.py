"""The job queues of the Go world; their programs are in the folder `go`."""

from pathlib import Path

from tests.clients.environments import HERE, require_environment
from tests.clients.runners import Fate, Queue
from tests.support.servers import require_program

PROGRAMS = HERE / "go"


def require_go(name: str, verb: str, *arguments: str) -> str:
    """Return the path of what `go build` or `go test -c` makes of a package."""
    go = require_program("go")

    def steps(folder: Path) -> list[list[str]]:
        # No cgo: then a machine needs no C compiler.
        command = ["env", "CGO_ENABLED=0", go, "-C", str(PROGRAMS), verb]
        return [[*command, "-o", str(folder / name), *arguments]]

    sources = [*PROGRAMS.glob("*/*.go"), PROGRAMS / "go.mod", PROGRAMS / "go.sum"]
    folder = require_environment(f"go-{name}", tuple(sorted(sources)), steps)
    return str(folder / name)


def require_go_tests(name: str, package: str) -> str:
    """Return the path of a package's tests as a program, be it ours or another's."""
    return require_go(f"{name}-tests", "test", "-c", package)


QUEUES = [
    Queue(
        name="asynq",
        require=lambda: [require_go("asynq", "build", "./asynq")],
        client=["client"],
        worker=["worker"],
        # A task that has retries left would run again.
        fate=Fate.FAILS,
        can=frozenset({"retry", "delay", "result", "error", "cancel", "maintain"}),
    ),
]
