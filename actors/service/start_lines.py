"""What a start says of itself: version, settings, and what is unsafe about them."""

from __future__ import annotations

import ipaddress
import logging
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from joblog.actors.service.installation import describe_installation
from joblog.app.config import ConfigError
from joblog.app.config.kinds import decode
from joblog.app.config.showing import show_openly
from joblog.app.users.files import read_configured, read_file
from joblog.app.users.users import DEFAULT
from joblog.app.version import REDIS_VERSION
from joblog.storage.redaction import PENDING_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.config import Config

logger = logging.getLogger(__name__)

_SOMAXCONN: Final = Path("/proc/sys/net/core/somaxconn")

_ALWAYS_SHOWN: Final = ("port", "bind", "dir", "appendonly", "appendfsync", "maxmemory")


def tell_of_settings(config: Config) -> None:
    """Log what runs, by which settings, and a warning for each that is unsafe."""
    logger.info("%s", describe_installation())
    logger.info(
        "process %d: the behaviour of Redis %s, Python %s",
        os.getpid(),
        REDIS_VERSION,
        sys.version.split()[0],
    )
    logger.info("configuration: %s", config.path or "no file, options only")
    logger.info("settings: %s", ", ".join(_shown_settings(config)))
    for line in unsafe_settings(config):
        logger.warning("unsafe: %s", line)


def _shown_settings(config: Config) -> Iterator[str]:
    """Yield the settings that matter most, and those that are not the default."""
    for name, setting in config.SETTINGS.items():
        value = config.__dict__[setting.attribute]
        if value == setting.default and name not in _ALWAYS_SHOWN:
            continue
        yield f"{name} {show_openly(config, name)}"


def unsafe_settings(config: Config) -> Iterator[str]:
    """Yield a line for each setting by which something may be lost or taken."""
    yield from _open_doors(config)
    if config.keeps_log and (Path(config.dir) / PENDING_NAME).exists():
        yield (
            f"dir {config.show('dir')}: a redaction was interrupted, and what had to "
            f"go may still be there; stop, and run replay redact {config.dir} --resume"
        )
    if config.keeps_log and config.appendonly and config.appendfsync == "no":
        yield (
            "appendfsync no: a power cut may cost the last half minute of what was "
            "acknowledged; everysec costs a second, always nothing"
        )
    if config.busy_reply_threshold <= 0:
        yield (
            "busy-reply-threshold 0: while a script runs nobody else is served, and a "
            "script that never ends cannot be killed"
        )
    if config.daemonize and not config.logfile:
        yield (
            "daemonize yes without a logfile: what this server has to say is thrown "
            "away; set logfile"
        )
    if config.core_dumps:
        yield (
            "core-dumps yes: a crash may write all data, passwords and keys to a file "
            "in the clear; leave it at no but to look for a fault"
        )
    if config.loglevel == "nothing":
        yield "loglevel nothing: warnings are not logged either"
    most = _longest_queue()
    if most is not None and most < config.tcp_backlog:
        yield (
            f"tcp-backlog {config.tcp_backlog}: the system lets only {most} "
            "connections wait, so some may be refused when many come at once; raise "
            "net.core.somaxconn, or lower tcp-backlog"
        )


def _open_doors(config: Config) -> Iterator[str]:
    """Yield a line for each way in that is open to more people than it should be."""
    is_open = not config.asks_password
    port = config.port
    if config.tls_auth_clients != "yes":
        port = port or config.tls_port
    if is_open and not config.protected_mode and _is_reachable(config, port):
        yield (
            "protected-mode no, and no requirepass: whoever reaches port "
            f"{port} may read and remove all data; set requirepass, or bind "
            "to this machine's own addresses"
        )
    if is_open and config.unixsocket and config.unixsocketperm & stat.S_IWOTH:
        yield (
            f"unixsocketperm {config.unixsocketperm:o}, and no requirepass: every user "
            "of this machine may read and remove all data; set it to 770"
        )
    yield from _weak_tls(config)
    if config.keeps_log and _may_others_enter(config.dir):
        yield (
            f"dir {config.show('dir')}: every user of this machine can look into it; "
            "run chmod 700 on it"
        )
    for name in ("enable-debug-command", "enable-protected-configs"):
        if config.show(name) == "yes":
            yield (
                f"{name} yes: every client may do what is meant for operators; set it "
                "to local, or no"
            )
    yield from _open_users(config)
    for name in (
        "requirepass",
        "masterauth",
        "log-store-password",
        "tls-key-file-pass",
    ):
        attribute = name.replace("-", "_")
        if getattr(config, attribute) and config.path and _may_others_read(config.path):
            yield (
                f"{name}: {config.path} can be read by every user of this machine, "
                "and the password may stand in it; run chmod 640 on it"
            )


def _open_users(config: Config) -> Iterator[str]:
    """Yield a line for each user but `default` that anybody may log in as."""
    try:
        users = (
            read_file(config.aclfile, channels=False)
            if config.aclfile
            else read_configured(config, channels=False)
        )
    except ConfigError:
        return  # it stops the start, which tells of it
    for name, user in users.items():
        if user.is_open and name != DEFAULT:
            yield (
                f"user {decode(name)} needs no password (nopass): whoever reaches this "
                "server may be that user; give it one, or write off"
            )


def _weak_tls(config: Config) -> Iterator[str]:
    """Yield a line for each way past TLS, where it is spoken."""
    if not config.tls_port:
        return
    if _is_reachable(config, config.port):
        yield (
            f"port {config.port}: it is open to other machines without TLS, beside "
            "tls-port; set it to 0"
        )
    old = {"tlsv1", "tlsv1.1"} & set(config.tls_protocols.lower().split())
    if old:
        yield (
            f"tls-protocols {config.tls_protocols}: those before TLSv1.2 are broken; "
            "remove the directive"
        )
    key = config.tls_key_file
    if key and not config.tls_key_file_pass and _may_others_read(key):
        yield (
            f"tls-key-file {key}: every user of this machine can read it; run chmod "
            "640 on it"
        )


def _is_reachable(config: Config, port: int) -> bool:
    """Say whether other machines may reach a port."""
    return bool(port) and not all(map(_is_loopback, config.bind))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.removeprefix("-")).is_loopback
    except ValueError:
        return address.removeprefix("-") == "localhost"


def _may_others_read(path: str) -> bool:
    try:
        return bool(Path(path).stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _may_others_enter(path: str) -> bool:
    """Say whether every user may look into a folder: into all above it as well."""
    folder = Path(path).absolute()
    return _may_others_read(path) and all(
        one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents)
    )


def _longest_queue() -> int | None:
    """Return how many connections the system lets wait; None where nobody says."""
    try:
        return int(_SOMAXCONN.read_text())
    except (OSError, ValueError):
        return None
