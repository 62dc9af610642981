"""Masters, replicas, and the links between them."""

import pytest

from tests.replication.led import Led
from tests.replication.pairs import Pair
from tests.support.servers import (
    start_joblog,
    start_redis,
    start_redis6,
    start_redis8,
    start_valkey,
)

_SERVERS = {
    "redis7": start_redis,
    "valkey9": start_valkey,
    "redis6": start_redis6,
    "redis8": start_redis8,
    "joblog": start_joblog,
}


@pytest.fixture
def pair(fold_equals_live):
    """Return a function that starts a master and this server, which follows it."""
    opened = []

    def start_pair(kind, *options, master_options=()):
        opened.append(Pair(_SERVERS[kind], options, master_options))
        return opened[-1]

    yield start_pair
    try:
        for one in opened:
            if one.replica.is_alive:
                fold_equals_live(one.replica)
    finally:
        for one in opened:
            one.close()


@pytest.fixture
def led(fold_equals_live):
    """Return a function that starts this server, and a replica that follows it."""
    opened = []

    def start_led(kind, *options, replica_options=()):
        opened.append(Led(_SERVERS[kind], options, replica_options))
        return opened[-1]

    yield start_led
    try:
        for one in opened:
            if one.master.is_alive:
                fold_equals_live(one.master)
    finally:
        for one in opened:
            one.close()
