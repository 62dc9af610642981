"""No password is anywhere but where it was meant to be, whatever road it came by.

Each command that can carry one, also misspelt and with too few or too many words, goes
by each road; then every file of the server, and all that it tells about clients and
commands, is searched.
"""

import subprocess
import sys

import pytest

from tests.parity.wire import encode
from tests.replication.fakes import EMPTY_RDB, FakeMaster, sized
from tests.support.waiting import wait_until

SECRET = "sesame-open-7"

COMMANDS = [
    f"AUTH {SECRET}",
    f"AUTH default {SECRET}",
    f"auth me {SECRET}",
    f"AUTH a {SECRET} c",
    f"AUHT {SECRET}",
    f"HELLO 2 AUTH default {SECRET}",
    f"HELLO 2 SETNAME me AUTH default {SECRET}",
    f"HELLO 2 AUTH {SECRET}",
    f"HELLO {SECRET}",
    f"HELLO 2 AUHT default {SECRET}",
    f"HELO 2 AUTH default {SECRET}",
    f"CONFIG SET masterauth {SECRET}",
    f"CONFIG SET primaryauth {SECRET}",
    f"CONFIG SET MASTERAUTH {SECRET} timeout 0",
    f"CONFIG SET timeout 0 tls-key-file-pass {SECRET}",
    f"CONFIG SET tls-client-key-file-pass {SECRET}",
    f"CONFIG SET masteraut {SECRET}",
    f"CONFIG SET masterauth a {SECRET}",
    f"CONFIG SET masterauth a {SECRET} b",
    f"CONFIG STE masterauth {SECRET}",
    f"CONFG SET masterauth {SECRET}",
    f"CONFIG SET requirepass {SECRET}",
    f"MIGRATE 127.0.0.1 1 k 0 10 AUTH {SECRET}",
    f"MIGRATE 127.0.0.1 1 k 0 10 COPY AUTH2 me {SECRET} REPLACE",
    f"MIGRATE 127.0.0.1 1 k 0 10 AUHT {SECRET}",
    f"MIGRATE 127.0.0.1 AUTH {SECRET}",
    f"MIGRAET 127.0.0.1 1 k 0 10 AUTH {SECRET}",
    f"ACL SETUSER me on >{SECRET} ~* +@all",
    f"ACL SETUSR me >{SECRET}",
    f"ACL SETUSER me >{SECRET} +nosuch",
    f"ACL SETUSER me >{SECRET}x <{SECRET}x <{SECRET}y",
    f"ACL SETUSER me {SECRET}",
    f"ACL SETUSER me (~a >{SECRET})",
    f"ACL SETUSER me (>{SECRET}",
    f"ACL DRYRUN me auth me {SECRET}",
    f"ACL DRYRUN me {SECRET}",
    f"AUTH me {SECRET}",
    f"AUTH me {SECRET}x",
    f"HELLO 3 AUTH me {SECRET}x",
    f"AUTH nobody {SECRET}",
    f"CONFIG SET masteruser tap masterauth {SECRET}",
    f"HELLO 3 SETNAME me AUTH tap {SECRET} AUTH",
    f"ACL SETUSER me on resetpass >{SECRET} #{SECRET}",
    f"ACL SETUSER me (~a +get) >{SECRET} ~b",
]


def plain(client, words):
    client.ask(*words)
    client.ask("SET", "k", "v")


def transaction(client, words):
    client.ask("MULTI")
    client.ask("SET", "k", "v")
    client.ask(*words)
    client.ask("SET", "k", "w")
    client.ask("EXEC")
    client.ask("MULTI")
    client.ask(*words)
    client.ask("DISCARD")


def pipeline(client, words):
    client.send(encode(["SET", "k", "v"]) + encode(words) + encode(["SET", "k", "w"]))
    for _ in range(3):
        client.read()


def script(client, words):
    text = (
        f"redis.call('SET', KEYS[1], 'v') redis.pcall('{words[0]}', unpack(ARGV)) "
        f"return redis.call('{words[0]}', unpack(ARGV))"
    )
    client.ask("EVAL", text, 1, "k", *words[1:])
    sha = client.ask("SCRIPT", "LOAD", text).split()[1]
    client.ask("EVALSHA", sha, 1, "k", *words[1:])
    client.ask("MULTI")
    client.ask("EVAL", text, 1, "k", *words[1:])
    client.ask("EVALSHA", sha, 1, "k", *words[1:])
    client.ask("EXEC")


def script_with_it_in_its_text(client, words):
    arguments = ", ".join(f'"{word}"' for word in words)
    text = f"redis.call('SET', KEYS[1], 'v') return redis.call({arguments})"
    client.ask("EVAL", text, 1, "k")
    client.ask("MULTI")
    client.ask("EVAL", text, 1, "k")
    client.ask("EXEC")


def function(client, words):
    text = (
        "#!lua name=mine\n"
        "redis.register_function('f', function(keys, argv)\n"
        "  redis.call('SET', keys[1], 'v')\n"
        f"  return redis.pcall('{words[0]}', unpack(argv))\n"
        "end)"
    )
    client.ask("FUNCTION", "LOAD", "REPLACE", text)
    client.ask("FCALL", "f", 1, "k", *words[1:])
    client.ask("MULTI")
    client.ask("FCALL", "f", 1, "k", *words[1:])
    client.ask("EXEC")


ROADS = [
    *(plain, transaction, pipeline),
    *(script, script_with_it_in_its_text, function),
]
OPTIONS = (
    *("--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000"),
    *("--latency-monitor-threshold", "1", "--latency-tracking", "yes"),
    *("--loglevel", "debug", "--requirepass", SECRET),
    *("--user", "default", "on", f">{SECRET}", "~*", "&*", "+@all"),
)
QUESTIONS = [
    *("SLOWLOG GET -1", "CLIENT LIST", "CLIENT INFO", "INFO everything"),
    *("LATENCY LATEST", "LATENCY HISTOGRAM", "LATENCY DOCTOR", "MEMORY DOCTOR"),
    *("ACL LIST", "ACL GETUSER default", "ACL GETUSER me", "COMMAND COUNT"),
    *("ACL LOG 1000", "ACL USERS", "LOG.READ FROM 1 COUNT 10000"),
    *("LOG.INFO", "ROLE", "INFO replication", "INFO persistence", "MODULE LIST"),
]


TOLD = [
    *(("log",), ("log", "--json"), ("clients",), ("scripts",), ("info", "--json")),
    *(("stats",), ("verify",), ("log", "--effects")),
]
TOLD_ONCE = [
    *(("log", "--plain"), ("audit", "--access"), ("audit", "--access", "--json")),
    *(("clients", "--json"), ("jobs", "--json"), ("keys", "--json"), ("spans",)),
    *(("state", "--json"), ("top", "--plain"), ("scripts", "--json"), ("dump",)),
    ("history", "k", "--json"),
]
"""By one road alone: these take a second each."""


def replayed(server, verb, *options):
    """Return what `replay` tells of a log."""
    command = [
        sys.executable,
        "-m",
        "joblog.replay",
        verb,
        str(server.folder),
        *options,
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout + done.stderr


def everything_shown(server, monitor, told=TOLD):
    """Return all that anybody may read of what was done, by where it was found."""
    client = server.connect()
    client.ask("AUTH", SECRET)
    found = {question: client.ask(*question.split()) for question in QUESTIONS}
    client.ask("ECHO", "the-end")
    shown = b""
    while b"the-end" not in shown:
        line = monitor.read()
        assert line.startswith(b"+"), line
        shown += line
    found["MONITOR"] = shown
    server.stop()
    found |= {" ".join(words): replayed(server, *words) for words in told}
    for path in server._home.rglob("*"):
        if path.is_file():
            found[path.name] = path.read_bytes()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.__name__)
def test_no_password_is_shown_or_kept_whatever_road_it_comes_by(start, road):
    server = start(*OPTIONS)
    monitor = server.connect()
    monitor.ask("AUTH", SECRET)
    monitor.ask("MONITOR")

    for command in COMMANDS:
        client = server.connect()
        client.ask("AUTH", SECRET)
        road(client, command.split())
        assert client.ask("PING") == b"+PONG\r\n"
        client.close()
    is_thorough = road is script_with_it_in_its_text
    told = [*TOLD, *TOLD_ONCE] if is_thorough else TOLD
    shown = everything_shown(server, monitor, told)

    leaks = {
        place: text[max(text.index(SECRET.encode()) - 200, 0) :][:400]
        for place, text in shown.items()
        if SECRET.encode() in text
    }
    assert leaks == {}
    assert b'"AUTH" "(redacted)"' in shown["MONITOR"]
    if road not in (plain, pipeline):  # these leave no record but of what worked
        log = [text for name, text in shown.items() if name.endswith(".log")]
        assert any(b"(redacted)" in text for text in log)


@pytest.mark.slow
def test_password_of_the_command_line_is_not_in_the_title_of_the_process(start):
    server = start("--requirepass", SECRET, "--masterauth", f"{SECRET}-too")

    title = open_title(server)

    assert SECRET.encode() not in title
    assert b"--requirepass\0***\0--masterauth\0***" in title
    assert server.connect().ask("AUTH", SECRET) == b"+OK\r\n"
    assert server.stop() == 0


def open_title(server):
    with open(f"/proc/{server.process.pid}/cmdline", "rb") as file:  # noqa: PTH123
        return file.read()


def core_dump_limit(pid):
    with open(f"/proc/{pid}/limits") as file:  # noqa: PTH123
        (line,) = [line for line in file if line.startswith("Max core file size")]
    return line.split()[4:6]


@pytest.mark.slow
def test_crash_leaves_no_core_dump_unless_that_is_asked_for(start):
    unchanged = core_dump_limit("self")

    assert core_dump_limit(start().process.pid) == ["0", unchanged[1]]
    allowed = start("--core-dumps", "yes")
    assert core_dump_limit(allowed.process.pid) == unchanged
    assert (
        allowed.connect().ask("CONFIG", "SET", "core-dumps", "no").startswith(b"-ERR")
    )


@pytest.mark.slow
def test_file_of_users_and_a_rewritten_configuration_hold_no_password(start, tmp_path):
    users = tmp_path / "users.acl"
    users.write_text(f"user me on >{SECRET} +@all ~* &*\n")
    server = start("--aclfile", str(users))
    client = server.connect()

    assert client.ask("AUTH", "me", SECRET) == b"+OK\r\n"
    assert client.ask("ACL", "SETUSER", "you", "on", f">{SECRET}2") == b"+OK\r\n"
    assert client.ask("ACL", "SAVE") == b"+OK\r\n"

    assert SECRET not in users.read_text()
    assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"-WRONGPASS invalid username-password pair\r\n", id="wrong"),
        pytest.param(
            b"-ERR unknown command 'AUTH', with args beginning with: 'tap' '%b' \r\n"
            % SECRET.encode(),
            id="repeated by a master that has no AUTH",
        ),
    ],
)
def test_password_for_a_master_is_told_to_nobody_else(start, answer):
    server = start(*OPTIONS, "--masterauth", SECRET, "--masteruser", "tap")
    monitor, client = server.connect(), server.connect()
    for one in (monitor, client):
        one.ask("AUTH", SECRET)
    monitor.ask("MONITOR")
    with FakeMaster(sized(EMPTY_RDB), auth=answer) as master:
        client.ask("REPLICAOF", "127.0.0.1", master.port)
        wait_until(lambda: SECRET.encode() in master.heard)
        wait_until(
            lambda: (
                b"master_link_last_error:\r\n" not in client.ask("INFO", "replication")
            )
        )
        shown = everything_shown(server, monitor)
    assert {place for place, text in shown.items() if SECRET.encode() in text} == set()
