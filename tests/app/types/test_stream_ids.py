import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.types.stream_ids import (
    ID_MAX,
    PART_MAX,
    format_id,
    parse_id,
    parse_partial_id,
)

IDS = [
    pytest.param(b"5-3", (5 << 64) + 3, id="both parts"),
    pytest.param(b"5", 5 << 64, id="no sequence number"),
    pytest.param(b"18446744073709551615-18446744073709551615", ID_MAX, id="highest"),
    pytest.param(b"18446744073709551616", None, id="time too high"),
    pytest.param(b"1-18446744073709551616", None, id="sequence number too high"),
    pytest.param(b"007-03", (7 << 64) + 3, id="leading zeros"),
    pytest.param(b" +7-\t3", (7 << 64) + 3, id="white space and sign"),
    pytest.param(b"7--3", None, id="negative"),
    pytest.param(b"7--03", (7 << 64) + PART_MAX - 2, id="negative, oddly written"),
    pytest.param(b"7-3\0x", (7 << 64) + 3, id="a zero byte ends it"),
    pytest.param(b"7-3 ", None, id="white space behind"),
    pytest.param(b"", None, id="empty"),
    pytest.param(b"-", None, id="nothing but a dash"),
    pytest.param(b"+", None, id="nothing but a sign"),
    pytest.param(b"5-*", None, id="sequence number left open"),
    pytest.param(b"0" * 128, None, id="too long"),
    pytest.param(b"0-" + b"0" * 126, None, id="too long, with a dash"),
    pytest.param(b" " * 127 + b"1", None, id="too long, oddly written"),
]


@pytest.mark.parametrize(("text", "entry_id"), IDS)
def test_parse_id_reads_what_redis_reads(text, entry_id):
    assert parse_id(text) == entry_id


def test_parse_id_takes_another_sequence_number_where_there_is_none():
    assert parse_id(b"5", PART_MAX) == (5 << 64) + PART_MAX
    assert parse_id(b"5-1", PART_MAX) == (5 << 64) + 1


PARTIAL = [
    pytest.param(b"5-*", 5, id="time"),
    pytest.param(b"5-1", None, id="a whole ID"),
    pytest.param(b"*", None, id="no time"),
    pytest.param(b"-*", None, id="empty time"),
    pytest.param(b"1-5-*", None, id="an ID in place of the time"),
    pytest.param(b"0" * 126 + b"-*", None, id="too long"),
]


@pytest.mark.parametrize(("text", "ms"), PARTIAL)
def test_parse_partial_id_returns_the_time(text, ms):
    assert parse_partial_id(text) == ms


@given(st.integers(0, ID_MAX))
def test_parse_id_reads_what_format_id_writes(entry_id):
    assert parse_id(format_id(entry_id)) == entry_id
