"""Ways in and out, with real servers at the other end: equal by DEBUG DIGEST."""

import json
import random
from itertools import accumulate

import pytest
from click.testing import CliRunner

from joblog.app.history.rdb_items import RdbError, read_rdb_part
from joblog.app.keyspace.digest import dataset_digest
from joblog.replay.cli import main
from joblog.replay.exchange.aof import AofReader, ExchangeError
from joblog.replay.exchange.manifests import find_parts
from joblog.replay.keys.past import Past
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History
from tests.replay.test_serve import COMMANDS
from tests.support.folding import live_digest
from tests.support.servers import start_joblog, start_redis, start_valkey

STARTERS = {"valkey": start_valkey, "redis": start_redis}
LIBRARY = b"#!lua name=lib\nredis.register_function('f', function() return 1 end)"


def run(verb, *words):
    words = [verb, *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def lines_of(seed, count=300):
    chance = random.Random(seed)
    commands = [line for line in COMMANDS if line != "FLUSHDB"]
    for _ in range(count):
        line = chance.choice(commands)
        yield line.format(n=chance.randrange(3), v=chance.randrange(9)).split()


def digest_at(folder, seq):
    past = Past(folder, FileSystem())
    past.go_to(seq)
    past.close()
    return dataset_digest(past.fold.keyspace).hex()


@pytest.fixture
def kind():
    """Return the real server that a history is for."""
    return "valkey"


@pytest.fixture
def history(tmp_path, kind):
    """Return a random history of every type, two databases, deadlines far away."""
    made = History(tmp_path / "joblog-data")
    made.clock.at_ms = 4_000_000_000_000  # so that no deadline passes in the test
    session = made.connect()
    words = [[word.encode() for word in argv] for argv in lines_of(1)]
    for argv in [*words, [b"FUNCTION", b"LOAD", LIBRARY]]:
        if kind == "redis" and argv[0] == b"XREADGROUP":
            continue  # a consumer that polled in vain is more than Redis 7.0 knows
        made.engine.context.read_clock()
        made.engine.run(session, [argv])
        made.clock.at_ms += 700
        made.write()
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", STARTERS)
def test_history_is_loaded_by_a_real_server(history, tmp_path, kind):
    path = tmp_path / "history.aof"
    assert run("export", history.folder, "--aof", path).exit_code == 0

    with STARTERS[kind]("--appendonly", "no", "--appendfilename", "x.aof") as server:
        server.stop()
        (server.folder / "x.aof").write_bytes(path.read_bytes())
        server._command += ["--appendonly", "yes"]
        server.start()

        assert live_digest(server) == digest_at(history.folder, history.log.last_seq)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STARTERS)
@pytest.mark.parametrize("part", [1.0, 0.5])
def test_moment_is_loaded_by_a_real_server(history, tmp_path, kind, part):
    seq = int(history.log.last_seq * part)
    aof, rdb = tmp_path / "then.aof", tmp_path / "then.rdb"
    for option, path in (("--aof", aof), ("--rdb", rdb)):
        result = run("export", history.folder, option, path, "--at", f"@{seq}")
        assert result.exit_code == 0, result.output
    expected = digest_at(history.folder, seq)

    with STARTERS[kind]() as server:
        server.stop()
        (server.folder / "dump.rdb").write_bytes(rdb.read_bytes())
        server.start()
        assert live_digest(server) == expected
        server.connect().ask("FLUSHALL")
        server.connect().ask("FUNCTION", "FLUSH")
        server.stop()
        (server.folder / "dump.rdb").unlink()
        (server.folder / "appendonly.aof").write_bytes(aof.read_bytes())
        server._command += ["--appendonly", "yes"]
        server.start()
        assert live_digest(server) == expected


def fill(server, seed):
    connection = server.connect()
    for words in lines_of(seed):
        connection.ask(*words)
    connection.ask("FUNCTION", "LOAD", LIBRARY)
    connection.ask("SELECT", "2")
    connection.ask("SET", "k", "v", "PX", "10000000")
    return connection


@pytest.mark.slow
@pytest.mark.parametrize("kind", STARTERS)
def test_what_a_real_server_has_is_imported_in_three_ways(tmp_path, kind):
    options = ("--appendonly", "yes", "--aof-timestamp-enabled", "yes")
    with STARTERS[kind](*options) as server:
        connection = fill(server, 2)
        assert connection.ask("SAVE") == b"+OK\r\n"
        expected = live_digest(server)
        sources = {
            "rdb": server.folder / "dump.rdb",
            "aof": server.folder / "appendonlydir",
            "live": f"unix://{server.path}",
        }
        for name, source in sources.items():
            result = run("import", tmp_path / name, source, "--json")

            assert result.exit_code == 0, result.output
            seq = json.loads(result.stdout)["last_seq"]
            assert digest_at(tmp_path / name, seq) == expected, name


@pytest.mark.slow
def test_base_with_rdb_preamble_and_increments_is_imported(tmp_path):
    with start_redis("--appendonly", "yes") as server:
        connection = fill(server, 3)
        connection.ask("BGREWRITEAOF")
        while b"aof_rewrite_in_progress:0" not in connection.ask("INFO", "persistence"):
            continue
        connection.ask("INCR", "behind")
        manifest = server.folder / "appendonlydir" / "appendonly.aof.manifest"
        assert any(path.suffix == ".rdb" for path in find_parts(manifest))

        result = run("import", tmp_path / "data", manifest, "--json")

        assert result.exit_code == 0, result.output
        seq = json.loads(result.stdout)["last_seq"]
        assert digest_at(tmp_path / "data", seq) == live_digest(server)


@pytest.mark.slow
def test_imported_folder_is_served_by_our_own_server(history, tmp_path):
    path = tmp_path / "dump.rdb"
    seq = history.log.last_seq
    run("export", history.folder, "--rdb", path, "--at", f"@{seq}")
    with start_joblog() as server:
        server.stop()
        for old in sorted(server.folder.rglob("*"), reverse=True):
            old.rmdir() if old.is_dir() else old.unlink()
        assert run("import", server.folder, path).exit_code == 0
        server.start()

        assert live_digest(server) == digest_at(history.folder, seq)


def test_times_of_an_append_only_file_become_those_of_records(tmp_path):
    path = tmp_path / "old.aof"
    path.write_bytes(
        b"#TS:1600000000\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
        b"#TS:1600000060\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
    )

    run("import", tmp_path / "data", path)

    rows = run("log", tmp_path / "data").stdout.splitlines()
    assert "2020-09-13T12:26:40.000" in rows[0]
    assert "2020-09-13T12:27:40.000" in rows[1]


def test_transaction_of_a_file_is_one_record(tmp_path):
    path = tmp_path / "old.aof"
    words = ["MULTI", "SET a 1", "SET b 2", "EXEC"]
    path.write_bytes(b"".join(_resp(line) for line in words))

    run("import", tmp_path / "data", path)

    assert len(run("log", tmp_path / "data").stdout.splitlines()) == 1


def _resp(line):
    words = line.encode().split()
    parts = [b"*%d\r\n" % len(words)]
    return b"".join(parts + [b"$%d\r\n%b\r\n" % (len(w), w) for w in words])


def test_file_cut_at_any_byte_gives_the_commands_before_the_cut(tmp_path):
    lines = ["SET a 1", "MULTI", "SET b 2", "EXEC", "SET c 3"]
    data = b"".join(map(_resp, lines))
    path = tmp_path / "cut.aof"
    ends = list(accumulate(map(len, map(_resp, lines)), initial=0))
    whole = set(ends) - set(ends[2:4])  # not within the transaction
    counts = []
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        with path.open("rb") as file:
            losses = []
            reader = AofReader(file, "cut", losses.append, is_last=True)
            counts.append(len(list(reader.steps())))
            assert bool(losses) == (cut not in whole)

    assert counts == sorted(counts)
    assert sorted(set(counts)) == [0, 1, 4, 5]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(b"*x\r\n", "a number", id="no count"),
        pytest.param(b"hello\r\n", "'\\*' and a number", id="no command"),
        pytest.param(b"*1\r\n:5\r\n", "'\\$' and a length", id="no string"),
        pytest.param(b"*0\r\n", "words", id="no words"),
        pytest.param(b"*1\r\n$%d\r\nx\r\n" % 10**30, "a number", id="absurd length"),
    ],
)
def test_damaged_append_only_file_is_refused(tmp_path, data, text):
    path = tmp_path / "bad.aof"
    path.write_bytes(data)

    with path.open("rb") as file, pytest.raises(ExchangeError, match=text):
        list(AofReader(file, "bad.aof", print, is_last=True).steps())


def test_rdb_file_with_a_flipped_bit_is_refused(history, tmp_path):
    path = tmp_path / "dump.rdb"
    run("export", history.folder, "--rdb", path, "--at", f"@{history.log.last_seq}")
    whole = path.read_bytes()
    chance = random.Random(5)
    for _ in range(40):
        at = chance.randrange(len(whole) - 8)
        damaged = bytearray(whole)
        damaged[at] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)

        with path.open("rb") as file, pytest.raises(RdbError):
            list(read_rdb_part(file, "dump.rdb"))


def test_command_that_is_refused_names_its_place(tmp_path):
    path = tmp_path / "odd.aof"
    path.write_bytes(_resp("SET a 1") + _resp("NOSUCH a"))

    result = run("import", tmp_path / "data", path)

    assert result.exit_code == 1
    assert "NOSUCH a is refused: ERR unknown command" in result.stderr
    assert "nothing was imported" in result.stderr
    assert not (tmp_path / "data").exists()


def test_import_into_a_log_with_records_is_refused(history, tmp_path):
    path = tmp_path / "a.aof"
    path.write_bytes(_resp("SET a 1"))
    result = run("import", history.folder, path)

    assert result.exit_code == 1
    assert "import into an empty folder" in result.stderr


@pytest.mark.parametrize(
    "words", [[], ["--aof", "a", "--rdb", "b"]], ids=["none", "both"]
)
def test_export_wants_one_kind_of_file(history, words):
    assert run("export", history.folder, *words).exit_code == 2


def test_export_writes_over_no_file(history, tmp_path):
    path = tmp_path / "there.aof"
    path.write_bytes(b"precious")

    result = run("export", history.folder, "--aof", path)

    assert result.exit_code == 1
    assert path.read_bytes() == b"precious"
