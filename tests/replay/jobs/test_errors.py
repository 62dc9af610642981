"""Which line of an error is told where there is room for one."""

import pytest

from joblog.replay.jobs.verdicts import headline

FRAMES = b"""Traceback (most recent call last):
  File "jobs.py", line 7, in fail
    raise ValueError("no such user")
"""
GROUP = b"""  + Exception Group Traceback (most recent call last):
  |   File "jobs.py", line 9, in fail
  |     raise ExceptionGroup("both failed", [first, second])
  | ExceptionGroup: both failed (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "jobs.py", line 3, in first
    | ValueError: the first
    +---------------- 2 ----------------
    | KeyError: 'second'
    +------------------------------------
"""
CAUSE = b"\nThe above exception was the direct cause of the following exception:\n\n"
SYNTAX = b"""Traceback (most recent call last):
  File "jobs.py", line 1
    def (:
        ^
SyntaxError: invalid syntax
"""
ERRORS = [
    pytest.param(b"", b"", id="none"),
    pytest.param(b" boom \n", b"boom", id="a word"),
    pytest.param(FRAMES + b"ValueError: no", b"ValueError: no", id="a traceback"),
    pytest.param(
        FRAMES + b"ValueError: no such user:\n  id 7\nlast words\n",
        b"ValueError: no such user:",
        id="a message of several lines",
    ),
    pytest.param(
        FRAMES + b"KeyError: 7\n" + CAUSE + FRAMES + b"app.NoUser: 7\nsee above\n",
        b"app.NoUser: 7",
        id="an error that another caused",
    ),
    pytest.param(GROUP, b"ExceptionGroup: both failed (2 sub-exceptions)", id="group"),
    pytest.param(SYNTAX, b"SyntaxError: invalid syntax", id="no frame's own line"),
    pytest.param(FRAMES, b'raise ValueError("no such user")', id="cut off"),
    pytest.param(
        b"Error: no such user\n    at fail (jobs.js:7:9)\n    at run (worker.js:1:1)",
        b"Error: no such user",
        id="of JavaScript",
    ),
]


@pytest.mark.parametrize(("error", "told"), ERRORS)
def test_line_of_an_error_that_says_most_is_told(error, told):
    assert headline(error) == told
