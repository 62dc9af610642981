"""The servers that clients are run on: ours, and a real one as the witness."""

from tests import servers

SERVERS = {
    "joblog": servers.start_joblog,
    # Valkey writes its log after it replied while an fsync runs, unless it is `always`.
    "Valkey": lambda: servers.start_valkey(
        *("--appendonly", "yes", "--appendfsync", "always")
    ),
}
