"""Node: ioredis and node-redis, and what BullMQ, Bull and Bee-Queue have beside jobs.

The tests are Node's own, in the folder `node`; each file is run on us and on Valkey.
"""

import os
import subprocess

import pytest

from tests.clients.node_queues import ENVIRONMENT, PROGRAMS, require_node

TEST_SECONDS = 180
FILES = sorted(path.name for path in PROGRAMS.glob("*.test.js"))


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_node_file_passes(name, queue_server):
    command = [*require_node(), "--test-reporter=tap", str(PROGRAMS / name)]

    done = subprocess.run(
        command,
        env={**os.environ, **ENVIRONMENT, "RUNNER_SOCKET": queue_server.path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TEST_SECONDS,
        check=False,
    )

    output = done.stdout.decode(errors="replace")
    assert done.returncode == 0, output
    assert "# fail 0" in output
    assert "# skipped 0" in output
    assert "# pass 0" not in output
