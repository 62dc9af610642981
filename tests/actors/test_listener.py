"""Whom the listener lets in, and when."""

import itertools
import socket
from types import SimpleNamespace

import pytest

from joblog.actors import listener as listener_module
from joblog.actors.listener import Listener
from joblog.actors.loop import Loop
from joblog.app.config import Config


@pytest.fixture
def listening(tmp_path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "s"))
    sock.listen()
    sock.settimeout(0)
    with sock:
        yield sock


@pytest.fixture
def begin(listening, monkeypatch):
    """Return a function that starts a listener; those it lets in are in its list."""
    opened = []
    monkeypatch.setattr(Listener, "_open", lambda _, client, __: opened.append(client))
    loop = Loop()
    started = []

    def start(*, is_loading):
        server = SimpleNamespace(is_loading=is_loading, client_ids=itertools.count(1))
        failures = SimpleNamespace(note_pause=None, note_accept=None)
        others = None, Config({}), failures, None, server
        started.append(Listener.start(loop, [listening], *others))
        return loop, server, opened

    yield start
    for one in started:
        one.stop(block=False)
    loop.run_actors()
    loop.close()
    for client in opened:
        client.close()


@pytest.fixture
def caller(listening):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(listening.getsockname())
        yield client


@pytest.mark.usefixtures("caller")
def test_clients_wait_while_the_data_may_be_loaded_in_a_moment(begin, monkeypatch):
    monkeypatch.setattr(listener_module, "_PATIENCE_SECONDS", 3600.0)
    loop, server, opened = begin(is_loading=True)
    for _ in range(3):
        loop.run_once(0.01)
    before = list(opened)

    server.is_loading = False
    while not opened:
        loop.run_once()

    assert before == []


@pytest.mark.usefixtures("caller")
def test_clients_are_let_in_to_be_told_where_that_takes_longer(begin, monkeypatch):
    monkeypatch.setattr(listener_module, "_PATIENCE_SECONDS", 0.02)
    loop, server, opened = begin(is_loading=True)

    while not opened:
        loop.run_once()

    assert server.is_loading
