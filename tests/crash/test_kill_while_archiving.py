"""SIGKILL while segments are archived and pruned: the archive lacks none of them.

Promise 19 of docs/reliability.md.
"""

import random
import shutil
import time

import pytest

from joblog.storage.archives import Archive
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.crash.test_kill import Writer, kill_while_they_write
from tests.support.servers import START_SECONDS

CLIENTS = 3
ROUNDS = 8
OPTIONS = (
    *("--segment-bytes-max", "30000", "--log-retention-bytes", "90000"),
    *("--log-compression", "zlib", "--save", "1 1"),
)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_the_archive_and_the_log_have_every_record_between_them(
    start, policy, tmp_path
):
    archive = tmp_path / "archive"
    archive.mkdir()
    # It fails now and then, and is slow enough to be interrupted.
    command = f"sleep 0.0$((RANDOM % 5)); [ $((RANDOM % 40)) != 0 ] && cp %p {archive}/"
    command = f"bash -c '{command}.%f && mv {archive}/.%f {archive}/%f'"
    options = ("--appendfsync", policy, "--log-archive-command", command)
    server = start(*options, *OPTIONS)
    writers = [Writer(server, number) for number in range(CLIENTS)]
    chance = random.Random(policy)

    def tidy():
        connection = server.connect()
        connection.ask("BGREWRITEAOF")
        connection.close()

    for _ in range(ROUNDS):
        kill_while_they_write(server, writers, chance.uniform(0.3, 1.5), tidy)
        first = LogFolder(server.folder, FileSystem()).find_segments()[0]
        have = {int(path.name[:20]) for path in archive.glob("0*.log")}
        assert first == 1 or max(seq for seq in have if seq < first)

    server.stop()
    server._command += ["--log-archive-command", command.replace("% 40", "% 1 + 1")]
    server.start()
    deadline = time.monotonic() + START_SECONDS
    folder = LogFolder(server.folder, FileSystem())
    while f"{folder.find_segments()[-2]:020d}.log" not in {
        path.name for path in archive.glob("0*.log")
    }:
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.05)
    tidy()
    while folder.find_segments()[0] == 1:
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.05)
    server.stop()
    whole = verify_log(archive, filesystem=Archive(archive))
    assert whole.damage == []
    assert whole.segments[0].first_seq == 1
    # With the open segment behind it the archive is all that ever was.
    shutil.copy(folder.segment_path(folder.find_segments()[-1]), archive)
    all_of_it = verify_log(archive, filesystem=Archive(archive))
    assert all_of_it.damage == []
    records = read_records(archive, filesystem=Archive(archive))
    assert [record.seq for record in records] == list(range(1, all_of_it.last_seq + 1))
