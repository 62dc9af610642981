"""What only some clients may do: settings that say `no`, `yes` or `local`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app import errors
from joblog.app.errors import CommandError

if TYPE_CHECKING:
    from joblog.app.state.context import Session


def is_local(session: Session) -> bool:
    """Say whether a client is on this machine: over loopback or a Unix socket."""
    address = session.address
    return address.startswith(("127.", "[::1]", "::1", "/"))


def require_allowed(command: bytes, setting: str, session: Session) -> None:
    """Refuse a command unless its `enable-...-command` setting admits the client.

    Args:
        command: the command in lower case, as in the setting's name.
        setting: the setting's value: `no`, `yes` or `local`.
        session: the client.

    Raises:
        CommandError: with the text that Redis has for it.
    """
    if setting == "yes" or (setting == "local" and is_local(session)):
        return
    raise CommandError(errors.command_not_allowed(command))
