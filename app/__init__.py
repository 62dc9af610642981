"""What a Redis is: data types, keyspace, commands and engine.

No sockets, no threads and no files: those belong to the `actors` and `storage` packages.
"""
