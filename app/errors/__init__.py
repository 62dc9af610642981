"""Errors, and every text that a client can see.

A text is the whole error line without the leading `-` and the closing CRLF; its first
word is the error code. Texts are Redis's own, byte for byte.
"""

from __future__ import annotations

from enum import Enum

from joblog.app.errors import server, values
from joblog.app.errors.access import *  # noqa: F403 - all texts in one place
from joblog.app.errors.config import *  # noqa: F403 - all texts in one place
from joblog.app.errors.general import *  # noqa: F403 - all texts in one place
from joblog.app.errors.log import *  # noqa: F403 - all texts in one place
from joblog.app.errors.replication import *  # noqa: F403 - all texts in one place
from joblog.app.errors.scripting import *  # noqa: F403 - all texts in one place
from joblog.app.errors.server import *  # noqa: F403 - all texts in one place
from joblog.app.errors.streams import *  # noqa: F403 - all texts in one place
from joblog.app.errors.values import *  # noqa: F403 - all texts in one place


class ErrorKind(Enum):
    """What the engine has to know of an error, besides its text.

    Attributes:
        PLAIN: nothing.
        WRONG_ARITY: there is such a command, but with another number of words.
        ODD_SUBCOMMAND: the text names the subcommand, in the words of the call.
        NAMES_COMMAND: the text ends with the command, in the words of the call.
    """

    PLAIN = "plain"
    WRONG_ARITY = "wrong arity"
    ODD_SUBCOMMAND = "odd subcommand"
    NAMES_COMMAND = "names command"


class CommandError(Exception):
    """A command was refused; nothing changed.

    Attributes:
        text: the error line for the client, code first, as bytes.
        kind: what the engine has to know of it.
        is_counted: the statistics know it: a script passes on what its command met.
    """

    __slots__ = ("is_counted", "kind", "text")

    def __init__(self, text: bytes, kind: ErrorKind = ErrorKind.PLAIN) -> None:
        """Make the error from its line, such as `b"ERR syntax error"`."""
        super().__init__(text)
        self.text = text
        self.kind = kind
        self.is_counted = False

    @property
    def code(self) -> bytes:
        """The first word of the line, such as `b"WRONGTYPE"`."""
        return self.text.split(b" ", 1)[0]

    def put_in_words_of(self, argv: list[bytes]) -> None:
        """Name the command, or its subcommand, as the call did that met the error."""
        if self.kind is ErrorKind.ODD_SUBCOMMAND:
            self.text = server.wrong_subcommand_arity(argv[1], argv[0].upper())
        elif self.kind is ErrorKind.NAMES_COMMAND:
            self.text = self.text[: -len(argv[0])] + argv[0]


def odd_subcommand(subcommand: bytes, name: bytes) -> CommandError:
    """Return the error of a subcommand with odd arguments, both in any case."""
    text = server.wrong_subcommand_arity(subcommand, name)
    return CommandError(text, ErrorKind.ODD_SUBCOMMAND)


def geo_needs_one(options: bytes, name: bytes) -> CommandError:
    """Return the error of a geo search without a place or a shape; see `values`."""
    text = values.geo_exactly_one(options, name)
    return CommandError(text, ErrorKind.NAMES_COMMAND)


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
