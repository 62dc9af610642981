"""ACL LOG: what it says of who was refused what, beside Valkey."""

import re

from tests.support.servers import start_joblog, start_valkey

READS = "return redis.pcall('get', 'b')"
SHA = "d32389da34444d30194abf9003082a65bcc812d2"
LIBRARY = (
    "#!lua name=l\n"
    "redis.register_function('f', function() return redis.pcall('get', 'b') end)"
)
EXEC_LATER = [
    ("u", "MULTI"),
    ("u", "GET a"),
    ("u", "PUBLISH c x"),
    ("admin", "ACL SETUSER u resetkeys resetchannels -get"),
    ("u", "EXEC"),
    ("admin", "ACL SETUSER u ~a* &* +get"),
]
STEPS = [
    ("admin", "ACL SETUSER u on nopass ~a* +@all -config"),
    ("admin", ["SCRIPT", "LOAD", READS]),
    ("admin", ["FUNCTION", "LOAD", LIBRARY]),
    ("u", "AUTH u x"),
    ("u", "PING"),
    ("u", "GET b"),
    ("u", "CONFIG GET x"),
    ("u", "SUBSCRIBE c"),
    ("u", "MULTI"),
    ("u", "GET b"),
    ("u", "DISCARD"),
    *EXEC_LATER,
    ("u", ["EVAL", READS, "0"]),
    ("u", ["EVAL_RO", READS, "0"]),
    ("u", ["EVALSHA", SHA, "0"]),
    ("u", ["EVALSHA_RO", SHA, "0"]),
    ("u", "FCALL f 0"),
    ("u", "MULTI"),
    ("u", ["EVAL", READS, "0"]),
    ("u", "EXEC"),
    ("u", "PING"),
    ("u", "AUTH nobody x"),
    ("u", "HELLO 3 AUTH nobody x"),
    ("u", "MULTI"),
    ("u", "AUTH nobody x"),
    ("u", "EXEC"),
]
TOLD = re.compile(
    rb"(?:reason|context|object|username)\r\n\$\d+\r\n[^\r]*| cmd=\S+| user=\S+"
)


def logged(start):
    """Return what ACL LOG has behind each step, and what that step was."""
    found = []
    with start() as server:
        clients = {"admin": server.connect(), "u": server.connect()}
        for name, line in STEPS:
            clients[name].ask(*(line.split() if isinstance(line, str) else line))
            log = clients["admin"].ask("ACL", "LOG")
            found.append((line, TOLD.findall(log)))
            clients["admin"].ask("ACL", "LOG", "RESET")
    return found


def test_acl_log_names_the_command_that_ran_and_not_the_one_before():
    ours, theirs = logged(start_joblog), logged(start_valkey)

    assert [one for one in zip(ours, theirs, strict=True) if one[0] != one[1]] == []
    assert sum(bool(told) for _, told in ours) == 14
