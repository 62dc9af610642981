"""What `replay web` and `replay ui` show: a folder, or what a live server does."""

import tempfile

import click
import pytest

from joblog.replay.verbs.screens import open_source
from joblog.replay.views.answers import Desk
from tests.support.processes import free_port
from tests.support.servers import start_valkey
from tests.support.waiting import wait_until


def waiting(desk):
    board = desk.ask("board", {})
    queues = {queue["queue"]: queue["states"] for queue in board.get("queues", ())}
    return queues.get("mail", {}).get("waiting")


def test_live_server_is_followed_into_a_folder_that_goes_away(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    port = free_port()
    monkeypatch.setattr(tempfile, "tempdir", None)
    with start_valkey("--bind", "127.0.0.1", "--port", str(port)) as server:
        client = server.connect()
        client.ask("RPUSH", "rq:queue:mail", "m1")
        client.ask("SADD", "rq:queues", "rq:queue:mail")
        with open_source(f"redis://127.0.0.1:{port}") as folder:
            desk = Desk(folder)
            wait_until(lambda: waiting(desk) == 1)
            client.ask("RPUSH", "rq:queue:mail", "m2")
            wait_until(lambda: waiting(desk) == 2)
            desk.forget()

    assert not folder.exists()


def test_folder_that_has_no_log_is_one_line(tmp_path):
    with (
        pytest.raises(click.ClickException, match="no data folder: it has no log"),
        open_source(str(tmp_path)),
    ):
        pass


def test_server_that_cannot_be_reached_is_one_line_without_its_password():
    source = f"redis://:geheim@127.0.0.1:{free_port()}"

    with pytest.raises(click.ClickException) as told, open_source(source):
        pass

    assert "cannot be followed: the link to the master" in told.value.message
    assert "refused" in told.value.message
    assert "\n" not in told.value.message
    assert "geheim" not in told.value.message
