"""An audit as a file to take away: CSV for a spreadsheet, or one HTML page.

The page needs nothing else: no script, no font, no picture, no network. All that comes
from the log is escaped, and the page forbids itself to load anything.
"""

from __future__ import annotations

import csv
import html
import tempfile
from typing import TYPE_CHECKING

from joblog.app.history.moments import json_time
from joblog.replay.jobs.audit import Deed, Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from joblog.replay.jobs.audit import Audit, End

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MEMORY_BYTES = 1 << 20
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1a1a1a}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "th,td{border:1px solid #ccc;padding:.2rem .6rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}"
    "th{background:#f3f3f3}td.n{text-align:right}tr.problem td{background:#fde8e8}"
    "code{font:12px ui-monospace,monospace}"
)


def write_csv(
    stream: TextIO, audit: Audit, deeds: Iterable[Deed], ends: tuple[End, End]
) -> None:
    """Write deeds as CSV: two lines that begin with `#`, a heading, a row for each.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    stream.writelines(
        f"# {name} {end.digest}\n"
        for name, end in zip(("from", "until"), ends, strict=True)
    )
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Deed._fields)
    for deed in deeds:
        writer.writerow([deed.seq, *map(_as_text, deed[1:])])
    stream.write(f"# {audit.deeds} deeds\n")


def _as_text(cell: str | int) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def write_html(
    stream: TextIO, audit: Audit, deeds: Iterable[Deed], ends: tuple[End, End]
) -> None:
    """Write an audit as one HTML page; memory does not grow with the deeds."""
    with tempfile.SpooledTemporaryFile(_MEMORY_BYTES, "w+", encoding="utf-8") as rows:
        for deed in deeds:
            rows.write(_deed_row(deed))
        rows.seek(0)
        stream.writelines(_head(audit, ends))
        stream.write(_heading(Deed._fields))
        stream.writelines(rows)
        stream.write("</table>\n</body>\n</html>\n")


def _head(audit: Audit, ends: tuple[End, End]) -> Iterator[str]:
    first, last = ends
    yield "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
    yield "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
    yield "style-src 'unsafe-inline'\">\n"
    yield f"<title>Audit of records {first.seq + 1} to {last.seq}</title>\n"
    yield f"<style>{_STYLE}</style>\n</head>\n<body>\n"
    yield "<h1>Who did what to which jobs</h1>\n"
    yield "<table>\n<tr><th><th>record<th>time<th>digest of the log\n"
    for name, end in (("after", first), ("up to", last)):
        time = json_time(end.at_ms) if end.seq else "-"
        yield f"<tr><th>{name}<td class=n>{end.seq}<td>{time}"
        yield f"<td><code>{end.digest}</code>\n"
    yield "</table>\n<p>The digest of a log at a record stands for every byte up to "
    yield "there: <code>replay verify --expect DIGEST@SEQ</code> compares it.</p>\n"
    yield f"<h2>{audit.deeds} deeds, {sum(audit.jobs.values())} jobs</h2>\n"
    yield _heading((*Group._fields, "deeds"))
    for group, count in audit.groups():
        yield f"<tr>{''.join(map(_cell, group))}<td class=n>{count}\n"
    yield "</table>\n<h2>Every deed</h2>\n"


def _heading(names: Iterable[str]) -> str:
    return f"<table>\n<tr>{''.join(f'<th>{name}' for name in names)}\n"


def _deed_row(deed: Deed) -> str:
    mark = " class=problem" if deed.problem else ""
    cells = "".join(map(_cell, deed[1:]))
    return f"<tr{mark}><td class=n>{deed.seq}{cells}\n"


def _cell(text: str | int) -> str:
    return f"<td>{html.escape(str(text)).replace(chr(10), ' ')}"
