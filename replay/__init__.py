"""The `replay` tool: what happened in a queue, from its log.

The questions know nothing of the command line, so that other faces can ask them too:

    output       tables, lines and JSON; byte strings as text; exit codes
    index        where in a log keys, words and records are; checkpoints of its state
    keys         the keyspace as it was, and how a key came to be what it is
    records      records found and counted: by client, script, text, moment
    whatif       the commands of a stretch, run again with something changed
    shown        records, versions and rehearsals as text and as JSON
    jobs         what happened to the jobs of a queue, whatever its library
    undoing      the commands that undo records
    exchange     Redis's files and live servers, both ways
    proofs       whether the log is unedited, and receipts that prove what happened
    bisecting    the first record after which a condition fails

`cli` and `verbs` are the command line. Nothing here imports `joblog.actors` but the
one verb that is a server.
"""
