"""Two minutes of the fuzz, the same cases each time; `make fuzz` plays others.

What is asserted of time is what holds on a busy machine too: that there is an answer.
"""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import shapes
from tests.fuzz.door import Door
from tests.fuzz.parsing import compare_cuts
from tests.fuzz.playing import SETTINGS, fuzz, make_case, serving
from tests.fuzz.run import WORST_SECONDS_MAX, allow_open_files

SEED = 12
SECONDS = 100.0


@settings(max_examples=1000)
@given(shapes.streams(), st.randoms())
def test_parser_reads_the_same_however_the_bytes_are_cut(data, random):
    compare_cuts(data, random)


@pytest.fixture(scope="module")
def door():
    """Return the door of a server."""
    with serving(*SETTINGS) as (server, port):
        yield Door(server.path, port)
        assert server.is_alive
        assert "Traceback" not in server.output()


@settings(max_examples=200)
@given(shapes.streams(), st.randoms())
def test_whatever_one_client_sends_it_gets_resp_and_another_its_answer(
    door, data, random
):
    # Hypothesis may end an example wherever it draws: nothing is open before.
    pieces = shapes.cut(random, data)
    client = door.open(random)

    for piece in pieces:
        client.send(piece)
    client.half_close()
    client.read_to_end()
    client.close()

    other = door.open()
    assert other.ask("ECHO", "here") == b"$4\r\nhere\r\n"
    other.close()


@pytest.mark.slow
def test_hostile_clients_cost_the_server_and_the_others_nothing():
    allow_open_files()

    run = fuzz(SEED, itertools.count(), SECONDS, SECONDS / 3)

    assert run.play.findings == []
    assert run.watched is not None
    assert run.watched.worst < WORST_SECONDS_MAX
    assert len(run.play.sizes) > 1


def test_a_case_is_the_same_each_time_it_is_made():
    data = [shapes.stream(make_case(SEED, 5000).random) for _ in range(2)]

    assert data[0] == data[1]
    assert data[0] != shapes.stream(make_case(SEED, 5001).random)
