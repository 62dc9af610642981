"""Script times: how often each script ran and for how long, while metrics are told.

Who tells none has a runtime that does not look at the clock.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from joblog.app.engine.scripting import ScriptRuntime

if TYPE_CHECKING:
    from joblog.app.engine.lua_callbacks import Hooks
    from joblog.app.state.script_runner import FunctionSpec
    from joblog.app.state.server_state import ServerState

_NAMES_MAX: Final = 1000
_OTHERS: Final = b"others"


class TimedRuntime(ScriptRuntime):
    """A runtime that counts what it runs.

    Attributes:
        times: (calls, nanoseconds) of each script, by its SHA-1, and of each function.
    """

    times: dict[bytes, tuple[int, int]]

    def run(
        self, number: int, name: bytes, count: int, rest: tuple[bytes, ...], resp: int
    ) -> Any:
        """Run a compiled script; see `ScriptRuntime.run`."""
        began_ns = perf_counter_ns()
        try:
            return super().run(number, name, count, rest, resp)
        finally:
            self._note(name, perf_counter_ns() - began_ns)

    def run_function(
        self, function: FunctionSpec, count: int, rest: tuple[bytes, ...], resp: int
    ) -> Any:
        """Run a function; see `ScriptRuntime.run`."""
        began_ns = perf_counter_ns()
        try:
            return super().run_function(function, count, rest, resp)
        finally:
            self._note(function.name, perf_counter_ns() - began_ns)

    def _note(self, name: bytes, nanoseconds: int) -> None:
        """Count a run; of scripts that are made up anew each time only so many."""
        times = self.times
        if name not in times and len(times) >= _NAMES_MAX:
            name = _OTHERS
        calls, before_ns = times.get(name, (0, 0))
        times[name] = calls + 1, before_ns + nanoseconds


def make_runtime(hooks: Hooks, server: ServerState) -> ScriptRuntime:
    """Return Lua without scripts, with a clock where metrics are told."""
    limit = server.config.script_memory_max
    if server.script_times is None:
        return ScriptRuntime(hooks, memory_limit=limit)
    timed = TimedRuntime(hooks, memory_limit=limit)
    timed.times = server.script_times
    return timed
