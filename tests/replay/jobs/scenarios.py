"""Histories of jobs as each library writes them, a client for each hand in the play.

A scenario is a list of (client, command, ...) for producers `p`, workers `a` and `b`,
and `hand`, a person with a redis-cli. `EXEC` stands before what is one transaction.
"""

# ruff: noqa: E501 - a step is a line

from __future__ import annotations

import json

from tests.replay.histories import START_MS, History

NOW = START_MS
LATER = START_MS + 3_600_000
UUID = "0cb919d5-516f-4b7c-a35f-49594100f066"


def message(job_id):
    return json.dumps({"body": "e30=", "headers": {"id": job_id, "task": "t"}})


def unacked(job_id):
    return json.dumps([json.loads(message(job_id)), "", "celery"])


def sidekiq(job_id):
    return json.dumps({"class": "Mail", "jid": job_id, "queue": "mail"})


def dramatiq(job_id):
    return json.dumps({"queue_name": "default", "message_id": job_id})


def saq(status, **more):
    return json.dumps({"function": "f", "key": "7", "status": status, **more})


def play(folder, scenario):
    """Write a history: each client of the scenario is one connection."""
    history = History(folder)
    sessions = {}
    for client, *words in scenario:
        if client == "wait":
            history.clock.at_ms += words[0]
            continue
        if client not in sessions:
            sessions[client] = history.connect(client.encode())
        session = sessions[client]
        if words[0] == "EXEC":
            lines = ["MULTI", *map(_argv, words[1:]), "EXEC"]
        else:
            lines = [_argv(words[0])]
        history.run(session, *lines)
    return history


def _argv(line):
    words = line.split(" ") if isinstance(line, str) else line
    return [word if isinstance(word, bytes) else str(word).encode() for word in words]


RQ_TAKEN = (
    ("p", "EXEC", "HSET rq:job:7 status queued origin mail", "RPUSH rq:queue:mail 7"),
    ("a", "LMOVE rq:queue:mail rq:queue:mail:intermediate LEFT RIGHT"),
    (
        *("a", "EXEC", "HSET rq:job:7 status started worker_name w"),
        *(
            "LREM rq:queue:mail:intermediate 1 7",
            f"ZADD rq:wip:mail {NOW // 1000 + 60} 7:x",
        ),
    ),
)
CELERY_TAKEN = (
    ("p", ["LPUSH", "celery", message("7")]),
    ("a", "RPOP celery"),
    (
        "a",
        "EXEC",
        f"ZADD unacked_index {NOW // 1000} t1",
        ["HSET", "unacked", "t1", unacked("7")],
    ),
)
BULL_TAKEN = (
    ("p", "EXEC", "HSET bull:mail:7 name send", "LPUSH bull:mail:wait 7"),
    ("p", "HSET bull:mail:meta opts 1"),
    ("a", "RPOPLPUSH bull:mail:wait bull:mail:active"),
    ("a", "EXEC", "SET bull:mail:7:lock token PX 30000", "HSET bull:mail:7 atm 1"),
)
OWN = "delancie:{mail}:"
DELANCIE_TAKEN = (
    (
        *("p", "EXEC", f"HSET {OWN}job:7 payload x attempts 0"),
        *(f"HSET {OWN}job:7 state pending", f"ZADD {OWN}pending 1 7"),
        f"HINCRBY {OWN}counters enqueued 1",
    ),
    (
        *(
            "a",
            "EXEC",
            f"ZPOPMIN {OWN}pending",
            f"HSET {OWN}job:7 state leased worker a",
        ),
        *(f"HINCRBY {OWN}job:7 attempts 1", f"ZADD {OWN}leased NX {NOW + 60_000} 7"),
    ),
)

DONE = {
    "rq": (
        *RQ_TAKEN,
        ("a2", "EXEC", "HSET rq:job:7 status finished", "ZREM rq:wip:mail 7:x", f"ZADD rq:finished:mail {LATER // 1000} 7"),
    ),
    "celery": (
        *CELERY_TAKEN,
        ("a2", "EXEC", ["SET", "celery-task-meta-7", '{"status": "SUCCESS", "result": 3}']),
        ("a", "EXEC", "ZREM unacked_index t1", "HDEL unacked t1"),
    ),
    "bullmq": (
        *BULL_TAKEN,
        (
            *("a", "EXEC", "LREM bull:mail:active 1 7", "DEL bull:mail:7:lock"),
            *("DEL bull:mail:7", "XADD bull:mail:events * event completed jobId 7 prev active"),
        ),
    ),
    "delancie": (
        *DELANCIE_TAKEN,
        ("a", "EXEC", f"ZREM {OWN}leased 7", f"HSET {OWN}job:7 state done", f"ZADD {OWN}done {NOW} 7"),
    ),
    "bull": (
        ("p", "INCR bull:mail:id"),
        *(step for step in BULL_TAKEN if "meta" not in step[1]),
        ("a", "EXEC", "LREM bull:mail:active 1 7", f"ZADD bull:mail:completed {NOW} 7", "DEL bull:mail:7:lock"),
    ),
    "asynq": (
        ("p", "EXEC", ["HSET", "asynq:{mail}:t:7", "msg", b"\x08\xff", "state", "pending"], "LPUSH asynq:{mail}:pending 7"),
        ("a", "EXEC", "RPOPLPUSH asynq:{mail}:pending asynq:{mail}:active", "HSET asynq:{mail}:t:7 state active", f"ZADD asynq:{{mail}}:lease {NOW // 1000 + 30} 7"),
        ("a", "EXEC", "LREM asynq:{mail}:active 1 7", "ZREM asynq:{mail}:lease 7", "DEL asynq:{mail}:t:7"),
    ),
    "dramatiq": (
        ("p", "EXEC", ["HSET", "dramatiq:default.msgs", "r1", dramatiq("7")], "RPUSH dramatiq:default r1"),
        ("a", "EXEC", "LPOP dramatiq:default", "SADD dramatiq:__acks__.w.default r1"),
        ("a", "EXEC", "SREM dramatiq:__acks__.w.default r1", "HDEL dramatiq:default.msgs r1"),
    ),
    "arq": (
        ("p", "EXEC", "SET arq:job:7 x PX 86400000", f"ZADD arq:queue {NOW} 7"),
        ("a", "EXEC", "SET arq:in-progress:7 1 PX 310000"),
        ("a", "EXEC", "SET arq:result:7 x PX 3600000", "DEL arq:in-progress:7 arq:job:7", "ZREM arq:queue 7"),
    ),
    "saq": (
        ("p", "EXEC", ["SET", "saq:job:mail:7", saq("queued")], "ZADD saq:mail:incomplete 0 saq:job:mail:7", "RPUSH saq:mail:queued saq:job:mail:7"),
        ("a", "LMOVE saq:mail:queued saq:mail:active LEFT RIGHT"),
        ("a", "EXEC", "LREM saq:mail:active 1 saq:job:mail:7", "ZREM saq:mail:incomplete saq:job:mail:7", ["SET", "saq:job:mail:7", saq("complete", attempts=1)]),
    ),
    "huey": (
        ("p", ["LPUSH", "huey.redis.q", b"\x80\x04\x95" + UUID.encode() + b"\x94"]),
        ("a", "RPOP huey.redis.q"),
        ("a", f"HSET huey.results.q {UUID} x"),
    ),
    "sidekiq": (
        ("p", "EXEC", "SADD queues mail", ["LPUSH", "queue:mail", sidekiq("7")]),
        ("a", "RPOP queue:mail"),
        ("a", "EXEC", ["HSET", "host:1:w:work", "t", json.dumps({"payload": sidekiq("7")})]),
        ("a", "EXEC", "DEL host:1:w:work", "INCR stat:processed"),
    ),
}  # fmt: skip
"""By schema: a job `7` (huey's is UUID) that is taken and done."""

GENERIC_LONG = (
    *(("p", f"LPUSH jobs job-{number}") for number in range(6)),
    ("a", "RPOPLPUSH jobs jobs:processing"),
    ("b", "RPOPLPUSH jobs jobs:processing"),
    ("a", "HSET job-0 state active"),
    ("b", "HSET job-1 state active"),
    ("a", "LREM jobs:processing 1 job-0"),
    ("hand", "RPOP jobs"),
    ("a", "RPOPLPUSH jobs jobs:processing"),
    ("b", "LREM jobs:processing 1 job-1"),
    ("a", "LREM jobs:processing 1 job-3"),
    ("hand", "LREM jobs 1 job-5"),
)
"""Six jobs: two at a time; `job-2` is popped by hand, `job-5` is removed by hand."""
