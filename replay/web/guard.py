"""The guard before the page: who may ask, and what a browser may do with the answer.

A page that somebody else's site opens must not reach ours: a Host that is no address of
ours is refused, since a name may be made to lead here (DNS rebinding), and so is a
WebSocket from another origin. Only GET and HEAD are there, and nothing is changed by
them. Beyond loopback a token is asked for, once: it stays in a cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "replay_token"
_SAFE = frozenset(("GET", "HEAD"))
_POLLING = "/_nicegui_ws/"
_REFUSED = 1008
_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Stands before an application."""

    def __init__(
        self, app: App, *, token: str = "", names: Iterable[str] = (), is_loopback: bool
    ) -> None:
        """Guard an application.

        Args:
            app: the application.
            token: what has to be known; "" for nothing.
            names: names of hosts by which it may be asked for.
            is_loopback: whether only this machine can reach it.
        """
        self._app = app
        self._token = token
        self._names = {name.lower() for name in names} | {"localhost"}
        self._is_loopback = is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or let it pass."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        why = self._why_not(scope, headers)
        if why:
            await _refuse(scope, send, *why)
            return
        if self._token and not self._knows(headers):
            if not self._gives(scope):
                text = "a token is needed: open the address that 'replay web' wrote"
                await _refuse(scope, send, 401, text)
                return
            await self._let_in(scope, send)
            return
        await self._app(scope, receive, _with_headers(send))

    def _why_not(
        self, scope: Scope, headers: dict[bytes, bytes]
    ) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_ours(host):
            return 421, "this is not the host that you asked for"
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "this is for its own pages alone"
        if scope["type"] == "http" and scope["method"] not in _SAFE:
            # Where a browser has no WebSocket, events come by POST.
            if scope["method"] == "POST" and scope["path"].startswith(_POLLING):
                return None
            return 405, "nothing can be changed here"
        return None

    def _is_ours(self, host: str) -> bool:
        """Say whether a Host is an address, or a name that was given to us."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._is_loopback

    def _knows(self, headers: dict[bytes, bytes]) -> bool:
        try:
            cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return False
        return COOKIE in cookies and self._is_token(cookies[COOKIE].value)

    def _gives(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        return self._is_token(given[0])

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """Give the token as a cookie, and the address without it."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        query.pop("token")
        rest = urlencode(query, doseq=True)
        # A path with two slashes at its beginning would be another host.
        path = "/" + scope["raw_path"].decode("latin-1").lstrip("/\\")
        cookie = f"{COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [
            (b"location", f"{path}{'?' if rest else ''}{rest}".encode("latin-1")),
            (b"set-cookie", cookie.encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send) -> Send:
    added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def send_more(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return send_more


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _REFUSED, "reason": text})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
