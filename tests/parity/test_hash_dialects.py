"""What docs/hash-deadlines.md says of both dialects is what the servers say."""

import re

import pytest

from tests.parity import wire
from tests.support.servers import ROOT

PAGE = (ROOT / "docs" / "hash-deadlines.md").read_text()
ROWS = [
    [cell.strip().strip("`").strip() for cell in re.split(r" \| ", line.strip("| "))]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]


def answer(server, call):
    """Return what a server answers, as the page writes it."""
    connection = server.connect()
    try:
        for line in ("DEL h", "HSET h a 1 b 2"):
            connection.ask(*line.split())
        reply = wire.parse(connection.ask(*call.split()))
    finally:
        connection.close()
    if isinstance(reply, wire.Aggregate):
        return f"[{', '.join(item.text.decode() for item in reply.items)}]"
    return reply.text.decode()


def test_page_has_rows():
    assert len(ROWS) > 30
    assert {len(row) for row in ROWS} == {3}


@pytest.mark.parametrize(("call", "ours", "theirs"), ROWS)
def test_page_says_what_the_servers_say(running, call, ours, theirs):
    assert answer(running("joblog"), call) == ours
    assert answer(running("valkey"), call) == ours
    assert answer(running("redis8"), call) == theirs
