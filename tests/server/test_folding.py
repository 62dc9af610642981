"""The check that every server test ends with holds while keys expire under it."""

import pytest

KEYS = 400
ROUNDS = 20


@pytest.mark.slow
def test_fold_equals_live_while_keys_expire(server, fold_equals_live):
    client = server.connect()
    for number in range(KEYS):
        client.ask("SET", f"key:{number}", "x", "PX", 100 + number)

    for _ in range(ROUNDS):
        fold_equals_live(server)
