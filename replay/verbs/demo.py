"""`replay demo`: a small broken history, and a walk through what is wrong with it."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from joblog.replay import demo as demo_history
from joblog.replay.output.answers import Mode
from joblog.replay.verbs.options import NOTHING, takes_output
from joblog.storage.disk import open_disk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.demo import Step
    from joblog.replay.output.answers import Output

_GOES_ON = "Enter goes on, q ends: "


@click.command()
@click.argument(
    "folder",
    metavar="[DIR]",
    default="joblog-demo",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--no-pause", is_flag=True, help="Do not wait for Enter between steps.")
@takes_output
@click.pass_context
def demo(ctx: click.Context, output: Output, folder: Path, *, no_pause: bool) -> int:
    r"""Make a small broken queue history in DIR, and walk through finding each fault.

    A job was lost, one was run twice, and one is stuck. Each step shows a question, the
    command line that answers it, and its answer; all of them can be typed again. On a
    terminal each waits for Enter. DIR is joblog-demo by default; it must not be there.

    \b
    Examples:
      replay demo
      replay demo /tmp/broken --no-pause
    """
    output.may_page = False
    if folder.exists() and any(folder.iterdir()):
        output.hint(f"replay: {folder} is not empty: name another folder, or remove it")
        return NOTHING
    found = demo_history.make_demo(folder, open_disk())
    names = {
        "dir": str(folder),
        "sweep": f"@{found.sweep_seq}",
        "before": f"@{found.sweep_seq - 1}",
        "lost": f"@{found.sweep_seq - 1}..@{found.sweep_seq}",
        "alarm": demo_history.ALARM,
    }
    walk = _Walk(ctx.find_root().command, output, names)
    is_pausing = output.mode is Mode.TERMINAL and sys.stdin.isatty() and not no_pause
    for number, step in enumerate(demo_history.STEPS, 1):
        walk.show(number, step)
        if is_pausing and not _goes_on(output):
            break
    walk.show_next()
    return 0


class _Walk:
    """Shows the steps, each with the answer of the verb itself."""

    def __init__(
        self, tool: click.Command, output: Output, names: dict[str, str]
    ) -> None:
        self._tool = tool
        self._output = output
        self._names = names

    def show(self, number: int, step: Step) -> None:
        """Show a question, its command line, the answer, and what to see in it."""
        output = self._output
        words = self._fill(step.words)
        if output.is_json:
            self._show_json(number, step, words)
            return
        output.text(f"{number}. {step.question}\n", "bold")
        output.text(f"$ {_line(words)}", "cyan")
        kind = "--plain" if output.mode is Mode.PLAIN else "--no-pager"
        self._run([*words, kind])
        output.text(f"\n{step.remark}\n")

    def _show_json(self, number: int, step: Step, words: list[str]) -> None:
        answer = io.StringIO()
        with contextlib.redirect_stdout(answer):
            code = self._run([*words, "--json"])
        facts: dict[str, Any] = {
            "step": number,
            "question": step.question,
            "command": _line(words),
            "exit_code": code,
            "answer": [json.loads(line) for line in answer.getvalue().splitlines()],
            "remark": step.remark,
        }
        self._output.json(facts)

    def show_next(self) -> None:
        """Show what to try then."""
        lines = [(_line(self._fill(words)), why) for words, why in demo_history.NEXT]
        if self._output.is_json:
            self._output.json({"next": [line for line, _ in lines]})
            return
        self._output.text("What to try next:\n", "bold")
        width = max(len(line) for line, _ in lines)
        for line, why in lines:
            self._output.text(f"  {line:{width}}  # {why}")

    def _run(self, words: list[str]) -> Any:
        """Run a verb as its command line would, and return its exit code."""
        return self._tool.main(words, prog_name="replay", standalone_mode=False)

    def _fill(self, words: Sequence[str]) -> list[str]:
        return [word.format(**self._names) for word in words]


def _line(words: list[str]) -> str:
    """Return words as they are typed in a shell."""
    return shlex.join(["replay", *words])


def _goes_on(output: Output) -> bool:
    """Wait for Enter; say whether to go on."""
    output.flush()
    sys.stderr.write(_GOES_ON)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    sys.stderr.write("\n" if not answer else "")
    return not answer.strip().lower().startswith("q")
