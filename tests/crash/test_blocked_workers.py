"""Workers that wait for jobs are killed, and the server as well: no job is lost.

Each worker moves a job to a list of its own and reports it done from there, as RQ, SAQ,
Bull and Dramatiq do. Whatever dies, a job is in the queue, with a worker, or done.
"""

import random
import subprocess
import sys
import time

import pytest

from tests.parity.wire import encode

ROOMS = 3
JOBS = 400
DEATHS = 12

WORKER = """
import socket, sys

path, name = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.connect(path)
replies = server.makefile("rb")

def ask(*words):
    argv = b"".join(b"$%d\\r\\n%b\\r\\n" % (len(w), w) for w in map(str.encode, words))
    server.sendall(b"*%d\\r\\n" % len(words) + argv)
    line = replies.readline()
    if not line:
        sys.exit()
    return replies.read(int(line[1:]) + 2)[:-2].decode() if line[:1] == b"$" else line

while True:
    job = ask("BLMOVE", "queue", f"held:{name}", "LEFT", "RIGHT", "0")
    ask("MULTI")
    ask("RPUSH", "done", job)
    ask("LREM", f"held:{name}", "1", job)
    ask("EXEC")
    replies.readline(), replies.readline()
"""


def start_worker(server, name):
    program = [sys.executable, "-c", WORKER, server.path, str(name)]
    return subprocess.Popen(program, stderr=subprocess.DEVNULL)


def kill(worker):
    worker.kill()
    worker.wait()


def items(connection, key):
    return connection.ask("LRANGE", key, 0, -1).split(b"\r\n")[2::2]


@pytest.mark.slow
def test_every_job_is_somewhere_whoever_is_killed(start):
    server = start("--appendfsync", "everysec")
    chance = random.Random(4)
    workers = {name: start_worker(server, name) for name in range(ROOMS)}
    producer = server.connect()
    pushed = 0
    for death in range(DEATHS):
        batch = range(pushed, pushed + JOBS // DEATHS)
        producer.send(b"".join(encode(["RPUSH", "queue", job]) for job in batch))
        time.sleep(chance.uniform(0, 0.02))
        victim = chance.choice(list(workers))
        kill(workers.pop(victim))
        for _ in batch:
            assert producer.read()[:1] == b":"
        pushed = batch.stop
        if death % 4 == 3:
            server.kill()
            producer.close()
            for worker in workers.values():
                worker.wait()
            server.start()
            producer = server.connect()
            workers = {}
        while len(workers) < ROOMS:
            name = ROOMS + death * ROOMS + len(workers)
            workers[name] = start_worker(server, name)
    while producer.ask("LLEN", "queue") != b":0\r\n":
        time.sleep(0.01)
    for worker in workers.values():
        kill(worker)

    found = items(producer, "done")
    for key in producer.ask("KEYS", "held:*").split(b"\r\n")[2::2]:
        found += items(producer, key)
    producer.close()
    assert sorted(map(int, found)) == list(range(pushed))
