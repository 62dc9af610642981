"""What every test may use."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["joblog.replay.pytest_plugin"]

# What a shell starts in the background ignores these, and all that it starts; tests
# send them to programs, and would wait for ever.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# Two cores must be enough for all tests: few examples, no time limit for each. More of
# them where somebody looks for trouble: HYPOTHESIS_PROFILE=thorough make test.
settings.register_profile(
    "default",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "thorough", settings.get_profile("default"), max_examples=2000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def fold_equals_live():
    """Return a check: folding a server's log gives the keyspace in its memory."""
    # Imported here, so that tests of one part do not need all of the server.
    from tests.support.folding import FoldCheck  # noqa: PLC0415

    return FoldCheck()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Return certificates for TLS; see tests/support/certificates.py."""
    from tests.support.certificates import Certificates  # noqa: PLC0415 - as above

    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True, scope="module")
def commands_as_before_the_module():
    """Give back what a server that all tests of a module share has switched off."""
    with _given_back():
        yield


@pytest.fixture(autouse=True)
def commands_as_they_were(commands_as_before_the_module):
    """Give back what a server that started in this process has switched off."""
    with _given_back():
        yield


@contextmanager
def _given_back():
    table = sys.modules.get("joblog.app.table.table")
    before = set(table.SWITCHED_OFF) if table else set()
    yield
    # Commands may have been registered meanwhile, by a first import: they stay.
    table = sys.modules.get("joblog.app.table.table")
    for name in set(table.SWITCHED_OFF) - before if table else ():
        made = table.SWITCHED_OFF.pop(name)
        table.COMMANDS[name] = made
        if not (made.is_protected or made.subcommands):
            table.LOOKUP[name] = table.LOOKUP[name.lower()] = made
