"""Texts of CONFIG."""

from __future__ import annotations

from joblog.app.errors.general import one_line

NO_CONFIG_FILE = b"ERR The server is running without a config file"


def unknown_setting(name: bytes) -> bytes:
    """Return the text for setting what is no setting."""
    text = b"ERR Unknown option or number of arguments for CONFIG SET - '%b'"
    return one_line(text, name)


def setting_failed(name: bytes, reason: bytes) -> bytes:
    """Return the text for a setting that cannot be changed, or not to that."""
    return b"ERR CONFIG SET failed (possibly related to argument '%b') - %b" % (
        name,
        reason,
    )


def rewriting_failed(reason: bytes) -> bytes:
    """Return the text for a file that cannot be rewritten."""
    return b"ERR Rewriting config file: " + reason
