"""Two moments side by side: the queues of both, and the keys that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.views.words import MISSING, when
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import fill, heading, make_table, show_lines
from joblog.replay.web.words import BUTTON, link

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks

_STATES = ("waiting", "running", "scheduled", "failed")
_KEYS_SHOWN = 100


class Compare:
    """What somebody looks at."""

    def __init__(self, desks: Desks, a: str, b: str, key: str) -> None:
        """Draw it."""
        self._frame = Frame(desks, b, "compare", "two moments")
        self._asked = {"a": a, "b": b, "key": key}
        with self._frame.body:
            heading("Two moments", 1)
            with ui.row().classes("items-center gap-2"):
                self._words = {
                    name: ui.input(label, value=value, placeholder=hint)
                    .props("dense outlined")
                    .on("keydown.enter", self._go)
                    for name, label, value, hint in (
                        ("a", "from", a, "10m ago"),
                        ("b", "to", b, "now"),
                        ("key", "keys like", key, "*"),
                    )
                }
                ui.button("Compare", on_click=self._go, color=BUTTON)
            self._state = ui.label("").props("aria-live=polite")
            self._body = ui.column().classes("w-full gap-2")
        self._frame.begin(self._show, self._show_exact)

    def _go(self) -> None:
        words = {
            name: (field.value or "").strip() for name, field in self._words.items()
        }
        ui.navigate.to(link("compare", **words))

    async def _show(self, board: dict[str, Any]) -> None:
        """Nothing: both moments are named."""

    async def _show_exact(self, at: str) -> None:
        asked = {**self._asked, "b": self._asked["b"] or at}
        if not asked["a"]:
            self._state.text = "Name the moment to begin with: @1042, 10m ago, a tag."
            return
        self._state.text = "comparing …"

        def tell(seq: int) -> None:
            self._state.text = f"comparing: @{seq:,}"

        found = await self._frame.desks.patient.ask("compare", asked, tell)
        self._state.text = found.get("error", "")
        if "error" in found:
            return
        self._body.clear()
        with self._body:
            _show_queues(found)
            _show_keys(found)


def _show_queues(found: dict[str, Any]) -> None:
    heading("Queues")
    a, b = found["a"], found["b"]
    ui.label(
        f"from {when(a['at_ms'])} @{a['seq']:,} to {when(b['at_ms'])} @{b['seq']:,}"
    ).classes("text-sm")
    told = [("queue", "queue", "left")]
    for state in _STATES:
        told += [
            (f"{state}_a", f"{state} then", "right"),
            (f"{state}_b", "and now", "right"),
        ]
    told.append(("in", "in between", "right"))
    told.append(("failures", "failed between", "right"))
    before = {queue["queue"]: queue for queue in a["queues"]}
    rows = []
    for queue in b["queues"]:
        earlier = before.get(queue["queue"], {"states": {}, "total": {}})
        row = {
            "queue": queue["queue"] or MISSING,
            "queue_href": link("queue", queue["queue"] or "-"),
        }
        for state in _STATES:
            row[f"{state}_a"] = earlier["states"].get(state, 0)
            row[f"{state}_b"] = queue["states"].get(state, 0)
        row["in"] = queue["total"]["in"] - earlier["total"].get("in", 0)
        row["failures"] = queue["total"]["failed"] - earlier["total"].get("failed", 0)
        rows.append(row)
    fill(make_table(*told, key="queue", links=("queue",)), rows)


def _show_keys(found: dict[str, Any]) -> None:
    counts = found["counts"]
    heading("Keys")
    ui.label(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    for key in found["keys"][:_KEYS_SHOWN]:
        count = f"{key['type']}, {key['differences']} differences"
        title = f"{key['change']}: {key['label']} ({count})"
        with ui.expansion(title).classes("w-full"):
            at = f"@{found['until_seq']}"
            ui.link("its page", link("key", key["key"], db=str(key["db"] or ""), at=at))
            show_lines(key["lines"])
    rest = sum(counts.values()) - _KEYS_SHOWN
    if rest > 0:
        ui.label(f"and {rest:,} more: replay diff shows them all")
