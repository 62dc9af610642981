"""`replay web`, asked as a browser asks, without one."""

import http.client
import os
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.replay.histories import make_mail


@contextmanager
def web(folder, *words):
    argv = [sys.executable, "-m", "joblog.replay", "web", str(folder), "--port", "0"]
    environment = {**os.environ, "REPLAY_INDEX": "off"}
    with subprocess.Popen(
        [*argv, *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        try:
            line = child.stdout.readline()
            assert line.startswith("replay: http://"), line
            yield urlsplit(line.removeprefix("replay: ").strip())
        finally:
            child.terminate()
            child.communicate(timeout=60)


def get(address, path, **headers):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    history = make_mail(tmp_path_factory.mktemp("mail") / "data")
    history.close()
    return history.folder


PATHS = (
    *("/", "/queue/mail", "/job/m2", "/key/rq%3Aqueue%3Amail", "/record/12", "/log"),
    *("/search?text=m2", "/compare?a=@1&b=@9", "/clients", "/scripts"),
)


def test_pages_are_there_with_a_token_and_ask_no_other_host(folder):
    with web(folder, "--token") as address:
        assert get(address, "/")[0].status == 401
        let_in, _ = get(address, f"/?{address.query}")
        assert let_in.status == 303
        cookie = let_in.headers["set-cookie"].partition(";")[0]
        for path in PATHS:
            answer, text = get(address, path, Cookie=cookie)
            assert answer.status == 200
            assert "default-src 'self'" in answer.headers["content-security-policy"]
            assert "https://" not in text
        assert get(address, "/", Cookie=cookie, Host="evil.example")[0].status == 421
        foreign = get(address, "/", Cookie=cookie, Origin="http://evil.example")
        assert foreign[0].status == 403


def test_folder_that_is_none_is_one_line(tmp_path):
    result = CliRunner().invoke(main, ["web", str(tmp_path)])

    assert result.exit_code == 1
    text = f"Error: {tmp_path} is no data folder: it has no log"
    assert result.output.splitlines() == [text]
