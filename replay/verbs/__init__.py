"""The verbs of `replay`, one module each, imported when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from keyword import iskeyword

import click

VERBS = {
    "top": "What is wrong in which queue, since when, and what made it grow.",
    "web": "A page in the browser: queues, jobs and keys, now and at any moment.",
    "ui": "Queues, jobs and keys of any moment, as screens in the terminal.",
    "info": "What log lies in a folder.",
    "points": "The moments that are marked, or quick to open.",
    "sql": "Questions in SQL about a log.",
    "stats": "What a log is made of: commands, clients, keys, rates.",
    "clients": "Who was connected, from where, from when to when, and did what.",
    "scripts": "Which scripts wrote, since when, how often, and who called them.",
    "log": "The records, all or those that a filter wants.",
    "show": "One record, who did it, and what it changed.",
    "state": "All keys and values of a moment.",
    "keys": "The names of the keys of a moment.",
    "get": "The value of one key at a moment.",
    "dump": "The commands that make a server what it was at a moment.",
    "history": "Every value that one key had.",
    "blame": "Who last set each field, element or member of a key.",
    "why": "What removed a key or a job, or last changed it.",
    "job": "One job's way through its queue, and what became of it.",
    "jobs": "The jobs of a queue, and what is wrong with them.",
    "metrics": "A range as metrics, for Prometheus to take in.",
    "spans": "The jobs of a range as traces, in OTLP.",
    "audit": "Who did what to which jobs, for an auditor to take away.",
    "diff": "How two moments differ, key by key.",
    "changes": "Which keys a range of records changed, and who did.",
    "bisect": "The first record after which something is wrong.",
    "follow": "Record what a live Redis or Valkey does, as its replica.",
    "serve": "A moment of the past as a Redis server.",
    "whatif": "What would have been, with a script or a record changed.",
    "test": "Whether a changed script does what the old one did.",
    "revert": "The commands that undo records.",
    "export": "A moment or the whole history as Redis's files.",
    "import": "A new log from Redis's files or a server.",
    "backup": "A verified copy, also while the server runs.",
    "restore": "A log that ends at a moment, for a server to start over.",
    "repair": "Mend a damaged log in place, as far as that can be.",
    "salvage": "A new log from all that still reads of a damaged one.",
    "redact": "Make what the log holds of keys, jobs or texts unreadable.",
    "rekey": "Put encrypted files under another key.",
    "verify": "Prove that the log is whole and unedited.",
    "anchor": "The log's digest, to be kept elsewhere.",
    "prove": "A receipt for a record or a job, to be checked anywhere.",
    "check": "What a receipt proves, without the log.",
    "index": "Make the other verbs fast on a long log.",
    "demo": "A small broken queue, and a walk through what is wrong with it.",
    "completion": "The script that lets a shell complete verbs and options.",
}
"""All verbs, in the order in which people meet them, and what each is in a line.

The module `joblog.replay.verbs.NAME` has it as the attribute NAME; some share a module.
"""

_SHARED = {
    "backup": "keeping",
    "export": "exchange",
    "import": "exchange",
    "repair": "keeping",
    "restore": "keeping",
    "salvage": "keeping",
    "test": "whatif",
}


class Verbs(Mapping[str, click.Command]):
    """The verbs by name; one is imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        """Return a verb.

        Raises:
            KeyError: there is none of that name.
        """
        if name not in VERBS:
            raise KeyError(name)
        module = importlib.import_module(
            f"joblog.replay.verbs.{_SHARED.get(name, name)}"
        )
        verb = getattr(module, f"{name}_" if iskeyword(name) else name)
        assert isinstance(verb, click.Command)
        verb.short_help = VERBS[name]
        # click's mark for lines that are kept as they are: raw docstrings spell it out.
        verb.help = (verb.help or "").replace("\\b\n", "\b\n")
        return verb

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)
