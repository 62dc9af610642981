"""Revocations: what happens to clients whose user goes, or may do less than before.

    the user is gone          its clients are closed
    it has fewer channels     those that listen to what they may no longer are closed
    anything else             its commands are asked about by the new rules, if at all

A client that takes its own rights away is told so first, and does nothing more.

Source: Redis 7.2; see tests/parity/test_acl.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.state.subscriptions import PATTERN

if TYPE_CHECKING:
    from joblog.app.engine.access import Access
    from joblog.app.engine.clients import Clients
    from joblog.app.engine.outbox import Outbox
    from joblog.app.state.server_state import ServerState
    from joblog.app.state.session import Session
    from joblog.app.users.user import User


class Revocations:
    """Follows the users of a server."""

    def __init__(
        self, server: ServerState, outbox: Outbox, access: Access, clients: Clients
    ) -> None:
        """Make the revocations of an engine.

        Args:
            server: knows the users, and who is connected.
            outbox: knows who runs a command just now.
            access: goes by what is left.
            clients: close those that are cut off.
        """
        self._server = server
        self._outbox = outbox
        self._access = access
        self._clients = clients
        server.users.on_change.append(self._follow)

    def _follow(self, before: User | None, after: User | None) -> None:
        """Go by what a user is now."""
        user = after or before
        assert user is not None
        has_lost = before is not None and after is not None and _loses(before, after)
        for session in list(self._server.sessions.values()):
            if session.user != user.name:
                continue
            if after is None or (has_lost and _hears_too_much(session, after)):
                self._cut_off(session)
            else:
                self._access.look_again(session)

    def _cut_off(self, session: Session) -> None:
        if session is self._outbox.running:
            session.is_closing = True
        else:
            self._clients.disconnect(session)
        self._access.expel(session)


def _loses(before: User, after: User) -> bool:
    """Say whether a user has fewer channels than before, going by their patterns."""
    if any(selector.has_all_channels for selector in after.selectors):
        return False
    if any(selector.has_all_channels for selector in before.selectors):
        return True
    kept = {channel for selector in after.selectors for channel in selector.channels}
    had = {channel for selector in before.selectors for channel in selector.channels}
    return not had <= kept


def _hears_too_much(session: Session, user: User) -> bool:
    """Say whether a client listens to a channel that its user may not listen to."""
    return any(
        not user.may_hear(name, is_pattern=place == PATTERN.place)
        for place, names in enumerate(session.subscriptions or ())
        for name in names
    )
