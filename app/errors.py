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
CACHING_YES = (
    b"ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
)
CACHING_NO = (
    b"ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
)
TRACKING_TWO_REDIRECTIONS = (
    b"ERR A client can only redirect to a single other client"
)
TRACKING_NO_SUCH_CLIENT = b"ERR The client ID you want redirect to does not exist"
TRACKING_PREFIX_WITHOUT_BCAST = b"ERR PREFIX option requires BCAST mode to be enabled"
TRACKING_BCAST_SWITCHED = (
    b"ERR You can't switch BCAST mode on/off before disabling tracking for this "
    b"client, and then re-enabling it with a different mode."
)
TRACKING_BCAST_AND_OPT = b"ERR OPTIN and OPTOUT are not compatible with BCAST"
TRACKING_OPTIN_AND_OPTOUT = b"ERR You can't specify both OPTIN mode and OPTOUT mode"
TRACKING_OPT_SWITCHED = (
    b"ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this "
    b"client, and then re-enabling it with a different mode."
)


def overlapping_prefix(prefix: bytes, other: bytes, which: str) -> bytes:
    """Return the text for two prefixes of which one begins with the other.

    Args:
        prefix: the one that is refused.
        other: the one that it overlaps with.
        which: `existing`, or `provided` in the same command.
    """
    article = b"an existing" if which == "existing" else b"another provided"
    return _one_line(
        b"ERR Prefix '%b' overlaps with %b prefix '%b'. Prefixes for a single client "
        b"must not overlap." % (prefix, article, other)
    )


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


# --- bitmaps -----------------------------------------------------------------------
BIT_OFFSET = b"ERR bit offset is not an integer or out of range"
BIT_VALUE = b"ERR bit is not an integer or out of range"
BIT_ARGUMENT = b"ERR The bit argument must be 1 or 0."
BITOP_NOT = b"ERR BITOP NOT must be called with a single source key."
BITFIELD_TYPE = (
    b"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not "
    b"supported but i64 is."
)
BITFIELD_OVERFLOW = b"ERR Invalid OVERFLOW type specified"
BITFIELD_ONLY_GET = b"ERR BITFIELD_RO only supports the GET subcommand"

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
TIMEOUT_NOT_A_FLOAT = b"ERR timeout is not a float or out of range"
UNBLOCKED = b"UNBLOCKED client unblocked via CLIENT UNBLOCK"
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


# --- streams -----------------------------------------------------------------------
INVALID_STREAM_ID = b"ERR Invalid stream ID specified as stream command argument"
XADD_ID_ZERO = b"ERR The ID specified in XADD must be greater than 0-0"
XADD_ID_TOO_SMALL = (
    b"ERR The ID specified in XADD is equal or smaller than the target stream top item"
)
STREAM_EXHAUSTED = (
    b"ERR The stream has exhausted the last possible ID, unable to add more items"
)
STREAM_ENTRY_TOO_LARGE = b"ERR Elements are too large to be stored"
MAXLEN_AND_MINID = (
    b"ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
)
TRIM_MAXLEN_NEGATIVE = b"ERR The MAXLEN argument must be >= 0."
TRIM_LIMIT_NEGATIVE = b"ERR The LIMIT argument must be >= 0."
LIMIT_WITHOUT_STRATEGY = (
    b"ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
)
LIMIT_WITHOUT_TILDE = (
    b"ERR syntax error, LIMIT cannot be used without the special ~ option"
)
XTRIM_WITHOUT_STRATEGY = (
    b"ERR syntax error, XTRIM must be called with a trimming strategy"
)
INVALID_INTERVAL_START = b"ERR invalid start ID for the interval"
INVALID_INTERVAL_END = b"ERR invalid end ID for the interval"
XSETID_ADDED_NEGATIVE = b"ERR entries_added must be positive"
XSETID_BELOW_GIVEN_DELETED = (
    b"ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
)
XSETID_BELOW_DELETED = (
    b"ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
)
XSETID_BELOW_LAST = (
    b"ERR The ID specified in XSETID is smaller than the target stream top item"
)
XSETID_ADDED_BELOW_LENGTH = (
    b"ERR The entries_added specified in XSETID is smaller than the target stream "
    b"length"
)
GROUP_OPTION_IN_XREAD = (
    b"ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
)
NOACK_OPTION_IN_XREAD = (
    b"ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
)
MISSING_GROUP_OPTION = b"ERR Missing GROUP option for XREADGROUP"
NEW_ID_IN_XREAD = (
    b"ERR The > ID can be specified only when calling XREADGROUP using the GROUP "
    b"<group> <consumer> option."
)
LAST_ID_IN_XREADGROUP = (
    b"ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
    b"history of this consumer by specifying a proper ID, or use the > ID to get new "
    b"messages. The $ ID would just return an empty result set."
)
XGROUP_NO_KEY = (
    b"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you "
    b"may want to use the MKSTREAM option to create an empty stream automatically."
)
ENTRIES_READ_NEGATIVE = b"ERR value for ENTRIESREAD must be positive or -1"
BUSY_GROUP = b"BUSYGROUP Consumer Group name already exists"
AUTOCLAIM_COUNT = b"ERR COUNT must be > 0"


def unbalanced_streams(name: bytes, symbol: bytes) -> bytes:
    """Return the text for keys and IDs that do not pair up; `name` is in lower case."""
    return (
        b"ERR Unbalanced '%b' list of streams: for each stream key an ID or '%b' must "
        b"be specified." % (name, symbol)
    )


def block_in_script(name: bytes) -> bytes:
    """Return the text for BLOCK inside of a script; `name` is in lower case."""
    return b"ERR %b command is not allowed with BLOCK option from scripts" % name.upper()


def no_group_to_read(key: bytes, group: bytes) -> bytes:
    """Return the text for a group that XREADGROUP does not find."""
    return _one_line(
        b"NOGROUP No such key '%b' or consumer group '%b' in XREADGROUP with GROUP "
        b"option" % (key, group)
    )


def no_key_or_group(key: bytes, group: bytes) -> bytes:
    """Return the text for a missing stream or group."""
    return _one_line(b"NOGROUP No such key '%b' or consumer group '%b'" % (key, group))


def no_group(key: bytes, group: bytes) -> bytes:
    """Return the text for a missing group of a stream."""
    return _one_line(
        b"NOGROUP No such consumer group '%b' for key name '%b'" % (group, key)
    )


def invalid_claim_argument(what: bytes, name: bytes) -> bytes:
    """Return the text for a number that is none; `name` is XCLAIM or XAUTOCLAIM."""
    return b"ERR Invalid %b argument for %b" % (what, name)


def unknown_claim_option(option: bytes) -> bytes:
    """Return the text for an option that XCLAIM does not know."""
    return _one_line(b"ERR Unrecognized XCLAIM option '" + option + b"'")


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
SORT_NOT_A_DOUBLE = b"ERR One or more scores can't be converted into double"
LFU_POLICY = (
    b"ERR An LFU maxmemory policy is selected, idle time not tracked. Please note "
    b"that when switching between policies at runtime LRU and LFU data will take some "
    b"time to adjust."
)


def unsupported_option(option: bytes) -> bytes:
    """Return the text for an option that EXPIRE and its family don't know."""
    return _one_line(b"ERR Unsupported option " + option)


# --- hyperloglog -------------------------------------------------------------------
NOT_A_HYPERLOGLOG = b"WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPT_HYPERLOGLOG = b"INVALIDOBJ Corrupted HLL object detected"
PFDEBUG_NO_KEY = b"ERR The specified key does not exist"
PFDEBUG_NOT_SPARSE = b"ERR HLL encoding is not sparse"
PFSELFTEST_REGISTERS = b"ERR TESTFAILED registers do not keep their values"
PFSELFTEST_ESTIMATE = b"ERR TESTFAILED an estimate is too far away"


def unknown_pfdebug(subcommand: bytes) -> bytes:
    """Return the text for a subcommand that PFDEBUG does not know."""
    return _one_line(b"ERR Unknown PFDEBUG subcommand '" + subcommand + b"'")


# --- dump --------------------------------------------------------------------------
BUSY_KEY = b"BUSYKEY Target key name already exists."
BAD_DUMP_DATA = b"ERR Bad data format"
RESTORE_TTL_NEGATIVE = b"ERR Invalid TTL value, must be >= 0"
RESTORE_IDLETIME = b"ERR Invalid IDLETIME value, must be >= 0"
RESTORE_FREQ = b"ERR Invalid FREQ value, must be >= 0 and <= 255"

# --- scripting ---------------------------------------------------------------------
NO_SCRIPT = b"NOSCRIPT No matching script. Please use EVAL."
NEGATIVE_KEY_COUNT = b"ERR Number of keys can't be negative"
TOO_MANY_KEYS = b"ERR Number of keys can't be greater than number of args"
BAD_KEY_COUNT = b"ERR Bad number of keys provided"
INVALID_SHEBANG = b"ERR Invalid script shebang"
WRITE_FLAG_IN_READ_ONLY = (
    b"ERR Can not execute a script with write flag using *_ro command."
)
SCRIPT_UNKNOWN_COMMAND = b"ERR Unknown Redis command called from script"
SCRIPT_WRONG_ARITY = b"ERR Wrong number of args calling Redis command from script"
SCRIPT_COMMAND_NOT_ALLOWED = b"ERR This Redis command is not allowed from script"
SCRIPT_WRITES_NOT_ALLOWED = b"ERR Write commands are not allowed from read-only scripts."
SCRIPT_FLUSH_OPTION = b"ERR SCRIPT FLUSH only support SYNC|ASYNC option"
SCRIPT_DEBUG_OPTION = b"ERR Use SCRIPT DEBUG YES/SYNC/NO"
SCRIPT_DEBUG_UNSUPPORTED = b"ERR SCRIPT DEBUG is not supported"
NOT_BUSY = b"NOTBUSY No scripts in execution right now."
UNKILLABLE = (
    b"UNKILLABLE Sorry the script already executed write commands against the "
    b"dataset. You can either wait the script termination or kill the server in a "
    b"hard way using the SHUTDOWN NOSAVE command."
)
BUSY_SCRIPT = (
    b"BUSY Redis is busy running a script. You can only call SCRIPT KILL or "
    b"SHUTDOWN NOSAVE."
)
BUSY_FUNCTION = (
    b"BUSY Redis is busy running a script. You can only call FUNCTION KILL or "
    b"SHUTDOWN NOSAVE."
)
NO_FUNCTION = b"ERR Function not found"
NO_LIBRARY = b"ERR Library not found"
NO_FUNCTIONS_REGISTERED = b"ERR No functions registered"
NO_LIBRARY_METADATA = b"ERR Missing library metadata"
INVALID_LIBRARY_METADATA = b"ERR Invalid library metadata"
NO_LIBRARY_NAME = b"ERR Library name was not given"
LIBRARY_NAME_TWICE = (
    b"ERR Invalid metadata value, name argument was given multiple times"
)
BAD_LIBRARY_NAME = (
    b"ERR Library names can only contain letters, numbers, or underscores(_) and "
    b"must be at least one character long"
)
FUNCTION_FLUSH_OPTION = b"ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
FUNCTION_RESTORE_POLICY = (
    b"ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
)
BAD_DUMP_PAYLOAD = b"ERR DUMP payload version or checksum are wrong"
NOT_A_FUNCTION_DUMP = b"ERR given type is not a function"
LIBRARY_NAME_ARGUMENT = b"ERR library name argument was not given"


def unexpected_engine(shebang: bytes) -> bytes:
    """Return the text for a script whose first line names another language."""
    return _one_line(b"ERR Unexpected engine in script shebang: " + shebang)


def unexpected_script_flag(flag: bytes) -> bytes:
    """Return the text for an unknown flag in the first line of a script."""
    return _one_line(b"ERR Unexpected flag in script shebang: " + flag)


def unknown_shebang_option(option: bytes) -> bytes:
    """Return the text for an unknown word in the first line of a script."""
    return _one_line(b"ERR Unknown lua shebang option: " + option)


def engine_not_found(name: bytes) -> bytes:
    """Return the text for a library in another language."""
    return _one_line(b"ERR Engine '" + name + b"' not found")


def invalid_metadata(value: bytes) -> bytes:
    """Return the text for an unknown word in the first line of a library."""
    return _one_line(b"ERR Invalid metadata value given: " + value)


def library_exists(name: bytes) -> bytes:
    """Return the text for loading a library whose name is taken."""
    return b"ERR Library '" + name + b"' already exists"


def library_exists_in_dump(name: bytes) -> bytes:
    """Return the text for restoring a library whose name is taken."""
    return b"ERR Library " + name + b" already exists"


def function_exists(name: bytes) -> bytes:
    """Return the text for registering a function whose name is taken."""
    return b"ERR Function " + name + b" already exists"


def unknown_load_option(option: bytes) -> bytes:
    """Return the text for an unknown option of FUNCTION LOAD."""
    return _one_line(b"ERR Unknown option given: " + option)


def unknown_argument(argument: bytes) -> bytes:
    """Return the text for an unknown argument of FUNCTION LIST."""
    return _one_line(b"ERR Unknown argument " + argument)

# --- publish and subscribe ---------------------------------------------------------
def not_while_subscribed(name: bytes) -> bytes:
    """Return the text for a command that a RESP2 client with subscriptions gives."""
    return (
        b"ERR Can't execute '" + name + b"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / "
        b"PING / QUIT / RESET are allowed in this context"
    )


# --- introspection -----------------------------------------------------------------
NO_KEY_ARGUMENTS = b"ERR The command has no key arguments"
INVALID_COMMAND = b"ERR Invalid command specified"
INVALID_ARGUMENT_COUNT = b"ERR Invalid number of arguments specified for command"
NO_SHUTDOWN = b"ERR No shutdown in progress."
SHUTDOWN_FAILED = b"ERR Errors trying to SHUTDOWN. Check logs."
NO_CLUSTER = b"ERR This instance has cluster support disabled"
NO_REPLICAS = b"ERR FAILOVER requires connected replicas."
LOCAL_COPIES_OUT_OF_RANGE = b"ERR value is out of range, value must between 0 and 1"
WAITAOF_WITHOUT_LOG = (
    b"ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
)
NOTHING_TO_SAVE = (
    b"ERR This server keeps no command log (appendonly no): there is nothing to save to"
)
INVALID_PRIMARY_PORT = b"ERR Invalid master port"
NO_REPLICATION = b"ERR this server cannot be a replica: expected 'NO ONE'"
NO_MODULES = b"ERR Error loading the extension. Please check the server logs."
GENPASS_BITS = (
    b"ERR ACL GENPASS argument must be the number of bits for the output password, "
    b"a positive number up to 4096"
)
NO_CRASH = b"ERR this server does not crash or restart on request"
NO_INTERNALS = b"ERR this server has no such internals to show"
RELOAD_WITHOUT_LOG = (
    b"ERR this server keeps no command log (appendonly no): there is nothing to load"
)
SLOWLOG_COUNT = b"ERR count should be greater than or equal to -1"
BAD_PACKED_THRESHOLD = (
    b"ERR argument must be a memory value bigger than 1 and smaller than 4gb"
)
RELOAD_OPTIONS = b"ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
ONLY_RESP3 = b"ERR RESP2 is not supported by this command"
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


