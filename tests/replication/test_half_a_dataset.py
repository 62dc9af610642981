"""A server that was killed while a dataset went into its log."""

from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from tests.support.servers import start_joblog


def test_it_is_taken_back_at_the_next_start(fold_equals_live):
    with start_joblog() as server:
        client = server.connect()
        client.ask("MSET", "a", 1, "b", 2)
        client.ask("RPUSH", "l", 1, 2, 3)
        server.stop()
        now_ms = 2_000_000_000_000
        log = Log.open(server.folder, filesystem=FileSystem(), now_ms=lambda: now_ms)
        begin = [9, None, {"kind": "replication", "what": "begin", "master": "m:1"}]
        part = [9, None, {"kind": "synchronized"}]
        effects = [[b"DEL", b"a"], [b"SET", b"l", b"x"], [b"SET", b"new", b"1"]]
        log.append([(now_ms, 0, [], begin), (now_ms, 0, effects, part)], log.last_seq)
        log.close()
        (server.folder / "replica-sync.rdb").write_bytes(b"anything")

        server.start()

        client = server.connect()
        assert client.ask("MGET", "a", "b", "new").split()[2::2] == [b"1", b"2"]
        assert client.ask("LRANGE", "l", 0, -1).split()[2::2] == [b"1", b"2", b"3"]
        assert not (server.folder / "replica-sync.rdb").exists()
        fold_equals_live(server)
        server.kill()
        server.start()
        assert server.connect().ask("EXISTS", "new") == b":0\r\n"
        fold_equals_live(server)
