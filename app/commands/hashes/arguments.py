"""Fields as arguments: FIELDS, their number, and the fields themselves.

    HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
    HSETEX key [options] FIELDS numfields field value [field value ...]

Source: Valkey 9.1; see tests/parity/test_hash_expiry.py.
"""

from __future__ import annotations

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer

Words = tuple[bytes, ...]


def split_at_fields(words: Words) -> tuple[Words, bytes, Words]:
    """Return the words before FIELDS, the number behind it, and the fields.

    Raises:
        CommandError: there is no FIELDS.
    """
    for at, word in enumerate(words[:-1]):
        if word.upper() == b"FIELDS":
            return words[:at], words[at + 1], words[at + 2 :]
    raise CommandError(errors.NUMFIELDS)


def require_number_of(
    fields: Words, number: bytes, *, words_each: int = 1, refusal: bytes | None = None
) -> None:
    """Refuse a number of fields that is not how many there are, or none.

    Args:
        fields: the fields; where each has a value, fields and values in turn.
        number: how many there should be, as it was given.
        words_each: 1, or 2 where each field has a value.
        refusal: the text of the error, where it is not the usual one.

    Raises:
        CommandError: they are not as many, or `number` is no number.
    """
    words = integer(number) * words_each
    if not fields or words != len(fields):
        raise CommandError(errors.NUMFIELDS if refusal is None else refusal)


def require_fields_keyword(word: bytes) -> None:
    """Refuse a word that is not FIELDS.

    Raises:
        CommandError: it is not.
    """
    if word.upper() != b"FIELDS":
        raise CommandError(errors.SYNTAX)
