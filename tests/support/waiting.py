"""Waiting until something is so, without a guess of how long it takes."""

import time

SECONDS_MAX = 120.0


def wait_until(
    is_so, complaint=lambda: "it never came to that", *, seconds=SECONDS_MAX
):
    """Return as soon as something is so; fail, with a complaint, if it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.01)
