"""What every test of a server ends with: folding the log gives what is live."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from joblog.app.history.recovery import Fold, recover
from joblog.app.keyspace.digest import dataset_digest
from joblog.storage.errors import PrunedError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records
from tests.support.servers import ServerProcess

LOOKS_MAX = 1000


class FoldCheck:
    """Folds the logs of servers, each as far as it has come since the last check."""

    def __init__(self) -> None:
        self._folds: WeakKeyDictionary[ServerProcess, Fold] = WeakKeyDictionary()

    def __call__(self, server: ServerProcess) -> None:
        """Assert that a server's log folds to the keyspace that it has in memory."""
        for _ in range(LOOKS_MAX):
            live = live_digest(server)
            fold = self._folds.get(server)
            try:
                if fold is None:
                    fold = self._folds[server] = _begin(server)
                seen_seq = fold.last_seq
                fold.apply(
                    read_records(
                        server.folder, filesystem=FileSystem(), from_seq=seen_seq + 1
                    )
                )
            except PrunedError:
                # The server pruned it between two looks: begin behind a snapshot.
                self._folds.pop(server, None)
                continue
            folded = dataset_digest(fold.keyspace).hex()
            # A key may expire between the two looks, so only one at a log that has
            # not grown since the last is the last word.
            if folded == live or fold.last_seq == seen_seq:
                break

        assert folded == live, (
            f"folding the log up to seq {fold.last_seq} gives the digest {folded}, "
            f"but the server has {live}"
        )


def _begin(server: ServerProcess) -> Fold:
    """Return a fold of the log from its beginning; where it is pruned, a recovery."""
    folder = LogFolder(server.folder, FileSystem())
    if folder.find_segments()[:1] in ([], [1]):
        return Fold()
    return recover(server.folder, FileSystem())


def live_digest(server: ServerProcess) -> str:
    """Return DEBUG DIGEST of a server, as hexadecimal digits."""
    connection = server.connect()
    try:
        reply = connection.ask("DEBUG", "DIGEST")
    finally:
        connection.close()
    assert reply.startswith(b"+"), reply
    return reply[1:-2].decode()
