"""The program: the moment that all screens show, and the keys that move it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.widgets import Input

from joblog.replay.ui.desk import AsyncDesk, StaleError
from joblog.replay.ui.screens.clients import ClientsScreen
from joblog.replay.ui.screens.compare import CompareScreen
from joblog.replay.ui.screens.help import HelpScreen
from joblog.replay.ui.screens.job import JobScreen
from joblog.replay.ui.screens.key import KeyScreen
from joblog.replay.ui.screens.queue import QueueScreen
from joblog.replay.ui.screens.queues import QueuesScreen
from joblog.replay.ui.screens.record import RecordScreen
from joblog.replay.ui.screens.scripts import ScriptsScreen
from joblog.replay.ui.screens.search import SearchScreen
from joblog.replay.ui.screens.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from joblog.replay.jobs.verdicts import Limits
    from joblog.replay.ui.places import Place

LIVE_SECONDS = 1.0
_FAR = 100


class HistoryApp(App[None]):
    """The screens over one data folder.

    Attributes:
        desk: who answers.
        at: the record that is shown; None for the log's end, as it grows.
        at_ms: the time of that record, None where it is not known yet.
        axis: the time axis, as it was told last.
    """

    TITLE = "replay"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "record back", priority=True),
        Binding("right", "step(1)", "on", priority=True),
        Binding("shift+left", f"step({-_FAR})", "100 back", show=False, priority=True),
        Binding("shift+right", f"step({_FAR})", "100 on", show=False, priority=True),
        Binding("left_square_bracket", "mark(-1)", "mark before", show=False),
        Binding("right_square_bracket", "mark(1)", "next mark", show=False),
        Binding("home", "go(0)", "begin", show=False, priority=True),
        Binding("end", "live", "live", show=False, priority=True),
        Binding("l", "live", "live"),
        Binding("slash", "search", "search", key_display="/"),
        Binding("c", "clients", "clients"),
        Binding("s", "scripts", "scripts"),
        Binding("t", "compare", "two moments"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(
        self,
        folder: Path,
        schemas: Sequence[str],
        limits: Limits,
        at: str = "",
        descriptors: Sequence[str] = (),
    ) -> None:
        """Open nothing yet.

        Args:
            folder: the data folder.
            schemas: those that were named; none to find them out.
            limits: from when on a job is stuck or lost.
            at: the moment to begin with, "" for the log's end.
            descriptors: of messages that jobs carry.
        """
        super().__init__()
        tell = self._tell_progress
        self.desk = AsyncDesk(folder, schemas, limits, tell, descriptors)
        self.at: int | None = None
        self.at_ms: int | None = None
        self.axis: dict[str, Any] = {}
        self._begin = at

    async def on_mount(self) -> None:
        """Show the queues, and follow the log."""
        if self._begin:
            answer = await self.desk.ask("board", at=self._begin)
            if "error" in answer:
                self.exit(return_code=2, message=answer["error"])
                return
            self.at = answer["point"]["seq"]
        await self.push_screen(QueuesScreen())
        self.set_interval(LIVE_SECONDS, self._follow)

    def _tell_progress(self, seq: int) -> None:
        if self.is_running:
            self.call_from_thread(self._show_progress, seq)

    def _show_progress(self, seq: int) -> None:
        if isinstance(self.screen, View):
            self.screen.show_progress(seq)

    async def _follow(self) -> None:
        """Look whether the log has grown, and show it where its end is shown."""
        if not self.axis:
            return  # the screen asks for it
        try:
            axis = await self.desk.ask("axis")
        except StaleError:
            return
        if "error" in axis or axis["until_seq"] == self.axis["until_seq"]:
            return
        self.axis = axis
        if isinstance(self.screen, View):
            self.screen.show_axis()
            if self.at is None:
                self.screen.look()

    # --- moments ------------------------------------------------------------------

    def show_at(self, seq: int | None) -> None:
        """Show another moment: a record's number, None for the log's end."""
        if seq is not None and self.axis:
            seq = min(max(seq, self.axis["from_seq"]), self.axis["until_seq"])
        if seq == self.at:
            return
        self.at, self.at_ms = seq, None
        self.desk.give_up()
        if isinstance(self.screen, View):
            self.screen.show_axis()
            self.screen.look()

    def action_step(self, count: int) -> None:
        """Go some records on, or back."""
        if self.axis:
            here = self.axis["until_seq"] if self.at is None else self.at
            self.show_at(here + count)

    def action_go(self, seq: int) -> None:
        """Go to a record; the first there is where it is gone."""
        self.show_at(seq)

    def action_live(self) -> None:
        """Show the log's end, as it grows."""
        self.show_at(None)

    def action_mark(self, direction: int) -> None:
        """Go to the next mark on the axis, or that before."""
        if not self.axis:
            return
        here = self.axis["until_seq"] if self.at is None else self.at
        seqs = sorted({mark["seq"] for mark in self.axis["marks"]})
        if direction > 0:
            found = next((seq for seq in seqs if seq > here), None)
        else:
            found = next((seq for seq in reversed(seqs) if seq < here), None)
        if found is None:
            self.notify("no more marks there")
        else:
            self.show_at(found)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002
        """Say whether a key counts: those that move belong to a line one writes in."""
        is_moving = action in ("step", "go", "live", "mark")
        return not (is_moving and isinstance(self.focused, Input))

    # --- screens ------------------------------------------------------------------

    def open_place(self, place: Place) -> None:
        """Show the screen of a queue, a job, a key or a record."""
        if place.kind == "queue":
            self.push_screen(QueueScreen(place.name))
        elif place.kind == "job":
            self.push_screen(JobScreen(place.name))
        elif place.kind == "key":
            self.push_screen(KeyScreen(place.db, place.name))
        else:
            self.push_screen(RecordScreen(int(place.name)))

    async def action_search(self) -> None:
        """Ask for what to look for."""
        await self.push_screen(SearchScreen())

    async def action_clients(self) -> None:
        """Show who was connected."""
        await self.push_screen(ClientsScreen())

    async def action_scripts(self) -> None:
        """Show which scripts wrote, and what they took; of a queue: its own."""
        here = self.screen
        queue = here.queue if isinstance(here, QueueScreen) else None
        await self.push_screen(ScriptsScreen(queue))

    async def action_compare(self) -> None:
        """Show how this moment differs from another."""
        await self.push_screen(CompareScreen())

    async def action_help(self) -> None:
        """Show the keys."""
        await self.push_screen(HelpScreen())

    async def on_unmount(self) -> None:
        """Close the folder."""
        await asyncio.to_thread(self.desk.close)
