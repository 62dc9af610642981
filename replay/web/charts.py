"""Charts: options for ECharts, and the table that says the same in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.views.words import when
from joblog.replay.web.words import COLOURS, columns

if TYPE_CHECKING:
    from collections.abc import Sequence

_GREY = "#8a8f98"
_TABLE_ROWS = 60
_MARK_COLOURS = {
    "tag": "#7c3aed",
    "script": "#0891b2",
    "start": "#ea580c",
    "snapshot": "#9ca3af",
    "errors": "#dc2626",
    "gap": "#111827",
}


def axis_options(
    slots_ms: Sequence[int],
    bars: dict[str, list[int]],
    marks: Sequence[dict[str, Any]],
    at_ms: int | None,
) -> dict[str, Any]:
    """Return the time axis of the page: what happened, marks, and the moment.

    Args:
        slots_ms: when each bar begins.
        bars: what is shown, by its name.
        marks: what stands out.
        at_ms: the moment that is shown; None for none.
    """
    series = [
        {
            "name": name,
            "type": "bar",
            "stack": "all",
            "barCategoryGap": "0%",
            "itemStyle": {
                "color": COLOURS["failed" if name == "failed" else "waiting"]
            },
            "data": [[at, count] for at, count in zip(slots_ms, counts, strict=True)],
        }
        for name, counts in bars.items()
    ]
    series[0]["markLine"] = {
        "symbol": ["none", "none"],
        "animation": False,
        "data": _mark_lines(marks, at_ms),
        "tooltip": {"formatter": "{b}"},
    }
    ends = {"min": slots_ms[0], "max": slots_ms[-1]} if slots_ms else {}
    return {
        "animation": False,
        "grid": {"left": 12, "right": 12, "top": 6, "bottom": 20},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {
            "type": "time",
            **ends,
            "axisLabel": {"color": _GREY, "hideOverlap": True},
        },
        "yAxis": {"type": "value", "show": False},
        "series": series,
        "aria": {"enabled": True},
    }


def _mark_lines(
    marks: Sequence[dict[str, Any]], at_ms: int | None
) -> list[dict[str, Any]]:
    """Return a line for each mark, and one for the moment that is shown."""
    lines: list[dict[str, Any]] = [
        {
            "xAxis": mark["at_ms"],
            "name": f"{mark['kind']} {mark['name']}",
            "lineStyle": {"color": _MARK_COLOURS.get(mark["kind"], _GREY)},
            "label": {"show": False},
        }
        for mark in marks
        if mark["at_ms"] is not None
    ]
    if at_ms is not None:
        style = {"color": "#f59e0b", "width": 3, "type": "solid"}
        now = {"xAxis": at_ms, "name": "shown", "lineStyle": style}
        lines.append({**now, "label": {"show": False}})
    return lines


def lines_options(
    slots_ms: Sequence[int],
    lines: dict[str, list[int]],
    *,
    is_bars: bool = False,
    at_ms: int | None = None,
) -> dict[str, Any]:
    """Return a chart of some numbers over time, with zoom."""
    series: list[dict[str, Any]] = [
        {
            "name": name,
            "type": "bar" if is_bars else "line",
            "step": False if is_bars else "end",
            "showSymbol": False,
            "lineStyle": {"width": 2},
            **({"stack": "all", "barWidth": 4} if is_bars else {}),
            "itemStyle": {"color": COLOURS.get(name)},
            "data": [[at, count] for at, count in zip(slots_ms, counts, strict=True)],
        }
        for name, counts in lines.items()
    ]
    if at_ms is not None and series:
        series[0]["markLine"] = {
            "symbol": ["none", "none"],
            "animation": False,
            "label": {"show": False},
            "lineStyle": {"color": "#f59e0b", "width": 2, "type": "solid"},
            "data": [{"xAxis": at_ms}],
        }
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 36, "bottom": 36, "containLabel": True},
        "legend": {"top": 4, "textStyle": {"color": _GREY}},
        "tooltip": {"trigger": "axis", "confine": True},
        "dataZoom": [{"type": "inside"}, {"type": "slider", "height": 20, "bottom": 8}],
        "xAxis": {"type": "time", "axisLabel": {"color": _GREY, "hideOverlap": True}},
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "axisLabel": {"color": _GREY},
            "splitLine": {"lineStyle": {"opacity": 0.25}},
        },
        "series": series,
        "aria": {"enabled": True},
    }


class Chart:
    """A chart of lines or bars, and below it the same as a table."""

    def __init__(self, title: str, *, is_bars: bool = False) -> None:
        """Draw an empty one."""
        self._is_bars = is_bars
        ui.label(title).classes("text-base font-medium mt-2").props(
            "role=heading aria-level=2"
        )
        self._chart = ui.echart(lines_options([], {})).classes("w-full h-64")
        self._chart.props(f'role=img aria-label="{title}, as a table below"')
        with ui.expansion(f"{title}, as a table").classes("w-full").props("dense"):
            self._table = ui.table(rows=[], columns=[], row_key="at").props(
                "dense flat"
            )
        self._table.classes("w-full")

    def show(
        self, slots_ms: Sequence[int], lines: dict[str, list[int]], at_ms: int | None
    ) -> None:
        """Show numbers over time."""
        options = lines_options(slots_ms, lines, is_bars=self._is_bars, at_ms=at_ms)
        self._chart.options.clear()
        self._chart.options.update(options)
        self._chart.update()
        step = max(len(slots_ms) // _TABLE_ROWS, 1)
        self._table.columns = columns(
            ("at", "time", "left"), *((name, name, "right") for name in lines)
        )
        self._table.rows = [
            {
                "at": when(slots_ms[place]),
                **{name: _of(counts, place, step, is_sum=self._is_bars)
                   for name, counts in lines.items()},
            }
            for place in range(0, len(slots_ms), step)
        ]  # fmt: skip


def _of(counts: list[int], place: int, step: int, *, is_sum: bool) -> int:
    """Return what a row of a table says of some slots: their sum, or the last."""
    found = counts[place : place + step]
    return sum(found) if is_sum else found[-1]
