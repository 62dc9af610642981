"""Errors, and every text that a client can see.

A text is the whole error line without the leading `-` and the closing CRLF; its first
word is the error code. Texts are Redis's own, byte for byte.
"""

from __future__ import annotations

from app.errors.general import *  # noqa: F403 - all texts in one place
from app.errors.scripting import *  # noqa: F403 - all texts in one place
from app.errors.server import *  # noqa: F403 - all texts in one place
from app.errors.streams import *  # noqa: F403 - all texts in one place
from app.errors.values import *  # noqa: F403 - all texts in one place


class CommandError(Exception):
    """A command was refused; nothing changed.

    Attributes:
        text: the error line for the client, code first, as bytes.
        is_counted: the statistics know it: a script passes on what its command met.
    """

    __slots__ = ("is_counted", "text")

    def __init__(self, text: bytes) -> None:
        """Make the error from its line, such as `b"ERR syntax error"`."""
        super().__init__(text)
        self.text = text
        self.is_counted = False

    @property
    def code(self) -> bytes:
        """The first word of the line, such as `b"WRONGTYPE"`."""
        return self.text.split(b" ", 1)[0]


class ProtocolError(Exception):
    """The bytes of a client are not RESP; the connection is closed after the reply.

    Attributes:
        text: the error line for the client, as bytes.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        """Make the error from its line."""
        super().__init__(text)
        self.text = text
