"""What a Redis is. No sockets and no threads here, and files in `history` alone.

From the bottom, each of which knows those before it only:

    config, errors, reply, clock, words   what all the others use
    types        values: strings, lists, streams and so on
    keyspace     databases of keys with deadlines
    table        what is known of each command
    state        what handlers may reach: context, session, the server's state
    commands     the handlers, a wing for each type or subject
    protocol     RESP
    engine       from a session and an argv to a reply and the effects to record
    history      from the log to a keyspace
"""
