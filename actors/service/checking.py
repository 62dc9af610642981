"""`joblog --check-config`: whether a start with these settings would go well.

The configuration is read as a start reads it, and what it names is looked at: commands,
folders and files. Nothing is made, opened for writing or listened on, so that it may be
asked while a server runs with the same file. Addresses are not tried.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

from joblog.actors.service.start_lines import unsafe_settings
from joblog.actors.service.working_folder import enter_data_folder
from joblog.actors.tls.contexts import ContextError, Contexts
from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config, ConfigError
from joblog.app.config.conf_file import read_arguments
from joblog.app.config.kinds import encode
from joblog.app.table.table import find_command
from joblog.app.users.users import Users
from joblog.storage.disk import open_disk
from joblog.storage.errors import KeyFileError, ReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REFUSED: Final = 1
_LINES_MAX: Final = 100
_SOCKET_PATH_BYTES_MAX: Final = 107


class Problem(NamedTuple):
    """What keeps a server from starting.

    Attributes:
        text: one line: file and line, directive, why, what to do.
        exit_code: what the start would end with.
    """

    text: str
    exit_code: int = REFUSED


def check_configuration(
    arguments: Sequence[str], stdin: Callable[[], str], out: TextIO, err: TextIO
) -> int:
    """Check what a command line asks for, and return what a start would end with.

    Args:
        arguments: `[FILE] [--name value ...] [-]`, as a start takes them.
        stdin: reads all of standard input.
        out: is told whether the server would start.
        err: gets a line for each problem, and for each setting that is unsafe.
    """
    config, problems = read_configuration(arguments, stdin)
    problems += _find_unwritable(config)
    problems += _find_bad_certificates(config)
    problems += _find_bad_keys(config)
    tell(problems, err)
    warnings = list(_find_warnings(config))
    err.writelines(f"warning: {line}\n" for line in warnings)
    if problems:
        err.write(f"joblog would not start: problems: {len(problems)}\n")
        return problems[0].exit_code
    count = f", warnings: {len(warnings)}" if warnings else ""
    out.write(f"{config.path or 'the settings'}: joblog would start{count}\n")
    return 0


def read_configuration(
    arguments: Sequence[str], stdin: Callable[[], str]
) -> tuple[Config, list[Problem]]:
    """Return the configuration of a command line, and all that is wrong with it.

    Args:
        arguments: `[FILE] [--name value ...] [-]`.
        stdin: reads all of standard input.
    """
    config = Config()
    problems: list[Problem] = []
    try:
        source = read_arguments(arguments, stdin)
        config.path = source.path
        config.load(source.lines())
    except ConfigError as error:
        problems += map(Problem, error.problems)
    enter_data_folder(config)
    problems += _find_unknown_commands(config)
    try:
        Users(config)
    except ConfigError as error:
        problems += map(Problem, error.problems)
    return config, problems


def tell(problems: Sequence[Problem], err: TextIO) -> None:
    """Write a line for each problem; of a file that is no configuration, not all."""
    err.writelines(f"{problem.text}\n" for problem in problems[:_LINES_MAX])
    if len(problems) > _LINES_MAX:
        err.write(f"and {len(problems) - _LINES_MAX} more\n")


def _find_unknown_commands(config: Config) -> Iterator[Problem]:
    """Yield what `rename-command` says of commands that there are not."""
    for (name, _), place in zip(
        config.rename_command, config.places["rename-command"], strict=True
    ):
        if find_command([encode(name)]) is None:
            yield Problem(
                f"{place}: rename-command: there is no command of that name; correct "
                "it, or remove the directive"
            )


def _find_unwritable(config: Config) -> Iterator[Problem]:
    """Yield files and folders that a server with these settings cannot write."""
    for name in ("logfile", "unixsocket"):
        path = config.show(name)
        reason = _why_not_a_file(config, Path(path)) if path else ""
        if reason:
            yield Problem(
                f"{_place(config, name)}: {name} {path}: {reason}; name a file that "
                "this user may write, in a folder that is there"
            )
    if len(os.fsencode(config.unixsocket)) > _SOCKET_PATH_BYTES_MAX:
        yield Problem(
            f"{_place(config, 'unixsocket')}: unixsocket: the path of a Unix socket "
            f"has at most {_SOCKET_PATH_BYTES_MAX} bytes; name a shorter one"
        )
    if config.keeps_log:
        yield from _check_folder(config)


def _find_bad_certificates(config: Config) -> Iterator[Problem]:
    """Yield what keeps TLS from being had, where it is asked for."""
    try:
        Contexts(config)
    except ContextError as error:
        yield Problem(f"{_place(config, error.setting)}: {error.setting}: {error}")


def _find_bad_keys(config: Config) -> Iterator[Problem]:
    """Yield what keeps the key file from being used, if one is named."""
    try:
        open_disk(config.log_encryption_key_file)
    except KeyFileError as error:
        place = _place(config, "log-encryption-key-file")
        yield Problem(f"{place}: log-encryption-key-file: {error}", error.exit_code)


def _find_warnings(config: Config) -> Iterator[str]:
    """Yield what may be lost or taken with these settings: what a start warns of."""
    for line in (*_unkept(config), *unsafe_settings(config)):
        name = line.split()[0].rstrip(":,")
        yield f"{_place(config, name)}: {line}"


def _unkept(config: Config) -> Iterator[str]:
    if not config.keeps_log:
        name = "memory-only yes" if config.memory_only else "appendonly no"
        yield (
            f"{name}: nothing is written to the disk, and all is lost when the server "
            "stops; remove it to keep a log"
        )
    elif not config.appendonly:
        yield (
            "appendonly no: the log is kept, since there are save rules, but synced "
            "when the system likes: a power cut may cost the last half minute; set it "
            "to yes"
        )


def _check_folder(config: Config) -> Iterator[Problem]:
    folder = Path(config.dir)
    where = f"{_place(config, 'dir')}: dir {folder}"
    there = next(x for x in (folder, *folder.absolute().parents) if os.path.lexists(x))
    if not _is_folder(there):
        yield Problem(f"{where}: {there} is no folder; name a folder")
    elif not os.access(there, os.W_OK | os.X_OK):
        what = "it" if there == folder else f"{there}, in which it is to be made,"
        yield Problem(
            f"{where}: {what} is read-only for this process; mount it writable, give "
            "it to this user, or name another folder",
            ReadOnlyError.exit_code,
        )


def _why_not_a_file(config: Config, path: Path) -> str:
    """Return why this process could not write a file, in words; "" where it could."""
    if config.places["dir"] and not _is_folder(Path(config.dir)):
        path = config.dir / path  # a start makes the folder, and goes there
        if path.parent == Path(config.dir):
            return ""
    if _is_folder(path):
        return "it is a folder"
    if not _is_folder(path.parent):
        return f"there is no folder {path.parent}"
    if not os.access(path if os.path.lexists(path) else path.parent, os.W_OK):
        return "this user may not write it"
    return ""


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:  # it is not there, or whether it is may not be known
        return False


def _place(config: Config, name: str) -> str:
    """Return where the last line stands that sets a setting."""
    return (config.places[name] or ["default"])[-1]
