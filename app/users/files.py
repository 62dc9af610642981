"""Users in files: `user` lines of a configuration, and the file that `aclfile` names.

    user alice on #<hash> ~jobs:* resetchannels -@all +@read

Errors name the line and never show a password: of a rule they show no more than a
command or a category that there is not.

Source: Redis 7.2; see tests/server/test_acl_files.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from joblog.app import errors
from joblog.app.config import ConfigError
from joblog.app.config.kinds import decode, encode
from joblog.app.users.selectors import RuleError, has_spaces
from joblog.app.users.user import User, merge_selectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.config import Config


def read_configured(config: Config, *, channels: bool) -> dict[bytes, User]:
    """Return the users of a configuration's `user` lines.

    Args:
        config: the settings.
        channels: whether a new user has all channels.

    Raises:
        ConfigError: lines are wrong, each a line of its own.
    """
    users: dict[bytes, User] = {}
    problems: list[str] = []
    places = config.places["user"]
    for number, line in enumerate(config.user):
        place = places[number] if number < len(places) else "settings"
        words = [encode(word) for word in line]
        reasons = _why_not(users, words, channels=channels)
        problems += [f"{place}: user: {reason}" for reason in reasons]
    if problems:
        raise ConfigError(*problems)
    return users


def read_file(path: str, *, channels: bool) -> dict[bytes, User]:
    """Return the users of a file.

    Args:
        path: where it is.
        channels: whether a new user has all channels.

    Raises:
        ConfigError: it cannot be read, or lines are wrong, each a line of its own.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        reason = f"Error loading ACLs, opening file '{path}': {error.strerror}"
        raise ConfigError(reason) from error
    users: dict[bytes, User] = {}
    problems: list[str] = []
    for number, line in enumerate(text.split(b"\n"), 1):
        words = line.strip(b" \t\r\n").split(b" ")
        if words == [b""]:
            continue
        if words[0] != b"user" or len(words) == 1:
            problems.append(
                f"{path}:{number} should start with user keyword followed by the "
                "username."
            )
            continue
        if words[1] in users:
            shown = decode(words[1])
            problem = f"WARNING: Duplicate user '{shown}' found on line {number}."
            problems.append(problem)
            continue
        reasons = _why_not(users, words[1:], channels=channels)
        problems += [f"{path}:{number}: {reason}." for reason in reasons]
    if problems:
        raise ConfigError(*problems)
    return users


def _why_not(
    users: dict[bytes, User], words: Sequence[bytes], *, channels: bool
) -> list[str]:
    """Add the user of a line, or return why that cannot be."""
    name, *rules = words
    if has_spaces(name):
        return ["a user's name has no spaces and no null characters"]
    if name in users:
        return [f"Duplicate user '{decode(name)}' found"]
    user = users[name] = User(name, has_all_channels=channels)
    try:
        merged = merge_selectors([rule.strip() for rule in rules])
    except RuleError:
        return ["Unmatched parenthesis in selector definition"]
    reasons: list[str] = []
    is_told = False
    for rule in merged:
        try:
            user.apply([rule], channels=channels)
        except RuleError as error:
            text = error.text.decode()
            if error.text == errors.NO_SUCH_WORD:
                reasons.append(f"Error in applying operation '{decode(rule)}': {text}")
            elif not is_told:  # the others may follow from it
                is_told = True
                reasons.append(text)
    return reasons
