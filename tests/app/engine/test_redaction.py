import pytest

from joblog.app.engine.redaction import redact

COMMANDS = [
    pytest.param("AUTH pw", "AUTH (redacted)", id="AUTH"),
    pytest.param("auth me pw", "auth (redacted) (redacted)", id="AUTH with a user"),
    pytest.param(
        "HELLO 3 AUTH me pw SETNAME x",
        "HELLO 3 AUTH (redacted) (redacted) SETNAME x",
        id="HELLO",
    ),
    pytest.param("HELLO 3", "HELLO 3", id="HELLO without AUTH"),
    pytest.param(
        "CONFIG SET timeout 1 RequirePass pw",
        "CONFIG SET timeout 1 RequirePass (redacted)",
        id="CONFIG SET",
    ),
    pytest.param(
        "CONFIG SET masteruser me PrimaryUser me",
        "CONFIG SET masteruser (redacted) PrimaryUser (redacted)",
        id="the user at the master",
    ),
    pytest.param("ACL SETUSER me >pw", "ACL SETUSER (redacted) (redacted)", id="ACL"),
    pytest.param(
        "MIGRATE h 1 AUTH 0 10 COPY AUTH pw REPLACE",
        "MIGRATE h 1 AUTH 0 10 COPY AUTH (redacted) REPLACE",
        id="MIGRATE",
    ),
    pytest.param(
        "migrate h 1 k 0 10 auth2 me pw KEYS auth a",
        "migrate h 1 k 0 10 auth2 (redacted) (redacted) KEYS auth a",
        id="MIGRATE with a user",
    ),
    pytest.param("MIGRATE h 1 k 0 10 AUTH", "MIGRATE h 1 k 0 10 AUTH", id="cut off"),
    pytest.param(
        "MIGRATE h 1 k 0 10 COPY AUHT pw",
        "MIGRATE h 1 k 0 10 COPY (redacted) (redacted)",
        id="MIGRATE with an option that is not known",
    ),
    pytest.param("MIGRATE h AUTH pw", "MIGRATE h AUTH (redacted)", id="short MIGRATE"),
    pytest.param("HELLO 3 AUTH pw", "HELLO 3 AUTH (redacted)", id="HELLO, cut off"),
    pytest.param("HELLO pw", "HELLO (redacted)", id="HELLO without a version"),
    pytest.param("HELLO 3 SETNAME AUTH", "HELLO 3 SETNAME AUTH", id="a name"),
    pytest.param(
        "HELLO 3 AUHT me pw",
        "HELLO 3 (redacted) (redacted) (redacted)",
        id="HELLO with an option that is not known",
    ),
    pytest.param(
        "CONFIG SET requirepas pw hz 1",
        "CONFIG SET (redacted) (redacted) hz 1",
        id="CONFIG SET of a setting that is not known",
    ),
    pytest.param(
        "CONFIG SET requirepass a pw",
        "CONFIG SET requirepass (redacted) (redacted)",
        id="CONFIG SET with a word too many",
    ),
    pytest.param(
        "CONFIG STE requirepass pw",
        "CONFIG STE (redacted) (redacted)",
        id="CONFIG with a subcommand that is not known",
    ),
    pytest.param("CONFIG GET requirepass", "CONFIG GET requirepass", id="CONFIG GET"),
    pytest.param("ACL WHOAMI", "ACL WHOAMI", id="ACL without a secret"),
    pytest.param(
        "EVAL redis.call('AUTH',ARGV[1]) 0 pw",
        "EVAL (redacted) (redacted) (redacted)",
        id="script that authenticates",
    ),
    pytest.param(
        "EVAL redis.pcall('AUHT',ARGV[1]) 0 pw",
        "EVAL (redacted) (redacted) (redacted)",
        id="script that misspells it",
    ),
    pytest.param(
        "EVAL redis.call('HSET','auth',ARGV[1],ARGV[2]) 0 f v",
        "EVAL redis.call('HSET','auth',ARGV[1],ARGV[2]) 0 f v",
        id="script without a secret",
    ),
    pytest.param("SET auth pw", "SET auth pw", id="no password"),
]


@pytest.mark.parametrize(("given", "shown"), COMMANDS)
def test_passwords_are_blotted_out(given, shown):
    argv = given.encode().split()

    assert redact(argv) == shown.encode().split()
    assert argv == given.encode().split()
