"""PastViews: what is left of views that came to an end."""

import gc
import time
from collections import Counter

import pytest

from joblog.actors.loop import Loop
from joblog.actors.past_views import PastViews
from joblog.app.config import Config
from joblog.app.keyspace.keyspace import Keyspace
from joblog.app.reply import BLOCKED
from joblog.app.state.inquiries import OpenMoment, RunInPast
from joblog.app.state.session import Session, Waiter
from joblog.app.state.visits import facts_of
from tests.replay.histories import History

SECONDS_MAX = 60.0
KINDS = {"_View", "PastProcess", "FrameReader", "Visit", "OpenMoment", "RunInPast"}


class Letters(list):
    """Mail that nobody takes."""

    def post(self, message):
        self.append(message)


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect()
    for number in range(3):
        history.run(session, f"SET key {number}")
    history.close()
    return history


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def run_until(loop, what):
    deadline = time.monotonic() + SECONDS_MAX
    while not what():
        assert time.monotonic() < deadline
        loop.run_once(0.01)


def wait_for(inquiry):
    """Let the client of an inquiry wait for it, as the engine does."""
    waiter = Waiter(inquiry.session, lambda: BLOCKED, BLOCKED)
    waiter.inquiry = inquiry
    inquiry.session.waiter = waiter


def look_and_leave(loop, views, seq):
    """Look at a moment, ask something there, and leave it."""
    session = Session(seq, Keyspace().databases[0])
    question = OpenMoment(session, f"@{seq}")
    wait_for(question)
    views.open(question)
    run_until(loop, lambda: question.answer is not BLOCKED)
    session.past = question.answer
    inquiry = RunInPast(session, session.past.number, facts_of(session), [[b"PING"]])
    wait_for(inquiry)
    views.run(inquiry)
    run_until(loop, lambda: inquiry.answer is not BLOCKED)
    session.past = session.waiter = None
    return inquiry.answer[0]


def living():
    """Return how many objects of a view there are, by their class."""
    return Counter(
        type(one).__name__ for one in gc.get_objects() if type(one).__name__ in KINDS
    )


@pytest.mark.usefixtures("no_collector")
def test_views_that_were_left_leave_nothing_for_the_collector(history, loop):
    letters = Letters()
    views = PastViews(loop, history.folder, history.log, Config(), letters)
    before = living()

    replies = [look_and_leave(loop, views, history.log.last_seq - n) for n in range(2)]
    run_until(loop, lambda: not views._views and not views._dying)
    letters.clear()

    assert replies == [b"+PONG\r\n"] * 2
    assert living() == before


@pytest.mark.usefixtures("no_collector")
def test_client_that_goes_while_a_moment_is_opened_leaves_nothing(history, loop):
    letters = Letters()
    views = PastViews(loop, history.folder, history.log, Config(), letters)
    before = living()
    session = Session(1, Keyspace().databases[0])
    question = OpenMoment(session, "@1")
    wait_for(question)
    views.open(question)

    session.waiter = None
    del question
    run_until(loop, lambda: not views._views and not views._dying)

    assert living() == before
