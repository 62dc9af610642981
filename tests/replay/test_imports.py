"""Imports with faults: what a real server loads is loaded, and the rest is told."""

import json
import os
import socket

import pytest
from click.testing import CliRunner

from joblog.app.keyspace.digest import dataset_digest
from joblog.app.types.dump_payload import encode_payload
from joblog.replay.cli import main
from joblog.replay.exchange.importing import Importer
from joblog.replay.keys.past import Past
from joblog.replay.undoing.live import LiveError
from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from joblog.storage.reader import read_records
from tests.support.folding import live_digest
from tests.support.servers import start_joblog, start_redis

MINUTE_MS = 60_000


def run(*words):
    words = ["import", *map(str, words), "--json"]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def resp(line):
    words = line.encode().split()
    parts = [b"*%d\r\n" % len(words)]
    return b"".join(parts + [b"$%d\r\n%b\r\n" % (len(w), w) for w in words])


def as_file(path, *lines):
    path.write_bytes(b"".join(map(resp, lines)))
    return path


def fold(folder):
    """Return the keyspace that a folder's log folds to."""
    seq = sum(1 for _ in read_records(folder, filesystem=FileSystem()))
    past = Past(folder, FileSystem())
    past.go_to(seq)
    past.close()
    return past.fold.keyspace


OPEN_MULTI = ["SET a 1", "MULTI", "SET b 2", "MULTI", "SET c 3", "EXEC", "SET d 4"]
FAULTS = [
    pytest.param(b"".join(map(resp, OPEN_MULTI)), "a MULTI inside", id="open MULTI"),
    pytest.param(
        resp("SET a 1") + resp("MULTI") + resp("SET b 2"), "never ends", id="torn"
    ),
    pytest.param(resp("SET a 1") + resp("SET b 2")[:-4], "no end", id="torn command"),
    pytest.param(resp("SET a 1") + resp("INCR a b c")[:9], "no end", id="torn length"),
    pytest.param(
        b"".join(map(resp, ["LPUSH l x", "MULTI", "INCR l", "SET b 2", "EXEC"])),
        "WRONGTYPE",
        id="error inside MULTI",
    ),
    pytest.param(
        b"".join(map(resp, ["LPUSH l x", "INCR l", "SET b 2"])), "WRONGTYPE", id="error"
    ),
]


@pytest.mark.parametrize(("data", "told"), FAULTS)
def test_what_a_server_loads_of_a_faulty_file_is_loaded_and_the_rest_is_told(
    tmp_path, data, told
):
    path = tmp_path / "appendonly.aof"
    path.write_bytes(data)

    result = run(tmp_path / "data", path)

    assert result.exit_code == 1
    assert told in result.stderr
    assert any(told in line for line in json.loads(result.stdout)["losses"])
    with start_redis("--appendonly", "no") as server:
        server.stop()
        (server.folder / "appendonly.aof").write_bytes(data)
        server._command += ["--appendonly", "yes"]
        server.start()
        ours = dataset_digest(fold(tmp_path / "data")).hex()
        assert ours == live_digest(server)


def test_accepted_faults_are_told_all_the_same(tmp_path):
    path = as_file(tmp_path / "a.aof", "SET a 1", "MULTI", "SET b 2")

    result = run(tmp_path / "data", path, "--accept-torn")

    assert result.exit_code == 0
    assert "never ends" in result.stderr


def test_zeroes_at_the_end_are_left_out_and_told(tmp_path):
    path = tmp_path / "a.aof"
    path.write_bytes(resp("SET a 1") + bytes(4096))

    result = run(tmp_path / "data", path)

    assert result.exit_code == 1
    assert "4096 bytes of zeroes" in result.stderr
    assert fold(tmp_path / "data").databases[0].values == {b"a": b"1"}


def test_only_the_last_of_several_files_may_be_torn(tmp_path):
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    as_file(folder / "one.aof", "SET a 1").write_bytes(resp("SET a 1")[:-3])
    as_file(folder / "two.aof", "SET b 2")
    manifest = folder / "x.manifest"
    manifest.write_text("file one.aof seq 1 type b\nfile two.aof seq 1 type i\n")

    result = run(tmp_path / "data", folder)

    assert result.exit_code == 1
    assert "only the last of several files" in result.stderr
    assert not (tmp_path / "data").exists()


def test_manifest_may_quote_names_and_have_remarks(tmp_path):
    as_file(tmp_path / "with space.aof", "SET a 1")
    manifest = tmp_path / "x.manifest"
    manifest.write_text('# a remark\nfile "with space.aof" seq 1 type i\n')

    assert run(tmp_path / "data", manifest).exit_code == 0
    assert fold(tmp_path / "data").databases[0].values == {b"a": b"1"}


@pytest.mark.parametrize(
    "line",
    [
        "file ../outside.aof seq 1 type i",
        "file a.aof seq one type i",
        "file a.aof seq 1 type x",
        "file a.aof",
        'file "a.aof seq 1 type i',
    ],
)
def test_odd_manifests_are_refused_in_words(tmp_path, line):
    as_file(tmp_path / "a.aof", "SET a 1")
    manifest = tmp_path / "x.manifest"
    manifest.write_text(line + "\n")

    result = run(tmp_path / "data", manifest)

    assert result.exit_code == 1
    assert "x.manifest" in result.stderr
    assert not (tmp_path / "data").exists()


# --- nothing is left of an import that fails ------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["missing.rdb", "redis://127.0.0.1:1/x", "redis://:pw@127.0.0.1:1", "nosuch://x"],
)
def test_failed_import_leaves_nothing_behind(tmp_path, source):
    result = run(tmp_path / "data", source)

    assert result.exit_code == 1
    assert "pw" not in result.stderr
    assert "nothing was imported" in result.stderr
    assert not (tmp_path / "data").exists()


def test_failed_import_leaves_a_folder_as_it_was(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "notes").write_text("mine")
    path = as_file(tmp_path / "a.aof", "SET a 1", "NOSUCH")

    assert run(folder, path).exit_code == 1
    assert [each.name for each in folder.iterdir()] == ["notes"]

    as_file(path, "SET a 1")
    assert run(folder, path).exit_code == 0
    assert fold(folder).databases[0].values == {b"a": b"1"}


# --- what only a module can read ------------------------------------------------------

# As Redis 8.2 writes for the module type "graphdata": besides the keys, and a key.
MODULE = bytes.fromhex("8182b6a985d6ad6812")
BESIDES = b"\xf7" + MODULE + bytes.fromhex("0201 0200 00")
VALUE = (
    b"\x07\x01g" + MODULE + bytes.fromhex("0180aabbccdd 023f 0300000000 05 0378797a 00")
)
PLAIN = b"\x00\x05plain\x01v"
SLOT = bytes.fromhex("f4 0a 02 00")


def as_rdb(path, *parts):
    path.write_bytes(b"REDIS0012" + b"".join(parts) + b"\xff" + bytes(8))
    return path


def test_what_a_module_keeps_besides_its_keys_is_passed_over(tmp_path):
    path = as_rdb(tmp_path / "dump.rdb", BESIDES, b"\xfe\x00", SLOT, PLAIN, BESIDES)

    result = run(tmp_path / "data", path)

    assert result.exit_code == 0
    assert "graphdata keeps besides its keys" in result.stderr
    assert fold(tmp_path / "data").databases[0].values == {b"plain": b"v"}


def test_keys_of_a_module_are_refused_by_name_or_left_out(tmp_path):
    path = as_rdb(tmp_path / "dump.rdb", b"\xfe\x00", VALUE, PLAIN)

    result = run(tmp_path / "data", path)

    assert result.exit_code == 1
    assert "1 keys are of module type graphdata: b'g' in database 0" in result.stderr
    assert not (tmp_path / "data").exists()

    result = run(tmp_path / "data", path, "--skip-modules")

    assert result.exit_code == 0
    assert "left out: 1 keys" in result.stderr
    assert fold(tmp_path / "data").databases[0].values == {b"plain": b"v"}


# --- live servers ---------------------------------------------------------------------


class OldServer:
    """Answers as a server of before functions does, with one key in two databases."""

    def ask(self, *argv):
        match argv:
            case (b"FUNCTION", b"DUMP"):
                raise LiveError("ERR unknown command `FUNCTION`, with args: `DUMP`, ")
            case (b"INFO", _):
                return b"# Keyspace\r\ndb0:keys=1\r\ndb3:keys=1\r\n"
            case (b"SCAN", *_):
                return [b"0", [b"k"]]
            case (b"DUMP", _):
                return encode_payload(b"v")
            case (b"PTTL", _):
                return -1
        return b"OK"


@pytest.mark.parametrize(("only_db", "found"), [(None, [0, 3]), (3, [3])])
def test_servers_without_functions_and_single_databases_are_imported(
    tmp_path, only_db, found
):
    importer = Importer(tmp_path / "data", FileSystem(), "old")

    importer.take_live(OldServer(), only_db)
    report = importer.finish()

    databases = fold(tmp_path / "data").databases
    assert [each.index for each in databases if each.values] == found
    assert report.losses == []
    assert "no functions" in report.notices[0]


@pytest.mark.slow
@pytest.mark.parametrize("start", [start_redis, start_joblog])
def test_server_is_imported_over_tls(tmp_path, certificates, start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with start(*certificates.options(port)) as server:
        server.connect().ask("SET", "k", "v")
        url = f"rediss://localhost:{port}/0"
        known = f"{url}?ssl_ca_certs={certificates.authority}"
        own = certificates.client

        trusted = run(
            tmp_path / "data",
            f"{known}&ssl_certfile={own.certificate}&ssl_keyfile={own.key}",
        )
        unknown = run(tmp_path / "other", url)
        bare = run(tmp_path / "other", known)

    assert trusted.exit_code == 0, trusted.stderr
    assert fold(tmp_path / "data").databases[0].values == {b"k": b"v"}
    assert (unknown.exit_code, bare.exit_code) == (1, 1)
    assert not (tmp_path / "other").exists()


# --- times ---------------------------------------------------------------------------

CLAIM = "XCLAIM s g c 0 1-1 TIME {ms} RETRYCOUNT 1 FORCE JUSTID LASTID 1-1"
STREAM = ["XADD s 1-1 f v", "XGROUP CREATE s g 0"]


def delivered_ms(folder):
    group = fold(folder).databases[0].values[b"s"].groups[b"g"]
    (pending,) = group.pending.entries.values()
    return pending.delivered_ms


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(b"", id="no times"),
        pytest.param(b"#TS:1700000000\r\n", id="the same second"),
        pytest.param(b"#TS:1600000000\r\n", id="an earlier second"),
    ],
)
def test_deliveries_of_a_stream_keep_their_times(tmp_path, note):
    path = tmp_path / "a.aof"
    claim = CLAIM.format(ms=1_700_000_000_789)
    path.write_bytes(note + b"".join(map(resp, [*STREAM, claim])))

    assert run(tmp_path / "data", path).exit_code == 0

    assert delivered_ms(tmp_path / "data") == 1_700_000_000_789


def test_time_in_the_future_does_not_spoil_what_follows(tmp_path):
    path = tmp_path / "a.aof"
    path.write_bytes(b"#TS:9000000000\r\n" + resp("SET a 1") + resp("SET b 2"))

    assert run(tmp_path / "data", path).exit_code == 0

    for record in read_records(tmp_path / "data", filesystem=FileSystem()):
        assert record.at_ms < 8_000_000_000_000


def test_log_says_which_times_are_not_known(tmp_path):
    path = tmp_path / "a.aof"
    path.write_bytes(resp("SET a 1") + b"#TS:1700000000\r\n" + resp("SET b 2"))
    run(tmp_path / "data", path)

    words = ["log", str(tmp_path / "data"), "--json"]
    rows = CliRunner().invoke(main, words).stdout.splitlines()

    names = [json.loads(row)["client"]["name"] for row in rows]
    assert names == ["replay-import:times-unknown", "replay-import"]


class KilledError(Exception):
    """The process died here."""


class KillingFileSystem(FileSystem):
    """A file system at whose n-th step the process dies."""

    def __init__(self, steps):
        self.steps = steps

    def _step(self):
        self.steps -= 1
        if self.steps < 0:
            raise KilledError

    def rename(self, source, target):
        self._step()
        super().rename(source, target)

    def truncate(self, file, size):
        self._step()
        super().truncate(file, size)

    def sync_directory(self, folder):
        self._step()
        super().sync_directory(folder)


def test_import_over_an_empty_log_that_dies_anywhere_leaves_a_log_that_opens(tmp_path):
    source = as_file(tmp_path / "a.aof", "SET a 1")
    outcomes = []
    for steps in range(100):
        folder = tmp_path / str(steps)
        Log.open(folder, filesystem=FileSystem(), now_ms=lambda: 1000).close()
        importer = Importer(folder, KillingFileSystem(steps), "x")
        try:
            importer.take_file(source)
            importer.finish()
            is_done = True
        except KilledError:
            if importer._lock is not None:  # as the system does for the dead
                os.close(importer._lock._file)
            is_done = False
        log = Log.open(folder, filesystem=FileSystem(), now_ms=lambda: 2000)
        outcomes.append(log.last_seq)
        log.close()
        if is_done:
            break

    assert is_done
    assert outcomes[0] == 0
    assert outcomes[-1] > 0
    assert set(outcomes) == {0, outcomes[-1]}


def test_import_over_a_pruned_log_without_records_is_refused(tmp_path):
    folder = tmp_path / "data"
    Log.open(folder, filesystem=FileSystem(), now_ms=lambda: 1000).close()
    (segment,) = (folder / "log").glob("*.log")
    segment.rename(segment.with_name(f"{400001:020}.log"))

    result = run(folder, as_file(tmp_path / "a.aof", "SET a 1"))

    assert result.exit_code == 1
    assert "has a log already" in result.stderr
