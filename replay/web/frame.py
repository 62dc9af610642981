"""The frame that all pages share: search, the moment, and the time axis.

A screen is told of each moment that is to be shown. While one is being shown, a later
one waits, and only the latest; so the page keeps pace with who drags the slider.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks, ui

from joblog.app.history.moments import json_time
from joblog.replay.views.words import when
from joblog.replay.web.charts import axis_options
from joblog.replay.web.help import show_help
from joblog.replay.web.words import link, number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nicegui.events import EChartPointClickEventArguments, KeyEventArguments

    from joblog.replay.web.desks import Desks

    Board = dict[str, Any]
    Quick = Callable[[Board], Awaitable[None]]
    Exact = Callable[[str], Awaitable[None]]

LIVE_SECONDS = 1.5
_SETTLE_SECONDS = 0.3
_CHIPS = 8
_CHIP = "bg-slate-200 text-slate-900 dark:bg-slate-700 dark:text-slate-100 px-2"
_PAGES = {
    "": "Queues",
    "compare": "Two moments",
    "clients": "Clients",
    "scripts": "Scripts",
    "log": "Log",
}


class Frame:
    """One page that somebody looks at.

    Attributes:
        desks: who is asked.
        at: the moment that is shown, "" for the newest.
        rates: depths and rates of the whole log, as they were told last.
    """

    def __init__(self, desks: Desks, at: str, kind: str, title: str) -> None:
        """Draw it.

        Args:
            desks: who is asked.
            at: the moment to show; "" follows the log.
            kind: the first part of the page's address.
            title: what the page is about.
        """
        self.desks = desks
        self.at = at
        self.rates: dict[str, Any] = {}
        self._kind = kind
        self._marks: list[dict[str, Any]] = []
        self._board: dict[str, Any] = {}
        self._quick: Quick | None = None
        self._exact: Exact | None = None
        self._is_showing = self._is_asked = False
        self._task: asyncio.Task[Any] | None = None
        self._client = ui.context.client
        self._is_moving = self._is_sliding = False
        ui.page_title(f"{title} - replay")
        self._dark = ui.dark_mode(None)
        self._draw_head()
        self._draw_axis()
        ui.keyboard(on_key=self._on_key)
        self.body = ui.column().classes("w-full max-w-screen-2xl mx-auto px-3 gap-2")
        self.body.props("role=main id=main")

    # --- drawing ------------------------------------------------------------------

    def _draw_head(self) -> None:
        with ui.header().classes(
            "items-center gap-3 px-3 py-1 bg-slate-800 text-white"
        ):
            ui.link("replay", "/").classes("text-lg font-bold text-white no-underline")
            with ui.row().classes("gap-3 items-center").props("role=navigation"):
                for kind, name in _PAGES.items():
                    target = link(kind, at=self.at)
                    style = "underline" if kind == self._kind else "no-underline"
                    ui.link(name, target).classes(f"text-white {style} text-sm")
            ui.space()
            self._search = ui.input(placeholder="job, key, client, text  ( / )")
            self._search.props(
                'dense dark outlined clearable aria-label="Search" type=search'
            )
            self._search.classes("w-64 max-sm:w-full").on(
                "keydown.enter", self._on_search
            )
            dark = ui.button(icon="dark_mode", on_click=self._turn_dark)
            dark.props('flat round dense color=white aria-label="Dark or light"')
            about = ui.button(icon="help_outline", on_click=show_help)
            about.props('flat round dense color=white aria-label="Help"')

    def _draw_axis(self) -> None:
        with ui.column().classes("w-full max-w-screen-2xl mx-auto px-3 gap-0"):
            with ui.row().classes("w-full items-center gap-2 pt-1"):
                self._moment = (
                    ui.label("…").classes("font-mono text-sm").props("aria-live=polite")
                )
                self._behind = ui.label("").classes(
                    "text-sm text-amber-700 dark:text-amber-400"
                )
                ui.space()
                for icon, name, step in (
                    ("skip_previous", "The mark before  ( [ )", -1),
                    ("skip_next", "The next mark  ( ] )", 1),
                ):
                    button = ui.button(
                        icon=icon, on_click=lambda step=step: self._to_mark(step)
                    )
                    button.props(f'flat dense round aria-label="{name}"').tooltip(name)
                self._typed = ui.input(placeholder="5m ago, @1042, a tag")
                self._typed.props('dense outlined aria-label="Moment"').classes("w-44")
                self._typed.on(
                    "keydown.enter", lambda: self.go_to(self._typed.value or "")
                )
                self._live = ui.switch(
                    "live", value=not self.at, on_change=self._on_live
                )
            self._draw_chart()
            self._chips = ui.row().classes("w-full gap-1")
            self._error = ui.label("").classes(
                "w-full text-red-700 dark:text-red-300 font-medium"
            )
            self._error.props("role=alert")

    def _draw_chart(self) -> None:
        """Draw the axis, and the slider below it."""
        self._axis = ui.echart(
            axis_options([], {"in": []}, [], None),
            on_point_click=self._on_axis,
        ).classes("w-full h-20")
        about = "What happened over time; the slider below moves the moment"
        self._axis.props(f'role=img aria-label="{about}"')
        self._slider = ui.slider(
            min=0, max=1, value=1, step=1, on_change=self._on_slide
        )
        self._slider.props('dense aria-label="Moment on the axis" color=amber')
        self._slider.classes("w-full px-3")
        # Its own arrows are no steps of the page.
        self._slider.on("keydown.stop", js_handler="() => {}")

    # --- moments ------------------------------------------------------------------

    def begin(self, quick: Quick, exact: Exact | None = None) -> None:
        """Show the moment, and each that is asked for later.

        Args:
            quick: shows a moment; it is told what the board says of it.
            exact: shows what takes its time, once the moment stays.
        """
        self._quick, self._exact = quick, exact
        ui.timer(0.0, self._load, once=True)
        ui.timer(LIVE_SECONDS, self._follow)

    async def _load(self) -> None:
        """Show at once what the index knows; then what stands out, then the rest."""
        await self._show()
        background_tasks.create(self._load_axis(), name="axis")

    async def _load_axis(self) -> None:
        """Learn what stands out, and what happened over time."""
        if await self._load_rates():
            await self._draw()
        await self.refresh()

    async def _load_marks(self) -> None:
        axis = await self.desks.quick.ask("axis", {})
        if "error" not in axis and axis["marks"] != self._marks:
            self._marks = axis["marks"]
            with self._client:
                self._show_chips()

    async def _load_rates(self) -> bool:
        """Learn what happened over time; say whether more is known by now."""
        if self.rates.get("known_seq") == self._board.get("known_seq"):
            return False
        rates = await self.desks.quick.ask("rates", {})
        if "error" in rates:
            return False
        self.rates = rates
        if self._board:
            self._show_axis()
        await self._load_marks()
        return True

    def _show_chips(self) -> None:
        """Show the newest marks as links; scripts where there are few others."""
        told = [mark for mark in self._marks if mark["kind"] != "snapshot"]
        told.sort(key=lambda mark: (mark["kind"] != "script", mark["seq"]))
        self._chips.clear()
        with self._chips:
            for mark in sorted(told[-_CHIPS:], key=lambda mark: mark["seq"]):
                text = f"{mark['kind']} {mark['name'][:24]}"
                at = f"@{mark['seq']}"
                chip = ui.button(
                    text, on_click=lambda at=at: self.go_to(at), color=None
                )
                chip.props("dense no-caps unelevated size=sm").classes(_CHIP)

    def go_to(self, at: str) -> None:
        """Show a moment; "" for the newest."""
        self.at = at
        self._is_sliding = False
        if self._task is not None:
            self._task.cancel()
        self._live.value = not at
        self._client.run_javascript(
            f"const at = {json.dumps(at)}, url = new URL(location); "
            "at ? url.searchParams.set('at', at) : url.searchParams.delete('at'); "
            "history.replaceState(null, '', url)"
        )
        background_tasks.create(self.refresh(), name="refresh")

    async def refresh(self) -> None:
        """Show the moment; where one is being shown, show the latest behind it."""
        self._is_asked = True
        if self._is_showing:
            return
        self._is_showing = True
        try:
            while self._is_asked:
                self._is_asked = False
                await self._show()
                if not self._is_asked and await self._load_rates():
                    await self._draw()
        finally:
            self._is_showing = False
        self._show_exact_later()

    async def _show(self) -> None:
        board = await self.desks.quick.ask("board", {"at": self.at})
        self._error.text = board.get("error", "")
        self._error.visible = bool(self._error.text)
        if "error" in board:
            return
        self._board = board
        point, end = board["point"], board["end"]
        self._moment.text = f"{when(point['at_ms'])}   @{number(point['seq'])}"
        self._behind.text = (
            "" if board["is_whole"] else
            f"followed up to @{number(board['known_seq'])} of {number(end['seq'])} …"
        )  # fmt: skip
        await self._draw()
        if not board["is_whole"]:
            self._is_asked = True

    async def _draw(self) -> None:
        """Draw what was told last."""
        if not self._board:
            return
        self._show_axis()
        if self._quick is not None:
            with self._client:
                await self._quick(self._board)

    def _show_exact_later(self) -> None:
        if self._exact is None or "point" not in self._board:
            return
        if self._task is not None and not self._task.done():
            if not self.at:
                return  # what follows the log is told in its own time
            self._task.cancel()
        self._task = asyncio.ensure_future(self._show_exact())

    async def _show_exact(self) -> None:
        await asyncio.sleep(_SETTLE_SECONDS)
        assert self._exact is not None
        # What has grown meanwhile is looked at again, without haste.
        seq = None
        while seq != self._board["point"]["seq"]:
            seq = self._board["point"]["seq"]
            with self._client:
                await self._exact(self.at)
            await asyncio.sleep(_SETTLE_SECONDS)

    async def _follow(self) -> None:
        """Look whether the log has grown."""
        if self.at or self._is_showing or not self._board:
            return
        health = await self.desks.quick.ask("board", {"at": ""})
        grown = health.get("end", {}).get("seq") != self._board["end"]["seq"]
        if "error" in health or grown:
            await self.refresh()

    # --- the axis -----------------------------------------------------------------

    def _show_axis(self) -> None:
        rates = self.rates
        if not rates.get("slots_ms"):
            return
        lines = rates["queues"].values()
        count = len(rates["slots_ms"])
        bars = {
            name: [sum(line[name][place] for line in lines) for place in range(count)]
            for name in ("in", "failed")
        }
        at_ms = self._board["point"]["at_ms"] if self._board else None
        shown = None if at_ms is None else min(at_ms, rates["until_ms"])
        options = axis_options(rates["slots_ms"], bars, self._marks, shown)
        self._axis.options.clear()
        self._axis.options.update(options)
        self._axis.update()
        self._is_moving = True
        first, last = rates["from_ms"], rates["until_ms"]
        step = max((last - first) // 1000, 1)
        self._slider.props(f"min={first} max={last} step={step}")
        if not self._is_sliding:  # else it would jump back under the hand
            self._slider.value = min(max(shown or last, first), last)
        self._is_moving = False

    def _on_slide(self) -> None:
        if not self._is_moving and self.rates:
            self._go_to_ms(int(self._slider.value or 0))
            self._is_sliding = True

    def _go_to_ms(self, at_ms: int) -> None:
        last = self.rates["until_ms"]
        self.go_to("" if at_ms >= last else json_time(at_ms))

    def _on_axis(self, event: EChartPointClickEventArguments) -> None:
        place = event.data_index
        if self.rates and place < len(self.rates["slots_ms"]):
            self._go_to_ms(self.rates["slots_ms"][place])

    def _on_live(self) -> None:
        if self._live.value and self.at:
            self.go_to("")
        elif not self._live.value and not self.at and self._board:
            self.go_to(f"@{self._board['point']['seq']}")

    def _to_mark(self, step: int) -> None:
        if not self._board:
            return
        here = self._board["point"]["seq"]
        seqs = sorted({mark["seq"] for mark in self._marks})
        found = (
            [s for s in seqs if s > here]
            if step > 0
            else [s for s in seqs if s < here][::-1]
        )
        if found:
            self.go_to(f"@{found[0]}")

    def _step(self, step: int) -> None:
        if self.rates and self._board:
            slots = self.rates["slots_ms"]
            width = max(slots[1] - slots[0], 1)
            here = min(self._board["point"]["at_ms"], self.rates["until_ms"])
            self._go_to_ms(max(here + step * width, self.rates["from_ms"]))

    # --- keys ---------------------------------------------------------------------

    def _on_key(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.alt:
            return
        deeds: dict[str, Callable[[], Any]] = {
            "/": lambda: self._search.run_method("focus"),
            "?": show_help,
            "l": lambda: self.go_to(""),
            "[": lambda: self._to_mark(-1),
            "]": lambda: self._to_mark(1),
            "ArrowLeft": lambda: self._step(-1),
            "ArrowRight": lambda: self._step(1),
            "q": lambda: ui.navigate.to(link("", at=self.at)),
            "d": self._turn_dark,
        }
        deed = deeds.get(event.key.name)
        if deed is not None:
            deed()

    def _on_search(self) -> None:
        text = (self._search.value or "").strip()
        if text:
            ui.navigate.to(link("search", text=text, at=self.at))

    def _turn_dark(self) -> None:
        self._dark.value = not self._dark.value
