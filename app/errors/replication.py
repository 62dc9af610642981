"""Texts of replication."""

from __future__ import annotations

from joblog.app.errors.general import one_line

STALE = (
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
)
STALE_IN_SCRIPT = b"ERR Can not execute the command on a stale replica"
PART_HAS_CHANGED = (
    b"UNBLOCKED force unblock from blocking operation, instance state changed "
    b"(master -> replica?)"
)
NO_FAILOVER = b"ERR No failover in progress."
FAILOVER_TIMEOUT = b"ERR FAILOVER timeout must be greater than 0"
FAILOVER_UNDER_WAY = b"ERR FAILOVER already in progress."
FAILOVER_OF_REPLICA = b"ERR FAILOVER is not valid when server is a replica."
NO_REPLICAS = b"ERR FAILOVER requires connected replicas."
FAILOVER_FORCE = (
    b"ERR FAILOVER with force option requires both a timeout and target HOST and IP."
)
FAILOVER_TO_NOBODY = b"ERR FAILOVER target HOST and PORT is not a replica."
FAILOVER_NOT_ONLINE = b"ERR FAILOVER target replica is not online."
REPLICAOF_IN_FAILOVER = b"ERR REPLICAOF not allowed while failing over."
FOLLOWS_ITS_STORE = (
    b"ERR %b not allowed with log-store: who leads is for the store of the log to say."
)
TAKES_OVER_ALREADY = b"ERR PSYNC FAILOVER can't be sent to a master."
TAKES_OVER_OTHER = b"ERR PSYNC FAILOVER replid must match my replid."
ITSELF = b"ERR This server cannot follow itself"

# A replica that hears NOMASTERLINK tries again a second later, and not at once.
NO_LOG_TO_FOLLOW = b"NOMASTERLINK this server keeps no log that replicas follow"
LOG_IS_TAKEN = (
    b"NOMASTERLINK this replica takes its master's log (replica-log): no stream"
)
MASTER_LINK_DOWN = b"NOMASTERLINK Can't SYNC while not connected with my master"
NO_DATASET = b"NOMASTERLINK the dataset cannot be made: "
NO_QUORUM = b"NOREPLICAS The store of the log takes no writes: "
NO_SUCH_MASTER = b"ERR No such master with that name"
TOO_FEW_REPLICAS = b"NOREPLICAS Not enough good replicas to write."


def led_by(leader: object) -> bytes:
    """Return who may be written to, behind the text that this server may not."""
    return b"%b leads." % str(leader).encode()


def no_quorum(usable: int) -> bytes:
    """Return the text where no other server could come to lead, for Sentinel's face."""
    return (
        b"NOQUORUM %d usable Sentinels. Not enough available Sentinels to reach the "
        b"specified quorum for this master. Not enough available Sentinels to reach "
        b"the majority and authorize a failover" % usable
    )


def unrecognized_replconf(option: bytes) -> bytes:
    """Return the text for an option that REPLCONF does not know."""
    return one_line(b"ERR Unrecognized REPLCONF option: %b", option)


def replica_address_too_long(size: int) -> bytes:
    """Return the text for an address that is longer than a host's name can be."""
    text = b"ERR REPLCONF ip-address provided by replica instance is too long: %d bytes"
    return text % size


def unsupported_filter(word: bytes) -> bytes:
    """Return the text for what a dataset cannot be confined to."""
    return one_line(b"ERR Unsupported rdb-filter-only option: %b", word)
