"""What is to be settled before a server starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.config.kinds import encode
from joblog.app.table.table import switch_off

if TYPE_CHECKING:
    from joblog.app.config import Config


class StartError(Exception):
    """The server cannot start; the text says why, in one line.

    Attributes:
        exit_code: what the process is to end with.
    """

    def __init__(self, text: str, exit_code: int = 1) -> None:
        """Say why the server cannot start."""
        super().__init__(text)
        self.exit_code = exit_code


def switch_off_commands(config: Config) -> None:
    """Take from clients the commands that `rename-command X ""` names.

    Without a store of the log there is nothing that SENTINEL could tell.

    Raises:
        StartError: there is no such command.
    """
    if not config.log_store:
        switch_off(b"SENTINEL")
    for at, (name, _) in enumerate(config.rename_command):
        try:
            switch_off(encode(name))
        except KeyError:
            place = config.places["rename-command"][at]
            raise StartError(
                f"{place}: rename-command: there is no command of that name; correct "
                "it, or remove the directive"
            ) from None
