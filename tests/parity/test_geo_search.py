"""GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and their forms that read."""

from random import Random

SICILY = (
    "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania "
    "12.758489 38.788135 edge1 17.241510 38.788135 edge2 0 0 far"
)

SEARCHES = [
    SICILY,
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km DESC WITHDIST WITHHASH WITHCOORD",
    "GEOSEARCH g BYBOX 400 400 km FROMLONLAT 15 37 ASC WITHDIST",
    "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 300 mi desc withcoord",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200000 m ASC WITHHASH",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 KM COUNT 1",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km COUNT 2 DESC",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km COUNT 2 ANY",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km COUNT 2 ANY ASC WITHDIST",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 0 m WITHDIST",
    "GEOSEARCH g FROMMEMBER Palermo BYBOX 0 0 m",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1e6 ft ASC WITHDIST",
    "GEOSEARCH g FROMLONLAT 1 1 BYRADIUS inf m",
    "GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1e300 m ASC",
    "GEOSEARCH g FROMLONLAT 1 1 BYBOX inf inf km ASC",
    "GEOSEARCH g FROMLONLAT 1 1 FROMLONLAT 15 37 BYRADIUS 1 m BYRADIUS 99 km",
    "GEOSEARCH none FROMLONLAT 1 1 BYRADIUS 1 m",
    "GEOSEARCH none FROMMEMBER a BYRADIUS 1 m WITHDIST",
    "GEORADIUS g 15 37 200 km",
    "GEORADIUS g 15 37 200 km WITHDIST WITHHASH WITHCOORD COUNT 2",
    "GEORADIUS_RO g 15 37 200 mi ASC",
    "GEORADIUSBYMEMBER g Palermo 200 km",
    "GEORADIUSBYMEMBER_RO g Palermo 200 km DESC WITHDIST",
    "GEORADIUS none 15 37 200 km",
    "GEORADIUSBYMEMBER none a 200 km",
    "GEORADIUSBYMEMBER none a x parsec",
]

STORING = [
    SICILY,
    "SET d x EX 100",
    "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km",
    "ZRANGE d 0 -1 WITHSCORES",
    "TTL d",
    "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
    "ZRANGE d 0 -1 WITHSCORES",
    "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 mi STOREDIST COUNT 2",
    "ZRANGE d 0 -1 WITHSCORES",
    "GEOSEARCHSTORE g g FROMLONLAT 15 37 BYRADIUS 2000 km",
    "ZRANGE g 0 -1",
    "GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 1 m",
    "EXISTS d",
    "SET d x",
    "GEOSEARCHSTORE d none FROMLONLAT 1 1 BYRADIUS 1 m",
    "EXISTS d",
    "GEORADIUS g 15 37 200 km STORE d",
    "ZRANGE d 0 -1 WITHSCORES",
    "GEORADIUS g 15 37 200 km STORE d STOREDIST e",
    "EXISTS d e",
    "ZRANGE e 0 -1 WITHSCORES",
    "GEORADIUSBYMEMBER g Palermo 200 km STOREDIST e COUNT 1",
    "ZRANGE e 0 -1 WITHSCORES",
    "GEORADIUSBYMEMBER none Palermo 200 km STORE e",
    "EXISTS e",
]

ERRORS = [
    SICILY,
    "SET s x",
    "GEOSEARCH g ASC ASC ASC ASC ASC",
    "GEOSEARCH g BYRADIUS 200 km ASC ASC",
    "GEOSEARCHSTORE d g BYRADIUS 200 km ASC ASC",
    "GEOSEARCH g FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 200 km",
    "GEOSEARCH g FROMLONLAT 1 1 FROMMEMBER Palermo BYRADIUS 200 km",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km BYBOX 1 1 m",
    "GEOSEARCH g FROMMEMBER Palermo BYBOX 1 1 m BYRADIUS 200 km",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS -1 km",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS x km",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS nan km",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 parsec",
    "GEOSEARCH g FROMMEMBER Palermo BYBOX 1 -1 m",
    "GEOSEARCH g FROMMEMBER Palermo BYBOX x 1 m",
    "GEOSEARCH g FROMMEMBER Palermo BYBOX 1 x m",
    "GEOSEARCH g FROMMEMBER Palermo BYBOX 1 1 parsec",
    "GEOSEARCH g FROMMEMBER Palermo BYBOX -1 x parsec",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m COUNT 0",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m COUNT x",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m COUNT -1",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m COUNT",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m ANY",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m STORE x",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m STOREDIST",
    "GEOSEARCH g FROMLONLAT 200 1 BYRADIUS 1 m",
    "GEOSEARCH g FROMLONLAT x 1 BYRADIUS 1 m",
    "GEOSEARCH none FROMLONLAT 200 1 BYRADIUS 1 m",
    "GEOSEARCH none FROMMEMBER a BYRADIUS 1 parsec",
    "GEOSEARCH s FROMLONLAT 200 1 BYRADIUS 1 m",
    "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST",
    "GEOSEARCHSTORE d s FROMLONLAT 1 1 BYRADIUS 1 m",
    "GEORADIUS g 15 37 200 km WITHDIST STORE d",
    "GEORADIUS_RO g 15 37 200 km STORE d",
    "GEORADIUSBYMEMBER_RO g Palermo 200 km STOREDIST d",
    "GEORADIUS g 15 37 200 km STORE",
    "GEORADIUS g 15 37 200 km BYRADIUS 1 m",
    "GEORADIUS g 15 37 x km",
    "GEORADIUS g 15 37 -1 km",
    "GEORADIUS none 15 37 200 parsec",
    "GEORADIUS none 15 37 1 m COUNT 0",
    "GEORADIUS g 200 37 1 m",
    "GEORADIUS s 200 37 1 m",
    "GEORADIUSBYMEMBER s a 1 m",
    "GEORADIUSBYMEMBER g Palermo 200 km FROMLONLAT 1 1",
    "GEOSEARCH g FROMMEMBER",
    "GEORADIUS g 1 1 1",
    "EXISTS d",
    "COMMAND GETKEYSANDFLAGS GEORADIUS k 1 1 1 m STORE d",
    "COMMAND GETKEYSANDFLAGS GEORADIUSBYMEMBER k a 1 m STORE d STOREDIST e",
    "COMMAND GETKEYSANDFLAGS GEOSEARCHSTORE a b FROMMEMBER x BYRADIUS 1 m",
    "COMMAND GETKEYSANDFLAGS GEOSEARCH a FROMMEMBER x BYRADIUS 1 m",
]

# Valkey 9.1 searches in polygons too and has other words.
OTHER_ERRORS = [
    SICILY,
    "GEOSEARCH g FROMMEMBER none BYRADIUS 200 km",
    "GEOSEARCH g FROMMEMBER none BYRADIUS 200 parsec",
    "GEORADIUSBYMEMBER g none 200 km",
    "GEORADIUSBYMEMBER g none 200 parsec",
    "GEOSEARCH g FROMMEMBER Palermo ASC ASC ASC",
    "GEOSEARCH none FROMMEMBER Palermo ASC ASC ASC",
    "GEOSEARCHSTORE d g FROMMEMBER Palermo ASC ASC ASC",
]


def test_searches_find_what_redis_finds(parity):
    parity(SEARCHES)


def test_what_searches_store_is_what_redis_stores(parity):
    parity(STORING)


def test_searches_are_refused_as_redis_refuses_them(parity):
    parity(ERRORS)


def test_searches_without_a_place_are_refused_as_redis_refuses_them(parity):
    parity(OTHER_ERRORS, witness="redis")


def test_random_searches_find_the_same_members_in_the_same_order(parity):
    random = Random(15)
    words = ["GEOADD", "g"]
    for number in range(400):
        spread = random.choice([1, 10, 180])
        longitude = random.uniform(-1, 1) * spread
        latitude = random.uniform(-1, 1) * min(spread, 85)
        words += [repr(longitude), repr(latitude), number]
    script = [words]
    for _ in range(80):
        place = [repr(random.uniform(-180, 180)), repr(random.uniform(-85, 85))]
        if random.random() < 0.5:
            place = [repr(random.uniform(-5, 5)), repr(random.uniform(-5, 5))]
        size = 10 ** random.uniform(0, 4.3)
        shape = ["BYRADIUS", size, "km"]
        if random.random() < 0.4:
            shape = ["BYBOX", size, size * random.uniform(0.2, 2), "km"]
        options = random.choice(
            [[], ["ASC"], ["DESC", "WITHDIST"], ["COUNT", 5, "ANY"]]
        )
        script.append(["GEOSEARCH", "g", "FROMLONLAT", *place, *shape, *options])
    parity(script, protocols=[2])
