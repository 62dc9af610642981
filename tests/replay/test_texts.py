import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.replay.output.texts import (
    from_json_text,
    json_text,
    json_value,
    plain_text,
    show,
)

SHOWN = [
    pytest.param(b"job:1", "job:1", id="word"),
    pytest.param(b"", '""', id="empty"),
    pytest.param(b"a b", '"a b"', id="blank"),
    pytest.param(b'say "hi"', '"say \\"hi\\""', id="quotes"),
    pytest.param(b"it's", '"it\'s"', id="apostrophe"),
    pytest.param(b"a\\b", '"a\\\\b"', id="backslash"),
    pytest.param(b"\r\n\t", '"\\r\\n\\t"', id="named escapes"),
    pytest.param(b"\x00\xff", '"\\x00\\xff"', id="binary"),
    pytest.param(b"\x1b[31m", '"\\x1b[31m"', id="terminal command"),
    pytest.param("€uro".encode(), "€uro", id="UTF-8"),
    pytest.param("a\u202eb".encode(), '"a\\xe2\\x80\\xaeb"', id="bidi override"),
]


@pytest.mark.parametrize(("data", "text"), SHOWN)
def test_bytes_are_shown_as_redis_cli_shows_them(data, text):
    assert show(data) == text


def test_long_word_is_cut_with_an_ellipsis():
    assert show(b"x" * 100, 10) == "x" * 9 + "…"
    assert len(show(b"\x00" * 100, 10)) == 10
    assert show(b"x" * 10, 10) == "x" * 10


@given(st.binary())
def test_shown_bytes_cannot_command_a_terminal(data):
    assert show(data).isprintable()


@given(st.binary())
def test_json_text_gives_the_bytes_back(data):
    text = json.loads(json.dumps(json_text(data)))

    assert from_json_text(text) == data


@given(st.text())
def test_text_is_itself_in_json_but_for_backslashes(text):
    assert json_text(text.encode("utf-8", "replace")).replace("\\\\", "\\") == (
        text.encode("utf-8", "replace").decode()
    )


def test_typed_text_keeps_a_backslash_that_starts_no_escape():
    assert from_json_text(r"\d+\x00") == b"\\d+\x00"


def test_json_value_has_only_the_types_of_json():
    value = {b"a": [b"\xff", 1.5, float("inf")], "s": frozenset({b"b", b"a"})}

    assert json_value(value) == {"a": ["\\xff", 1.5, "inf"], "s": ["a", "b"]}


def test_plain_text_escapes_what_commands_a_terminal():
    assert plain_text("10.0.0.1:5") == "10.0.0.1:5"
    assert plain_text("a\x1bb") == "a\\x1bb"
