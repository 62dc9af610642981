"""How fast the log appends and reads: `make bench ARGS="-k log"`."""

import sys
import time

from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from joblog.storage.reader import read_records

RECORDS = 300_000
BATCH = 100


def test_append_and_read(tmp_path, capsys):
    filesystem = FileSystem()
    log = Log.open(tmp_path, filesystem=filesystem, now_ms=lambda: 1_700_000_000_000)
    batch = [
        (1_700_000_000_000, 0, [[b"SET", b"key:%012d" % number, b"x" * 20]], 17)
        for number in range(BATCH)
    ]

    start = time.process_time()
    for _ in range(RECORDS // BATCH):
        log.append(batch, log.last_seq)
    append_seconds = time.process_time() - start
    log.close()
    start = time.process_time()
    count = sum(1 for _ in read_records(tmp_path, filesystem=filesystem))
    read_seconds = time.process_time() - start

    assert count == RECORDS
    with capsys.disabled():
        sys.stdout.write(
            f"\nappend: {append_seconds / RECORDS * 1e6:.2f} us a record\n"
            f"read: {RECORDS / read_seconds:,.0f} records/s\n"
        )
