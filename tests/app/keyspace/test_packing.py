"""Which hashes lie packed, and when they are packed again."""

import pytest

from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.discarding import Discarding
from joblog.app.history.snapshots import encode_blocks
from joblog.app.keyspace import database
from joblog.app.keyspace.packing import OPEN_MS, Packing, pack_beyond
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.packed_values import PACKED_FIELDS_MAX, Packed, fields_of

LONG = 1_000_000_000
JOB = {b"id": b"1", b"state": b"ready", b"payload": b"\xff\x00"}


@pytest.fixture
def engine():
    made = Engine(Config())
    made.keyspace.pack_hashes()
    return made


@pytest.fixture
def ask(engine):
    session = engine.clients.open(1)

    def run(*words):
        argv = [word if isinstance(word, bytes) else word.encode() for word in words]
        return engine.run(session, [argv])

    yield run
    engine.clients.close(session)


def words(fields):
    return [word for pair in fields.items() for word in pair]


def held(engine, key=b"h"):
    return engine.keyspace.databases[0].values[key]


def test_hash_that_one_command_made_lies_packed_until_it_is_asked_for(engine, ask):
    assert ask("HSET", "h", *words(JOB)) == b":3\r\n"
    assert type(held(engine)) is Packed
    assert fields_of(held(engine)) == JOB
    assert held(engine).count() == 3

    assert ask("HGET", "h", "payload") == b"$2\r\n\xff\x00\r\n"

    assert type(held(engine)) is Hash
    assert held(engine) == JOB


OTHERS = [
    pytest.param("RPUSH", "LRANGE", [b"%d" % n for n in range(1)], id="element"),
    pytest.param("RPUSH", "LRANGE", [b"%d" % n for n in range(300)], id="list"),
    pytest.param("SADD", "SMEMBERS", [b"a"], id="set of one"),
    pytest.param("SADD", "SMEMBERS", [b"%d" % n for n in range(15)], id="short set"),
    pytest.param("SADD", "SMEMBERS", [b"%d" % n for n in range(128)], id="set"),
    pytest.param("SADD", "SMEMBERS", [b"9", b"", b"x", b"1"], id="mixed set"),
    pytest.param("ZADD", "ZRANGE", [b"1.5", b"a"], id="member"),
    pytest.param("ZADD", "ZRANGE", [b"-inf", b"a", b"2", b""], id="few members"),
    pytest.param(
        "ZADD", "ZRANGE", [b"%d" % (n // 2) for n in range(128)], id="many members"
    ),
]


@pytest.mark.parametrize(("fill", "read", "given"), OTHERS)
def test_small_lists_and_sets_of_both_kinds_are_packed_and_opened(
    engine, ask, fill, read, given
):
    ask(fill, "h", *given)
    ends = () if read == "SMEMBERS" else ("0", "-1")
    before = ask(read, "h", *ends), ask("TYPE", "h"), ask("DEBUG", "DIGEST")
    kind, size = type(held(engine)), len(held(engine))

    pack_beyond(engine.keyspace, 0)

    assert type(held(engine)) is Packed
    assert (held(engine).kind(), held(engine).count()) == (kind, size)
    assert ask("DEBUG", "DIGEST") == before[2]
    assert type(held(engine)) is Packed
    assert (ask(read, "h", *ends), ask("TYPE", "h")) == before[:2]
    assert type(held(engine)) is kind


TOO_LARGE = [
    pytest.param("RPUSH", [b"1"] * 501, id="elements"),
    pytest.param("RPUSH", [b"x" * 8193], id="bytes"),
    pytest.param("ZADD", [b"%d" % n for n in range(130)], id="members"),
    pytest.param("SADD", [b"%d" % n for n in range(129)], id="members of a set"),
    pytest.param("SADD", [b"x" * 8193], id="long member of a set"),
    pytest.param("HSET", [b"f", b"x" * 8193], id="long value"),
]


@pytest.mark.parametrize(("fill", "given"), TOO_LARGE)
def test_what_is_large_is_not_packed(engine, ask, fill, given):
    ask(fill, "h", *given)

    pack_beyond(engine.keyspace, 0)

    assert type(held(engine)) is not Packed


def test_one_who_waits_for_a_list_that_lies_packed_gets_its_element(engine, ask):
    ask("SELECT", "1")
    ask("RPUSH", "l", "element")
    pack_beyond(engine.keyspace, 0)
    ask("SELECT", "0")
    waiting = engine.clients.open(2)
    assert engine.run(waiting, [[b"BLPOP", b"l", b"0"]]) == b""

    ask("SWAPDB", "0", "1")

    served = b"*2\r\n$1\r\nl\r\n$7\r\nelement\r\n"
    assert engine.outbox.woken == [(waiting.id, served)]
    engine.clients.close(waiting)


@pytest.fixture
def crowded(monkeypatch):
    monkeypatch.setattr(database, "_CROWD", -1)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("size", [0, 30, 1000])
def test_a_list_that_is_only_pushed_to_lies_packed_among_many(engine, ask, size):
    expected = []
    kinds = set()
    for number in range(400):
        front, back = (b"%d-%d" % (number, at) + b"x" * size for at in range(2))
        assert ask("LPUSH", "h", front, back) == b":%d\r\n" % (len(expected) + 2)
        assert ask("RPUSH", "h", back) == b":%d\r\n" % (len(expected) + 3)
        expected = [back, front, *expected, back]
        kinds.add(type(held(engine)))
        if number == 1:
            assert type(held(engine)) is (Packed if size < 1000 else List)
    assert kinds == {Packed, List}
    assert list(held(engine)) == expected
    engine.keyspace.check()


@pytest.mark.usefixtures("crowded")
def test_what_is_no_list_is_not_pushed_to_among_many(engine, ask):
    ask("HSET", "h", *words(JOB))
    for key, fill in (("s", "SADD"), ("z", "ZADD")):
        ask(fill, key, *(["1"] if key == "z" else []), "a")
    ask("SET", "t", "text")
    pack_beyond(engine.keyspace, 0)

    for key in ("h", "s", "z", "t"):
        assert ask("LPUSH", key, "x").startswith(b"-WRONGTYPE")


@pytest.mark.usefixtures("crowded")
def test_one_who_waits_gets_what_is_pushed_among_many(engine, ask):
    waiting = engine.clients.open(2)
    assert engine.run(waiting, [[b"BLPOP", b"l", b"0"]]) == b""

    ask("LPUSH", "l", "element")

    assert engine.outbox.woken == [(waiting.id, b"*2\r\n$1\r\nl\r\n$7\r\nelement\r\n")]
    engine.clients.close(waiting)


@pytest.mark.parametrize("count", [1, 2, 15, 16, PACKED_FIELDS_MAX])
def test_the_number_of_fields_is_known_while_they_are_packed(engine, ask, count):
    fields = {b"f%d" % number: b"v" for number in range(count)}
    ask("HSET", "h", *words(fields))
    pack_beyond(engine.keyspace, 0)

    assert type(held(engine)) is Packed
    assert held(engine).count() == count
    assert ask("HLEN", "h") == b":%d\r\n" % count


@pytest.mark.parametrize(
    "fields",
    [
        {b"f%d" % number: b"v" for number in range(PACKED_FIELDS_MAX + 1)},
        {b"a": b"x" * 9000, b"b": b"1"},
    ],
)
def test_large_hashes_are_not_packed(engine, ask, fields):
    ask("HSET", "h", *words(fields))
    assert type(held(engine)) is Hash

    pack_beyond(engine.keyspace, 0)

    assert type(held(engine)) is Hash
    assert held(engine) == fields


@pytest.mark.parametrize(
    "line", ["HEXPIRE h 100 FIELDS 1 id", "HSCAN h 0 COUNT 1", "PEXPIRE h 100000"]
)
def test_what_else_a_hash_has_is_not_lost_by_packing(engine, ask, line):
    for number in range(100):
        ask("HSET", "h", f"field-{number}", "v")
    ask("HDEL", "h", *(f"field-{number}" for number in range(50, 100)))
    ask(*line.split())
    before = ask("HPTTL", "h", "FIELDS", "1", "id"), ask("HSCAN", "h", "0")

    pack_beyond(engine.keyspace, 0)

    assert (ask("HPTTL", "h", "FIELDS", "1", "id"), ask("HSCAN", "h", "0")) == before
    assert (ask("PTTL", "h") == b":-1\r\n") == (not line.startswith("PEXPIRE"))


def test_opened_hashes_are_packed_some_seconds_later(engine, ask):
    packing = Packing()
    packing.pack_for(engine.keyspace, OPEN_MS, LONG)  # from here on time counts
    for number in range(1_000):
        ask("HSET", f"h{number}", "id", "1")
        ask("HSET", f"s{number}", "id", "1", "state", "ready")
        ask("HGET", f"s{number}", "id")
    ask("DEL", "h1")
    ask("SET", "h2", "a string by now")
    assert type(held(engine, b"h3")) is type(held(engine, b"s3")) is Hash

    packing.pack_for(engine.keyspace, 2 * OPEN_MS - 1, LONG)
    assert type(held(engine, b"h3")) is Hash

    packing.pack_for(engine.keyspace, 2 * OPEN_MS, LONG)
    kinds = [type(value) for value in engine.keyspace.databases[0].values.values()]
    assert kinds.count(Packed) == 1_998
    assert ask("GET", "h2") == b"$15\r\na string by now\r\n"


def test_packing_goes_on_where_its_time_was_over(engine, ask):
    packing = Packing()
    for number in range(1_000):
        ask("HSET", f"h{number}", "id", "1")

    calls = 0
    while Hash in map(type, engine.keyspace.databases[0].values.values()):
        packing.pack_for(engine.keyspace, OPEN_MS, 1)
        calls += 1

    assert calls > 10


def test_commands_that_go_through_all_keys_see_hashes(engine, ask):
    ask("HSET", "h", *words(JOB))
    ask("SET", "s", "1")
    plain = Engine(Config())
    session = plain.clients.open(1)
    plain.run(session, [[b"HSET", b"h", *words(JOB)], [b"SET", b"s", b"1"]])

    for line in ("SCAN 0 TYPE hash", "DEBUG DIGEST", "DEBUG DIGEST-VALUE h", "KEYS *"):
        assert ask(*line.split()) == plain.run(session, [line.encode().split()])
        assert type(held(engine)) is Packed or "VALUE" in line
        pack_beyond(engine.keyspace, 0)
    packed, opened = encode_blocks(engine.keyspace), encode_blocks(plain.keyspace)
    assert list(packed) == list(opened)
    plain.clients.close(session)


def test_a_view_that_keeps_nothing_puts_packed_hashes_back(engine, ask):
    ask("HSET", "h", *words(JOB))
    discarding = Discarding(engine)
    ask("HSET", "h", "state", "done")
    discarding.note(0, [[b"HSET", b"h", b"state", b"done"]])

    assert ask("HGET", "h", "state") == b"$5\r\nready\r\n"


def test_flushed_swapped_and_replaced_hashes_are_left_alone(engine, ask):
    ask("HSET", "h", "a", "1")
    ask("HSET", "i", "a", "1")
    ask("SWAPDB", "0", "1")
    ask("HSET", "i", "b", "2")
    pack_beyond(engine.keyspace, 0)
    ask("FLUSHALL")
    pack_beyond(engine.keyspace, 0)

    assert ask("DBSIZE") == b":0\r\n"
    engine.keyspace.check()
