"""Workers of the broker that know what they were promised, and what came of it."""

import itertools

import redis

from tests.delancie.broker import Broker, encode_job


class Worker:
    """A worker that never forgets what it asked for, and asks again after a crash."""

    def __init__(self, client, number, random_source):
        self.broker = Broker(client)
        self.random = random_source
        self.names = (b"%d-%d" % (number, count) for count in itertools.count())
        self.acknowledged = set()
        self.succeeded = []
        self.deliveries = []
        self.errors = []
        self.held = None
        self._steps = self._work()
        self._step = next(self._steps)

    def run(self):
        """Go on until the server is gone."""
        try:
            while True:
                self._step = self._steps.send(self._step())
        except redis.ConnectionError:
            return
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.errors.append(error)

    def _work(self):
        broker = self.broker
        while True:
            name = next(self.names)
            body = self.random.randbytes(self.random.randrange(300))
            payload = encode_job(name, body)
            yield lambda name=name, payload=payload: broker.enqueue(name, payload)
            self.acknowledged.add(name)
            token = self.random.randbytes(16)
            delivery = yield lambda token=token: broker.dequeue(token)
            if delivery is None:
                continue
            _, job_id, _, attempt, _ = delivery
            self.held = (job_id, token)
            self.deliveries.append((job_id, attempt))
            yield lambda: broker.heartbeat(*self.held)
            if self.random.random() < 0.2:
                yield lambda: broker.fail(*self.held)
            else:
                yield lambda: broker.succeed(*self.held)
                self.succeeded.append(job_id)
            self.held = None


def count_succeeded(workers):
    return sum(len(worker.succeeded) for worker in workers)


def require_nothing_lost(workers, broker):
    """Assert that each job that a worker was told of is there, and none is there twice.

    A worker that is cut off asks again for the same, so one operation of each may have
    been done whose answer nobody has seen yet.
    """
    states = broker.take_census()
    for worker in workers:
        assert worker.errors == []
        assert worker.acknowledged <= states.keys()
        assert {states[job_id] for job_id in worker.succeeded} <= {b"done"}
    deliveries = [delivery for worker in workers for delivery in worker.deliveries]
    assert len(deliveries) == len(set(deliveries)) > 0
    succeeded = [job_id for worker in workers for job_id in worker.succeeded]
    assert len(succeeded) == len(set(succeeded)) > 0
    done = list(states.values()).count(b"done")
    assert len(succeeded) <= done <= len(succeeded) + len(workers)
    assert done == broker.counters()["succeeded"]
