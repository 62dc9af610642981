"""What a Redis is: data types, keyspace, commands and engine.

No sockets, no threads and no files: those belong to the packages `actors` and
`storage`.
"""
