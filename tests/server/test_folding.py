"""The check that every server test ends with: it holds while keys expire, and finds."""

import pytest

from joblog.app.history.notes import ExecNote, ScriptSourceNote, encode_note
from joblog.storage.record import Origin, Record
from tests.support.folding import require_known_effects

KEYS = 400
ROUNDS = 20


@pytest.mark.slow
def test_fold_equals_live_while_keys_expire(server, fold_equals_live):
    client = server.connect()
    for number in range(KEYS):
        client.ask("SET", f"key:{number}", "x", "PX", 100 + number)

    for _ in range(ROUNDS):
        fold_equals_live(server)


def record(effects, command=None, note=None):
    argvs = [line.encode().split() for line in effects]
    given = None if command is None else command.encode().split()
    return Record(1, 0, 0, 0, argvs, Origin(1, given, note))


OWN = [
    (["SET k v"], None, None),
    (["DEL k"], "GETDEL k", None),
    (["SET k v PXAT 5"], "SET k v PX 1", None),
    (["DEL k", "SELECT 2", "LPOP q"], "EXEC", ["BLPOP q 0", "GET k"]),
    (["ZADD z 1 m"], "EXEC", ["EVAL x 0"]),
    (["ZADD z 1 m"], "EVALSHA x 0", None),
]
ODD = [
    (["UNLINK k"], "GETDEL k", None),
    (["APPEND k v"], "APPEND k w", None),
    (["RPOP q"], "EXEC", ["BLPOP q 0", "GET k"]),
    (["NOSUCH k"], None, None),
]


def noted(queued):
    if queued is None:
        return None
    return encode_note(ExecNote([line.encode().split() for line in queued]))


SHA = "9" * 40
SCRIPT = b"redis.call('BLPOP', KEYS[1], 0)\nredis.pcall('SET', 'k', 'v', 'EX', 1)"


def test_effects_of_a_script_are_those_of_the_commands_that_it_names():
    source = encode_note(ScriptSourceNote(SHA, SCRIPT))
    require_known_effects(record([], note=source))
    require_known_effects(record(["LPOP q", "SET k v PXAT 5"], f"EVALSHA {SHA} 1 q"))

    with pytest.raises(AssertionError):
        require_known_effects(record(["RPOP q"], f"EVALSHA {SHA} 1 q"))
    with pytest.raises(AssertionError):
        require_known_effects(
            record(["RPOP q"], "EXEC", noted([f"EVALSHA {SHA} 1 q", "GET k"]))
        )


@pytest.mark.parametrize(("effects", "command", "queued"), OWN)
def test_effects_that_a_command_registers_are_known(effects, command, queued):
    require_known_effects(record(effects, command, noted(queued)))


@pytest.mark.parametrize(("effects", "command", "queued"), ODD)
def test_effect_that_a_command_does_not_register_is_found(effects, command, queued):
    with pytest.raises(AssertionError):
        require_known_effects(record(effects, command, noted(queued)))
