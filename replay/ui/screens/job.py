"""A job: its verdict, its way as bars, and its steps."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.payload import PayloadScreen
from joblog.replay.ui.screens.view import Walked
from joblog.replay.ui.words import STYLES, bars, near, plain, state
from joblog.replay.views.words import when


class JobScreen(Walked):
    """The timeline of one job."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("p", "payload", "payload")]
    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("record", "when", "step", "state", "key", "who", "by"),
    )

    def __init__(self, job_id: str) -> None:
        """Make it for a job's id."""
        super().__init__()
        self._job = job_id

    @property
    def walked(self) -> dict[str, str]:
        """The job."""
        return {"id": self._job}

    async def show(self) -> None:
        """Show the job, or the jobs where several queues share its id."""
        answer = await self.ask("job", id=self._job, **self.moment)
        if answer is None:
            return
        self.tell_time(answer)
        now_ms = answer["point"]["at_ms"]
        lines = [line for job in answer["jobs"] for line in self._lines(job)]
        missing = plain(f"{self._job} is not there yet", "bold")
        self.head(*lines or [missing], is_cut=True)
        self.fill(
            [
                (str(step["seq"]), _cells(step, now_ms))
                for job in answer["jobs"]
                for step in job["steps"]
            ]
        )
        self.tell("n and N go along its steps; enter opens the record")

    def _lines(self, job: dict[str, Any]) -> list[Text]:
        head = Text.assemble((job["id"], "bold"))
        head.append(f"  {job['queue_text']} ({job['title']})  {job.get('task') or ''}")
        verdict = Text.assemble(
            (job["verdict"], STYLES.get(job["verdict"], "bold")),
            (f" since {when(job['since_ms'])}", "dim"),
        )
        if job.get("reason"):
            verdict.append(f": {job['reason']}")
        width = max(self.size.width - 40, 20)
        room = max(self.size.height * 2 // 5 - 2, 1)
        return [head, verdict, *bars(job["bars"], width)[-room:]]

    def action_payload(self) -> None:
        """Show what it carries, decoded."""
        words = {"id": self._job}
        self.app.push_screen(PayloadScreen("job", words, self._job))

    def place_of(self, name: str) -> Place:
        """Return the step's record."""
        return Place("record", name)


def _cells(step: dict[str, Any], now_ms: int) -> list[Text]:
    return [
        Text(f"@{step['seq']}", style="cyan"),
        near(step["at_ms"], now_ms),
        plain(step["step"], "bold"),
        state(step["state"]),
        plain(step["key"]),
        plain(step["client_label"]),
        plain(step["by"]),
    ]
