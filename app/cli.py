"""The `joblog` command: settings from a file and the command line, then the server."""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

from actors.importing import ImportFailedError, import_found
from actors.system import Server, StartError
from app.checking import check_configuration, read_configuration, tell
from app.config import Config, SettingError
from app.installation import describe_installation
from app.version import VERSION

logger = logging.getLogger(__name__)

USAGE = """\
Usage: joblog [FILE.conf | -] [--OPTION VALUE ...]

Starts a Redis-compatible server whose database is its command log. Options are
redis.conf's directives; `-` reads such a file from the standard input.

Examples:
  joblog                          port 6379, data in ./joblog-data, fsync each second
  joblog --port 7777 --dir /data --appendfsync always
  joblog /etc/redis/redis.conf --loglevel verbose

  joblog --check-config FILE.conf says whether it would start, and what is wrong
  joblog -v | --version           prints the version
  joblog -h | --help              prints this

`replay` is the tool over the data folder: see `replay --help`.
"""

_OWN_FILES = 32

_LEVELS = {
    "debug": logging.DEBUG,
    "verbose": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "nothing": logging.CRITICAL,
}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the server until it is told to stop; exit 0, or 1 where it cannot go on."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the server with command-line arguments and return the exit code."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if arguments in (["-v"], ["--version"]):
        sys.stdout.write(f"joblog {VERSION}\n")
        return 0
    if arguments[:1] == ["--check-config"]:
        return check_configuration(
            arguments[1:], sys.stdin.read, sys.stdout, sys.stderr
        )
    config, problems = read_configuration(arguments, sys.stdin.read)
    if problems:
        tell(problems, sys.stderr)
        return problems[0].exit_code
    if config.daemonize:
        _go_to_background()
    try:
        _set_up_logging(config)
    except OSError as error:
        place = config.places["logfile"][-1]
        sys.stderr.write(
            f"{place}: logfile {config.logfile}: {error.strerror}; name a file that "
            "this user may write\n"
        )
        return 1
    if not _fit_clients(config):
        return 1
    config.on_change(partial(_require_clients, config), "maxclients")
    return _serve(config)


def _serve(config: Config) -> int:
    try:
        import_found(config)
    except ImportFailedError as error:
        logger.critical("%s", error)
        return 1
    try:
        server = Server(config)
    except StartError as error:
        logger.critical("%s", error)
        return error.exit_code
    _write_pid(config.pidfile)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    where = f"port {server.port}" if server.port else config.unixsocket
    logger.info("%s", describe_installation())
    logger.info("ready to accept connections on %s", where)
    try:
        server.run()
    finally:
        if config.pidfile:
            Path(config.pidfile).unlink(missing_ok=True)
    logger.info("stopped")
    return server.exit_code


def _write_pid(path: str) -> None:
    """Write the process id to a file; without one the server starts all the same."""
    try:
        if path:
            Path(path).write_text(f"{os.getpid()}\n")
    except OSError as error:
        logger.warning("pidfile %s: %s", path, error.strerror)


def _allow_clients(wanted: int) -> int:
    """Allow a file descriptor for each client; return for how many the system does."""
    files = wanted + _OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return wanted
    most = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most - _OWN_FILES


def _fit_clients(config: Config) -> bool:
    """Lower `maxclients` to what the system allows; say whether that is any at all."""
    allowed = _allow_clients(config.maxclients)
    if allowed < 1:
        logger.critical(
            "this process may open too few files (ulimit -n): let it have %d or more",
            _OWN_FILES + 1,
        )
    elif allowed < config.maxclients:
        logger.warning(
            "maxclients is %d, not %d: a process may open no more files (ulimit -n)",
            allowed,
            config.maxclients,
        )
        config.maxclients = allowed
    return allowed > 0


def _require_clients(config: Config) -> None:
    """Refuse a `maxclients` that the system does not allow, as CONFIG SET does."""
    allowed = _allow_clients(config.maxclients)
    if allowed < config.maxclients:
        raise SettingError(
            "The operating system is not able to handle the specified number of "
            f"clients, try with {allowed}"
        )


def _set_up_logging(config: Config) -> None:
    handler = (
        logging.FileHandler(config.logfile)
        if config.logfile
        else logging.StreamHandler(sys.stdout)
    )
    logging.basicConfig(
        handlers=[handler],
        level=_LEVELS[config.loglevel],
        format="%(process)d %(asctime)s %(levelname)s %(message)s",
    )
    # pykka tells of each actor that starts or stops: one for every client.
    logging.getLogger("pykka").setLevel(logging.WARNING)


def _go_to_background() -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    with Path(os.devnull).open("r+b") as null:
        for stream in (0, 1, 2):
            os.dup2(null.fileno(), stream)
