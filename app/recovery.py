"""The fold: from records to a keyspace. Recovery, `replay` and backups all use it.

A record holds effects: commands whose outcome depends on nothing but the keyspace. The
fold runs them in order, through the very handlers that answered the clients, in a
keyspace whose clock stands at zero, so that nothing expires by itself: an expiry is a
DEL in the log.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from app.commands import catalogue  # noqa: F401 - registers the commands
from app.commands.context import Context
from app.commands.server_state import ServerState
from app.commands.table import LOOKUP, require_command
from app.config import Config
from app.errors import CommandError
from app.keyspace.keyspace import Keyspace
from storage.errors import CorruptLogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from storage.record import Record

RECORDS_A_SLICE = 5000


class Progress(NamedTuple):
    """How far a fold has come."""

    records: int
    seq: int


class Fold:
    """Applies records to a keyspace.

    Attributes:
        keyspace: what the records so far amount to.
        last_seq: the sequence number of the last record applied, 0 before the first.
        records: how many were applied.
    """

    def __init__(self, databases: int = 16) -> None:
        """Begin with empty databases: as many as the log uses, or more."""
        self.keyspace = Keyspace(databases)
        self.last_seq = 0
        self.records = 0
        self._context = Context(self.keyspace, ServerState(_unlimited_config()))

    def apply(self, records: Iterable[Record]) -> None:
        """Apply records in order.

        Raises:
            CorruptLogError: a record cannot be applied: its effect is no command, or
                the command refuses it. Nothing is skipped.
        """
        context = self._context
        databases = self.keyspace.databases
        lookup = LOOKUP
        record = None
        try:
            for record in records:
                if record.effects:
                    context.db = databases[record.db]
                    for argv in record.effects:
                        command = lookup.get(argv[0])
                        if command is not None and command.is_simple:
                            command.handler(context, *argv[1:])
                        else:
                            command = require_command(argv)
                            command.handler(context, *command.arguments(argv))
                self.records += 1
        except IndexError as error:
            assert record is not None
            raise CorruptLogError(
                f"record {record.seq} belongs to database {record.db}, but there are "
                f"{len(databases)}: start with a larger 'databases' setting"
            ) from error
        except (CommandError, KeyError, TypeError, ValueError) as error:
            assert record is not None
            raise CorruptLogError(
                f"record {record.seq} cannot be applied: {error!r}; its effects are "
                f"{record.effects!r}"
            ) from error
        finally:
            context.effects = None
        if record is not None:
            self.last_seq = record.seq


def _unlimited_config() -> Config:
    """Return settings that refuse nothing that an earlier setting had allowed."""
    return Config({"proto-max-bulk-len": str(2**62)})


def fold_slices(fold: Fold, records: Iterator[Record]) -> Iterator[Progress]:
    """Apply records a slice at a time, so that others get a turn in between.

    Yields:
        Progress after each slice.
    """
    while True:
        batch = list(islice(records, RECORDS_A_SLICE))
        if not batch:
            return
        fold.apply(batch)
        yield Progress(fold.records, fold.last_seq)
