"""Settings of the process: its log file, and who starts and watches it."""

from __future__ import annotations

from joblog.app.config.kinds import Boolean, Choice, Text


class ServiceSettings:
    """How the process runs, and where it tells what."""

    loglevel = Choice(
        "notice",
        "How much the server's own log file tells; each tells less than the one before "
        "it.",
        ("debug", "verbose", "notice", "warning", "nothing"),
    )
    log_format = Choice(
        "text",
        "What a line of it looks like: `text` (Valkey's `legacy` is the same), `json` "
        "for collectors, or `logfmt`.",
        ("text", "json", "logfmt", "legacy"),
    )
    logfile = Text(
        "", "The server's own log file; empty is standard output.", live=False
    )
    pidfile = Text("", "A file that gets the process id.", live=False)
    daemonize = Boolean(
        "no",
        "Go on in the background; the command returns when clients are served, or with "
        "the exit code of what went wrong.",
        live=False,
    )
    supervised = Choice(
        "no",
        "Tell the service manager when clients are served, and that the server lives: "
        "`systemd` (Type=notify), `upstart`, or whichever there is (`auto`).",
        ("upstart", "systemd", "auto", "no"),
        live=False,
    )
