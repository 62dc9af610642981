import pytest

from joblog.app import errors
from joblog.app.history.recovery import Fold
from joblog.app.types.crc64 import crc64
from joblog.storage.record import Origin, Record

LIBRARY = """#!lua name=lib
local calls = 0
redis.register_function('count', function() calls = calls + 1 return calls end)
redis.register_function{
  function_name = 'read', description = 'reads', flags = {'no-writes'},
  callback = function(keys, args) return redis.call('GET', keys[1]) end,
}
redis.register_function('write', function(keys, args)
  return redis.call('SET', keys[1], args[1])
end)
"""


@pytest.fixture
def run(clients):
    clients("a")

    def run(*words):
        argv = [w.encode("latin-1") if isinstance(w, str) else w for w in words]
        return clients.engine.run(clients.sessions["a"], [argv])

    return run


@pytest.fixture
def loaded(run):
    assert run("FUNCTION", "LOAD", LIBRARY) == b"$3\r\nlib\r\n"
    return run


def test_a_library_keeps_its_state_between_calls(loaded):
    assert [loaded("FCALL", "count", "0") for _ in range(3)] == [
        b":1\r\n",
        b":2\r\n",
        b":3\r\n",
    ]


def test_the_name_of_a_function_is_found_in_any_case(loaded):
    assert loaded("FCALL", "COUNT", "0") == b":1\r\n"


def test_keys_and_arguments_reach_a_function(loaded):
    assert loaded("FCALL", "write", "1", "k", "v") == b"+OK\r\n"
    assert loaded("FCALL", "read", "1", "k") == b"$1\r\nv\r\n"
    assert loaded("FCALL_RO", "read", "1", "k") == b"$1\r\nv\r\n"


def test_a_function_that_may_write_is_refused_where_only_reads_are_asked_for(loaded):
    reply = loaded("FCALL_RO", "write", "1", "k", "v")

    assert reply == b"-" + errors.WRITE_FLAG_IN_READ_ONLY + b"\r\n"


def test_a_call_leaves_one_record_that_names_the_function(clients, loaded):
    clients.engine.outbox.entries.clear()

    loaded("FCALL", "write", "1", "k", "v")

    ((_, _, effects, origin),) = clients.engine.outbox.entries
    assert effects == [[b"SET", b"k", b"v"]]
    assert origin[1] == [b"FCALL", b"write", b"1", b"k", b"v"]
    took = origin[2].pop("us")
    assert took >= 0
    assert origin[2] == {"kind": "script", "sha": ""}


def test_libraries_do_not_see_each_other(loaded):
    other = (
        "#!lua name=other\nredis.register_function('peek', function() return calls end)"
    )
    loaded("FUNCTION", "LOAD", other)

    assert b"nonexistent global variable 'calls'" in loaded("FCALL", "peek", "0")


def test_a_function_sees_no_keys_and_no_registering(loaded):
    source = (
        "#!lua name=other\nredis.register_function('see', function() "
        "return {tostring(rawget(_G, 'KEYS')), tostring(redis.register_function)} end)"
    )
    loaded("FUNCTION", "LOAD", source)

    assert loaded("FCALL", "see", "0") == b"*2\r\n$3\r\nnil\r\n$3\r\nnil\r\n"


REFUSED = [
    pytest.param("return 1", errors.NO_LIBRARY_METADATA, id="no first line"),
    pytest.param("#!lua name=x", errors.INVALID_LIBRARY_METADATA, id="no second line"),
    pytest.param("#!lua\n", errors.NO_LIBRARY_NAME, id="no name"),
    pytest.param("#!lua name=a-b\n", errors.BAD_LIBRARY_NAME, id="bad name"),
    pytest.param("#!lua name=a name=b\n", errors.LIBRARY_NAME_TWICE, id="two names"),
    pytest.param("#!js name=a\n", errors.engine_not_found(b"js"), id="language"),
    pytest.param("#!lua name=a x=y\n", errors.invalid_metadata(b"x=y"), id="option"),
    pytest.param("#!lua name=a\nlocal x", errors.NO_FUNCTIONS_REGISTERED, id="empty"),
    pytest.param(LIBRARY, errors.library_exists(b"lib"), id="taken"),
    pytest.param(
        LIBRARY.replace("=lib", "=two"),
        errors.function_exists(b"count"),
        id="name taken",
    ),
]


@pytest.mark.parametrize(("source", "text"), REFUSED)
def test_a_library_that_is_wrong_changes_nothing(clients, loaded, source, text):
    before = clients.engine.keyspace.libraries.copy()
    clients.engine.outbox.entries.clear()

    assert loaded("FUNCTION", "LOAD", source) == b"-" + text + b"\r\n"
    assert clients.engine.keyspace.libraries == before
    assert clients.engine.outbox.entries == []
    assert loaded("FCALL", "count", "0") == b":1\r\n"


def test_a_library_is_replaced_with_all_its_functions(loaded):
    new = "#!lua name=lib\nredis.register_function('other', function() return 1 end)"

    assert loaded("FUNCTION", "LOAD", "REPLACE", new) == b"$3\r\nlib\r\n"
    assert loaded("FCALL", "count", "0") == b"-" + errors.NO_FUNCTION + b"\r\n"
    assert loaded("FCALL", "other", "0") == b":1\r\n"


def test_a_library_that_cannot_replace_leaves_the_old_one(loaded):
    loaded("FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nboom()")

    assert loaded("FCALL", "count", "0") == b":1\r\n"


def test_libraries_come_back_from_the_log(clients, loaded):
    loaded(
        "FUNCTION",
        "LOAD",
        "#!lua name=gone\nredis.register_function('g', function() end)",
    )
    loaded("FUNCTION", "DELETE", "gone")
    fold = Fold()

    for _, db, effects, _ in clients.engine.outbox.entries:
        fold.apply([Record(1, 0, 0, db, effects, Origin(1, None, None))])
    clients.engine.adopt(fold.keyspace)

    assert fold.keyspace.libraries == {b"lib": LIBRARY.encode()}
    assert loaded("FCALL", "count", "0") == b":1\r\n"


def test_a_dump_is_restored_by_another_server(clients_with, clients, loaded):
    dump = clients.engine.functions.dump()
    other = clients_with()
    other("b")
    argv = [b"FUNCTION", b"RESTORE", dump]

    assert other.engine.run(other.sessions["b"], [argv]) == b"+OK\r\n"
    assert other("b", "FCALL count 0") == b":1\r\n"


REDIS_DUMP = (
    b"\xf5;#!lua name=lib2\nredis.register_function('f',function() end)\n\x00"
    b"\xf5Z\xd3o+I\x00\xe7"
)


def test_a_dump_of_redis_is_restored(run):
    assert run("FUNCTION", "RESTORE", REDIS_DUMP) == b"+OK\r\n"
    assert run("FCALL", "f", "0") == b"$-1\r\n"


DAMAGED = [
    pytest.param(b"", errors.BAD_DUMP_PAYLOAD, id="nothing"),
    pytest.param(REDIS_DUMP[:-1], errors.BAD_DUMP_PAYLOAD, id="cut"),
    pytest.param(b"X" + REDIS_DUMP[1:], errors.BAD_DUMP_PAYLOAD, id="changed"),
]


@pytest.mark.parametrize(("payload", "text"), DAMAGED)
def test_a_damaged_dump_is_refused(run, payload, text):
    assert run("FUNCTION", "RESTORE", payload) == b"-" + text + b"\r\n"


@pytest.mark.parametrize(
    "body", [b"\xf6\x01x", b"\xf5\x3fshort", b"\xf5\xc3\x01\x7f\xe0"]
)
def test_a_dump_with_something_else_in_it_is_refused(run, body):
    body += b"\x0b\x00"
    reply = run("FUNCTION", "RESTORE", body + crc64(body).to_bytes(8, "little"))

    assert reply.startswith(b"-ERR")


POLICIES = [
    pytest.param("APPEND", b"-", {b"lib"}, id="append"),
    pytest.param("REPLACE", b"+OK", {b"lib"}, id="replace"),
    pytest.param("FLUSH", b"+OK", {b"lib"}, id="flush"),
]


@pytest.mark.parametrize(("policy", "start", "names"), POLICIES)
def test_a_restore_over_the_same_library(clients, loaded, policy, start, names):
    dump = clients.engine.functions.dump()

    reply = loaded("FUNCTION", "RESTORE", dump, policy)

    assert reply.startswith(start)
    assert set(clients.engine.keyspace.libraries) == names
    assert loaded("FCALL", "count", "0") == b":1\r\n"
