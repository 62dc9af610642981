"""DEBUG DIGEST and DIGEST-VALUE give what a real server gives for the same data."""

import random

SCORES = ["0", "1", "-5", "0.1", "3.5", "1e9", "1e15", "1e16", "1e17", "1e20", "1e21"]
SCORES += ["123456789.123", "12345678901234567", "1e-7", "5e-324", "1e300", "inf"]
SCORES += ["-inf", "-4.8333693319527526e17", "9007199254740993", "0.00001"]


def test_digest_of_no_data_is_zeros(parity):
    parity(["DEBUG DIGEST", "DEBUG DIGEST-VALUE nosuch", "DEBUG DIGEST-VALUE"])


def test_digest_of_each_type(parity):
    parity(
        [
            ["MSET", "s", "v", "n", "12", "e", ""],
            ["RPUSH", "l", "a", "", b"\x00\xff", "5"],
            ["SADD", "u", "a", "b", ""],
            ["SADD", "i", "5", "7"],
            ["HSET", "h", "f", "v", "", ""],
            ["ZADD", "z", "1", "m", "2.5", ""],
            ["XADD", "x", "5-1", "f", "v", "g", "w"],
            ["SET", "d", "v", "PX", "1000000"],
            ["DEBUG", "DIGEST-VALUE", "s", "n", "e", "l", "u", "i", "h", "z", "x", "d"],
            "DEBUG DIGEST",
            "SELECT 3",
            "SET s v",
            "DEBUG DIGEST",
        ]
    )


def test_digest_of_scores_however_they_print(parity):
    adds = [["ZADD", f"k{at}", score, "m"] for at, score in enumerate(SCORES)]
    keys = [f"k{at}" for at in range(len(SCORES))]

    parity([*adds, ["DEBUG", "DIGEST-VALUE", *keys], "DEBUG DIGEST"])


def test_digest_of_random_data(parity):
    chance = random.Random(5)

    def word():
        return chance.randbytes(chance.randrange(6))

    script = []
    for number in range(60):
        key = f"k{number}"
        words = [word() for _ in range(chance.randrange(2, 12, 2))]
        command = chance.choice(["RPUSH", "SADD", "HSET", "ZADD"])
        if command == "ZADD":
            for at in range(0, len(words), 2):
                words[at] = repr(chance.uniform(-1, 1) * 10 ** chance.randrange(-9, 20))
        script.append([command, key, *words])
        if chance.random() < 0.2:
            script.append(["EXPIRE", key, 1000])

    parity([*script, "DEBUG DIGEST"])
