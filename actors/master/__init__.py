"""Being followed: replicas of this server, a Redis's, a Valkey's or its own.

    serving    the keyspace's part: who follows, and what is sent to all
    feeder     one replica: a dataset, what it has missed, what comes
    datasets   what those are sent first who have nothing to go on from
    waits      who waits for replicas (WAIT, WAITAOF)
    reaching   how far enough replicas are, where replies wait for that
    held_replies  those, as the log writer holds them (reply-after-replicas)
    steps      work on the log, a slice at a time
    place      how far the stream is, and in which history
    histories  places in the log, by the offsets of the stream
    copier     a thread: minds the child that makes a dataset
    mail       what the copier is told and tells, and the log writer is told

The log is the backlog: whoever does not read is read for from the files, when it does.
See docs/decisions/0041-the-log-is-the-backlog.md.
"""
