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
    pytest.param("SET auth pw", "SET auth pw", id="no password"),
]


@pytest.mark.parametrize(("given", "shown"), COMMANDS)
def test_passwords_are_blotted_out(given, shown):
    argv = given.encode().split()

    assert redact(argv) == shown.encode().split()
    assert argv == given.encode().split()
