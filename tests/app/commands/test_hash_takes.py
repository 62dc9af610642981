def test_hgetdel_tells_of_the_hash_that_it_changed(client):
    client("HSET h a 1 b 2")

    assert client("HGETDEL h FIELDS 2 a none") == [b"1", None]

    assert client.events == [("hdel", "h")]
    assert client.effects == [[b"HDEL", b"h", b"a"]]


def test_hgetdel_of_the_last_field_removes_the_hash(client):
    client("HSET h a 1")

    client("HGETDEL h FIELDS 1 a")

    assert client.events == [("hdel", "h"), ("del", "h")]
    assert client.value("h") is None


def test_hgetdel_of_what_is_not_there_leaves_no_trace(client):
    client("HSET h a 1")

    client("HGETDEL h FIELDS 1 none")
    client("HGETDEL none FIELDS 1 a")
    client("HGETDEL h FIELDS 2 a")

    assert client.value("h") == {b"a": b"1"}
    assert (client.events, client.effects) == ([], [])
