"""SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP."""

import itertools
from random import Random

SINGLE_BITS = [
    "SETBIT k 7 1",
    "SETBIT k 7 1",
    "SETBIT k 7 0",
    "SETBIT k 100 1",
    "GET k",
    "GETBIT k 100",
    "GETBIT k 101",
    "GETBIT k 9999",
    "GETBIT none 0",
    "SETBIT zero 20 0",
    "GET zero",
    "SETBIT k 0 2",
    "SETBIT k 0 x",
    "SETBIT k 0 01",
    "SETBIT k -1 1",
    "SETBIT k x 1",
    "SETBIT k x 2",
    "SETBIT k 007 1",
    "SETBIT k #1 1",
    "SETBIT k 4294967296 1",
    "SETBIT k 9223372036854775807 1",
    "SETBIT k 9223372036854775808 1",
    "GETBIT k 4294967295",
    "GETBIT k 4294967296",
    "GETBIT k x",
    "RPUSH l a",
    "SETBIT l 0 2",
    "SETBIT l 0 1",
    "GETBIT l x",
    "GETBIT l 0",
    "SET n 12",
    "SETBIT n 6 1",
    "GET n",
    "SETBIT k 0",
    "GETBIT k",
    "EXPIRE k 100",
    "SETBIT k 3 1",
    "TTL k",
]

COUNTING = [
    ["SET", "k", b"\x00\xff\xf0foobar\x01"],
    ["SET", "empty", ""],
    "RPUSH l a",
    "BITCOUNT k",
    "BITCOUNT none",
    "BITCOUNT empty",
    "BITCOUNT empty 0 -1",
    "BITCOUNT empty 0 -1 BIT",
    "BITCOUNT k 0 -1",
    "BITCOUNT k 1 1",
    "BITCOUNT k 1 1 BYTE",
    "BITCOUNT k 5 30 BIT",
    "BITCOUNT k -9 -1 bit",
    "BITCOUNT k -2 -5",
    "BITCOUNT k -2 -5 BIT",
    "BITCOUNT k 5 2",
    "BITCOUNT k 100 200",
    "BITCOUNT k -100 200",
    "BITCOUNT k -100 -200",
    "BITCOUNT k -200 -100",
    "BITCOUNT k 0 9223372036854775807 BIT",
    "BITCOUNT k -9223372036854775808 9223372036854775807",
    "BITCOUNT k x 1",
    "BITCOUNT k 1 2 FOO",
    "BITCOUNT k 1 2 BIT BIT",
    "BITCOUNT none 1 x",
    "BITCOUNT none 1 2 FOO",
    "BITCOUNT l x 1",
    "BITCOUNT l 0 1",
    "BITCOUNT l",
    "BITCOUNT",
]

FINDING = [
    ["SET", "k", b"\x00\xff\xf0"],
    ["SET", "ones", b"\xff\xff"],
    ["SET", "zeros", b"\x00\x00"],
    ["SET", "empty", ""],
    "RPUSH l a",
    *(
        f"BITPOS {key} {bit} {rest}"
        for key in ("k", "ones", "zeros", "empty", "none")
        for bit in (0, 1)
        for rest in ("", "0", "1", "-1", "5", "0 -1", "1 1", "-2 -1", "3 9", "2 1")
    ),
    *(
        f"BITPOS k {bit} {start} {end} BIT"
        for bit in (0, 1)
        for start, end in itertools.product((0, 7, 8, 13, 20, -4), (8, 12, 23, -1, 99))
    ),
    "BITPOS k 1 0 -1 BYTE",
    "BITPOS k 2",
    "BITPOS k x",
    "BITPOS l 2",
    "BITPOS l 1",
    "BITPOS l 1 x",
    "BITPOS none 1 x",
    "BITPOS none 1 0 x FOO",
    "BITPOS none 1 0 1 FOO",
    "BITPOS k 1 0 1 BIT BIT",
    "BITPOS k",
]

OPERATIONS = [
    ["SET", "a", b"\xff\x0f\x00abc"],
    ["SET", "b", b"\x55\xaa"],
    ["SET", "empty", ""],
    "RPUSH l a",
    *itertools.chain.from_iterable(
        ([f"BITOP {name} d {keys}", "GET d"])
        for name in ("AND", "or", "XOR")
        for keys in ("a", "a b", "b a b", "a none", "none", "none empty", "a empty b")
    ),
    "BITOP NOT d a",
    "GET d",
    "BITOP NOT d empty",
    "EXISTS d",
    "BITOP NOT d a b",
    "BITOP FOO d a",
    "BITOP FOO d l",
    "BITOP AND d a l",
    "BITOP AND l a b",
    "TYPE l",
    "EXPIRE l 100",
    "BITOP OR l a b",
    "TTL l",
    "BITOP XOR a a a",
    "GET a",
    "BITOP AND none none",
    "BITOP AND d",
]


def test_single_bits_are_read_and_written_as_redis_does(parity):
    parity(SINGLE_BITS)


def test_bitcount_counts_as_redis_does(parity):
    parity(COUNTING)


def test_bitcount_wants_both_ends_of_a_range(parity):
    parity(["SET k a", "BITCOUNT k 0"], witness="redis")


def test_bitpos_finds_what_redis_finds(parity):
    parity(FINDING)


def test_bitop_combines_as_redis_does(parity):
    parity(OPERATIONS)


def test_bits_of_random_strings_are_those_of_redis(parity):
    random = Random(11)
    script = []
    for _ in range(60):
        text = random.choice([b"\x00", b"\xff", b"\x10"]) * random.randrange(12)
        start, end = random.randint(-90, 90), random.randint(-90, 90)
        script += [
            ["SET", "k", text],
            ["SETBIT", "k", random.randrange(90), random.randrange(2)],
            ["BITCOUNT", "k", start, end, "BIT"],
            ["BITPOS", "k", random.randrange(2), start, end, "BIT"],
            ["BITPOS", "k", random.randrange(2), start % 12, end % 12],
        ]
    parity(script, protocols=[2])


OPERATIONS_OF_8_2 = [
    ["SET", "a", b"\xff\x0f\x00abc"],
    ["SET", "b", b"\x55\xaa"],
    ["SET", "c", b"\x51\xff\x01"],
    ["SET", "empty", ""],
    "RPUSH l a",
    *itertools.chain.from_iterable(
        ([f"BITOP {name} d {keys}", "GET d"])
        for name in ("DIFF", "diff1", "ANDOR", "ONE")
        for keys in ("a", "a b", "b a c", "c b a b", "a none", "none a", "none empty")
    ),
    *(f"BITOP {name} d" for name in ("DIFF", "ONE")),
    *(f"BITOP {name} d l" for name in ("DIFF", "DIFF1", "ANDOR", "ONE")),
    "BITOP DIFF d a l",
    "BITOP ONE l a b",
    "TYPE l",
    "BITOP ANDOR a a b",
    "GET a",
]


def test_bitop_combines_as_redis_8_2_does(parity):
    parity(OPERATIONS_OF_8_2, witness="redis8")
