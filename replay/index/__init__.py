"""The index: where in a log a key is changed, or a word mentioned.

    marks     what of a record is indexed, and when a record mentions a word
    finder    `LogIndex`: the records of a key, of a word, and where a record lies

It lies beside the log, may be removed at any time, and is never trusted above it: what
it finds is read from the log and looked at again; what it does not cover is scanned.
"""
