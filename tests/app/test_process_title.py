"""Passwords of the command line are not in the process's title."""

import pytest

from app.process_title import without_passwords

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
