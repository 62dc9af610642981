"""The first screen of a log: an overview as lines, for a terminal of any width.

    lost 1  delivered twice 1  failed 44                of 312 jobs: RQ
    queue             waiting          running            failed
                       A   a            A   a             A   a
    mail       290 ▁▁▁▂▅▇██       2 ▁▂▂▂▂▁▂▂     44 ▁▁▂▃▄▅▇█

    A  14:20:10  @1042  tag deploy-41
    a  14:21:00  @1108  script enqueue

Plain lines begin with what they are about, and have all numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.moments import show_time
from joblog.replay.jobs.views import show_duration
from joblog.replay.output.answers import Mode
from joblog.replay.output.texts import show
from joblog.replay.records.statistics import sparkline
from joblog.replay.views.depths import SLOTS, highest
from joblog.replay.views.problems import SEVEREST

if TYPE_CHECKING:
    from joblog.replay.output.answers import Output
    from joblog.replay.views.counting import Queue
    from joblog.replay.views.depths import Span
    from joblog.replay.views.overview import Mark, Overview, Piece
    from joblog.replay.views.problems import Problem

_STATES = ("waiting", "running", "failed")
_OTHERS = (
    *("waiting", "scheduled", "blocked", "running", "in hand"),
    *("done", "cancelled", "taken"),
)
_STEPS = ("enqueued", "taken", "done", "failed", "lost")
_STYLES = {
    "lost": "bold red",
    "delivered twice": "bold red",
    "deleted": "yellow",
    "in hand": "yellow",
}
_PLAIN_BARS = 60
_NAME_MAX = 24
_NUMBER_MIN = 5
_SHA_DIGITS = 40
_DAY_MS = 86_400_000
_TIMES_APART_MS = 1000


def write_page(output: Output, overview: Overview, count: int) -> None:
    """Write an overview: plain lines, or a page as wide as the terminal."""
    if output.mode is Mode.PLAIN:
        _write_plain(output, overview)
    else:
        _Page(output, overview, count).write()


class _Line(NamedTuple):
    """A letter under the bars, and what it stands for."""

    letter: str
    marks: list[Mark]
    slot: int

    @property
    def is_script(self) -> bool:
        """Whether it stands for scripts, not for a tag."""
        return self.marks[0].kind == "script"


class _Page:
    """Writes the lines of one overview on a terminal."""

    def __init__(self, output: Output, overview: Overview, count: int) -> None:
        self._output = output
        self._overview = overview
        self._count = count
        self._width = output.console.width
        self._lines = _letters(overview)

    def write(self) -> None:
        """Write all of it, the most important first."""
        self._write_counts()
        if self._overview.queues:
            self._write_queues()
            self._write_marks()
            self._write_growth()
            self._write_stretches()
            self._write_problems()

    def _write_counts(self) -> None:
        overview, counts = self._overview, self._overview.verdicts()
        cells = [f"{word} {counts[word]:,}" for word in SEVEREST if word in counts]
        styles = [_STYLES.get(word, "red") for word in SEVEREST if word in counts]
        self._output.line(cells or ["nothing is wrong"], styles or ["green"])
        others = [f"{word} {counts[word]:,}" for word in _OTHERS if word in counts]
        total = f"{sum(counts.values()):,} jobs"
        self._output.line([total, *others], ["bold"])
        span = overview.span
        length = show_duration(span.until_ms - span.from_ms)
        self._output.text(
            f"{show_time(span.from_ms)[:19].replace('T', ' ')} and {length} more, "
            f"@{overview.from_seq} to @{overview.until_seq}, "
            f"{', '.join(overview.schemas)}",
            "dim",
        )

    # --- queues over time ---------------------------------------------------------

    def _write_queues(self) -> None:
        queues = self._overview.queues
        shown = queues[: self._count]
        names = {id(queue): _name(queue) for queue in shown}
        first = min(max(map(len, [*names.values(), "queue"])), _NAME_MAX)
        numbers = [
            f"{queue.depth(state).last:,}" for queue in shown for state in _STATES
        ]
        digits = max(_NUMBER_MIN, *map(len, numbers))
        bars = max((self._width - first - 2 * len(_STATES)) // 3 - digits - 1, 4)
        heads = [f"{state:>{digits}}".ljust(digits + 1 + bars) for state in _STATES]
        self._output.text("")
        self._output.line([f"{'queue':{first}}", *heads], ["bold"] * 4)
        if self._lines:
            under = [f"{'':{digits}} {_under(self._lines, bars)}"] * len(_STATES)
            self._output.line([" " * first, *under], ["", *["cyan"] * len(_STATES)])
        for queue in shown:
            name = names[id(queue)]
            cells = [f"{_cut(name, first):{first}}"]
            for state in _STATES:
                depth = queue.depth(state)
                row = sparkline(highest(depth.at_ends(), bars))
                cells.append(f"{depth.last:>{digits},} {row:{bars}}")
            self._output.line(cells, ["bold", "", "", "red"])
        self._write_more(len(queues), "queues")

    def _write_marks(self) -> None:
        if not self._lines:
            return
        self._output.text("")
        for line in self._lines[: self._count]:
            first = line.marks[0]
            names = ", ".join(dict.fromkeys(map(_mark_name, line.marks)))
            kind = first.kind if len(line.marks) == 1 else f"{first.kind}s"
            when = _when(first.at_ms, self._overview.span)
            text = f"{line.letter}  {when}  @{first.seq}  {kind} {names}"
            self._output.text(_cut(text, self._width), "cyan")
        self._write_more(len(self._lines), "marks")

    # --- between tags -------------------------------------------------------------

    def _write_growth(self) -> None:
        if len(self._overview.pieces) == 1:
            return
        self._output.text("")
        for queue in self._overview.queues[: self._count]:
            place = queue.grew_most()
            if place is None:
                continue
            stretch, piece = queue.stretch(place), self._overview.pieces[place]
            after = "before the first tag" if piece.tag is None else ""
            after = after or f"after {show(piece.tag or b'', 40)}"
            self._output.text(
                f"{_name(queue)} grew most {after}: {stretch.grown:+,} waiting "
                f"({stretch.enqueued:,} enqueued, {stretch.taken:,} taken)",
                "bold",
            )

    def _write_stretches(self) -> None:
        pieces = self._overview.pieces
        if len(pieces) == 1:
            return
        rows = [
            (piece, queue, place)
            for queue in self._overview.queues[: self._count]
            for place, piece in enumerate(pieces)
        ]
        rows = [row for row in rows if any(row[1].stretch(row[2])[:6])]
        if len(rows) > self._count:
            # The greatest changes, in the order of queues and times.
            kept = sorted(rows, key=lambda row: -abs(row[1].stretch(row[2]).grown))
            names = {(id(row[1]), row[2]) for row in kept[: self._count]}
            shown = [row for row in rows if (id(row[1]), row[2]) in names]
        else:
            shown = rows
        columns = ("queue", "since", *_STEPS, "waiting", "")
        with self._output.rows(*columns, right=(*_STEPS, "waiting", "")) as table:
            for piece, queue, place in shown:
                style = "bold" if queue.grew_most() == place else ""
                cells = self._stretch_cells(piece, queue, place)
                table.add(None, cells, [style] * len(cells))
        self._write_more(len(rows), "stretches", len(shown))

    def _stretch_cells(self, piece: Piece, queue: Queue, place: int) -> list[str]:
        stretch = queue.stretch(place)
        since = "the start" if piece.tag is None else show(piece.tag, 16)
        return [
            _cut(_name(queue), 14),
            since,
            *(f"{getattr(stretch, name):,}" for name in _STEPS),
            f"{stretch.waiting:,}",
            f"{stretch.grown:+,}" if stretch.grown else "",
        ]

    # --- problems -----------------------------------------------------------------

    def _write_problems(self) -> None:
        problems = self._overview.problems
        if problems:
            self._output.text("")
        for problem in problems[: self._count]:
            self._write_problem(problem)
        self._write_more(len(problems), "problems")

    def _write_problem(self, problem: Problem) -> None:
        group = problem.group
        span = self._overview.span
        times = "-" if problem.first_ms is None else _when(problem.first_ms, span)
        if problem.jobs > 1 and problem.last_ms is not None:
            last = _when(problem.last_ms, span)
            times += f" to {last}" if last != times else ""
        verdict = f"{group.verdict} {problem.jobs:,}"
        queue = show(group.queue, _NAME_MAX) if group.queue else "-"
        first = "first " if problem.jobs > 1 else ""
        job = f"{first}{show(problem.first_id)} @{problem.first_seq}"
        room = self._width - len(verdict) - len(queue) - 4
        is_beside = len(times) + 2 + len(job) <= room
        head = (verdict, queue, f"{times}, {job}" if is_beside else times)
        style = _STYLES.get(group.verdict, "red")
        self._output.line(head, (style, "bold", ""))
        is_told = group.worker and group.worker != group.client
        had = "has" if group.verdict == "in hand" else "had"
        worker = f"{group.worker} {had} {'them' if problem.jobs > 1 else 'it'}"
        by = f"by {group.client}, {group.by}" if group.client else group.by
        line = f"line {group.line}" if group.line else ""
        told = [group.reason, worker if is_told else "", by, line]
        for text in _packed(["" if is_beside else job, *told], self._width - 4):
            self._output.text(f"    {text}")

    def _write_more(self, total: int, what: str, shown: int | None = None) -> None:
        more = total - (self._count if shown is None else shown)
        if more > 0:
            self._output.text(f"and {more:,} more {what} (-n)", "dim")


def _name(queue: Queue) -> str:
    return show(queue.name, 60) if queue.name else "-"


def _mark_name(mark: Mark) -> str:
    """Return a mark's name, of a script without one the first digits of its SHA-1."""
    is_sha = mark.kind == "script" and len(mark.name) == _SHA_DIGITS
    return show(mark.name[:8] if is_sha else mark.name, 40)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"


def _packed(texts: list[str], width: int) -> list[str]:
    """Return texts in as few lines as they fit in, each cut where it is too long."""
    lines: list[str] = []
    for text in filter(None, texts):
        if lines and len(lines[-1]) + 2 + len(text) <= width:
            lines[-1] += f"; {text}"
        else:
            lines.append(_cut(text, width))
    return lines


def _when(at_ms: int, span: Span) -> str:
    """Return a time as short as the span allows."""
    text = show_time(at_ms)
    length = span.until_ms - span.from_ms
    if at_ms < span.from_ms or length >= _DAY_MS:
        return text[5:16].replace("T", " ")
    return text[11:23] if length < 60 * _TIMES_APART_MS else text[11:19]


def _letters(overview: Overview) -> list[_Line]:
    """Return a letter for each tag, and one for scripts that came close together."""
    lines: list[_Line] = []
    tags = scripts = 0
    for mark in overview.marks:
        slot = overview.span.slot(mark.at_ms)
        last = lines[-1] if lines else None
        is_script = mark.kind == "script"
        is_near = last is not None and slot - last.slot <= SLOTS // 40
        if last is not None and is_near and is_script and last.is_script:
            last.marks.append(mark)
            continue
        number = scripts if is_script else tags
        letter = chr((ord("a") if is_script else ord("A")) + number % 26)
        scripts, tags = scripts + is_script, tags + (not is_script)
        lines.append(_Line(letter, [mark], slot))
    return lines


def _under(lines: list[_Line], bars: int) -> str:
    """Return the line of letters under so many bars; of several the tag is seen."""
    row = [" "] * bars
    for line in lines:
        place = line.slot * bars // SLOTS
        if row[place] == " " or not line.is_script:
            row[place] = line.letter
    return "".join(row)


# --- plain lines --------------------------------------------------------------------


def _write_plain(output: Output, overview: Overview) -> None:
    span = overview.span
    output.line(
        (
            "range",
            f"@{overview.from_seq}..@{overview.until_seq}",
            show_time(span.from_ms),
            show_time(span.until_ms),
            ", ".join(overview.schemas),
        )
    )
    counts = overview.verdicts()
    order = (*SEVEREST, *_OTHERS)
    for word in (*(word for word in order if word in counts),):
        output.line(("count", word, str(counts[word])))
    for word in sorted(counts.keys() - set(order)):
        output.line(("count", word, str(counts[word])))
    for queue in overview.queues:
        for state in _STATES:
            depth = queue.depth(state)
            bars = sparkline(highest(depth.at_ends(), _PLAIN_BARS)).rstrip()
            output.line(("queue", _name(queue), state, str(depth.last), bars))
    for mark in overview.marks:
        place = f"@{mark.seq}", show_time(mark.at_ms)
        output.line(("mark", *place, mark.kind, show(mark.name)))
    _write_plain_stretches(output, overview)
    for problem in overview.problems:
        output.line(_problem_cells(problem))


def _write_plain_stretches(output: Output, overview: Overview) -> None:
    for queue in overview.queues:
        for place, piece in enumerate(overview.pieces):
            stretch = queue.stretch(place)
            tag = "-" if piece.tag is None else show(piece.tag)
            numbers = [
                f"{name} {getattr(stretch, name)}" for name in (*_STEPS, "waiting")
            ]
            most = "grew most" if queue.grew_most() == place else ""
            cells = (_name(queue), tag, *numbers, f"grown {stretch.grown:+}", most)
            output.line(("stretch", *cells))


def _problem_cells(problem: Problem) -> list[str]:
    group = problem.group
    return [
        "problem",
        group.verdict,
        str(problem.jobs),
        show(group.queue) if group.queue else "-",
        "-" if problem.first_ms is None else show_time(problem.first_ms),
        show(problem.first_id),
        f"@{problem.first_seq}",
        group.reason,
        group.worker,
        group.client,
        group.by,
        group.line,
    ]
