"""What encryption costs: the processor time of appends and reads, with and without.

Ratios are of one run: `make bench ARGS="-k encryption"`.
"""

import time

import pytest

from joblog.app import clock
from joblog.storage.disk import open_disk
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from tests.support.encrypted import make_key_file

RECORDS = 40_000


def measure(folder, key_file, batch):
    disk = open_disk(key_file)
    log = Log.open(folder, filesystem=disk, now_ms=clock.now_ms)
    drafts = [(1, 0, [[b"SET", b"key:12345", b"x" * 70]], 7)] * batch
    began = time.process_time()
    for _ in range(RECORDS // batch):
        log.append(drafts, log.last_seq)
    appended = time.process_time()
    log.close()
    read_from = time.process_time()
    assert sum(1 for _ in read_records(folder, filesystem=disk)) == RECORDS
    return appended - began, time.process_time() - read_from


@pytest.mark.parametrize("batch", [1, 16, 200])
def test_encryption(tmp_path, batch):
    key_file = str(make_key_file(tmp_path / "key", "a"))
    plain = [measure(tmp_path / f"p{n}", "", batch) for n in range(3)]
    encrypted = [measure(tmp_path / f"e{n}", key_file, batch) for n in range(3)]

    for _what, at in (("append", 0), ("read", 1)):
        before, after = (min(each[at] for each in one) for one in (plain, encrypted))
        (after - before) / RECORDS * 1e6
