"""What tells only now and then which jobs run, as Sidekiq's processes do."""

import json

import pytest

from tests.replay.jobs.reading import HOUR_MS, follow, kinds_of
from tests.replay.jobs.scenarios import NOW, play, sidekiq

FAILED = json.dumps({"class": "Mail", "jid": "7", "error_message": "no such user"})
WORK = json.dumps({"payload": sidekiq("7")})
FRAGILE = json.dumps({"class": "Mail", "jid": "7", "retry": False})
QUEUED = ("p", "EXEC", "SADD queues mail", ["LPUSH", "queue:mail", sidekiq("7")])
POPPED = ("a", "RPOP queue:mail")
TOLD = ("a", "EXEC", "DEL h:1:w:work", ["HSET", "h:1:w:work", "t", WORK])
TOLD_NONE = ("a", "EXEC", "DEL h:1:w:work", "INCR stat:processed")
DEAD = ("a", ["ZADD", "dead", str(NOW // 1000), FAILED])
RETRY = ("a", ["ZADD", "retry", str(NOW // 1000 + 1), FAILED])
DUE = ("a", "EXEC", ["ZREM", "retry", FAILED], ["LPUSH", "queue:mail", FAILED])
KINDS = ["enqueued", "taken"]
AGAIN = [*KINDS, "put off", "due", "taken"]


def told_of(content):
    return ["HSET", "h:1:w:work", "t", json.dumps({"payload": content})]


@pytest.mark.parametrize(
    ("steps", "word", "kinds"),
    [
        ((POPPED, TOLD, TOLD_NONE), "done", [*KINDS, "done"]),
        ((POPPED, DEAD, TOLD), "failed", [*KINDS, "failed"]),
        ((POPPED, DEAD, TOLD, TOLD_NONE), "failed", [*KINDS, "failed"]),
        ((POPPED, TOLD, DEAD), "failed", [*KINDS, "failed"]),
        ((POPPED, TOLD, DEAD, TOLD, TOLD_NONE), "failed", [*KINDS, "failed"]),
        ((POPPED, RETRY, TOLD, TOLD_NONE, DUE, POPPED), "taken", AGAIN),
        ((POPPED, TOLD, RETRY, DUE, POPPED, TOLD_NONE), "taken", AGAIN),
        ((POPPED, TOLD), "stuck", KINDS),
        ((POPPED, ("a", told_of(FRAGILE)), TOLD_NONE), "taken", KINDS),
        ((POPPED, ("a", told_of(json.loads(FRAGILE))), TOLD_NONE), "taken", KINDS),
    ],
)
def test_what_is_told_late_takes_no_job_twice(tmp_path, steps, word, kinds):
    history = play(tmp_path, (QUEUED, *steps))
    timeline = follow(history, b"7", later_ms=HOUR_MS)
    history.close()

    small = {"acknowledged", "noted"}
    assert timeline.verdict.word == word
    assert [kind for kind in kinds_of(timeline) if kind not in small] == kinds
    assert timeline.story.deliveries == kinds.count("taken")
    assert timeline.story.doubles == ()


def test_job_of_a_process_of_which_nothing_was_heard_again_is_not_told_done(tmp_path):
    dying = ("a", "PEXPIRE h:1:w:work 60000")
    steps = (QUEUED, POPPED, TOLD, dying, ("wait", 61_000), ("p", "EXISTS h:1:w:work"))
    history = play(tmp_path, steps)
    timeline = follow(history, b"7", later_ms=HOUR_MS)
    history.close()

    assert kinds_of(timeline)[:2] == KINDS
    assert timeline.verdict.word == "taken"
