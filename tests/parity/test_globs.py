import random


def test_patterns_match_the_same_keys_as_in_redis(parity):
    chance = random.Random(11)
    keys = {
        bytes(chance.choice(rb"abc-]\^[d") for _ in range(chance.randint(0, 5)))
        for _ in range(300)
    }
    patterns = [
        bytes(chance.choice(rb"abc-]\^[*?") for _ in range(chance.randint(0, 8)))
        for _ in range(500)
    ]

    parity(
        [
            ["MSET", *(word for key in sorted(keys) for word in (key, "1"))],
            *(["KEYS", pattern] for pattern in patterns),
        ],
        protocols=[2],
    )
