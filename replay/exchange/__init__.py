"""Ways in and out: append-only files and RDB files of Redis, and live servers."""
