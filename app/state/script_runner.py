"""What commands know of scripts and functions: see `joblog.app.engine.scripts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from joblog.app.words import Argv


class Script:
    """One script that is loaded.

    Attributes:
        sha: of its source, in lower case.
        source: its text.
        number: what the runtime knows it by.
        flags: what its first line says; None where it says nothing, and all is allowed.
        is_described: whether the log has its source.
        is_told: whether the record of access has that somebody loaded it.
    """

    __slots__ = ("flags", "is_described", "is_told", "number", "sha", "source")

    def __init__(
        self, sha: bytes, source: bytes, number: int, flags: frozenset[bytes] | None
    ) -> None:
        """Describe a script that has just been compiled."""
        self.sha = sha
        self.source = source
        self.number = number
        self.flags = flags
        self.is_described = self.is_told = False


class FunctionSpec(NamedTuple):
    """One function that a library registered.

    Attributes:
        number: what the runtime knows it by.
        name: as FCALL takes it.
        description: free text, or None.
        flags: such as `no-writes`.
    """

    number: int
    name: bytes
    description: bytes | None
    flags: frozenset[bytes]


class Library(NamedTuple):
    """One library.

    Attributes:
        name: what FUNCTION DELETE knows it by.
        source: its text, the first line included.
        functions: what it registered, in that order.
    """

    name: bytes
    source: bytes
    functions: list[FunctionSpec]


class ScriptRunner:
    """Runs scripts and functions. This one, that of a fold, knows none.

    A class of this layer, since compiled code calls a method that it knows in a tenth
    of the time.

    Attributes:
        is_running: whether a script or a function runs.
        is_function: whether it is a function, or was the last time.
        name: what runs, or ran last: its SHA1, or the function's name.
        command: the command that runs a function, as it was given.
    """

    def __init__(self) -> None:
        """Run nothing."""
        self.is_running = False
        self.is_function = False
        self.name = b""
        self.command: Argv = []

    @property
    def busy_text(self) -> bytes:
        """What other clients are told while a script or function runs for long."""
        raise _no_engine()

    @property
    def running_ms(self) -> int:
        """For how long the script under way has run, in milliseconds."""
        return 0

    def status(self) -> dict[str, int]:
        """Return what INFO tells of scripts: how many, and the bytes they hold."""
        raise _no_engine()

    def load(self, source: bytes) -> Script:  # noqa: ARG002 - the interface
        """Return a script, compiled if it was not known."""
        raise _no_engine()

    def find(self, sha: bytes) -> Script | None:  # noqa: ARG002 - the interface
        """Return a script that is loaded, by its SHA1; None where there is none."""
        return None

    def flush(self) -> None:
        """Forget all scripts, not the functions."""
        raise _no_engine()

    def kill(self, *, is_function: bool) -> None:  # noqa: ARG002 - the interface
        """End the script, or the function, that runs."""
        raise _no_engine()

    def evaluate(
        self,
        script: Script,  # noqa: ARG002 - the interface
        count: int,  # noqa: ARG002 - the interface
        rest: tuple[bytes, ...],  # noqa: ARG002 - the interface
        by: list[bytes],  # noqa: ARG002 - the interface
        *,
        is_read_only: bool = False,  # noqa: ARG002 - the interface
    ) -> Any:
        """Run a loaded script, with keys and arguments, for the command named."""
        raise _no_engine()

    def call_function(
        self,
        argv: Argv,  # noqa: ARG002 - the interface
        function: FunctionSpec,  # noqa: ARG002 - the interface
        *,
        is_read_only: bool = False,  # noqa: ARG002 - the interface
    ) -> Any:
        """Run a function, for the command that calls it."""
        raise _no_engine()

    def load_library(
        self,
        source: bytes,  # noqa: ARG002 - the interface
    ) -> list[FunctionSpec]:
        """Run the text of a library and return the functions that it registered."""
        raise _no_engine()

    def drop_functions(
        self,
        functions: list[FunctionSpec],  # noqa: ARG002 - the interface
    ) -> None:
        """Forget functions of a library that is no longer there."""
        raise _no_engine()


def _no_engine() -> TypeError:
    return TypeError("there is no engine to run scripts")
