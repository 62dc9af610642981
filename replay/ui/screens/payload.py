"""Payloads: what a job, a key or a record carries, decoded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.text import Text

_LINES_MAX = 2000


class PayloadScreen(View):
    """What something carried at the moment, a line of it in each row."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("what it carries",)

    def __init__(self, question: str, words: Mapping[str, str], title: str) -> None:
        """Make it for what a question asks.

        Args:
            question: "job", "key" or "record".
            words: what it is asked with, but for the moment.
            title: what it is about.
        """
        super().__init__()
        self._question, self._words, self._title = question, words, title

    async def show(self) -> None:
        """Show it."""
        answer = await self.ask(self._question, **self._words, **self.moment)
        if answer is None:
            return
        self.head(plain(self._title, "bold"))
        lines = [line for told in _told(answer) for line in _lines(told)]
        rows: list[tuple[str, list[Text]]] = [
            (str(place), [line]) for place, line in enumerate(lines[:_LINES_MAX])
        ]
        self.fill(rows)
        self.tell("" if rows else "nothing that can be decoded is known here")


def _told(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what was decoded, whatever was asked."""
    for job in answer.get("jobs", ()):
        own = job["own"] or {}
        yield from own.get("decoded", ())
        if own.get("value"):
            yield {"place": own["key"], "format": "raw", **own["value"]}
    yield from answer.get("decoded", ())
    yield from answer.get("payloads", ())


def _lines(told: dict[str, Any]) -> Iterator[Text]:
    place = told.get("place", told.get("text"))
    named = "" if place is None else f"{str(place)[:60]} "
    yield plain(f"{named}({told['format']})", "bold cyan")
    text = json.dumps(told["value"], indent=2, ensure_ascii=False)
    for line in text.splitlines():
        yield plain(line)
