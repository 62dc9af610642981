"""GEOADD, GEOPOS, GEOHASH, GEODIST."""

from random import Random

SICILY = "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"

POSITIONS = [
    SICILY,
    "GEOADD g 13.361389 38.115556 Palermo",
    "GEOADD g CH 13 38 Palermo 1 1 new",
    "GEOADD g NX CH 14 38 Palermo 2 2 newer",
    "GEOADD g XX CH 14 38 Palermo 2 2 newest",
    "GEOADD g nx 14 38 Palermo",
    "ZSCORE g Palermo",
    "GEOPOS g Palermo none Catania",
    "GEOPOS none a b",
    "GEOPOS g",
    "GEOHASH g Palermo none Catania",
    "GEOHASH none a",
    "GEOHASH g",
    "GEODIST g Palermo Catania",
    "GEODIST g Palermo Catania m",
    "GEODIST g Palermo Catania KM",
    "GEODIST g Palermo Catania mi",
    "GEODIST g Palermo Catania ft",
    "GEODIST g Palermo Palermo",
    "GEODIST g Palermo none",
    "GEODIST none a b km",
    "GEOADD e 180 85.05112878 ne -180 -85.05112878 sw 0 0 zero -0.0000001 0 west",
    "GEOPOS e ne sw zero west",
    "GEOHASH e ne sw zero west",
    "ZRANGE e 0 -1 WITHSCORES",
    "GEODIST e ne sw",
    "ZADD g 99999999999999999 big -5 negative 1.5 fraction inf inf -inf -inf",
    "GEOPOS g big negative fraction inf -inf",
    "GEOHASH g big negative fraction inf -inf",
    "GEODIST g big Palermo",
    ["EVAL", "return redis.call('geopos', 'g', 'Palermo', 'none')", 0],
    [
        "EVAL",
        "redis.setresp(3); return redis.call('geopos', 'g', 'Palermo')[1][2].double",
        0,
    ],
]

ERRORS = [
    "SET s x",
    "GEOADD g NX XX 1 1 a",
    "GEOADD g NX 1 1",
    "GEOADD g NX CH CH",
    "GEOADD g 1 1",
    "GEOADD g 1 1 a 2",
    "GEOADD g GT 1 1 a",
    "GEOADD g 181 1 a",
    "GEOADD g -180.1 1 a",
    "GEOADD g 1 86 a",
    "GEOADD g x 1 a",
    "GEOADD g 1 x a",
    "GEOADD g nan 1 a",
    "GEOADD g inf 1 a",
    "GEOADD g 1 1 a 200 1 b",
    "GEOADD s 200 1 a",
    "GEOADD s 1 1 a",
    "EXISTS g",
    "GEOPOS s a",
    "GEOHASH s a",
    "GEODIST s a b",
    "GEODIST s a b parsec",
    "GEODIST none a b parsec",
    "GEODIST none a b m m",
    "GEOPOS",
    "GEODIST g a",
    "COMMAND GETKEYSANDFLAGS GEOADD g 1 1 a",
]


def test_positions_are_kept_and_shown_as_redis_does(parity):
    parity(POSITIONS)


def test_positions_are_refused_as_redis_refuses_them(parity):
    parity(ERRORS)


def test_random_positions_have_the_scores_that_redis_gives_them(parity):
    random = Random(14)
    words = ["GEOADD", "g"]
    for number in range(100):
        longitude, latitude = random.uniform(-180, 180), random.uniform(-85.05, 85.05)
        words += [repr(longitude), repr(latitude), number]
    members = range(100)

    parity(
        [
            words,
            "ZRANGE g 0 -1 WITHSCORES",
            ["GEOPOS", "g", *members],
            ["GEOHASH", "g", *members],
            *(["GEODIST", "g", number, number + 1, "km"] for number in range(99)),
        ]
    )
