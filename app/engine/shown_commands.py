"""Commands as people may see them, in SLOWLOG and MONITOR: without passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from joblog.app.engine.redaction import gives_secrets, hide_arguments, redact

if TYPE_CHECKING:
    from joblog.app.engine.functions import Functions
    from joblog.app.state.context import Context
    from joblog.app.words import Argv


@final
class ShownCommands:
    """Blots out commands, by the text of what they run too."""

    def __init__(self, context: Context, functions: Functions) -> None:
        """Name whom to ask for the text of a script, or of a function."""
        self._context = context
        self._functions = functions

    def of(self, argv: Argv) -> Argv:
        """Return a command as people may see it."""
        name = argv[0].upper()
        if len(argv) > 1 and name.startswith((b"EVALSHA", b"FCALL")):
            source: bytes | None = None
            if name.startswith(b"FCALL"):
                source = self._functions.find_source(argv[1])
            else:
                script = self._context.scripts.find(argv[1])
                source = None if script is None else script.source
            if source is not None and gives_secrets(source):
                return hide_arguments(argv, 2)
        return redact(argv)
