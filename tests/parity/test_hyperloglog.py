"""PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST: answers, and the strings they leave."""

from random import Random

WORDS = [
    "PFADD k a b c",
    "GET k",
    "PFADD k a b c",
    "PFADD k",
    "PFADD new",
    "PFADD new",
    "GET new",
    "PFCOUNT k",
    "GET k",
    "PFADD k d",
    "GET k",
    "PFCOUNT k",
    "PFCOUNT none",
    "PFCOUNT k none new",
    "PFADD other x y z a",
    "PFCOUNT k other",
    "PFMERGE m k other none",
    "GET m",
    "PFCOUNT m",
    "PFMERGE m",
    "GET m",
    "PFMERGE empty",
    "GET empty",
    "PFMERGE empty none",
    "EXPIRE m 100",
    "PFADD m another",
    "TTL m",
    "PFDEBUG ENCODING m",
    "PFDEBUG decode m",
    "PFDEBUG TODENSE m",
    "PFDEBUG TODENSE m",
    "PFDEBUG ENCODING m",
    "GET m",
    "PFCOUNT m",
    "PFDEBUG DECODE m",
    "PFMERGE k m",
    "PFDEBUG ENCODING k",
    "GET k",
    "PFDEBUG GETREG other",
    "GET other",
    "PFSELFTEST",
]

ERRORS = [
    "SET s x",
    "SET long xxxxxxxxxxxxxxxxxxxxxxxx",
    "RPUSH l a",
    "PFADD k a",
    "PFADD s a",
    "PFADD s",
    "PFADD long a",
    "PFADD l a",
    "PFCOUNT s",
    "PFCOUNT l",
    "PFCOUNT k s",
    "PFCOUNT k l",
    "PFMERGE s k",
    "PFMERGE l k",
    "PFMERGE d k s",
    "PFMERGE d k l",
    "EXISTS d",
    "PFDEBUG ENCODING s",
    "PFDEBUG ENCODING l",
    "PFDEBUG ENCODING none",
    "PFDEBUG FOO k",
    "PFDEBUG FOO none",
    "PFDEBUG ENCODING",
    "PFDEBUG ENCODING k x",
    "PFADD",
    "PFCOUNT",
    "PFMERGE",
    ["SET", "bad", b"HYLL\x01" + bytes(11) + b"\x7f\xfe"],
    "PFCOUNT bad k",
    "PFMERGE d bad",
    "PFDEBUG GETREG bad",
    "EXISTS d",
    ["SET", "bad", b"HYLL\x02" + bytes(11) + b"\x7f\xff"],
    "PFADD bad a",
    ["SET", "bad", b"HYLL\x00" + bytes(12299)],
    "PFADD bad a",
    ["SET", "bad", b"HYLL\x00" + bytes(12298)],
    "PFADD bad a",
    "COMMAND GETKEYSANDFLAGS PFADD a b",
    "COMMAND GETKEYSANDFLAGS PFCOUNT a b",
    "COMMAND GETKEYSANDFLAGS PFMERGE a b c",
    "COMMAND GETKEYSANDFLAGS PFDEBUG ENCODING a",
]


def test_hyperloglogs_are_those_of_redis(parity):
    parity(WORDS)


def test_hyperloglogs_refuse_what_redis_refuses(parity):
    parity(ERRORS)


def test_hash_is_that_of_redis_for_elements_of_any_length(parity):
    elements = [bytes(range(size)) for size in range(70)]

    parity([["PFADD", "k", *elements], "GET k", "PFCOUNT k"])


def test_strings_stay_those_of_redis_after_many_commands(parity):
    random = Random(13)
    keys = ["a", "b", "c", "d"]
    script = []
    for _ in range(60):
        key = random.choice(keys)
        match random.randrange(6):
            case 0:
                script.append(
                    ["PFCOUNT", *random.choices(keys, k=random.choice([1, 2]))]
                )
            case 1:
                script.append(
                    ["PFMERGE", *random.choices(keys, k=random.choice([2, 3]))]
                )
            case _:
                below = 10 ** random.randint(1, 6)
                count = random.choice([1, 1, 20, 200])
                elements = [random.randrange(below) for _ in range(count)]
                script.append(["PFADD", key, *elements])
        script += [["GET", each] for each in keys]
    parity(script, protocols=[2])
