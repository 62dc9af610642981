"""One run of the server as a process: from the settings to the exit code.

    log file -> background -> pidfile -> server -> loaded -> ready -> ... -> stopped

Whatever keeps it from starting is one line, and the exit code of docs/operations.md; so
it is under `daemonize`, whose parent waits until clients are served.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.importing import ImportFailedError, import_found
from joblog.actors.service.background import Background
from joblog.actors.service.log_file import is_stream, start_logging
from joblog.actors.service.start_lines import tell_of_settings
from joblog.actors.service.starting_again import is_again, start_again
from joblog.actors.service.supervision import Supervisor
from joblog.actors.system import Server, StartError
from joblog.app.config import SettingError

if TYPE_CHECKING:
    from joblog.actors.service.log_file import LogFile
    from joblog.app.config import Config

logger = logging.getLogger(__name__)

_OWN_FILES: Final = 32


class Service:
    """The server, its pidfile, and whom it has to tell that it is ready."""

    def __init__(self, config: Config) -> None:
        """Take the settings; nothing is done yet."""
        self._config = config
        self._background: Background | None = None
        self._log_file: LogFile | None = None
        self._server: Server | None = None
        self._has_pidfile = False

    def run(self) -> int:
        """Run the server and return the exit code of the process."""
        config = self._config
        try:
            self._log_file = start_logging(config)
        except OSError as error:
            sys.stderr.write(f"{_why_no_log_file(config, error)}\n")
            return 1
        signal.signal(signal.SIGHUP, self._reopen)
        self._supervisor = Supervisor(config.supervised, os.environ)
        if config.daemonize and not self._supervisor.is_there and not is_again():
            try:
                self._background = Background(shows_lines=not is_stream(config.logfile))
            except OSError as error:
                logger.critical("daemonize: cannot fork: %s", error.strerror)
                return 1
        try:
            code = self._serve()
        except StartError as error:
            logger.critical("%s", error)
            self._supervisor.tell_failed(str(error))
            return error.exit_code
        finally:
            self._remove_pid()
        if self._server is not None and self._server.starts_again:
            start_again(config, self._server.port)
        return code

    def _serve(self) -> int:
        config = self._config
        if not _fit_clients(config):
            return 1
        config.on_change(partial(_require_clients, config), "maxclients")
        if not config.core_dumps:
            _leave_no_core()
        self._import()
        server = self._server = Server(
            config, supervisor=self._supervisor, on_ready=self._let_go
        )
        self._write_pid()
        self._take_signals()
        tell_of_settings(config)
        server.run()
        logger.info("stopped, with exit code %d", server.exit_code)
        return server.exit_code

    def _import(self) -> None:
        """Bring in what Redis left in the data folder, where the settings ask for it.

        Raises:
            StartError: it cannot be brought in.
        """
        self._supervisor.tell_loading("looking for data of Redis")
        try:
            import_found(self._config)
        except ImportFailedError as error:
            raise StartError(str(error)) from error

    def _let_go(self) -> None:
        """Let who waits for the server go on: clients are served."""
        if self._background is not None:
            self._background.let_go()
            self._background = None

    def _take_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, _: Any) -> None:
        assert self._server is not None
        self._server.stop(f"signal {signal.Signals(number).name}")

    def _reopen(self, *_: Any) -> None:
        """Open the log file anew, and read certificates anew."""
        assert self._log_file is not None
        self._log_file.is_reopen_due = True
        if is_stream(self._config.logfile):
            logger.info("SIGHUP: there is no log file to open anew")
        else:
            logger.info("SIGHUP: the log file is opened anew")
        if self._server is not None:
            self._server.renew_certificates()
            self._server.renew_keys()

    def _write_pid(self) -> None:
        """Write the process id to a file.

        Without one the server starts all the same, as Redis does; but not in the
        background, where nobody would find it.

        Raises:
            StartError: it cannot be written.
        """
        config = self._config
        if not config.pidfile:
            return
        try:
            Path(config.pidfile).write_text(f"{os.getpid()}\n")
        except OSError as error:
            place = config.places["pidfile"][-1]
            text = f"{place}: pidfile {config.pidfile}: {error.strerror}"
            if self._background is not None:
                raise StartError(
                    f"{text}; name a file that this user may write, in a folder that "
                    "is there"
                ) from error
            logger.warning("%s; the server goes on without one", text)
        else:
            self._has_pidfile = True

    def _remove_pid(self) -> None:
        if not self._has_pidfile:
            return
        try:
            Path(self._config.pidfile).unlink(missing_ok=True)
        except OSError as error:
            logger.warning(
                "pidfile %s cannot be removed: %s", self._config.pidfile, error.strerror
            )


def _why_no_log_file(config: Config, error: OSError) -> str:
    place = config.places["logfile"][-1] if config.places["logfile"] else "start"
    return (
        f"{place}: logfile {config.logfile}: {error.strerror}; name a file that this "
        "user may write, in a folder that is there"
    )


def _allow_clients(wanted: int) -> int:
    """Allow a file descriptor for each client; return for how many the system does."""
    files = wanted + _OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return wanted
    most = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most - _OWN_FILES


def _leave_no_core() -> None:
    """Let a crash of this process, or of those it starts, leave no core dump."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    # The higher limit stays: what the operator has it start may want its own.
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


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
