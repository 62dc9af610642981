"""BITFIELD and BITFIELD_RO."""

from random import Random

WORDS = [
    "BITFIELD k",
    "EXISTS k",
    "BITFIELD k SET u8 0 255 GET u8 0 GET i8 0 GET u4 2",
    "BITFIELD k INCRBY u8 0 1",
    "BITFIELD k OVERFLOW SAT INCRBY u8 0 -1 OVERFLOW WRAP INCRBY u8 0 -1",
    "BITFIELD k OVERFLOW FAIL INCRBY u8 0 1 SET u8 8 300 GET u8 8",
    "BITFIELD k SET u8 #2 65 SET u8 #3 66",
    "GET k",
    "BITFIELD k SET i5 3 -1 GET u5 3 SET i64 100 -9223372036854775808 GET i64 100",
    "BITFIELD k OVERFLOW SAT INCRBY i64 100 -1 INCRBY i64 100 9223372036854775807",
    "BITFIELD k OVERFLOW SAT SET u8 0 -1 SET i8 0 1000 SET i8 0 -1000 GET i8 0",
    "BITFIELD k SET u8 0 -1 SET u63 0 -1 GET u63 0 GET i63 0",
    "BITFIELD none GET u8 0 GET i64 99999",
    "EXISTS none",
    "BITFIELD none OVERFLOW FAIL SET u1 100 2",
    "STRLEN none",
    "BITFIELD k get U8 0",
    "BITFIELD k GET u64 0",
    "BITFIELD k GET i65 0",
    "BITFIELD k GET u0 0",
    "BITFIELD k GET u08 0",
    "BITFIELD k GET x8 0",
    ["BITFIELD", "k", "GET", "", "0"],
    "BITFIELD k GET u8 x",
    "BITFIELD k GET u8 #x",
    "BITFIELD k GET u8 #-1",
    "BITFIELD k GET u8 -1",
    "BITFIELD k GET u8 4294967295",
    "BITFIELD k GET u8 4294967296",
    "BITFIELD k GET u8 #536870911",
    "BITFIELD k GET u8 #536870912",
    "BITFIELD k SET u8 0",
    "BITFIELD k SET u8 0 x",
    "BITFIELD k SET u8 x x",
    "BITFIELD k OVERFLOW",
    "BITFIELD k OVERFLOW WRAP",
    "BITFIELD k OVERFLOW foo",
    "BITFIELD k FOO u8 0",
    "BITFIELD k SET u8 0 1 GET u8",
    "BITFIELD k SET u8 0 1 FOO",
    "GET k",
    "RPUSH l a",
    "BITFIELD l",
    "BITFIELD l GET u8 0",
    "BITFIELD l SET u8 0 1",
    "BITFIELD l SET u8 0 x",
    "BITFIELD_RO k GET u8 0 GET i3 5",
    "BITFIELD_RO k",
    "BITFIELD_RO none GET u8 0",
    "BITFIELD_RO k SET u8 0 1",
    "BITFIELD_RO k OVERFLOW SAT GET u8 0",
    "BITFIELD_RO l GET u8 0",
    "BITFIELD_RO l SET u8 0 1",
    "BITFIELD_RO l GET u8 x",
    "BITFIELD",
    "COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0",
    "COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0 INCRBY u8 0 1",
    "COMMAND GETKEYSANDFLAGS BITFIELD_RO k GET u8 0",
]


def test_bitfield_answers_as_redis_does(parity):
    parity(WORDS)


def test_bitfield_does_with_any_numbers_what_redis_does(parity):
    random = Random(12)
    script = []
    for _ in range(150):
        sign = random.choice("iu")
        bits = random.choice([1, 2, 7, 8, 31, 63, 64 if sign == "i" else 63])
        number = random.choice([0, 1, -1, 2**63 - 1, -(2**63), 1 << bits - 1, 200])
        number = max(min(number, 2**63 - 1), -(2**63))
        script.append(
            [
                *("BITFIELD", "k", "OVERFLOW", random.choice(["WRAP", "SAT", "FAIL"])),
                *(random.choice(["SET", "INCRBY"]), f"{sign}{bits}"),
                *(random.randrange(40), number, "GET", "u63", random.randrange(90)),
            ]
        )
        script.append("GET k")
    parity(script, protocols=[2])
