import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.replay.jobs.elements import ReaderError, make_reader

INNER = json.dumps({"jid": "x", "n": 7, "deep": [{"a": None}]})
READ = [
    ("whole", b"7", b"7"),
    ("until :", b"7:exec", b"7"),
    ("until :", b"7", b"7"),
    ("like saq:job:{queue}:{id}", b"saq:job:mail:7", b"7"),
    ("like saq:job:{queue}:{id}", b"7", None),
    ("regex ([0-9]+)", b"job 42!", b"42"),
    ("regex ([0-9]+)", b"none", None),
    ("json jid", INNER.encode(), b"x"),
    ("json n", INNER.encode(), b"7"),
    ("json deep.0.a", INNER.encode(), None),
    ("json deep.9", INNER.encode(), None),
    ("json payload.jid", json.dumps({"payload": INNER}).encode(), b"x"),
    ("json jid", b"{broken", None),
    ("json jid", b"\x80\x04pickle", None),
    ("msgpack 0.id", msgpack.packb([{"id": b"\xff"}]), b"\xff"),
    ("msgpack 0.id", b"\xc1", None),
    ("alias", b"tag", b"job"),
    ("alias", b"other", None),
    (["json id", "alias"], b"tag", b"job"),
]


@pytest.mark.parametrize(("text", "element", "job_id"), READ)
def test_id_is_read_from_an_element(text, element, job_id):
    assert make_reader(text)(element, {b"tag": b"job"}) == job_id


@pytest.mark.parametrize("text", ["", "wholly", "json", "until", "regex"])
def test_what_is_no_reader_is_refused_with_those_that_there_are(text):
    with pytest.raises(ReaderError, match="write whole"):
        make_reader(text)


@given(st.binary())
def test_no_element_breaks_a_reader(element):
    for text in ("json a.0", "msgpack a.0", "until :", "like a:{id}", "regex (a+)"):
        make_reader(text)(element, {})
