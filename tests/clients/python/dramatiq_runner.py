"""Dramatiq's broker, actors and client; its worker is Dramatiq's own command."""

import dramatiq
import jobs
from conversation import answer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import ResultFailure, ResultMissing, Results
from dramatiq.results.backends.redis import RedisBackend

HEARTBEAT_MS = 5000
ALWAYS = 1_000_000  # of a million: look for dead workers each time

URL = f"unix://{jobs.SOCKET}"
broker = RedisBroker(url=URL, heartbeat_timeout=HEARTBEAT_MS, maintenance_chance=ALWAYS)
results = RedisBackend(url=URL)
broker.add_middleware(Results(backend=results, store_results=True))
dramatiq.set_broker(broker)

ACTORS = {
    name: dramatiq.actor(job, actor_name=name, max_retries=0, min_backoff=1)
    for name, job in jobs.JOBS.items()
}
messages = {}


def enqueue(job, arguments, delay=0, retries=0):
    """Send one of the messages; delays are in milliseconds."""
    options = {"args": arguments, "max_retries": retries}
    if delay:
        options["delay"] = int(delay * 1000)
    message = ACTORS[job].send_with_options(**options)
    messages[message.message_id] = message
    return message.message_id


def look(job_id):
    """Return state, result and error."""
    try:
        result = results.get_result(messages[job_id])
    except ResultMissing:
        return {"state": "pending"}
    except ResultFailure as failure:
        return {"state": "failed", "error": str(failure)}
    return {"state": "done", "result": result}


if __name__ == "__main__":
    answer(enqueue=enqueue, look=look)
