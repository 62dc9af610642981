import pytest

from app.engine.redaction import redact

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
    pytest.param("SET auth pw", "SET auth pw", id="no password"),
]


@pytest.mark.parametrize(("given", "shown"), COMMANDS)
def test_passwords_are_blotted_out(given, shown):
    argv = given.encode().split()

    assert redact(argv) == shown.encode().split()
    assert argv == given.encode().split()
