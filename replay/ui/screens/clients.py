"""Clients: who was connected up to the moment, and did what."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text

from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import count, near, plain, span


class ClientsScreen(View):
    """A line for each connection."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("client", "user", "since", "gone", "records", "idle", "did"),
    )

    async def show(self) -> None:
        """Show the clients."""
        answer = await self.ask("clients", **self.moment)
        if answer is None:
            return
        now_ms = self.history.axis["until_ms"]
        self.head(Text(f"{answer['count']:,} clients", style="bold"))
        self.fill(
            [
                (f"{each['id']} {each['first_seq']}", _cells(each, now_ms))
                for each in answer["clients"]
            ]
        )
        self.tell("")


def _cells(client: dict[str, Any], now_ms: int) -> list[Text]:
    did = [f"{name} {number:,}" for name, number in client["commands"].items()]
    gone = client["gone"]
    return [
        plain(client["label"], "bold"),
        plain(client["user"]),
        near(client["since_ms"], now_ms),
        plain(gone[:19].replace("T", " ") if gone else None, "dim"),
        count(client["records"]),
        span(client["idle_ms"]),
        plain(", ".join(did[:3])),
    ]
