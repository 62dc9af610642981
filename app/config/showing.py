"""Settings as the server's log file may show them: without what may be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.config.kinds import Secret
from joblog.app.config.particular import RawLines

if TYPE_CHECKING:
    from joblog.app.config.config import Config

_MAY_HOLD_SECRETS: Final = frozenset(("log-anchor-command", "log-archive-command"))
"""What is no password, and yet may hold one."""


def show_openly(config: Config, name: str) -> str:
    """Return the value of a setting, or only whether it has one."""
    setting = config.BY_NAME[name]
    value = config.__dict__[setting.attribute]
    is_hidden = isinstance(setting, (Secret, RawLines)) or (
        setting.name in _MAY_HOLD_SECRETS
    )
    if not value and is_hidden:
        return "(empty)"
    return "(set)" if is_hidden else setting.show(value) or "(empty)"
