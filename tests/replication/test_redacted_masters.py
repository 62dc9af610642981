"""A master whose log was redacted: no replica is sent what is gone, nor other data."""

import re

import pytest

from tests.replay.redacting.redactions import redact
from tests.support.waiting import wait_until

SECRET = "of-nobodys-business"


@pytest.fixture
def away(led):
    """Return a pair whose replica was away while a key was written and redacted.

    The function takes whether the replica has had the key before it went.
    """

    def begin(kind, *, has_seen):
        both = led(kind, "--segment-bytes-max", "4096")
        both.wait_until_up()
        both.tell("SET", "kept", 1)
        if has_seen:
            both.tell("SET", "user:42", SECRET)
            both.tell("SET", "other", 1)
        both.require_same_digest()
        both.relay.shut(is_shut=True)
        both.tell("SET", "user:42", SECRET)
        for number in range(60):
            both.tell("SET", f"k{number}", "x" * 200)
        both.tell("DEL", "user:42")
        for number in range(60):
            both.tell("SET", f"k{number}", "y" * 200)
        both.master.stop()
        assert redact(both.master.folder, keys=[b"user:42"]).records > 1
        both.master.start()
        both.relay.said.clear()
        both.relay.shut(is_shut=False)
        wait_until(lambda: both.tell("PING") == b"+PONG\r\n")
        both.wait_until_online()
        return both

    return begin


@pytest.mark.parametrize("kind", ["redis7", "joblog"])
def test_who_has_what_was_redacted_is_sent_a_dataset(away, kind):
    both = away(kind, has_seen=True)

    both.require_same_digest()
    assert both.syncs() == "1"
    said = bytes(both.relay.said)
    # Where it goes on is not known: it may be begun, but nothing is sent behind that.
    assert not re.search(rb"\+CONTINUE \w+\r\n[^+]", said)
    assert SECRET.encode() not in said


def test_who_was_before_that_is_sent_what_is_left(away):
    both = away("redis7", has_seen=False)

    both.require_same_digest()
    assert both.ask("EXISTS", "user:42") == b":0\r\n"
    assert SECRET.encode() not in both.relay.said
