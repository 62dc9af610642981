"""Client libraries for Python, unmodified, each in an environment with its pins."""

import pytest

from tests.clients.environments import require_python
from tests.clients.python_queues import ENVIRONMENT
from tests.clients.runners import Fate, Queue, Stage

pytestmark = pytest.mark.slow

# `modern` has hiredis and redis-py 8; `arq` redis-py 5 and `tasktiger` 4, without
# hiredis, as many still have.
LIBRARIES = [
    pytest.param("modern", ["-m", "client_checks", "redis-py", "2"], id="redis-py 8"),
    pytest.param(
        "modern", ["-m", "client_checks", "redis-py", "3"], id="redis-py 8, RESP3"
    ),
    pytest.param("arq", ["-m", "client_checks", "redis-py", "2"], id="redis-py 5"),
    pytest.param(
        "arq", ["-m", "client_checks", "redis-py", "3"], id="redis-py 5, RESP3"
    ),
    pytest.param(
        "tasktiger", ["-m", "client_checks", "redis-py", "2"], id="redis-py 4"
    ),
    pytest.param("modern", ["-m", "client_checks", "valkey-py", "2"], id="valkey-py"),
    pytest.param(
        "modern", ["-m", "client_checks", "valkey-py", "3"], id="valkey-py, RESP3"
    ),
    pytest.param("glide", ["-m", "glide_checks"], id="valkey-glide"),
]


@pytest.mark.parametrize(("environment", "words"), LIBRARIES)
def test_library_finds_what_it_expects(queue_server, tmp_path, environment, words):
    assert failures_of(queue_server, tmp_path, environment, words) == {}


@pytest.mark.parametrize("queue_server", ["joblog"], indirect=True)
def test_library_that_looks_at_the_version_finds_7_4(queue_server, tmp_path):
    assert failures_of(queue_server, tmp_path, "modern", ["-m", "gate_checks"]) == {}


def failures_of(queue_server, tmp_path, environment, words):
    """Run all checks of a program; return what failed, with what the program wrote."""
    library = Queue(
        name=environment,
        require=lambda: [require_python(environment)],
        client=words,
        worker=[],
        fate=Fate.LOST,
        environment=ENVIRONMENT,
    )
    stage = Stage(library, queue_server, tmp_path)
    failures = {}
    try:
        client = stage.client()
        for name in client.ask("names"):
            try:
                client.ask("check", check=name)
            except RuntimeError as failure:
                failures[name] = str(failure)
    finally:
        stage.close()
    return failures and {**failures, "outputs": stage.outputs()}
