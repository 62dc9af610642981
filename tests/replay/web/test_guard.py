"""The guard before the page: hosts, origins, methods, tokens, headers."""

import asyncio

import pytest

from joblog.replay.web.guard import COOKIE, Guard
from joblog.replay.web.serving import is_loopback

TOKEN = "a-token"


async def _page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})


def ask(
    guard,
    *,
    host="127.0.0.1:8380",
    path="/",
    query="",
    kind="http",
    method="GET",
    **headers,
):
    """Return what is sent to somebody who asks."""
    sent = []

    async def send(message):
        sent.append(message)

    told = {"host": host, **headers}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    }
    asyncio.run(guard(scope, None, send))
    return sent


def status(sent):
    return sent[0].get("status", sent[0]["type"])


def here(**more):
    return Guard(_page, is_loopback=True, **more)


HOSTS = [
    ("127.0.0.1:8380", 200, 200),
    ("localhost", 200, 200),
    ("[::1]:8380", 200, 200),
    ("evil.example", 421, 421),
    ("127.0.0.1.evil.example", 421, 421),
    ("localhost.evil.example:80", 421, 421),
    ("", 421, 421),
    ("[", 421, 421),
    ("10.1.2.3", 421, 200),
    ("Queues.example:443", 421, 200),
]


@pytest.mark.parametrize(("host", "at_loopback", "beyond"), HOSTS)
def test_host_that_is_no_address_of_ours_is_refused(host, at_loopback, beyond):
    other = Guard(_page, is_loopback=False, names=["queues.example"])

    assert status(ask(here(), host=host)) == at_loopback
    assert status(ask(other, host=host)) == beyond


def test_websocket_of_another_origin_or_host_is_closed():
    foreign = ask(here(), kind="websocket", origin="http://evil.example")
    rebound = ask(
        here(), kind="websocket", host="evil.example", origin="http://evil.example"
    )

    assert status(foreign) == status(rebound) == "websocket.close"
    assert status(ask(here(), kind="websocket", origin="http://127.0.0.1:8380")) == 200
    assert status(ask(here(), origin="http://127.0.0.1:1")) == 403


def test_nothing_can_be_sent_but_the_pages_own_events():
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert status(ask(here(), method=method)) == 405
    assert status(ask(here(), method="POST", path="/_nicegui_ws/socket.io/")) == 200
    assert status(ask(here(), method="HEAD")) == 200


def test_token_is_asked_for_and_stays_in_a_cookie():
    guard = here(token=TOKEN)

    assert status(ask(guard)) == 401
    assert status(ask(guard, query="token=other")) == 401
    assert status(ask(guard, cookie=f"{COOKIE}=other")) == 401
    assert status(ask(guard, cookie="\x7f=;;")) == 401
    assert status(ask(guard, kind="websocket")) == "websocket.close"
    let_in = ask(guard, path="//evil.example/job/1", query=f"token={TOKEN}&at=%401")
    headers = dict(let_in[0]["headers"])
    assert status(let_in) == 303
    assert headers[b"location"] == b"/evil.example/job/1?at=%401"
    cookie = headers[b"set-cookie"].decode()
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert status(ask(guard, cookie=cookie.partition(";")[0])) == 200


def test_browser_is_told_to_load_nothing_from_elsewhere():
    headers = dict(ask(here())[0]["headers"])

    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"no-referrer"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("host", False),
    ],
)
def test_address_that_others_reach_is_known(address, expected):
    assert is_loopback(address) is expected
