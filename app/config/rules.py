"""What must hold between settings; each by itself is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping


class Contradiction(NamedTuple):
    """Two settings that cannot both hold.

    Attributes:
        names: the settings, the one to blame first.
        reason: why, and what to do.
    """

    names: tuple[str, ...]
    reason: str


def find_contradictions(
    values: Mapping[str, Any], given: Container[str]
) -> Iterator[Contradiction]:
    """Yield what does not go together.

    Args:
        values: every setting's value, by attribute.
        given: the names of settings that the configuration names; none for a change of
            a running server.
    """
    if values["aclfile"] and values["user"]:
        yield Contradiction(
            ("aclfile", "user"),
            "users stand in the file or in the configuration, not in both; move the "
            "`user` directives into the file, or remove aclfile",
        )
    if values["memory_only"] and values["appendonly"] and "appendonly" in given:
        yield Contradiction(
            ("memory-only", "appendonly"),
            "appendonly yes asks for a log, and this for none; remove one of the two",
        )
    if values["log_encryption_key_file"] and values["rdb_compat"]:
        yield Contradiction(
            ("rdb-compat", "log-encryption-key-file"),
            "that file would have all data in the clear, beside a log that is "
            "encrypted; set it to no, or remove log-encryption-key-file",
        )
    keeps_log = values["appendonly"] or values["save"]
    if values["import_found"] and (values["memory_only"] or not keeps_log):
        yield Contradiction(
            ("import-found", "memory-only", "appendonly", "save"),
            "there is no log to bring data into, since memory only is asked for; set "
            "it to no, or appendonly to yes",
        )
    if values["log_store"]:
        yield from _find_against_store(values)


def _find_against_store(values: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield what does not go with a store that keeps the log too."""
    reasons = {
        "memory_only": "there is no log to keep in it",
        "reply_after_replicas": "replies wait for the store already",
        "log_encryption_key_file": "the store would have the log in the clear",
        "replica_log": "a master's log would be taken, which the store has not",
        "replicaof": "what this server would take over is the stream's, not a master's",
    }
    for name, reason in reasons.items():
        if values[name]:
            other = name.replace("_", "-")
            yield Contradiction(
                ("log-store", other), f"with {other}: {reason}; remove one of the two"
            )
    if not (values["appendonly"] or values["save"]):
        yield Contradiction(
            ("log-store", "appendonly"), "there is no log to keep in it"
        )
