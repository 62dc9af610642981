import pytest

from joblog.app.errors import CommandError

EVENTS = [
    pytest.param("DEL k", [("del", "k")], id="DEL"),
    pytest.param("DEL k none l k", [("del", "k"), ("del", "l")], id="DEL of several"),
    pytest.param("UNLINK k", [("del", "k")], id="UNLINK"),
    pytest.param(
        "RENAME k new", [("rename_from", "k"), ("rename_to", "new")], id="RENAME"
    ),
    pytest.param("RENAMENX k l2", [("rename_from", "k"), ("rename_to", "l2")], id="NX"),
    pytest.param("COPY k new", [("copy_to", "new")], id="COPY"),
    pytest.param("MOVE k 1", [("move_from", "k"), ("move_to", "k")], id="MOVE"),
    pytest.param("EXPIRE k 10", [("expire", "k")], id="EXPIRE"),
    pytest.param("EXPIRE k 0", [("del", "k")], id="EXPIRE at once"),
    pytest.param("PERSIST d", [("persist", "d")], id="PERSIST"),
]


@pytest.fixture
def filled(client):
    """Return a client of a database with a string, a list and a key with a deadline."""
    client("SET k v")
    client("RPUSH l a b")
    client("SET d v PX 5000")
    return client


@pytest.mark.parametrize(("words", "events"), EVENTS)
def test_command_on_keys_tells_of_those_that_it_changed(filled, words, events):
    filled(words)

    assert filled.events == events
    assert filled.effects


UNCHANGED = [
    "DEL none",
    "UNLINK none",
    "EXISTS k",
    "TOUCH k",
    "TYPE k",
    "RENAME k k",
    "RENAME none k",
    "RENAMENX k l",
    "RENAMENX k k",
    "COPY k l",
    "COPY none l",
    "COPY k k",
    "MOVE none 1",
    "MOVE k 0",
    "EXPIRE none 10",
    "EXPIRE d 10 NX",
    "EXPIRE k 10 XX",
    "EXPIRE k 10 GT",
    "EXPIRE d 10 LT",
    "EXPIRE k 10 NX XX",
    "EXPIRE k ten",
    "PERSIST k",
    "PERSIST none",
    "KEYS *",
    "SCAN 0",
    "RANDOMKEY",
    "SWAPDB 0 0",
    "SWAPDB 0 99",
    "SELECT 1",
    "OBJECT ENCODING k",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_command_that_changes_no_key_leaves_no_trace(filled, words):
    filled(words)

    assert (filled.events, filled.effects) == ([], [])


AT = b"1700000010000"
EFFECTS = [
    pytest.param("EXPIRE k 10", [[b"PEXPIREAT", b"k", AT]], id="EXPIRE"),
    pytest.param("PEXPIRE k 10000 NX", [[b"PEXPIREAT", b"k", AT]], id="PEXPIRE NX"),
    pytest.param("EXPIREAT k 1700000010", [[b"PEXPIREAT", b"k", AT]], id="EXPIREAT"),
    pytest.param(
        "PEXPIREAT k 1700000010000", [[b"PEXPIREAT", b"k", AT]], id="PEXPIREAT"
    ),
    pytest.param(
        "PEXPIREAT k 1700000010000 LT", [[b"PEXPIREAT", b"k", AT]], id="PEXPIREAT LT"
    ),
    pytest.param("EXPIRE k -1", [[b"DEL", b"k"]], id="EXPIRE in the past"),
    pytest.param("EXPIREAT k 1", [[b"DEL", b"k"]], id="EXPIREAT in the past"),
    pytest.param("PEXPIREAT k 1700000000000", [[b"DEL", b"k"]], id="PEXPIREAT now"),
    pytest.param("FLUSHALL ASYNC", [[b"FLUSHALL", b"ASYNC"]], id="FLUSHALL"),
    pytest.param("FLUSHDB", [[b"FLUSHDB"]], id="FLUSHDB"),
    pytest.param("SWAPDB 0 1", [[b"SWAPDB", b"0", b"1"]], id="SWAPDB"),
]


@pytest.mark.parametrize(("words", "effects"), EFFECTS)
def test_command_is_recorded_without_need_of_a_clock(filled, words, effects):
    filled(words)

    assert filled.effects == effects


@pytest.mark.parametrize("words", ["FLUSHALL", "FLUSHDB"])
def test_flushing_what_is_empty_leaves_no_record(client, words):
    client(words)

    assert client.effects == []


@pytest.mark.parametrize(
    ("fill", "change", "size"),
    [
        ("RPUSH k a", "RPUSH k b", "LLEN"),
        ("HSET k f v", "HSET k g v", "HLEN"),
        ("SADD k a", "SADD k b", "SCARD"),
        ("ZADD k 1 a", "ZADD k 2 b", "ZCARD"),
        ("SET k a", "APPEND k b", "STRLEN"),
    ],
)
def test_a_copy_shares_nothing_that_can_change(client, fill, change, size):
    client(fill)
    client("COPY k copy")

    client(change)

    assert (client(f"{size} k"), client(f"{size} copy")) == (2, 1)


@pytest.mark.parametrize(
    "words", ["RENAME d new", "RENAMENX d new", "COPY d new", "COPY d l REPLACE"]
)
def test_a_deadline_goes_with_its_value(filled, words):
    filled(words)

    assert filled(f"PTTL {words.split()[2]}") == 5000


@pytest.mark.parametrize("words", ["RENAME k d", "COPY k d REPLACE"])
def test_a_deadline_goes_with_the_value_that_is_replaced(filled, words):
    filled(words)

    assert filled("PTTL d") == -1


def test_an_expired_key_that_is_renamed_over_is_removed_in_the_log_first(filled):
    filled.clock.advance(5000)

    filled("RENAME k d")

    assert filled.effects == [[b"DEL", b"d"], [b"RENAME", b"k", b"d"]]


def test_ttl_is_rounded_to_the_nearest_second(client):
    client("SET k v PX 1500")

    assert (client("TTL k"), client("PTTL k")) == (2, 1500)
    client.clock.advance(1)
    assert (client("TTL k"), client("PTTL k")) == (1, 1499)
    assert client("EXPIRETIME k") == 1700000002
    assert client("PEXPIRETIME k") == 1700000001500


@pytest.mark.parametrize("look", ["KEYS *", "SCAN 0", "RANDOMKEY", "EVAL"])
def test_what_was_seen_expired_stays_gone_where_the_clock_is_set_back(filled, look):
    filled.clock.advance(5000)

    if look == "EVAL":
        filled("EVAL", "return redis.call('KEYS', '*')", "0")
    for _ in range(50 if look == "RANDOMKEY" else look != "EVAL"):
        filled(look)
    filled.clock.advance(-5000)

    assert sorted(filled("KEYS *")) == [b"k", b"l"]
    assert sorted(filled("SCAN 0")[1]) == [b"k", b"l"]
    assert filled("DBSIZE") == 2
    assert filled("EXISTS d") == 0


def test_randomkey_picks_each_key_about_as_often(client):
    client("MSET a 1 b 1 c 1 d 1 e 1")

    picks = [client("RANDOMKEY") for _ in range(500)]

    assert {picks.count(key) > 50 for key in (b"a", b"b", b"c", b"d", b"e")} == {True}


def test_randomkey_never_picks_what_has_expired(filled):
    filled("DEL k l")
    filled.clock.advance(5000)

    assert filled("RANDOMKEY") is None
    assert filled.effects == [[b"DEL", b"d"]]


def test_scan_filters_by_type_and_pattern(filled):
    assert filled("SCAN 0 TYPE LIST") == [b"0", [b"l"]]
    assert sorted(filled("SCAN 0 TYPE string")[1]) == [b"d", b"k"]
    assert filled("SCAN 0 TYPE string MATCH k*") == [b"0", [b"k"]]
    assert filled("SCAN 0 TYPE nothing") == [b"0", []]


def test_swapdb_swaps_keys_and_deadlines(filled):
    filled("SWAPDB 0 3")

    assert filled("DBSIZE") == 0
    filled("SELECT 3")
    assert filled("PTTL d") == 5000


@pytest.mark.parametrize(
    ("fill", "name"),
    [
        ("SET k 12", b"int"),
        ("SET k text", b"embstr"),
        ("RPUSH k a", b"listpack"),
        ("HSET k f v", b"listpack"),
        ("SADD k 1", b"intset"),
        ("SADD k a", b"listpack"),
        ("ZADD k 1 a", b"listpack"),
    ],
)
def test_object_encoding_names_what_redis_would_keep(client, fill, name):
    client(fill)

    assert client("OBJECT ENCODING k") == name


def test_object_freq_and_idletime_go_by_the_policy(client):
    client("SET k v")
    assert isinstance(client("OBJECT FREQ k"), CommandError)
    assert client("OBJECT IDLETIME k") == 0

    client.engine.server.config.change([(b"maxmemory-policy", b"allkeys-lfu")])

    assert client("OBJECT FREQ k") == 5
    assert isinstance(client("OBJECT IDLETIME k"), CommandError)
