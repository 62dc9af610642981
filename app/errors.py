"""Errors, and every text that a client can see.

A text is the whole error line without the leading `-` and the closing CRLF; its first
word is the error code. Texts are Redis's own, byte for byte.
"""

from __future__ import annotations


class CommandError(Exception):
    """A command was refused; nothing changed.

    Attributes:
        text: the error line for the client, code first, as bytes.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        """Make the error from its line, such as `b"ERR syntax error"`."""
        super().__init__(text)
        self.text = text

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


# --- general -----------------------------------------------------------------------
WRONG_TYPE = b"WRONGTYPE Operation against a key holding the wrong kind of value"
SYNTAX = b"ERR syntax error"
NOT_AN_INTEGER = b"ERR value is not an integer or out of range"
NOT_A_FLOAT = b"ERR value is not a valid float"
OUT_OF_RANGE = b"ERR value is out of range"
NOT_POSITIVE = b"ERR value is out of range, must be positive"
NO_SUCH_KEY = b"ERR no such key"
INDEX_OUT_OF_RANGE = b"ERR index out of range"
NO_DATABASE = b"ERR DB index is out of range"
INVALID_DATABASE = b"ERR invalid DB index"
INTERNAL = b"ERR internal error"
OUT_OF_SYMMETRIC_RANGE = (
    b"ERR value is out of range, value must between -9223372036854775807 and "
    b"9223372036854775807"
)
INVALID_CURSOR = b"ERR invalid cursor"
NUMKEYS_NOT_POSITIVE = b"ERR numkeys should be greater than 0"
COUNT_NOT_POSITIVE = b"ERR count should be greater than 0"
LIMIT_NEGATIVE = b"ERR LIMIT can't be negative"
MORE_KEYS_THAN_ARGUMENTS = (
    b"ERR Number of keys can't be greater than number of args"
)


def wrong_arity(name: bytes) -> bytes:
    """Return the text for a wrong number of arguments; `name` is in lower case."""
    return b"ERR wrong number of arguments for '" + name + b"' command"


# --- protocol ----------------------------------------------------------------------
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


# --- connection and server ---------------------------------------------------------
NO_AUTH = b"NOAUTH Authentication required."
LOADING = b"LOADING Redis is loading the dataset in memory"
MAX_CLIENTS = b"ERR max number of clients reached"
NO_PROTO = b"NOPROTO unsupported protocol version"
OUT_OF_MEMORY = b"OOM command not allowed when used memory > 'maxmemory'."
MISCONF = (
    b"MISCONF Errors writing to the AOF file: "
)
NO_PASSWORD_SET = (
    b"ERR AUTH <password> called without any password configured for the default "
    b"user. Are you sure your configuration is correct?"
)
WRONG_PASSWORD = b"WRONGPASS invalid username-password pair or user is disabled."
HELLO_NO_AUTH = (
    b"NOAUTH HELLO must be called with the client already authenticated, otherwise "
    b"the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the "
    b"client and select the RESP protocol version at the same time"
)
PROTOCOL_NOT_AN_INTEGER = b"ERR Protocol version is not an integer or out of range"
BAD_CLIENT_NAME = (
    b"ERR Client names cannot contain spaces, newlines or special characters."
)
NO_SUCH_CLIENT = b"ERR No such client"
CLIENT_ID_NOT_POSITIVE = b"ERR client-id should be greater than 0"
INVALID_CLIENT_ID = b"ERR Invalid client ID"
UNBLOCK_REASON = b"ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
PAUSE_MODE = b"ERR CLIENT PAUSE mode must be WRITE or ALL"
TIMEOUT_NOT_AN_INTEGER = b"ERR timeout is not an integer or out of range"
TIMEOUT_NEGATIVE = b"ERR timeout is negative"
TIMEOUT_OUT_OF_RANGE = b"ERR timeout is out of range"
NOT_TRACKING = (
    b"ERR CLIENT CACHING can be called only when the client is in tracking mode with "
    b"OPTIN or OPTOUT mode enabled"
)
NO_TRACKING = b"ERR Client tracking is not supported by this server"


def hello_option(option: bytes) -> bytes:
    """Return the text for an option that HELLO does not know, or that lacks a value."""
    return _one_line(b"ERR Syntax error in HELLO option '" + option + b"'")


def unknown_client_type(kind: bytes) -> bytes:
    """Return the text for a TYPE that no client has."""
    return _one_line(b"ERR Unknown client type '" + kind + b"'")


def no_such_user(user: bytes) -> bytes:
    """Return the text for a USER that does not exist."""
    return _one_line(b"ERR No such user '" + user + b"'")


def bad_attribute(name: bytes) -> bytes:
    """Return the text for a CLIENT SETINFO value with a blank or a control character."""
    return b"ERR " + name + b" cannot contain spaces, newlines or special characters."


def unknown_attribute(name: bytes) -> bytes:
    """Return the text for an attribute that CLIENT SETINFO does not know."""
    return _one_line(b"ERR Unrecognized option '" + name + b"'")


def wrong_subcommand_arity(subcommand: bytes, name: bytes) -> bytes:
    """Return the text for a subcommand that finds its arguments odd; both as written."""
    return _one_line(
        b"ERR unknown subcommand or wrong number of arguments for '"
        + subcommand[:128]
        + b"'. Try "
        + name
        + b" HELP."
    )


PROTECTED_MODE = (
    b"DENIED Redis is running in protected mode because protected mode is enabled "
    b"and no password is set for the default user. In this mode connections are only "
    b"accepted from the loopback interface. If you want to connect from external "
    b"computers to Redis you may adopt one of the following solutions: 1) Just "
    b"disable protected mode sending the command 'CONFIG SET protected-mode no' from "
    b"the loopback interface by connecting to Redis from the same host the server is "
    b"running, however MAKE SURE Redis is not publicly accessible from internet if "
    b"you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively "
    b"you can just disable the protected mode by editing the Redis configuration "
    b"file, and setting the protected mode option to 'no', and then restarting the "
    b"server. 3) If you started the server manually just for testing, restart it "
    b"with the '--protected-mode no' option. 4) Set up an authentication password "
    b"for the default user. NOTE: You only need to do one of the above things in "
    b"order for the server to start accepting connections from the outside."
)


def unknown_command(argv: list[bytes]) -> bytes:
    """Return the text for a command that does not exist, with the start of its arguments."""
    shown = b""
    for argument in argv[1:]:
        if len(shown) >= 128:
            break
        shown += b"'" + argument[: 128 - len(shown)] + b"' "
    return _one_line(
        b"ERR unknown command '" + argv[0][:128] + b"', with args beginning with: " + shown
    )


def unknown_subcommand(name: bytes, subcommand: bytes) -> bytes:
    """Return the text for an unknown subcommand; `name` is in lower case."""
    return _one_line(
        b"ERR unknown subcommand '"
        + subcommand[:128]
        + b"'. Try "
        + name.upper()
        + b" HELP."
    )


def _one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


# --- transactions ------------------------------------------------------------------
EXEC_ABORTED = b"EXECABORT Transaction discarded because of previous errors."
NESTED_MULTI = b"ERR MULTI calls can not be nested"
EXEC_ABORTED_BECAUSE = b"EXECABORT Transaction discarded because of: "
EXEC_WITHOUT_MULTI = b"ERR EXEC without MULTI"
DISCARD_WITHOUT_MULTI = b"ERR DISCARD without MULTI"
WATCH_INSIDE_MULTI = b"ERR WATCH inside MULTI is not allowed"
NOT_IN_MULTI = b"ERR Command not allowed inside a transaction"

# --- strings -----------------------------------------------------------------------
INCREMENT_OVERFLOW = b"ERR increment or decrement would overflow"
DECREMENT_OVERFLOW = b"ERR decrement would overflow"
INCREMENT_NOT_FINITE = b"ERR increment would produce NaN or Infinity"
OFFSET_OUT_OF_RANGE = b"ERR offset is out of range"
STRING_TOO_LONG = b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"
LCS_NOT_STRINGS = b"ERR The specified keys must contain string values"
LCS_LENGTH_AND_INDEXES = (
    b"ERR If you want both the length and indexes, please just use IDX."
)
LCS_TOO_LARGE = (
    b"ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
)


def invalid_expire_time(name: bytes) -> bytes:
    """Return the text for a TTL or deadline out of range; `name` is in lower case."""
    return b"ERR invalid expire time in '" + name + b"' command"


# --- hashes ------------------------------------------------------------------------
HASH_VALUE_NOT_AN_INTEGER = b"ERR hash value is not an integer"
HASH_VALUE_NOT_A_FLOAT = b"ERR hash value is not a float"
NOT_FINITE = b"ERR value is NaN or Infinity"
# --- lists -------------------------------------------------------------------------
LPOS_RANK_ZERO = (
    b"ERR RANK can't be zero: use 1 to start from the first match, 2 from the second "
    b"... or use negative to start from the end of the list"
)
LPOS_COUNT_NEGATIVE = b"ERR COUNT can't be negative"
LPOS_MAXLEN_NEGATIVE = b"ERR MAXLEN can't be negative"
# --- sets --------------------------------------------------------------------------
# --- sorted sets -------------------------------------------------------------------
ZADD_NX_AND_XX = b"ERR XX and NX options at the same time are not compatible"
ZADD_GT_LT_NX = b"ERR GT, LT, and/or NX options at the same time are not compatible"
ZADD_INCR_PAIRS = b"ERR INCR option supports a single increment-element pair"
SCORE_IS_NAN = b"ERR resulting score is not a number (NaN)"
SCORE_BOUND = b"ERR min or max is not a float"
LEX_BOUND = b"ERR min or max not valid string range item"
LIMIT_BY_RANK = (
    b"ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
    b"BYLEX"
)
WITHSCORES_BY_LEX = (
    b"ERR syntax error, WITHSCORES not supported in combination with BYLEX"
)
WEIGHT_NOT_A_FLOAT = b"ERR weight value is not a float"


def no_input_key(name: bytes) -> bytes:
    """Return the text for zero keys; `name` is in lower case."""
    return b"ERR at least 1 input key is needed for '" + name + b"' command"


# --- generic -----------------------------------------------------------------------
SAME_OBJECT = b"ERR source and destination objects are the same"
INVALID_FIRST_DATABASE = b"ERR invalid first DB index"
INVALID_SECOND_DATABASE = b"ERR invalid second DB index"
NOT_AN_INT32 = (
    b"ERR value is out of range, value must between -2147483648 and 2147483647"
)
EXPIRE_NX_AND_OTHERS = (
    b"ERR NX and XX, GT or LT options at the same time are not compatible"
)
EXPIRE_GT_AND_LT = b"ERR GT and LT options at the same time are not compatible"
NO_LFU_POLICY = (
    b"ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
    b"Please note that when switching between policies at runtime LRU and LFU data "
    b"will take some time to adjust."
)
LFU_POLICY = (
    b"ERR An LFU maxmemory policy is selected, idle time not tracked. Please note "
    b"that when switching between policies at runtime LRU and LFU data will take some "
    b"time to adjust."
)


def unsupported_option(option: bytes) -> bytes:
    """Return the text for an option that EXPIRE and its family don't know."""
    return _one_line(b"ERR Unsupported option " + option)


# --- scripting ---------------------------------------------------------------------
# --- introspection -----------------------------------------------------------------
NO_KEY_ARGUMENTS = b"ERR The command has no key arguments"
INVALID_COMMAND = b"ERR Invalid command specified"
INVALID_ARGUMENT_COUNT = b"ERR Invalid number of arguments specified for command"
NO_SHUTDOWN = b"ERR No shutdown in progress."
SHUTDOWN_FAILED = b"ERR Errors trying to SHUTDOWN. Check logs."
NO_CLUSTER = b"ERR This instance has cluster support disabled"
NEGATIVE_TIMEOUT = b"ERR timeout is negative"
LOCAL_COPIES_OUT_OF_RANGE = b"ERR value is out of range, value must between 0 and 1"
WAITAOF_WITHOUT_LOG = (
    b"ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
)
NOTHING_TO_SAVE = (
    b"ERR This server keeps no command log (appendonly no): there is nothing to save to"
)
INVALID_PRIMARY_PORT = b"ERR Invalid master port"
NO_REPLICATION = b"ERR this server cannot be a replica: expected 'NO ONE'"
SLOWLOG_COUNT = b"ERR count should be greater than or equal to -1"
BAD_PACKED_THRESHOLD = (
    b"ERR argument must be a memory value bigger than 1 and smaller than 4gb"
)
RELOAD_OPTIONS = b"ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
PROTOCOL_TYPES = (
    b"ERR Wrong protocol type name. Please use one of the following: string|integer|"
    b"double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
)


def command_not_allowed(name: bytes) -> bytes:
    """Return the text for a command that a setting has to allow; `name` in lower case."""
    return (
        b"ERR %b command not allowed. If the enable-%b-command option is set to "
        b'"local", you can run it from a local connection, otherwise you need to set '
        b"this option in the configuration file, and then restart the server."
    ) % (name.upper(), name)


def unknown_or_wrong_arity(name: bytes, subcommand: bytes) -> bytes:
    """Return the text of commands that take their subcommand as an argument (DEBUG)."""
    return _one_line(
        b"ERR unknown subcommand or wrong number of arguments for '"
        + subcommand[:128]
        + b"'. Try "
        + name
        + b" HELP."
    )


def no_latency_samples(event: bytes) -> bytes:
    """Return the text for a latency event that has not been seen."""
    return b"ERR No samples available for event '" + event + b"'"


def unknown_category(name: bytes) -> bytes:
    """Return the text for an ACL category that does not exist."""
    return b"ERR Unknown category '" + name + b"'"


