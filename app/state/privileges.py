"""What only some clients may do: settings that say `no`, `yes` or `local`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joblog.app.state.session import Session


def is_local(session: Session) -> bool:
    """Say whether a client is on this machine: over loopback or a Unix socket."""
    address = session.address
    return address.startswith(("127.", "[::1]", "::1", "/"))


def is_admitted(session: Session, setting: str) -> bool:
    """Say whether an `enable-...-command` setting admits a client.

    Args:
        session: the client.
        setting: the setting's value: `no`, `yes` or `local`.
    """
    return setting == "yes" or (setting == "local" and is_local(session))
