"""Texts of connections, clients, publish/subscribe and the server itself."""

from __future__ import annotations

from joblog.app.errors.general import one_line

_SHOWN_BYTES_MAX = 128

# --- connection and server -------------------------------------------------------
NO_AUTH = b"NOAUTH Authentication required."
LOADING = b"LOADING Redis is loading the dataset in memory"
MAX_CLIENTS = b"ERR max number of clients reached"
NO_PROTO = b"NOPROTO unsupported protocol version"
NO_MEMORY = b"OOM the system has no memory for this reply; nothing else is lost"
OUT_OF_MEMORY = b"OOM command not allowed when used memory > 'maxmemory'."
READ_ONLY = b"READONLY You can't write against a read only replica."
READ_ONLY_IN_PAST = (
    b"READONLY This connection looks at the past, where this command is not possible; "
    b"CLIENT AT now brings it back"
)
LOGIN_IN_PAST = (
    b"READONLY This connection looks at the past, where nobody logs in inside of a "
    b"transaction; DISCARD ends it"
)
NO_LOG = b"ERR This server keeps no log (memory only)"
PAST_VIEWS_MAX = (
    b"ERR no more than %d moments may be open at a time (past-views-max); those that "
    b"are open may be shared, and 'replay serve --at' opens any other"
)
PAST_TOO_LARGE = (
    b"ERR this moment takes more memory than %b (past-view-memory-max); "
    b"'replay serve --at' opens moments of any size"
)
PAST_TOO_SLOW = (
    b"ERR this moment takes longer to open than %d seconds (past-view-seconds-max); "
    b"'replay serve --at' takes the time that it needs"
)
PAST_NOT_OPENED = b"ERR this moment cannot be opened: %b"
PAST_ENDED = (
    b"ERR this view of the past has ended: %b; CLIENT AT opens a moment again, and "
    b"CLIENT AT now brings back the present"
)
PAST_TOO_OLD = b"it was open for %d seconds (past-view-seconds-max)"
PAST_IDLE = b"nobody used it for %d seconds (past-view-idle-seconds-max)"
PAST_GREW = b"it took more memory than %b (past-view-memory-max)"
PAST_WENT_BACK = b"its log went back to where that of a master parts from it"
PAST_DIED = b"its process has died"
BELOW_FLOOR = b"ERR pruned: the first moment that can be opened is @%d"
BAD_TAG = (
    b"ERR A tag is up to 100 letters, digits and _.:/- and begins with a letter; now, "
    b"today and yesterday are taken"
)
READ_ONLY_SCRIPT = b"READONLY Can not run script with write flag on readonly replica."
MISCONF = b"MISCONF Errors writing to the AOF file: "
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
MAXAGE_NOT_AN_INTEGER = b"ERR maxage is not an integer or out of range"
MAXAGE_NOT_POSITIVE = b"ERR maxage should be greater than 0"
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
TRACKING_TWO_REDIRECTIONS = b"ERR A client can only redirect to a single other client"
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
    text = (
        b"ERR Prefix '%b' overlaps with %b prefix '%b'. Prefixes for a single client "
        b"must not overlap."
    )
    return one_line(text, prefix, article, other)


def hello_option(option: bytes) -> bytes:
    """Return the text for an option that HELLO does not know, or that lacks a value."""
    return one_line(b"ERR Syntax error in HELLO option '%b'", option)


def unknown_client_type(kind: bytes) -> bytes:
    """Return the text for a TYPE that no client has."""
    return one_line(b"ERR Unknown client type '%b'", kind)


def no_such_user(user: bytes) -> bytes:
    """Return the text for a USER that does not exist."""
    return one_line(b"ERR No such user '%b'", user)


def bad_attribute(name: bytes) -> bytes:
    """Return the text for a CLIENT SETINFO value that no name can be."""
    return b"ERR " + name + b" cannot contain spaces, newlines or special characters."


def unknown_attribute(name: bytes) -> bytes:
    """Return the text for an attribute that CLIENT SETINFO does not know."""
    return one_line(b"ERR Unrecognized option '%b'", name)


_ODD_SUBCOMMAND = (
    b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP."
)


def wrong_subcommand_arity(subcommand: bytes, name: bytes) -> bytes:
    """Return the text for a subcommand with odd arguments.

    The subcommand may be in any case: the engine puts it as the client wrote it.
    """
    return one_line(_ODD_SUBCOMMAND, subcommand[:128], name)


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
    """Return the text for a command that does not exist, with its first arguments."""
    shown = b""
    for argument in argv[1:]:
        if len(shown) >= _SHOWN_BYTES_MAX:
            break
        word = argument[: _SHOWN_BYTES_MAX - len(shown)].partition(b"\0")[0]
        shown += b"'" + word + b"' "
    text = b"ERR unknown command '%b', with args beginning with: %b"
    return one_line(text, argv[0][:128], shown)


def unknown_subcommand(name: bytes, subcommand: bytes) -> bytes:
    """Return the text for an unknown subcommand; `name` is in lower case."""
    text = b"ERR unknown subcommand '%b'. Try %b HELP."
    return one_line(text, subcommand[:128], name.upper())


# --- publish and subscribe -------------------------------------------------------
def not_while_subscribed(name: bytes) -> bytes:
    """Return the text for a command that a RESP2 client with subscriptions gives."""
    return (
        b"ERR Can't execute '" + name + b"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / "
        b"PING / QUIT / RESET are allowed in this context"
    )


# --- introspection ---------------------------------------------------------------
NO_KEY_ARGUMENTS = b"ERR The command has no key arguments"
INVALID_COMMAND = b"ERR Invalid command specified"
INVALID_ARGUMENT_COUNT = b"ERR Invalid number of arguments specified for command"
NO_SHUTDOWN = b"ERR No shutdown in progress."
SHUTDOWN_FAILED = b"ERR Errors trying to SHUTDOWN. Check logs."
NO_CLUSTER = b"ERR This instance has cluster support disabled"
MIGRATE_KEY_AND_KEYS = (
    b"ERR When using MIGRATE KEYS option, the key argument must be set to the empty "
    b"string"
)
MIGRATE_CONNECTING = b"IOERR error or timeout connecting to the client"
MIGRATE_WRITING = b"IOERR error or timeout writing to target instance"
MIGRATE_READING = b"IOERR error or timeout reading to target instance"
MIGRATE_REFUSED = b"ERR Target instance replied with error: "
WAIT_ON_REPLICA = (
    b"ERR WAIT cannot be used with replica instances. Please also note that since "
    b"Redis 4.0 if a replica is configured to be writable (which is not the default) "
    b"writes to replicas are just local and are not propagated."
)
WAITAOF_ON_REPLICA = (
    b"ERR WAITAOF cannot be used with replica instances. Please also note that writes "
    b"to replicas are just local and are not propagated."
)
LOCAL_COPIES_OUT_OF_RANGE = b"ERR value is out of range, value must between 0 and 1"
WAITAOF_WITHOUT_LOG = (
    b"ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
)
SAVE_IN_PROGRESS = b"ERR Background save already in progress"
SAVE_FAILED = b"ERR"
CHILD_IS_ACTIVE = (
    b"ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE "
    b"SCHEDULE in order to schedule a BGSAVE whenever possible."
)
REWRITE_IN_PROGRESS = b"ERR Background append only file rewriting already in progress"
NOTHING_TO_SAVE = (
    b"ERR This server keeps no command log (memory only): there is nothing to save to"
)
INVALID_PRIMARY_PORT = b"ERR Invalid master port"
NO_MODULES = b"ERR Error loading the extension. Please check the server logs."
GENPASS_BITS = (
    b"ERR ACL GENPASS argument must be the number of bits for the output password, "
    b"a positive number up to 4096"
)
NO_CRASH = b"ERR this server does not crash or restart on request"
NO_INTERNALS = b"ERR this server has no such internals to show"
RELOAD_WITHOUT_LOG = (
    b"ERR this server keeps no command log (memory only): there is nothing to load"
)
SLOWLOG_COUNT = b"ERR count should be greater than or equal to -1"
BAD_PACKED_THRESHOLD = (
    b"ERR argument must be a memory value bigger than 1 and smaller than 4gb"
)
RELOAD_OPTIONS = (
    b"ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
)
ONLY_RESP3 = b"ERR RESP2 is not supported by this command"
PROTOCOL_TYPES = (
    b"ERR Wrong protocol type name. Please use one of the following: string|integer|"
    b"double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
)


def command_not_allowed(name: bytes) -> bytes:
    """Return the text for a command that a setting has to allow, in lower case."""
    return (
        b"ERR %b command not allowed. If the enable-%b-command option is set to "
        b'"local", you can run it from a local connection, otherwise you need to set '
        b"this option in the configuration file, and then restart the server."
    ) % (name.upper(), name)


def pattern_denied(option: bytes) -> bytes:
    """Return the text for an option of SORT by which it would read any key."""
    return b"ERR %b option of SORT denied due to insufficient ACL permissions." % option


def no_latency_samples(event: bytes) -> bytes:
    """Return the text for a latency event that has not been seen."""
    return one_line(b"ERR No samples available for event '%b'", event)


def unknown_category(name: bytes) -> bytes:
    """Return the text for an ACL category that does not exist."""
    return one_line(b"ERR Unknown category '%b'", name)
