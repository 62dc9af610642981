import pytest

from joblog.app.errors import CommandError

SICILY = "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"


def test_geoadd_tells_of_the_key_and_is_recorded_as_given(client):
    client(SICILY)

    assert client.events == [("zadd", "g")]
    assert client.effects == [[word.encode() for word in SICILY.split()]]


STORING = [
    pytest.param(
        "GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 1 km",
        [("geosearchstore", "d")],
        id="GEOSEARCHSTORE",
    ),
    pytest.param(
        "GEORADIUS g 13.361389 38.115556 1 km STORE d",
        [("georadiusstore", "d")],
        id="GEORADIUS",
    ),
]


@pytest.mark.parametrize(("words", "events"), STORING)
def test_a_stored_search_is_recorded_as_what_was_stored(client, words, events):
    client(SICILY)

    assert client(words) == 1

    assert client.events == events
    assert client.effects == [[b"ZADD", b"d", b"3479099956230698", b"Palermo"]]


def test_a_stored_search_replaces_what_was_there(client):
    client(SICILY)
    client("SET d x PX 1000")

    client("GEORADIUSBYMEMBER g Palermo 200 km STOREDIST d")

    scores = client.value("d").scores
    assert client.effects == [
        [b"DEL", b"d"],
        [b"ZADD", b"d", b"0", b"Palermo", b"%.17g" % scores[b"Catania"], b"Catania"],
    ]
    assert client("PTTL d") == -1


def test_a_stored_search_that_finds_nothing_removes_the_key(client):
    client(SICILY)
    client("SET d x")

    assert client("GEOSEARCHSTORE d g FROMLONLAT 0 0 BYRADIUS 1 m") == 0

    assert client.events == [("del", "d")]
    assert client.effects == [[b"DEL", b"d"]]


UNCHANGED = [
    "GEOADD g 13.361389 38.115556 Palermo",
    "GEOADD g XX 1 1 none",
    "GEOADD g 200 1 a",
    "GEOPOS g Palermo",
    "GEODIST g Palermo Catania",
    "GEOHASH g Palermo",
    "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km",
    "GEOSEARCHSTORE none g FROMLONLAT 0 0 BYRADIUS 1 m",
    "GEORADIUS g 0 0 1 m STORE none",
    "GEORADIUS g 0 0 1 m",
    "GEORADIUSBYMEMBER_RO g Palermo 1 km",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_command_that_moves_nothing_leaves_no_trace(client, words):
    client(SICILY)

    client(words)

    assert (client.events, client.effects) == ([], [])


@pytest.mark.parametrize(
    "words",
    [
        "GEOSEARCHSTORE d s FROMLONLAT 0 0 BYRADIUS 1 m",
        "GEOSEARCHSTORE d g FROMMEMBER none BYRADIUS 1 m",
        "GEORADIUS g 0 0 1 m STORE d WITHDIST",
    ],
)
def test_a_stored_search_that_is_refused_changes_nothing(client, words):
    client(SICILY)
    client("SET s x")
    client("SET d x")

    assert isinstance(client(words), CommandError)
    assert (client.value("d"), client.events) == (b"x", [])
