"""Pickles are read, and nothing that they name is made."""

import collections
import os
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.replay.jobs.elements import read_path
from joblog.replay.jobs.pickles import BYTES_MAX, Made, PickleError, read_pickle

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)
Error = collections.namedtuple("Error", ("metadata",))  # noqa: PYI024 - as Huey's


@given(PLAIN, st.integers(3, 5))
def test_plain_value_comes_back(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
def test_error_is_shown_with_its_class_and_text(protocol):
    data = pickle.dumps({"s": False, "r": ValueError("it fails", 7)}, protocol)

    assert repr(read_pickle(data)["r"]) == "ValueError: it fails, 7"
    assert read_path(data, ["r", "str()"], "pickle") == b"ValueError: it fails, 7"
    assert read_path(data, ["s"], "pickle") == b"false"


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arguments_of_a_class_are_entered_by_its_name(protocol):
    data = pickle.dumps(Error({"error": "ValueError('x')"}), protocol)

    steps = ["Error()", "0", "error"]
    assert read_path(data, steps, "pickle") == b"ValueError('x')"
    assert read_path(data, ["Other()", "0"], "pickle") is None
    assert read_path(pickle.dumps([{"error": "x"}]), steps, "pickle") is None


@pytest.mark.parametrize("protocol", range(3, 6))
def test_time_without_a_zone_is_read_as_utc(protocol):
    late = datetime(2026, 10, 25, 2, 30, 0, 999_999, fold=1)  # noqa: DTZ001 - as Huey's
    wrong = [late.replace(tzinfo=UTC), timedelta(1), "2026-10-25", None]
    data = pickle.dumps(Error(late), protocol)

    steps = ["Error()", "0", "time()"]
    assert read_path(data, steps, "pickle") == b"1792895400999"
    for value in wrong:
        data = pickle.dumps(Error(value), protocol)
        assert read_path(data, steps, "pickle") is None


class Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_that_a_pickle_calls_is_run(tmp_path, protocol):
    data = pickle.dumps(Evil(tmp_path / "made"), protocol)

    found = read_pickle(data)

    assert isinstance(found, Made)
    assert found.arguments == [str(tmp_path / "made")]
    assert not Path(tmp_path / "made").exists()


BROKEN = [
    pytest.param(b"", id="empty"),
    pytest.param(b"plain text", id="text"),
    pytest.param(pickle.dumps([1, 2])[:-1], id="cut short"),
    pytest.param(b"\x80\x04N0.", id="nothing on the stack"),
    pytest.param(b"\x80\x04h\x05.", id="of a memory that is empty"),
    pytest.param(b"\x80\x04NP0\n.", id="with a persistent id"),
    pytest.param(b"\x80\x04N)R.", id="calls what is no class"),
    pytest.param(b"N" * (BYTES_MAX + 1), id="too long"),
]


@pytest.mark.parametrize("data", BROKEN)
def test_what_is_no_pickle_is_refused(data):
    with pytest.raises(PickleError):
        read_pickle(data)
    assert read_path(data, ["s"], "pickle") is None
