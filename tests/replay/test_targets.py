"""What goes over from each real server, and to it: the table of docs/replay.md.

A server that no package brings may be named in the environment, for a row of its own:
WITNESSES="Redis 7.4.1=redis-7.4=/path/to/redis-server".
"""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.app.clock import now_ms
from joblog.app.config import Config
from joblog.app.engine.past import open_scratch
from joblog.replay.cli import main
from joblog.replay.keys.past import Past
from joblog.storage.filesystem import FileSystem
from joblog.storage.places import last_seq_hint
from tests.replay.histories import History
from tests.support.servers import (
    ROOT,
    ServerProcess,
    start_redis,
    start_redis6,
    start_redis8,
    start_valkey,
)

LATER = 4_000_000_000_000
LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"
CONTENTS = {
    "strings, lists, sets, hashes, sorted sets, deadlines": (
        [
            "SET s text",
            f"SET t 12 PXAT {LATER}",
            "RPUSH l a b c",
            "SADD u a b",
            "SADD i 1 2 3",
            "HSET h a 1 b 2",
            "ZADD z 1.5 a 2 b",
            "SELECT 3",
            "SET other x",
        ],
        [
            "MGET s t",
            "PTTL s",
            "LRANGE l 0 -1",
            "SORT u ALPHA",
            "SORT i",
            "HMGET h a b",
            "ZRANGE z 0 -1 WITHSCORES",
            "SELECT 3",
            "GET other",
        ],
    ),
    "streams with consumer groups": (
        [
            "XADD q 1-1 job a",
            "XADD q 2-1 job b",
            "XADD q 3-1 other c",
            "XGROUP CREATE q g 0",
            "XREADGROUP GROUP g c COUNT 2 STREAMS q >",
            "XACK q g 1-1",
            "XDEL q 1-1",
        ],
        ["XRANGE q - +", "XPENDING q g", "XLEN q"],
    ),
    "functions": ([["FUNCTION", "LOAD", LIBRARY]], ["FCALL f 0"]),
    "deadlines of hash fields": (
        [
            "HSET h a 1 b 2 c 3",
            f"HPEXPIREAT h {LATER} FIELDS 1 b",
            f"HPEXPIREAT h {LATER + 70_000} FIELDS 1 c",
        ],
        ["HMGET h a b c", "HPEXPIRETIME h FIELDS 4 a b c x"],
    ),
    "commands of Redis 8.2": (
        [
            ["SET", "a", b"\xff\x0f"],
            ["SET", "b", b"\x55\xaa"],
            "BITOP DIFF d a b",
            "BITOP ONE e a b",
            "HSET h a 1 b 2",
            "HGETDEL h FIELDS 1 a",
            f"HSETEX h PXAT {LATER} FIELDS 1 c 3",
            *[f"XADD q {number}-1 a b" for number in range(1, 7)],
            "XGROUP CREATE q g 0",
            "XREADGROUP GROUP g c COUNT 4 STREAMS q >",
            "XACKDEL q g DELREF IDS 1 2-1",
            "XDELEX q DELREF IDS 1 3-1",
            "XTRIM q MAXLEN 3 ACKED",
            "XADD q KEEPREF MAXLEN 3 7-1 a b",
        ],
        ["MGET d e", "HMGET h a b c", "XRANGE q - +", "XPENDING q g"],
    ),
    "commands of Valkey 9.1": (
        [
            "SET a 1",
            "SET a 2 IFEQ 1",
            "SET b 1",
            "DELIFEQ b 1",
            f"MSETEX 2 c 1 d 2 PXAT {LATER}",
            f"HSETEX h PXAT {LATER} FIELDS 2 a 1 b 2",
            "HGETDEL h FIELDS 1 a",
        ],
        ["MGET a b c d", "HMGET h a b", "HPEXPIRETIME h FIELDS 1 b"],
    ),
}
SERVERS = {
    "Redis 6.2.14": ("redis-6.2", start_redis6),
    "Redis 7.0.15": ("redis-7.0", start_redis),
    "Redis 8.2.3": ("redis-8.2", start_redis8),
    "Valkey 9.1.2": ("valkey-9", start_valkey),
}


def named_server(program):
    return lambda *options: ServerProcess("named", [program], *options)


for entry in filter(None, os.environ.get("WITNESSES", "").split(",")):
    label, target, program = entry.split("=")
    SERVERS[label] = (target, named_server(program))


def run(verb, *words):
    return CliRunner().invoke(main, [verb, *map(str, words)], catch_exceptions=False)


def words_of(line):
    words = line.split() if isinstance(line, str) else line
    return [word if isinstance(word, bytes) else word.encode() for word in words]


def ask_all(server, lines):
    connection = server.connect()
    return [connection.ask(*words_of(line)) for line in lines]


def read_from(folder, lines):
    """Return what a server of ours answers over a folder."""
    past = Past(folder, FileSystem())
    past.go_to(last_seq_hint(folder, filesystem=FileSystem()))
    engine = open_scratch(Config({}), past.fold.keyspace, now_ms())
    session = engine.clients.open(1)
    replies = [engine.run(session, [words]) for words in map(words_of, lines)]
    past.close()
    return replies


def comes_in(start, tmp_path, commands, reads):
    """Say whether a server and its files are imported; None where it has no such."""
    append = ("--appendonly", "yes", "--aof-use-rdb-preamble", "no")
    with start(*append) as server:
        replies = ask_all(server, commands)
        if any(reply.startswith(b"-ERR") for reply in replies):
            return None
        expected = ask_all(server, reads)
        assert ask_all(server, ["SAVE"]) == [b"+OK\r\n"]
        folder = server.folder / "appendonlydir"
        sources = {
            "rdb": server.folder / "dump.rdb",
            "aof": folder if folder.exists() else server.folder / "appendonly.aof",
            "live": f"unix://{server.path}",
        }
        for name, source in sources.items():
            result = run("import", tmp_path / name, source)
            assert result.exit_code == 0, (name, result.output)
            assert read_from(tmp_path / name, reads) == expected, name
    return True


def goes_out(start, target, tmp_path, commands, reads):
    """Say whether a server loads what is exported for it, else what is named."""
    ours = History(tmp_path / "joblog-data")
    ours.clock.at_ms = now_ms()
    ours.run(ours.connect(), *map(words_of, commands))
    ours.close()
    expected = read_from(ours.folder, reads)
    names = ("out.rdb", "out.aof", "history.aof")
    rdb, aof, history = (tmp_path / name for name in names)
    wanted = [("--rdb", rdb), ("--aof", aof, "--at", "now"), ("--aof", history)]
    results = [run("export", ours.folder, *one, "--for", target) for one in wanted]
    codes = {result.exit_code for result in results}
    if codes != {0}:
        assert codes == {1}
        assert not any(path.exists() for path in (rdb, aof, history))
        assert all(f"{target} cannot hold" in result.output for result in results)
        return False
    for name, path in (("dump.rdb", rdb), ("x.aof", aof), ("x.aof", history)):
        with start("--appendfilename", "x.aof") as server:
            server.stop()
            (server.folder / name).write_bytes(path.read_bytes())
            if name == "x.aof":
                server._command += ["--appendonly", "yes"]
            server.start()
            assert ask_all(server, reads) == expected, path
    return True


def cells_of_the_page():
    """Return what docs/replay.md says: by server and contents, `in`, `out` or both."""
    lines = (ROOT / "docs" / "replay.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| contents |"))
    split = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[start:]]
    rows = split[: split.index([])] if [] in split else split
    return {
        (server, row[0]): row[place]
        for row in rows[2:]
        for place, server in enumerate(rows[0])
        if place
    }


@pytest.mark.slow
@pytest.mark.parametrize("contents", CONTENTS)
@pytest.mark.parametrize("label", SERVERS)
def test_table_says_what_goes_over(tmp_path, label, contents):
    target, start = SERVERS[label]
    commands, reads = CONTENTS[contents]

    is_in = comes_in(start, tmp_path, commands, reads)
    is_out = goes_out(start, target, tmp_path, commands, reads)

    words = ["in"] * bool(is_in) + ["out" if is_out else "named"]
    assert cells_of_the_page()[label, contents] == ", ".join(words)


def test_table_has_a_column_for_each_server_and_a_row_for_each_content():
    cells = cells_of_the_page()

    servers = {server for server, _ in cells}
    assert servers - {"Redis 7.4.1"} == SERVERS.keys() - {"Redis 7.4.1"}
    assert {contents for _, contents in cells} == CONTENTS.keys()
    assert Path(__file__).name in (ROOT / "docs" / "replay.md").read_text()


def test_history_is_judged_by_options_too_and_not_by_fields(tmp_path):
    history = History(tmp_path / "joblog-data")
    client = history.connect()
    history.run(client, *[f"XADD q {number}-1 a b c d" for number in (1, 2, 3)])
    history.run(client, "XADD q 4-1 ACKED ACKED ACKED ACKED", "XGROUP CREATE q g 0")
    history.run(client, "XREADGROUP GROUP g c COUNT 3 STREAMS q >", "XACK q g 1-1 3-1")

    before = run(
        "export", history.folder, "--aof", tmp_path / "1", "--for", "redis-7.2"
    )
    history.run(client, "XTRIM q MAXLEN 1 ACKED")
    history.close()
    after = run("export", history.folder, "--aof", tmp_path / "2", "--for", "redis-7.2")
    newer = run("export", history.folder, "--aof", tmp_path / "3", "--for", "redis-8.2")

    assert (before.exit_code, newer.exit_code) == (0, 0)
    assert after.exit_code == 1
    assert "redis-7.2 cannot hold XTRIM ACKED (record " in after.output
    assert not (tmp_path / "2").exists()
