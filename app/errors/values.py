"""Texts of keys and of all values but streams."""

from __future__ import annotations

from joblog.app.errors.general import one_line

# --- strings ---------------------------------------------------------------------
INCREMENT_OVERFLOW = b"ERR increment or decrement would overflow"
DECREMENT_OVERFLOW = b"ERR decrement would overflow"
INCREMENT_NOT_FINITE = b"ERR increment would produce NaN or Infinity"
OFFSET_OUT_OF_RANGE = b"ERR offset is out of range"
STRING_TOO_LONG = b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"
INVALID_NUMKEYS = b"ERR invalid numkeys value or out of range"
DIGEST_LENGTH = b"ERR must be exactly 16 hexadecimal characters"
DELEX_CONDITION = b"ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"
DELEX_NOT_A_STRING = b"ERR Key should be of string type if conditions are specified"
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


# --- bitmaps ---------------------------------------------------------------------
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


def bitop_of_several(operation: bytes) -> bytes:
    """Return the text for an operation of BITOP with a single source."""
    return b"ERR BITOP " + operation + b" must be called with at least two source keys."


# --- hashes ----------------------------------------------------------------------
HASH_VALUE_NOT_AN_INTEGER = b"ERR hash value is not an integer"
NUMFIELDS = (
    b"ERR numfields should be greater than 0 and match the provided number of fields"
)
HASH_VALUE_NOT_A_FLOAT = b"ERR hash value is not a float"
NOT_FINITE = b"ERR value is NaN or Infinity"


# --- lists -----------------------------------------------------------------------
LPOS_RANK_ZERO = (
    b"ERR RANK can't be zero: use 1 to start from the first match, 2 from the second "
    b"... or use negative to start from the end of the list"
)
LPOS_COUNT_NEGATIVE = b"ERR COUNT can't be negative"
LPOS_MAXLEN_NEGATIVE = b"ERR MAXLEN can't be negative"
TIMEOUT_NOT_A_FLOAT = b"ERR timeout is not a float or out of range"
UNBLOCKED = b"UNBLOCKED client unblocked via CLIENT UNBLOCK"


# --- sorted sets -----------------------------------------------------------------
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


# --- generic ---------------------------------------------------------------------
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
    return one_line(b"ERR Unsupported option %b", option)


# --- geo -------------------------------------------------------------------------
GEO_UNIT = b"ERR unsupported unit provided. please use M, KM, FT, MI"
GEO_RADIUS = b"ERR need numeric radius"
GEO_RADIUS_NEGATIVE = b"ERR radius cannot be negative"
GEO_WIDTH = b"ERR need numeric width"
GEO_HEIGHT = b"ERR need numeric height"
GEO_BOX_NEGATIVE = b"ERR height or width cannot be negative"
GEO_NO_MEMBER = b"ERR could not decode requested zset member"
GEO_COUNT = b"ERR COUNT must be > 0"
GEO_ANY = b"ERR the ANY argument requires COUNT argument"


def geo_pair(longitude: float, latitude: float) -> bytes:
    """Return the text for a position that is out of range."""
    return b"ERR invalid longitude,latitude pair %f,%f" % (longitude, latitude)


def geo_store_with_details(command: bytes) -> bytes:
    """Return the text for WITHDIST and its like where the result is stored."""
    text = b"ERR %b is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
    return text % command


def geo_exactly_one(options: bytes, name: bytes) -> bytes:
    """Return the text for a search without a center or without a shape.

    The name may be in any case: the engine puts it as the client wrote it.
    """
    return b"ERR exactly one of %b can be specified for %b" % (options, name)


# --- hyperloglog -----------------------------------------------------------------
NOT_A_HYPERLOGLOG = b"WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPT_HYPERLOGLOG = b"INVALIDOBJ Corrupted HLL object detected"
PFDEBUG_NO_KEY = b"ERR The specified key does not exist"
PFDEBUG_NOT_SPARSE = b"ERR HLL encoding is not sparse"
PFSELFTEST_REGISTERS = b"ERR TESTFAILED registers do not keep their values"
PFSELFTEST_ESTIMATE = b"ERR TESTFAILED an estimate is too far away"


def unknown_pfdebug(subcommand: bytes) -> bytes:
    """Return the text for a subcommand that PFDEBUG does not know."""
    return one_line(b"ERR Unknown PFDEBUG subcommand '%b'", subcommand)


# --- dump ------------------------------------------------------------------------
BUSY_KEY = b"BUSYKEY Target key name already exists."
BAD_DUMP_DATA = b"ERR Bad data format"
RESTORE_TTL_NEGATIVE = b"ERR Invalid TTL value, must be >= 0"
RESTORE_IDLETIME = b"ERR Invalid IDLETIME value, must be >= 0"
RESTORE_FREQ = b"ERR Invalid FREQ value, must be >= 0 and <= 255"
