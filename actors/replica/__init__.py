"""Following another server: a Redis, or a Valkey.

    dialer         connects, in a thread: to find a host by its name may take its time
    handshake      the lines until the master begins to send
    payload        the dataset, from the connection to a file
    stream         commands from bytes, and how many of them each takes
    acknowledging  what the master is told
    retrying       when it is tried again
    place          where a server that starts stands
    link           owns the connection, and goes through all of these
    mail           what the link and the keyspace tell each other
    applying       the keyspace's part: applies what comes

A replicated command is mailed to the keyspace, and from there goes the road of all
others. See docs/replication.md and
docs/decisions/0039-a-replica-records-what-its-master-sends.md.
"""
