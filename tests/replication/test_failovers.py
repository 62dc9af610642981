"""Real Sentinels fail over between joblogs, and between joblog and Redis."""

import pytest
import redis

from tests.support.sentinels import (
    NAME,
    Watched,
    Writer,
    redis_sentinel,
    valkey_sentinel,
)
from tests.support.servers import start_joblog, start_redis

MIXED = [start_joblog, start_redis, start_joblog]
SETS = {
    "three": (redis_sentinel, [start_joblog] * 3, ("kill", "stop")),
    "mixed": (valkey_sentinel, MIXED, ("stop",)),
}


@pytest.mark.parametrize("name", SETS)
def test_a_queue_runs_through_failovers(tmp_path, name):
    sentinel, starts, kinds = SETS[name]
    with Watched(tmp_path, starts, sentinel) as watched:
        writer = Writer(watched)
        try:
            for kind in kinds:
                writer.wait_for_more(writer.count())
                failed = watched.fail(kind)
                watched.wait_for_another(failed)
                writer.wait_for_more(writer.count())
                watched.bring_back(failed, kind)
                watched.wait_until_whole()
        finally:
            numbers = writer.stop()
        client = watched.client().master_for(NAME)
        assert client.wait(2, 60_000) == 2
        kept = client.lrange("numbers", 0, -1)
        assert [int(one) for one in kept] == sorted({int(one) for one in kept})
        for port in watched.servers:
            with redis.Redis(port=port) as each:
                assert each.lrange("numbers", 0, -1) == kept
        assert int(kept[-1]) >= numbers[-1]
