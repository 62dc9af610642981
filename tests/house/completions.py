"""Completion scripts of bash, zsh and fish, for `joblog` and `replay`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from joblog.app.config import Config, Setting
from joblog.app.config.kinds import Boolean, Choice, Text
from joblog.app.config.particular import Folder, RawLines
from joblog.replay.cli import main as replay
from tests.house.sample_configuration import plain

FILES = {"logfile", "pidfile", "unixsocket"}
_HEAD = "# Written by `make docs` from the tables; edit them instead."
_FLAGS = {
    "check-config": "Say whether a start with FILE would go well.",
    "help": "Print a summary.",
    "version": "Print the version.",
}


def _options() -> Iterator[tuple[str, str, str]]:
    """Yield option, words that it takes (or `<file>`, `<folder>`), and summary."""
    for name, summary in _FLAGS.items():
        yield name, "<file>" if name == "check-config" else "<none>", summary
    for setting in Config.SETTINGS.values():
        if setting.has_effect and not isinstance(setting, RawLines):
            yield setting.name, _words(setting), plain(setting.summary)


def _words(setting: Setting[Any]) -> str:
    if isinstance(setting, Boolean):
        return "yes no"
    if isinstance(setting, Choice):
        return " ".join(setting.choices)
    if isinstance(setting, Folder):
        return "<folder>"
    if isinstance(setting, Text) and setting.name in FILES:
        return "<file>"
    return ""


def joblog_bash() -> str:
    """Return bash's script for joblog."""
    lines = [
        _HEAD,
        "_joblog() {",
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}",
        "  COMPREPLY=()",
        "  case $before in",
    ]
    for name, words, _ in _options():
        action = {"<file>": "-f", "<folder>": "-d"}.get(words, f"-W '{words}'")
        if words not in ("", "<none>"):
            lines += [f'    --{name}) COMPREPLY=($(compgen {action} -- "$word")) ;;']
    names = " ".join(f"--{name}" for name, _, _ in _options())
    lines += [
        "    *)",
        "      case $word in",
        f"        -*) COMPREPLY=($(compgen -W '{names}' -- \"$word\")) ;;",
        '        *) COMPREPLY=($(compgen -f -- "$word")) ;;',
        "      esac ;;",
        "  esac",
        "}",
        "complete -o filenames -F _joblog joblog",
    ]
    return "\n".join([*lines, ""])


def joblog_zsh() -> str:
    """Return zsh's script for joblog."""
    lines = ["#compdef joblog", _HEAD, "_arguments \\"]
    for name, words, summary in _options():
        action = {"<file>": ":file:_files", "<folder>": ":folder:_files -/"}.get(
            words, f":value:({words})" if words else ":value:"
        )
        action = "" if words == "<none>" else action
        text = summary.replace("[", "\\[").replace("]", "\\]").replace("'", "'\\''")
        lines.append(f"  '--{name}[{text}]{action}' \\")
    return "\n".join([*lines, "  '*:file:_files'", ""])


def joblog_fish() -> str:
    """Return fish's script for joblog."""
    lines = [_HEAD]
    for name, words, summary in _options():
        action = {"<file>": "-r -F", "<none>": "-f"}.get(words, "-x")
        if words == "<folder>":
            action += " -a '(__fish_complete_directories)'"
        elif words and not words.startswith("<"):
            action += f" -a '{words}'"
        text = summary.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"complete -c joblog -l {name} {action} -d '{text}'")
    return "\n".join([*lines, ""])


def replay_script(shell: str) -> str:
    """Return what `replay completion SHELL` prints."""
    out = io.StringIO()
    with redirect_stdout(out):
        replay(["completion", shell], prog_name="replay", standalone_mode=False)
    return out.getvalue()
