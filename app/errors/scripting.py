"""Texts of scripts and functions."""

from __future__ import annotations

from joblog.app.errors.general import one_line

NO_SCRIPT = b"NOSCRIPT No matching script. Please use EVAL."
NEGATIVE_KEY_COUNT = b"ERR Number of keys can't be negative"
TOO_MANY_KEYS = b"ERR Number of keys can't be greater than number of args"
BAD_KEY_COUNT = b"ERR Bad number of keys provided"
INVALID_SHEBANG = b"ERR Invalid script shebang"
WRITE_FLAG_IN_READ_ONLY = (
    b"ERR Can not execute a script with write flag using *_ro command."
)
SCRIPT_BAD_ARGUMENTS = (
    b"ERR Lua redis lib command arguments must be strings or integers"
)
SCRIPT_UNKNOWN_COMMAND = b"ERR Unknown Redis command called from script"
SCRIPT_WRONG_ARITY = b"ERR Wrong number of args calling Redis command from script"
SCRIPT_COMMAND_NOT_ALLOWED = b"ERR This Redis command is not allowed from script"
SCRIPT_WRITES_NOT_ALLOWED = (
    b"ERR Write commands are not allowed from read-only scripts."
)
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
    return one_line(b"ERR Unexpected engine in script shebang: %b", shebang)


def unexpected_script_flag(flag: bytes) -> bytes:
    """Return the text for an unknown flag in the first line of a script."""
    return one_line(b"ERR Unexpected flag in script shebang: %b", flag)


def unknown_shebang_option(option: bytes) -> bytes:
    """Return the text for an unknown word in the first line of a script."""
    return one_line(b"ERR Unknown lua shebang option: %b", option)


def engine_not_found(name: bytes) -> bytes:
    """Return the text for a library in another language."""
    return one_line(b"ERR Engine '%b' not found", name)


NO_SCRIPT_MEMORY = b"ERR not enough memory for the script"
NOT_A_SCRIPT = b"ERR Error compiling script (new function): "
NOT_A_LIBRARY = b"ERR Error compiling function: "
"""What stands in front of what is wrong."""


def registering_failed(reason: bytes) -> bytes:
    """Return the text for a library that fails while it registers its functions."""
    return one_line(b"ERR Error registering functions: %b", reason)


def invalid_metadata(value: bytes) -> bytes:
    """Return the text for an unknown word in the first line of a library."""
    return one_line(b"ERR Invalid metadata value given: %b", value)


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
    return one_line(b"ERR Unknown option given: %b", option)


def unknown_argument(argument: bytes) -> bytes:
    """Return the text for an unknown argument of FUNCTION LIST."""
    return one_line(b"ERR Unknown argument %b", argument)
