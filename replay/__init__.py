"""The `replay` tool: what happened in a queue, from its log.

The questions know nothing of the command line, so that other faces can ask them too:

    moments      "5m ago", "@1042", ISO 8601: what people write for a point in the log
    texts        byte strings as text and as JSON, and back
    touched      which keys a record changed
    clients      who a client id was when a record was written
    search       the records that a filter wants: forward, backward, as they come
    past         the keyspace as it was, and how a key came to be what it is
    values       a value without its type, and how two of them differ
    differences  how two keyspaces differ
    proof        whether the log is whole, unedited, and folds to what the server had
    jobs         what happened to the jobs of a queue, whatever its library
    receipts     proof of a few records that can be checked without the log

`cli` and `verbs` are the command line; `output`, `options` and `records` belong to it.
"""
