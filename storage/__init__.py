"""What lasts: the command log on disk, and nothing about Redis.

`log.Log` appends, `reader.read_records` reads (also while a server appends), and
`verify.verify_log` proves that a log is whole. docs/log-format.md draws the bytes.
"""
