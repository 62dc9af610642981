"""The scripts and libraries that a rehearsal runs in place of those of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.config import Config
from joblog.app.engine.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIBRARY = b"#!"


class ScriptNotFoundError(Exception):
    """A script that is to be replaced never ran in the stretch; the text names it."""


class ScriptBrokenError(Exception):
    """A text that is to run in place of a script is none; the text says why."""


def library_name(source: bytes) -> bytes:
    """Return the name that a library gives itself in its first line, or nothing."""
    first, _, _ = source.partition(b"\n")
    for word in first.split():
        if word.startswith(b"name="):
            return word.removeprefix(b"name=")
    return b""


def libraries_of(scripts: Mapping[str, bytes]) -> dict[bytes, bytes]:
    """Return those of some texts that are libraries of functions, by their names."""
    return {
        library_name(source): source
        for source in scripts.values()
        if source.startswith(_LIBRARY) and library_name(source)
    }


def require_sound(scripts: Mapping[str, bytes]) -> None:
    """Check that a server would take some texts as scripts, or as libraries.

    Raises:
        ScriptBrokenError: it would refuse one.
    """
    libraries = libraries_of(scripts)
    engine = Engine(Config({}))
    session = engine.clients.open(1)
    for name, source in scripts.items():
        load = [b"SCRIPT", b"LOAD"]
        if libraries.get(library_name(source)) == source:
            load = [b"FUNCTION", b"LOAD", b"REPLACE"]
        reply = engine.run(session, [[*load, source]])
        if reply.startswith(b"-"):
            error = reply[1:].rstrip().decode(errors="replace")
            raise ScriptBrokenError(f"{name}: the new text is no script: {error}")
