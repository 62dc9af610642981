"""Texts about users: what they may not do, and rules that cannot be.

Source: Redis 7.2 and Valkey 9.1; see tests/parity/test_acl.py.
"""

from __future__ import annotations

from typing import Final

from joblog.app.errors.general import one_line

NO_SUCH_WORD: Final = b"Unknown command or category name in ACL"
RULE_SYNTAX: Final = b"Syntax error"
ALL_KEYS_ALREADY: Final = (
    b"Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and "
    b"does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
)
ALL_CHANNELS_ALREADY: Final = (
    b"Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid "
    b"and does not have any effect. Try 'resetchannels' to start with an empty list of "
    b"channels"
)
NO_SUCH_PASSWORD: Final = (
    b"The password you are trying to remove from the user does not exist"
)
BAD_PASSWORD_HASH: Final = (
    b"The password hash must be exactly 64 characters and contain only lowercase "
    b"hexadecimal characters"
)
FIRST_WORD_OF_SUBCOMMAND: Final = b"Allowing first-arg of a subcommand is not supported"
BAD_USER_NAME: Final = b"ERR Usernames can't contain spaces or null characters"
DEFAULT_USER_STAYS: Final = b"ERR The 'default' user cannot be removed"
NO_USER_FILE: Final = (
    b"ERR This Redis instance is not configured to use an ACL file. You may want to "
    b"specify users via the ACL SETUSER command and then issue a CONFIG REWRITE "
    b"(assuming you have a Redis configuration file set) in order to store users in "
    b"the Redis configuration."
)
USERS_NOT_SAVED: Final = (
    b"ERR There was an error trying to save the ACLs. Please check the server logs for "
    b"more information"
)
RULES_CHANGED: Final = (
    b"NOPERM ACLs rules changed between the moment the transaction was accumulated and "
    b"the EXEC call. This command is no longer allowed for the following reason: "
)
NO_MORE_COMMAND: Final = b"no permission to execute the command or subcommand"
NO_MORE_KEY: Final = b"no permission to touch the specified keys"
NO_MORE_CHANNEL: Final = (
    b"no permission to access one of the channels used as arguments"
)
SCRIPT_DENIED: Final = b"ERR ACL failure in script: "
KEY_DENIED: Final = b"No permissions to access a key"
CHANNEL_DENIED: Final = b"No permissions to access a channel"


def command_denied(user: bytes, name: bytes) -> bytes:
    """Return the text for a command that a user may not run, without a code."""
    return b"User %b has no permissions to run the '%b' command" % (user, name)


def word_denied(user: bytes, word: bytes, kind: bytes) -> bytes:
    """Return the text for a key or a channel that a user may not use."""
    return b"User %b has no permissions to access the '%b' %b" % (user, word, kind)


def bad_rule(rule: bytes, reason: bytes) -> bytes:
    """Return the text for a rule that ACL SETUSER does not take."""
    return one_line(b"ERR Error in ACL SETUSER modifier '%b': %b", rule, reason)


def unmatched_parenthesis(word: bytes) -> bytes:
    """Return the text for a selector that is not closed."""
    text = b"ERR Unmatched parenthesis in acl selector starting at '%b'."
    return one_line(text, word)


def no_user(name: bytes) -> bytes:
    """Return the text for a user that ACL DRYRUN does not find."""
    return one_line(b"ERR User '%b' not found", name)


def no_command(name: bytes) -> bytes:
    """Return the text for a command that ACL DRYRUN does not find."""
    return one_line(b"ERR Command '%b' not found", name)


def users_not_loaded(problems: bytes) -> bytes:
    """Return the text for a file of users that is not as it should be."""
    return (
        b"ERR %b WARNING: ACL errors detected, no change to the previously active ACL "
        b"rules was performed" % problems
    )
