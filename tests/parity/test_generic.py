"""Keys of any type, whole databases, iteration, OBJECT."""

import pytest

from tests.parity.harness import same_fields

ONE_OF_EACH = [
    "SET string v",
    "RPUSH list a b",
    "SADD set a b",
    "HSET hash f v",
    "ZADD zset 1 a",
]

REMOVING = [
    *ONE_OF_EACH,
    "DEL string none list string",
    "UNLINK set set none",
    "EXISTS string hash hash none zset",
    "TOUCH string hash hash none zset",
    "DEL none",
    "UNLINK none",
    "EXISTS none",
    "DBSIZE",
    "DEL",
    "UNLINK",
    "EXISTS",
    "TOUCH",
    "DBSIZE x",
    ["SET", b"\x00\xff\r\n", "v"],
    ["EXISTS", b"\x00\xff\r\n"],
    ["DEL", b"\x00\xff\r\n"],
    ["SET", "", "v"],
    ["EXISTS", ""],
    ["DEL", ""],
]

TYPES = [
    *ONE_OF_EACH,
    *(f"TYPE {key}" for key in ("string", "list", "set", "hash", "zset", "none")),
    "TYPE",
    "TYPE a b",
]

RENAMING = [
    *ONE_OF_EACH,
    "RENAME string renamed",
    "GET renamed",
    "EXISTS string",
    "RENAME list renamed",
    "TYPE renamed",
    "RENAME none renamed",
    "RENAME none none",
    "RENAME set set",
    "RENAMENX set hash",
    "RENAMENX set set",
    "RENAMENX set fresh",
    "SCARD fresh",
    "RENAMENX none fresh",
    "RENAMENX none none",
    "SET d v PXAT 99999999999999",
    "RENAME d e",
    "PEXPIRETIME e",
    "RENAME e hash",
    "PEXPIRETIME hash",
    "SET plain v",
    "RENAME plain hash",
    "PTTL hash",
    "SET d v PXAT 99999999999999",
    "RENAMENX d f",
    "PEXPIRETIME f",
    "RENAME a",
    "RENAME a b c",
    "RENAMENX a",
]

COPYING = [
    *ONE_OF_EACH,
    *(f"COPY {key} {key}2" for key in ("string", "list", "set", "hash", "zset")),
    "RPUSH list2 c",
    "SADD set2 c",
    "HSET hash2 g w",
    "ZADD zset2 2 b",
    "APPEND string2 w",
    "LRANGE list 0 -1",
    "SCARD set",
    "HGETALL hash",
    "ZRANGE zset 0 -1",
    "GET string",
    "COPY string string",
    "COPY none none",
    "COPY none other",
    "COPY string list",
    "COPY string list REPLACE",
    "TYPE list",
    "COPY string copy DB 1",
    "COPY string copy DB 1",
    "COPY string copy DB 1 REPLACE",
    "COPY string string DB 1",
    "COPY string string DB 0",
    "COPY string x DB 99",
    "COPY string x DB -1",
    "COPY string x DB x",
    "COPY string x DB 9223372036854775807",
    "COPY string x DB",
    "COPY string x NONSENSE",
    "COPY string x REPLACE REPLACE",
    "COPY string y DB 1 REPLACE DB 2",
    "COPY string",
    "SET d v PXAT 99999999999999",
    "COPY d e",
    "PEXPIRETIME e",
    "COPY string e REPLACE",
    "PEXPIRETIME e",
    "SELECT 1",
    "KEYS *",
    "SELECT 2",
    "KEYS *",
]

MOVING = [
    *ONE_OF_EACH,
    "MOVE string 1",
    "EXISTS string",
    "SET string w",
    "MOVE string 1",
    "MOVE list 0",
    "MOVE none 0",
    "MOVE none 1",
    "MOVE list 99",
    "MOVE list -1",
    "MOVE list x",
    "MOVE list 9223372036854775807",
    "MOVE list 9223372036854775808",
    "MOVE list",
    "SET d v PXAT 99999999999999",
    "MOVE d 1",
    "SELECT 1",
    "GET string",
    "PEXPIRETIME d",
]

DATABASES = [
    "SET a 0",
    "SELECT 1",
    "SET a 1",
    "SET b 1 PXAT 99999999999999",
    "SELECT 0",
    "SWAPDB 0 1",
    "GET a",
    "PEXPIRETIME b",
    "SELECT 1",
    "GET a",
    "SWAPDB 1 1",
    "SWAPDB x 0",
    "SWAPDB 0 x",
    "SWAPDB x y",
    "SWAPDB 0 99",
    "SWAPDB -1 0",
    "SWAPDB 0",
    "SWAPDB 9223372036854775807 0",
    "SELECT 15",
    "SELECT 16",
    "SELECT -1",
    "SELECT x",
    "SELECT 01",
    "SELECT 2147483648",
    "SELECT -2147483649",
    "SELECT 9223372036854775807",
    "SELECT 9223372036854775808",
    "SELECT",
    "SELECT 1 2",
    "SELECT 1",
    "FLUSHDB x",
    "FLUSHDB SYNC ASYNC",
    "FLUSHDB async",
    "DBSIZE",
    "SELECT 0",
    "DBSIZE",
    "FLUSHALL x",
    "FLUSHALL SYNC",
    "DBSIZE",
    "FLUSHALL",
    "FLUSHDB",
]

LISTING = [
    "MSET one 1 two 2 three 3 four 4 a[b] 5",
    "KEYS *",
    "KEYS t*",
    "KEYS *o*",
    "KEYS ?n?",
    "KEYS [ot]*",
    "KEYS [^ot]*",
    "KEYS a\\[b\\]",
    "KEYS none",
    "KEYS",
    "KEYS a b",
    "DBSIZE",
    "DEL one two three four",
    "RANDOMKEY",
    "DEL a[b]",
    "RANDOMKEY",
    "RANDOMKEY x",
]

SCANNING = [
    "SCAN 0",
    "RPUSH list a",
    "SCAN 0",
    "SCAN 0 MATCH l*",
    "SCAN 0 MATCH x*",
    "SCAN 0 COUNT 1",
    "SCAN 0 count 100 match * type list",
    "SCAN 0 TYPE LIST",
    "SCAN 0 TYPE string",
    "SCAN 0 TYPE string TYPE list",
    "SCAN 0 MATCH x MATCH l*",
    "SCAN 0 COUNT 0",
    "SCAN 0 COUNT -1",
    "SCAN 0 COUNT x",
    "SCAN 0 COUNT",
    "SCAN 0 MATCH",
    "SCAN 0 TYPE",
    "SCAN 0 NONSENSE 1",
    "SCAN x",
    "SCAN 18446744073709551615",
    "SCAN 18446744073709551616",
    "SCAN 1a",
    "SCAN",
]

OBJECTS = [
    *ONE_OF_EACH,
    "SET int 123",
    "SET long 12345678901234567890",
    ["SET", "embstr", "x" * 44],
    "SADD intset 1 2 3",
    *(
        f"OBJECT ENCODING {key}"
        for key in (
            *("string", "list", "set", "hash", "zset", "none"),
            *("int", "long", "embstr", "intset"),
        )
    ),
    "OBJECT REFCOUNT list",
    "OBJECT REFCOUNT string",
    "OBJECT REFCOUNT none",
    "OBJECT IDLETIME list",
    "OBJECT IDLETIME none",
    "OBJECT FREQ list",
    "OBJECT FREQ none",
    "OBJECT NONSENSE list",
    "OBJECT ENCODING",
    "OBJECT ENCODING a b",
    "OBJECT HELP x",
    "OBJECT",
    "object encoding list",
]

SCRIPTS = {
    "removing": REMOVING,
    "types": TYPES,
    "renaming": RENAMING,
    "copying": COPYING,
    "moving": MOVING,
    "databases": DATABASES,
    "listing": LISTING,
    "scanning": SCANNING,
    "objects": OBJECTS,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_commands_on_keys_answer_as_valkey_does(parity, name):
    parity(SCRIPTS[name])


def test_longer_strings_are_raw_as_in_redis(parity):
    parity([["SET", "k", "x" * 45], "OBJECT ENCODING k"], witness="redis")


def test_shared_numbers_have_redis_number_of_references(parity):
    parity(
        [
            "MSET a 0 b 9999 c 10000 d -1 e x",
            *(f"OBJECT REFCOUNT {key}" for key in "abcde"),
        ],
        witness="redis",
    )


def test_scan_with_a_type_that_is_none_finds_nothing_as_in_redis(parity):
    parity(
        ["SET k v", "SCAN 0 TYPE nonsense"],
        witness="redis",
    )


@pytest.mark.parametrize(
    "cursor",
    ["", "-1", "-0", "+5", "00", "0x0", " 0", "0 ", "-", "a", "1\n"]
    + [f"{sign}{2**64 - less}" for sign in ("", "-") for less in (1, 0)],
)
def test_cursors_are_numbers_as_redis_reads_them(parity, cursor):
    parity([["SCAN", cursor], ["HSCAN", "h", cursor]], witness="redis")


@pytest.mark.parametrize("options", ["", "MATCH k*", "TYPE string", "TYPE hash"])
def test_scan_removes_the_expired_keys_that_it_meets(parity, options):
    parity(
        [
            "DEBUG SET-ACTIVE-EXPIRE 0",
            "SET k 1 PX 1",
            "SET k2 1 PX 1",
            "SET kept 1",
            "DEBUG SLEEP 0.01",
            "DBSIZE",
            f"SCAN 0 COUNT 100 {options}",
            "DBSIZE",
            "INFO keyspace",
            "DEBUG SET-ACTIVE-EXPIRE 1",
        ],
        loose=same_fields("db0"),
        witness="redis",
    )
