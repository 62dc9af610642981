import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.history.notes import (
    BehindNote,
    ClientNote,
    EvictedNote,
    ExecNote,
    ExpiredNote,
    ScriptNote,
    ScriptSourceNote,
    decode_note,
    encode_note,
    full_note,
    read_note,
)
from joblog.storage.record import (
    Origin,
    Record,
    RecordDecoder,
    decode_origin,
    encode_origin,
    with_clock,
)
from tests.storage.logs import encode_record

ARGV = st.lists(st.binary(max_size=20), min_size=1, max_size=4)
NUMBERS = st.integers(0, 2**63)
ORIGINS = st.builds(
    Origin,
    NUMBERS,
    st.none() | ARGV,
    st.none() | st.dictionaries(st.text(), NUMBERS | st.binary() | st.text()),
)
RECORDS = st.builds(
    Record, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.lists(ARGV, max_size=3), ORIGINS
)


@settings(max_examples=25, deadline=None)
@given(RECORDS)
def test_a_record_comes_back_as_it_was(record):
    assert RecordDecoder().decode(encode_record(record)) == record


@settings(max_examples=20, deadline=None)
@given(st.lists(RECORDS, max_size=5))
def test_many_records_come_back_in_their_order(records):
    payloads = [encode_record(record) for record in records]

    assert RecordDecoder().decode_all(payloads) == records


FIRST, SECOND = (
    encode_record(Record(seq, 0, 5, 0, [[b"DEL", b"k"]], Origin(1))) for seq in (1, 2)
)


@pytest.mark.parametrize(
    "payloads",
    [
        pytest.param([FIRST + SECOND], id="two in one"),
        pytest.param([FIRST + SECOND, FIRST], id="three in two"),
        pytest.param([FIRST, SECOND[:7]], id="half a one"),
        pytest.param([FIRST, b"\xc1"], id="no msgpack"),
    ],
)
def test_payloads_that_are_not_a_record_each_are_refused(payloads):
    with pytest.raises(ValueError, match="not a record"):
        RecordDecoder().decode_all(payloads)


class Word(bytes):
    """A byte string of a derived class."""


def test_tuples_and_derived_classes_are_packed_as_what_they_are():
    plain = Record(9, 8, 7, 1, [[b"SET", b"k", b"v"]], Origin(3, [b"EVAL"]))
    dressed = Record(9, 8, 7, 1, ((Word(b"SET"), b"k", b"v"),), Origin(3, (b"EVAL",)))

    assert encode_record(dressed) == encode_record(plain)


def test_what_msgpack_has_no_form_for_is_refused():
    with pytest.raises(TypeError, match="cannot hold"):
        encode_record(Record(9, 8, 7, 1, [[{b"SET"}]], Origin(3)))


def test_a_record_is_an_array_of_six_on_disk():
    record = Record(9, 8, 7, 1, [[b"SET", b"k\xff", b"v"]], Origin(3))

    payload = encode_record(record)

    assert msgpack.unpackb(payload) == [9, 8, 7, 1, [[b"SET", b"k\xff", b"v"]], 3]
    assert payload == bytes.fromhex("9609080701 9193 c403534554 c4026bff c40176 03")


@pytest.mark.parametrize(
    ("origin", "wire"),
    [
        pytest.param(Origin(5), 5, id="the command is the effect"),
        pytest.param(
            Origin(5, [b"SPOP", b"k"]), [5, [b"SPOP", b"k"], None], id="command"
        ),
        pytest.param(Origin(0, None, {"a": 1}), [0, None, {"a": 1}], id="note"),
    ],
)
def test_an_origin_is_a_number_where_that_says_all(origin, wire):
    assert encode_origin(*origin) == wire
    assert decode_origin(wire) == origin


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(msgpack.packb([1, 2, 3]), id="too few parts"),
        pytest.param(msgpack.packb([1, 2, 3, 4, [], 6, 7]), id="too many parts"),
        pytest.param(msgpack.packb([1, 2, 3, 4, [], [1, 2]]), id="half an origin"),
        pytest.param(msgpack.packb(7), id="a number"),
        pytest.param(msgpack.packb([1, 2, 3, 4, [], None]), id="no origin"),
        pytest.param(b"\x96\x01", id="cut short"),
        pytest.param(b"\xc1", id="no msgpack"),
    ],
)
def test_what_is_no_record_is_a_value_error(payload):
    with pytest.raises(ValueError):  # noqa: PT011 - msgpack's words vary
        RecordDecoder().decode(payload)


def test_text_that_is_not_utf_8_survives_in_a_note():
    record = Record(1, 0, 0, 0, [], Origin(1, None, {"address": "/tmp/\udcff"}))

    assert RecordDecoder().decode(encode_record(record)) == record


NOTES = [
    ClientNote("127.0.0.1:5", b"worker", b"default", b"redis-py", b"5.2"),
    ClientNote("/run/joblog.sock"),
    ScriptSourceNote("a" * 40, b"return 1"),
    ScriptNote("a" * 40),
    ScriptNote("", b"ERR it failed"),
    ExecNote([[b"INCR", b"k"], [b"GET", b"k"]], [1]),
    ExpiredNote(),
    EvictedNote("allkeys-lru"),
]


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_comes_back_through_a_record(note):
    record = Record(1, 0, 0, 0, [], Origin(1, None, encode_note(note)))

    origin = RecordDecoder().decode(encode_record(record)).origin

    assert read_note(origin) == note


def test_the_note_of_a_script_follows_from_its_command():
    call = [b"EVALSHA", b"a" * 40, b"0"]
    record = Record(1, 0, 0, 0, [[b"DEL", b"k"]], Origin(1, call))

    origin = RecordDecoder().decode(encode_record(record)).origin

    assert origin.note is None
    assert full_note(origin) == {"kind": "script", "sha": "a" * 40}
    assert read_note(origin) == ScriptNote("a" * 40)


def test_a_number_among_queued_commands_stands_for_an_effect():
    effects = [[b"SET", b"k", b"1"], [b"PEXPIREAT", b"k", b"9"], [b"INCR", b"n"]]
    note = {"kind": "exec", "queued": [0, [b"EXPIRE", b"k", b"1"], 2], "later": True}
    record = Record(1, 0, 0, 0, effects, Origin(1, [b"EXEC"], note))

    origin = RecordDecoder().decode(encode_record(record)).origin

    assert read_note(origin) == ExecNote(
        [[b"SET", b"k", b"1"], [b"EXPIRE", b"k", b"1"], [b"INCR", b"n"]]
    )


def test_a_note_about_an_effect_that_there_is_not_is_no_record():
    note = {"kind": "exec", "queued": [1]}
    record = Record(1, 0, 0, 0, [[b"DEL", b"k"]], Origin(1, [b"EXEC"], note))

    with pytest.raises(ValueError, match="not a record"):
        RecordDecoder().decode(encode_record(record))


def test_a_note_says_its_kind_and_leaves_defaults_out():
    assert encode_note(ClientNote("h:1")) == {"kind": "client", "address": "h:1"}
    assert encode_note(ExpiredNote()) == {"kind": "expired"}


def test_a_note_of_a_later_version_is_still_readable():
    known = {"kind": "script", "sha": "a", "runtime_us": 9}
    unknown = {"kind": "teleported", "from": "here"}

    assert decode_note(known) == ScriptNote("a")
    assert decode_note(unknown) == unknown
    assert decode_note({"kind": "client"}) == {"kind": "client"}
    assert decode_note({}) == {}
    assert read_note(Origin(1)) is None


@pytest.mark.parametrize(
    ("wire", "note"),
    [
        (1, BehindNote(5)),
        ([1, [b"EVALSHA", b"a" * 40, b"0"], None], ScriptNote("a" * 40)),
        ([1, [b"EVALSHA", b"a" * 40, b"0"], 57], ScriptNote("a" * 40, us=57)),
        ([1, [b"EXEC"], {"kind": "exec", "queued": [0]}], ExecNote([[b"DEL", b"k"]])),
        ([0, None, {"kind": "expired"}], ExpiredNote()),
    ],
)
def test_a_clock_that_was_set_back_is_told_beside_what_the_record_is(wire, note):
    effects = [[b"DEL", b"k"]]

    origin = decode_origin(with_clock(wire, 5), effects)

    assert read_note(origin) == note
    assert Record(1, 0, 1000, 0, effects, origin).clock_ms == 5
