"""What a script or a function says of itself, as flags of the command that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.errors import CommandError
from joblog.app.state.script_sources import read_script_flags
from joblog.app.table.table import Command, Flag

if TYPE_CHECKING:
    from joblog.app.engine.functions import Functions
    from joblog.app.state.script_runner import ScriptRunner
    from joblog.app.words import Argv

_BY_TEXT: Final = ("eval", "eval_ro")
_BY_SHA: Final = ("evalsha", "evalsha_ro")
_BY_NAME: Final = ("fcall", "fcall_ro")
_DECLARED: Final = Flag.STALE | Flag.DENYOOM | Flag.WRITE | Flag.MAY_REPLICATE


def flags_of(
    scripts: ScriptRunner, functions: Functions, command: Command, argv: Argv
) -> Flag:
    """Return the flags of one call, whose script is taken at its word.

    Without `no-writes` it counts as a command that writes, and without `allow-oom` too
    as one that is refused beyond `maxmemory`, whatever it would do.

    Source: Redis 7.2; see tests/parity/test_script_flags.py.
    """
    declared = _declared(scripts, functions, command.name, argv)
    if declared is None:
        return command.flags
    flags = command.flags & ~_DECLARED
    if b"no-writes" not in declared:
        flags |= Flag.WRITE
        if b"allow-oom" not in declared:
            flags |= Flag.DENYOOM
    if b"allow-stale" in declared:
        flags |= Flag.STALE
    return flags


def _declared(
    scripts: ScriptRunner, functions: Functions, name: str, argv: Argv
) -> frozenset[bytes] | None:
    """Return what is declared; None where nothing is, or there is no such script."""
    try:
        if name in _BY_TEXT:
            return read_script_flags(argv[1])
        if name in _BY_SHA:
            script = scripts.find(argv[1])
            return None if script is None else script.flags
        if name in _BY_NAME:
            return functions.find(argv[1]).flags
    except CommandError:
        pass  # its handler says what is wrong
    return None
