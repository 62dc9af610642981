"""The server of the page: its address, its guard, and its pages."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from joblog.replay.web.guard import Guard
from joblog.replay.web.screens import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joblog.replay.web.desks import Desks

MESSAGE_MAX = 1 << 20

_STYLE = """<style>
#main .nicegui-link { color: #1d4ed8 }
.body--dark #main .nicegui-link { color: #93c5fd }
</style>"""
"""NiceGUI's own links are too light to be read on white."""


class _Server(uvicorn.Server):
    """A server that tells its port once it listens, and ends what it started."""

    def __init__(
        self, config: uvicorn.Config, desks: Desks, told: Callable[[int], None]
    ) -> None:
        super().__init__(config)
        self._desks = desks
        self._told = told

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # sockets are not ours
        await super().startup(sockets)  # type: ignore[arg-type]  # the same
        for server in self.servers if self.started else ():
            self._told(server.sockets[0].getsockname()[1])
            break

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # the same
        await self._desks.close()
        await super().shutdown(sockets)  # type: ignore[arg-type]  # the same


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    desks: Desks,
    address: tuple[str, int],
    token: str,
    names: Sequence[str],
    told: Callable[[int], None],
) -> bool:
    """Serve the page until a signal ends it; say whether it ever listened.

    Args:
        desks: who is asked.
        address: where to listen.
        token: what has to be known; "" for nothing.
        names: of hosts by which it may be asked for.
        told: is told the port once it listens.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages.add(desks)
    # Readers aloud have to know; NiceGUI's template does not say it.
    ui.add_head_html(
        '<script>document.documentElement.lang = "en"</script>', shared=True
    )
    ui.add_head_html(_STYLE, shared=True)
    ui.run_with(app, title="replay", dark=None, show_welcome_message=False)
    guard = Guard(app, token=token, names=names, is_loopback=is_loopback(address[0]))
    config = uvicorn.Config(
        guard,
        host=address[0],
        port=address[1],
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MESSAGE_MAX,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, desks, told)
    server.run()
    return server.started
