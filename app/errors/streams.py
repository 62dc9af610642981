"""Texts of streams and their groups."""

from __future__ import annotations

from joblog.app.errors.general import one_line

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
ONCE_WITH_ID = b"ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"
ONCE_TWICE = b"ERR IDMP/IDMPAUTO specified multiple times"
IDEMPOTENT_ID_EMPTY = b"ERR IDMP requires a non-empty idempotent ID"
INVALID_DURATION = b"ERR invalid duration"
INVALID_MAXSIZE = b"ERR invalid maxsize"
NUMIDS_NOT_POSITIVE = b"ERR Number of IDs must be a positive integer"
NUMIDS_MISMATCH = b"ERR The `numids` parameter must match the number of arguments"
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
CLAIM_OPTION_IN_XREAD = (
    b"ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead."
)
MIN_IDLE_NOT_AN_INTEGER = b"ERR min-idle-time is not an integer"
MIN_IDLE_NEGATIVE = b"ERR min-idle-time must be a positive integer"
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
NEWEST_ID_IN_XREADGROUP = (
    b"ERR The + ID is meaningless in the context of XREADGROUP: you want to read the "
    b"history of this consumer by specifying a proper ID, or use the > ID to get new "
    b"messages. The + ID would just return an empty result set."
)
XGROUP_NO_KEY = (
    b"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you "
    b"may want to use the MKSTREAM option to create an empty stream automatically."
)
ENTRIES_READ_NEGATIVE = b"ERR value for ENTRIESREAD must be positive or -1"
BUSY_GROUP = b"BUSYGROUP Consumer Group name already exists"
AUTOCLAIM_COUNT = b"ERR COUNT must be > 0"


def producer_id_empty(option: bytes) -> bytes:
    """Return the text for a producer without a name; the option is in capitals."""
    return b"ERR %b requires a non-empty producer ID" % option


def unbalanced_streams(name: bytes, symbol: bytes) -> bytes:
    """Return the text for keys and IDs that do not pair up; `name` is in lower case."""
    return (
        b"ERR Unbalanced '%b' list of streams: for each stream key an ID or '%b' must "
        b"be specified." % (name, symbol)
    )


def no_group_to_read(key: bytes, group: bytes) -> bytes:
    """Return the text for a group that XREADGROUP does not find."""
    text = (
        b"NOGROUP No such key '%b' or consumer group '%b' in XREADGROUP with GROUP "
        b"option"
    )
    return one_line(text, key, group)


def no_key_or_group(key: bytes, group: bytes) -> bytes:
    """Return the text for a missing stream or group."""
    return one_line(b"NOGROUP No such key '%b' or consumer group '%b'", key, group)


def no_group(key: bytes, group: bytes) -> bytes:
    """Return the text for a missing group of a stream."""
    text = b"NOGROUP No such consumer group '%b' for key name '%b'"
    return one_line(text, group, key)


def invalid_claim_argument(what: bytes, name: bytes) -> bytes:
    """Return the text for a number that is none; `name` is XCLAIM or XAUTOCLAIM."""
    return b"ERR Invalid %b argument for %b" % (what, name)


def unknown_claim_option(option: bytes) -> bytes:
    """Return the text for an option that XCLAIM does not know."""
    return one_line(b"ERR Unrecognized XCLAIM option '%b'", option)
