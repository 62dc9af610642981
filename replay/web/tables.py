"""Tables, whose cells may be links, small lines, or words in a colour.

Cells are texts to the browser, whatever they hold: the templates only say where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.web.words import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINK = """
<q-td :props="props"><a v-if="props.row.HREF" :href="props.row.HREF"
  class="text-blue-700 dark:text-blue-300 underline">{{ props.value }}</a>
  <span v-else>{{ props.value }}</span></q-td>
"""
_SPARK = """
<q-td :props="props"><svg viewBox="0 0 120 24" width="120" height="24" role="img"
  :aria-label="'waiting over time'"><polyline :points="props.value" fill="none"
  stroke="#3b82f6" stroke-width="1.5"/></svg></q-td>
"""
_WORD = """
<q-td :props="props"><span :style="{color: props.row.colour}" class="font-semibold
  px-1 rounded bg-white">{{ props.value }}</span></q-td>
"""
_MONO = """
<q-td :props="props"><code class="whitespace-pre-wrap break-all">{{
  props.value }}</code></q-td>
"""


_ONE_LINE = frozenset(
    ("at", "since", "first", "seq", "job", "queue", "gone", "last", "verdict", "task")
)
_TEXTS = frozenset(("reason", "why", "who", "by", "what", "text", "did", "wrong"))
"""Columns of texts: on a narrow screen they are looked at by scrolling, not a word to
each line."""
_ROWS = 50


def make_table(
    *told: tuple[str, str, str],
    key: str,
    links: Sequence[str] = (),
    words: Sequence[str] = (),
    sparks: Sequence[str] = (),
    mono: Sequence[str] = (),
) -> ui.table:
    """Draw an empty table.

    Args:
        told: its columns: name, heading, and where cells are aligned.
        key: the column that tells rows apart.
        links: columns that are links where a row has `NAME_href`.
        words: columns in the colour that a row has as `colour`.
        sparks: columns that are the points of a small line.
        mono: columns of commands and values.
    """
    table = ui.table(
        rows=[], columns=columns(*told), row_key=key, pagination={"rowsPerPage": _ROWS}
    )
    table.classes("w-full").props("flat dense wrap-cells")
    table.add_slot("no-data", "<span>nothing</span>")
    for column in table.columns:
        column["headerClasses"] = "whitespace-nowrap"
        if column["name"] in _ONE_LINE or column["align"] == "right":
            column["classes"] = "whitespace-nowrap"
        elif column["name"] in _TEXTS:
            column["classes"] = "min-w-44"
    templates: dict[str, str] = {
        name: _LINK.replace("HREF", f"{name}_href") for name in links
    }
    templates |= dict.fromkeys(sparks, _SPARK) | dict.fromkeys(words, _WORD)
    templates |= dict.fromkeys(mono, _MONO)
    for name, template in templates.items():
        table.add_slot(f"body-cell-{name}", template)
    return table


def fill(table: ui.table, rows: list[dict[str, Any]]) -> None:
    """Show rows; the controls for pages of them only where they are needed."""
    table.rows = rows
    if len(rows) > _ROWS:
        table.props(remove="hide-pagination")
    else:
        table.props("hide-pagination")


def heading(text: str, level: int = 2) -> ui.label:
    """Draw a heading."""
    label = ui.label(text).classes(
        "text-lg font-semibold mt-3" if level > 1 else "text-xl font-bold mt-1"
    )
    return label.props(f"role=heading aria-level={level}")


def show_facts(facts: dict[str, Any]) -> None:
    """Draw names and values; a value is a text, or (text, address)."""
    with ui.grid(columns="auto 1fr").classes("gap-x-4 gap-y-0 w-full"):
        for name, value in facts.items():
            ui.label(name).classes("text-slate-600 dark:text-slate-300")
            if isinstance(value, tuple):
                ui.link(*value).classes("break-all")
            else:
                ui.label(str(value)).classes("break-all whitespace-pre-wrap")


def show_code(text: str) -> None:
    """Draw a text as it is."""
    box = (
        ui.element("pre")
        .classes(
            "w-full overflow-auto max-h-96 text-sm p-2 rounded whitespace-pre-wrap "
            "break-all bg-slate-100 dark:bg-slate-800"
        )
        .props("tabindex=0")
    )
    with box:
        ui.label(text).classes("font-mono whitespace-pre-wrap")


def show_lines(lines: Sequence[Sequence[str]]) -> None:
    """Draw differences: a sign, and what is gained, lost or changed."""
    colours = {
        "+": "text-green-700 dark:text-green-300",
        "-": "text-red-700 dark:text-red-300",
    }
    for sign, text in lines:
        ui.label(f"{sign} {text}").classes(
            f"font-mono text-sm break-all {colours.get(sign, '')}"
        )
