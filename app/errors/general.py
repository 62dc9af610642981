"""Texts that every command may answer with: types, numbers, protocol, transactions."""

from __future__ import annotations

# --- general ---------------------------------------------------------------------
WRONG_TYPE = b"WRONGTYPE Operation against a key holding the wrong kind of value"
SYNTAX = b"ERR syntax error"
NOT_AN_INTEGER = b"ERR value is not an integer or out of range"
NOT_A_FLOAT = b"ERR value is not a valid float"
OUT_OF_RANGE = b"ERR value is out of range"
NOT_POSITIVE = b"ERR value is out of range, must be positive"
NO_SUCH_KEY = b"ERR no such key"
COUNT_OUT_OF_RANGE = b"ERR COUNT is out of range"
INDEX_OUT_OF_RANGE = b"ERR index out of range"
NO_DATABASE = b"ERR DB index is out of range"
INTERNAL = b"ERR internal error"
INVALID_KEY_ARGUMENTS = b"ERR Invalid arguments specified for command"
OUT_OF_SYMMETRIC_RANGE = (
    b"ERR value is out of range, value must between -9223372036854775807 and "
    b"9223372036854775807"
)
INVALID_CURSOR = b"ERR invalid cursor"
NOVALUES = b"ERR NOVALUES option can only be used in HSCAN"
NUMKEYS_NOT_POSITIVE = b"ERR numkeys should be greater than 0"
COUNT_NOT_POSITIVE = b"ERR count should be greater than 0"
LIMIT_NEGATIVE = b"ERR LIMIT can't be negative"
MORE_KEYS_THAN_ARGUMENTS = b"ERR Number of keys can't be greater than number of args"


def wrong_arity(name: bytes) -> bytes:
    """Return the text for a wrong number of arguments; `name` is in lower case."""
    return b"ERR wrong number of arguments for '" + name + b"' command"


# --- protocol --------------------------------------------------------------------
INVALID_MULTIBULK_LENGTH = b"ERR Protocol error: invalid multibulk length"
INVALID_BULK_LENGTH = b"ERR Protocol error: invalid bulk length"
BIG_MULTIBULK = b"ERR Protocol error: too big mbulk count string"
BIG_BULK_COUNT = b"ERR Protocol error: too big bulk count string"
BIG_INLINE = b"ERR Protocol error: too big inline request"
UNBALANCED_QUOTES = b"ERR Protocol error: unbalanced quotes in request"
UNAUTHENTICATED_MULTIBULK = b"ERR Protocol error: unauthenticated multibulk length"
UNAUTHENTICATED_BULK = b"ERR Protocol error: unauthenticated bulk length"


def expected_bulk(found: bytes) -> bytes:
    """Return the text for a multibulk item that is not a bulk string."""
    return b"ERR Protocol error: expected '$', got '" + found + b"'"


# --- transactions ----------------------------------------------------------------
EXEC_ABORTED = b"EXECABORT Transaction discarded because of previous errors."
NESTED_MULTI = b"ERR MULTI calls can not be nested"
EXEC_ABORTED_BECAUSE = b"EXECABORT Transaction discarded because of: "
EXEC_WITHOUT_MULTI = b"ERR EXEC without MULTI"
DISCARD_WITHOUT_MULTI = b"ERR DISCARD without MULTI"
WATCH_INSIDE_MULTI = b"ERR WATCH inside MULTI is not allowed"
MONITOR_IN_EXEC = b"ERR MONITOR isn't allowed for DENY BLOCKING client"
SSUBSCRIBE_IN_EXEC = b"ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"
MONITOR_READS_NO_KEYS = b"ERR Replica can't interact with the keyspace"
NOT_IN_MULTI = b"ERR Command not allowed inside a transaction"


def one_line(text: bytes, *words: bytes) -> bytes:
    """Return a text with blanks in place of line ends: an error is one line.

    Args:
        text: what to say, with `%b` for each word.
        words: what a client gave: to Redis, which is written in C, they end at a NUL.
    """
    if words:
        text %= tuple([word.partition(b"\0")[0] for word in words])
    return text.replace(b"\r", b" ").replace(b"\n", b" ")
