"""A quorum: the log is kept by a stream of NATS JetStream beside the local files.

    parcels    what a message of the stream holds
    chain      what makes many of them a log
    gate       replies wait there until the quorum has what they tell of
    link       the connection to the servers, in a thread of its own
    stream     what is asked of the stream
    reading    many messages of it, in order
    pulling    what sends them in batches
    publisher  each group commit becomes a message; who comes second is refused
    lease      who may answer reads; it spares duels, it decides nothing
    sureness   whether nobody has led since the claim
    opening    a start: from the lease to the claim
    asking     what a start asks, while others have a turn
    bringing   what the stream has and what the files have become one
    keeping    all of this, as the log writer knows it
    follower   reads what the leader appends; claims when nobody leads
    following  the keyspace's part: files, then memory; who leads
    hellos     what servers say of themselves
    announcing where clients reach this server
    marks      how far the stream was, noted in the data folder

Nothing of it is imported without the setting `log-store`, and nats-py by `link`,
`stream`, `pulling` and `lease` alone (docs/cluster.md, docs/decisions/0063).
"""
