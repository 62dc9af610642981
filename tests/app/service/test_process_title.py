"""Passwords of the command line are not in the process's title."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import joblog
from joblog.actors.service.process_title import SECRET_OPTIONS, without_passwords
from joblog.app.config import Config
from joblog.app.config.kinds import Secret

LINES = [
    ("joblog --port 1", "joblog --port 1"),
    ("joblog --requirepass sesame --port 1", "joblog --requirepass *** --port 1"),
    ("joblog --REQUIREPASS sesame", "joblog --REQUIREPASS ***"),
    ("joblog --requirepass --port", "joblog --requirepass ***"),
    ("joblog --requirepass x", "joblog --requirepass *"),
    ("joblog --masterauth sesame a.conf", "joblog --masterauth *** ***"),
    ("joblog --primaryauth sesame", "joblog --primaryauth ***"),
    ("joblog --tls-key-file-pass sesame", "joblog --tls-key-file-pass ***"),
    ("joblog --user me on >sesame ~*", "joblog --user ** ** *** **"),
    ("joblog --dir requirepass", "joblog --dir requirepass"),
]


@pytest.mark.parametrize(("given", "shown"), LINES)
def test_stars_stand_for_passwords_and_no_word_gets_longer(given, shown):
    words = given.encode().split()

    hidden = without_passwords(words)

    assert hidden == shown.encode().split()
    assert all(len(x) <= len(y) for x, y in zip(hidden, words, strict=True))


def test_option_and_password_in_one_word_are_told_apart():
    assert without_passwords([b"--requirepass sesame", b"--port 1"]) == [
        b"--requirepass ***",
        b"--port 1",
    ]


def test_every_setting_that_holds_a_password_is_hidden():
    secrets = {
        f"--{name}".encode()
        for name, setting in Config.BY_NAME.items()
        if isinstance(setting, Secret) or name == "user"
    }

    assert secrets == SECRET_OPTIONS


def test_title_is_free_of_passwords_before_anything_long_is_imported():
    seen = (
        "import sys, joblog.actors.service.process_title as title\n"
        "print(*(x for x in sys.modules if x.startswith(('joblog.', 'pathlib'))))"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", seen],
        env=os.environ | {"PYTHONPATH": str(Path(joblog.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [
        "joblog.actors",
        "joblog.actors.service",
        "joblog.actors.service.process_title",
    ]
