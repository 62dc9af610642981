import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.history.touched import (
    ALL_DATABASES,
    WHOLE_DATABASE_NAMES,
    changes_databases,
    find_touched,
    touches_text,
)
from joblog.app.keyspace.glob import compile_glob
from joblog.app.table.table import Flag, every_command
from joblog.storage.record import Origin, Record


def record(*lines, db=0):
    effects = [line.encode().split() for line in lines]
    return Record(1, 0, 0, db, effects, Origin(1))


KEYS = [
    ("SET a 1", [(0, b"a")]),
    ("set a 1", [(0, b"a")]),
    ("MSET a 1 b 2", [(0, b"a"), (0, b"b")]),
    ("DEL a b a", [(0, b"a"), (0, b"b")]),
    ("RPOPLPUSH a b", [(0, b"a"), (0, b"b")]),
    ("RENAME a b", [(0, b"a"), (0, b"b")]),
    ("SUNIONSTORE a b c", [(0, b"a")]),
    ("ZUNIONSTORE a 2 b c", [(0, b"a")]),
    ("COPY a b", [(0, b"b")]),
    ("COPY a b DB 3 REPLACE", [(3, b"b")]),
    ("MOVE a 4", [(0, b"a"), (4, b"a")]),
    ("NOSUCHCOMMAND a", []),
]


@pytest.mark.parametrize(("line", "keys"), KEYS, ids=[line for line, _ in KEYS])
def test_changed_keys_of_an_effect(line, keys):
    assert find_touched(record(line)).keys == keys


def test_select_inside_of_a_record_moves_what_follows():
    touched = find_touched(record("SET a 1", "SELECT 2", "SET b 1", db=1))

    assert touched.keys == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize(
    ("line", "databases"),
    [
        ("FLUSHALL", [ALL_DATABASES]),
        ("FLUSHDB", [5]),
        ("FlushDB ASYNC", [5]),
        ("SWAPDB 1 2", [1, 2]),
    ],
)
def test_some_effects_change_whole_databases(line, databases):
    touched = find_touched(record(line, db=5))

    assert touched.databases == databases
    assert touched.includes(databases[0] if databases[0] >= 0 else 9, b"any")
    assert changes_databases(line.encode().split())


def test_filter_sees_changed_keys_only():
    wants_b = compile_glob(b"b")

    assert not touches_text(record("SUNIONSTORE a b"), wants_b)
    assert touches_text(record("SET a 1", "SET b 1"), wants_b)
    assert touches_text(record("FLUSHALL"), wants_b)
    assert not touches_text(record("SET a b"), wants_b)


def test_writing_commands_that_name_no_key_are_those_that_change_whole_databases():
    named = {
        command.name.encode().upper()
        for command in every_command()
        if command.flags & Flag.WRITE
        and not (command.keys or command.subcommands)
        and command.group not in {"scripting", "log"}  # which change no key
    }

    assert named == {name for name in WHOLE_DATABASE_NAMES if name.isupper()}


ACCESSES = [command for command in every_command() if command.flags & Flag.WRITE]


@pytest.mark.parametrize("command", ACCESSES, ids=lambda command: command.name)
def test_writing_command_changes_some_of_its_keys(command):
    if command.keys:
        assert any(spec.may_change for spec in command.keys)
