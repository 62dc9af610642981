"""The `replay` tool: what happened in a queue, from its log.

The questions know nothing of the command line, so that other faces can ask them too:

    index        where in a log keys, words and records are; checkpoints of its state
    points       where a moment is ("5m ago", "@1042", a tag), and which are marked
    texts        byte strings as text and as JSON, and back
    clients      who a client id was when a record was written
    search       the records that a filter wants: forward, backward, as they come
    past         the keyspace as it was, and how a key came to be what it is
    slices       the same of a few keys, folded alone
    inquiry      what a key was, and what changed it, in as little time as it takes
    blame        who last set each element of a value
    bisecting    the first record after which a condition fails
    conditions   what can be asked of a moment: commands, Lua, built-in conditions
    statistics   what a stretch of the log is made of
    script_lines where in a script an effect came from
    values       a value without its type, and how two of them differ
    differences  how two keyspaces differ
    proof        whether the log is whole, unedited, and folds to what the server had
    jobs         what happened to the jobs of a queue, whatever its library
    receipts     proof of a few records that can be checked without the log

`cli` and `verbs` are the command line; `output`, `options` and `records` belong to it.
"""
