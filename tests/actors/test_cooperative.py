"""CooperativeActor keeps pykka's promises on the loop."""

import threading

import pykka
import pytest

from joblog.actors.cooperative import CooperativeActor
from joblog.actors.loop import Loop


class Echo(CooperativeActor):
    """Keeps its mail, answers it, and fails when told to."""

    def __init__(self, loop):
        super().__init__(loop)
        self.mail = []
        self.life = []

    def on_start(self):
        self.life.append("started")

    def on_stop(self):
        self.life.append("stopped")

    def on_receive(self, message):
        if message == "fail":
            raise ValueError(message)
        self.mail.append(message)
        return ("echo", message)


@pytest.fixture
def loop():
    made = Loop()
    yield made
    pykka.ActorRegistry.stop_all(block=False)
    made.run_actors()
    made.close()


@pytest.fixture
def actor(loop):
    made = Echo(loop)
    pykka.ActorRegistry.register(made.actor_ref)
    made._start_actor_loop()
    return made


def test_posted_and_told_mail_arrives_in_order(loop, actor):
    actor.inbox.post(1)
    actor.actor_ref.tell(2)
    actor.inbox.post(3)

    loop.run_actors()

    assert actor.mail == [1, 2, 3]


def test_mail_posted_while_mail_is_taken_is_taken_too(loop, actor):
    actor.on_receive = lambda n: (actor.mail.append(n), n and actor.inbox.post(n - 1))
    actor.inbox.post(3)

    loop.run_actors()

    assert actor.mail == [3, 2, 1, 0]


def test_ask_from_another_thread_is_answered(loop, actor):
    answers = []
    thread = threading.Thread(
        target=lambda: (answers.append(actor.actor_ref.ask("hi")), loop.stop())
    )
    thread.start()

    loop.run()

    thread.join()
    assert answers == [("echo", "hi")]


def test_ask_gets_the_exception_and_the_actor_lives_on(loop, actor):
    future = actor.actor_ref.ask("fail", block=False)

    loop.run_actors()

    with pytest.raises(ValueError, match="fail"):
        future.get(timeout=0)
    assert actor.actor_ref.is_alive()


@pytest.mark.parametrize("is_told", [False, True])
def test_failure_is_the_loops_business_and_the_mail_behind_it_is_taken(
    loop, actor, is_told
):
    bugs = []
    loop.on_bug = bugs.append
    leave = actor.actor_ref.tell if is_told else actor.inbox.post
    leave("fail")
    leave("more")

    loop.run_actors()

    assert [repr(bug) for bug in bugs] == ["ValueError('fail')"]
    assert actor.mail == ["more"]
    assert actor.actor_ref.is_alive()


def test_actor_that_cannot_start_is_stopped_and_whoever_starts_it_told(loop, actor):
    class Broken(Echo):
        def on_start(self):
            raise OSError("no more")

    stillborn = Broken(loop)
    with pytest.raises(OSError, match="no more"):
        stillborn._start_actor_loop()

    assert stillborn.life == ["stopped"]
    assert not stillborn.actor_ref.is_alive()


def test_failure_of_a_stop_is_a_bug_though_nobody_looks_at_its_answer(loop, actor):
    bugs = []
    loop.on_bug = bugs.append
    actor.on_stop = lambda: 1 / 0
    actor.actor_ref.stop(block=False)

    loop.run_actors()

    assert isinstance(bugs[0], ZeroDivisionError)


def test_stop_comes_after_the_mail_before_it(loop, actor):
    actor.inbox.post("last")
    future = actor.actor_ref.stop(block=False)

    loop.run_actors()

    assert actor.mail == ["last"]
    assert actor.life == ["started", "stopped"]
    assert future.get(timeout=0) is True
    assert pykka.ActorRegistry.get_all() == []


def test_tell_to_a_stopped_actor_says_so(loop, actor):
    actor.actor_ref.stop(block=False)
    loop.run_actors()

    with pytest.raises(pykka.ActorDeadError):
        actor.actor_ref.tell("too late")
