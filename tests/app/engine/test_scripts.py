import pytest

from joblog.app import errors
from joblog.app.engine.lua_values import sha1_of
from joblog.app.reply import Encoded
from joblog.app.table.table import LOOKUP


@pytest.fixture
def run(clients):
    """Return a function that runs one command of a client and gives the raw reply."""
    clients("a")

    def run(*words, client="a"):
        argv = [w.encode("latin-1") if isinstance(w, str) else w for w in words]
        clients(client)
        clients.engine.context.read_clock()
        return clients.engine.run(clients.sessions[client], [argv])

    return run


def evaluate(run, source, *words):
    return run("EVAL", source, *(words or ("0",)))


def last_entry(clients):
    return clients.engine.outbox.entries[-1]


WRITES = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('INCR', 'n') return 1"


def test_a_script_leaves_one_record_of_all_its_effects(clients, run):
    evaluate(run, WRITES, "1", "k", "v")

    _, db, effects, origin = last_entry(clients)
    assert db == 0
    assert effects == [[b"SET", b"k", b"v"], [b"INCR", b"n"]]
    call, note = origin[1:]
    assert call == [b"EVALSHA", sha1_of(WRITES.encode()), b"1", b"k", b"v"]
    assert isinstance(note, int)


def test_the_record_of_a_script_tells_what_it_took(clients, run):
    times = iter((1_000, 58_999))
    clients.engine._now_ns = lambda: next(times)

    evaluate(run, WRITES, "1", "k", "v")

    assert last_entry(clients)[3][2] == 57


def test_the_record_of_a_script_that_fails_tells_what_it_took(clients, run):
    evaluate(run, "redis.call('SET', 'k', 1) return redis.call('INCR')")

    note = last_entry(clients)[3][2]
    assert note["kind"] == "script"
    assert note["us"] >= 0


def test_the_record_of_a_transaction_tells_what_each_script_took(clients, run):
    run("MULTI")
    run("EVAL", WRITES, "1", "k", "v")
    run("GET", "k")
    run("EVALSHA", "0" * 40, "0")
    run("EVAL", "return 1", "0")
    run("EXEC")

    note = last_entry(clients)[3][2]
    assert len(note["took"]) == 3
    assert min(note["took"]) >= 0
    assert "us" not in note


def test_what_wrote_nothing_leaves_no_time_to_the_next_record(clients, run):
    evaluate(run, "return 1")
    run("SET", "k", "v")

    assert clients.engine.outbox.untimed is None
    assert isinstance(last_entry(clients)[3], int)


def test_the_text_of_a_script_is_recorded_once_before_its_first_record(clients, run):
    evaluate(run, WRITES, "1", "k", "v")
    evaluate(run, WRITES, "1", "k", "w")

    notes = [entry[3][2] for entry in clients.engine.outbox.entries]
    sha = sha1_of(WRITES.encode()).decode()
    assert notes[0] == {"kind": "script_source", "sha": sha, "source": WRITES.encode()}
    assert [type(note) for note in notes[1:]] == [int, int]


def test_the_record_of_a_transaction_names_scripts_by_their_sha(clients, run):
    reads = "return redis.call('GET', KEYS[1])"
    run("MULTI")
    run("EVAL", WRITES, "1", "k", "v")
    run("eval", reads, "1", "k")
    run("EVAL_RO", reads, "1", "k")
    run("EVALSHA", sha1_of(WRITES.encode()).decode().upper(), "1", "k", "w")
    run("EVAL", "no Lua at all", "0")
    run("EXEC")

    *described, (_, _, effects, origin) = clients.engine.outbox.entries
    writes, reads_sha = sha1_of(WRITES.encode()), sha1_of(reads.encode())
    assert [entry[3][2]["source"] for entry in described] == [
        WRITES.encode(),
        reads.encode(),
    ]
    assert effects[0] == [b"SET", b"k", b"v"]
    assert origin[2]["queued"] == [
        [b"EVALSHA", writes, b"1", b"k", b"v"],
        [b"EVALSHA", reads_sha, b"1", b"k"],
        [b"EVALSHA_RO", reads_sha, b"1", b"k"],
        [b"EVALSHA", writes, b"1", b"k", b"w"],
        [b"EVAL", b"no Lua at all", b"0"],
    ]
    assert origin[2]["failed"] == [4]


def test_a_script_without_effects_leaves_no_record(clients, run):
    evaluate(run, "return redis.call('GET', 'k')")
    evaluate(run, "return redis.call('DEL', 'k')")
    run("MULTI")
    evaluate(run, "return redis.call('GET', 'k')")
    run("EXEC")

    assert clients.engine.outbox.entries == []


def test_a_script_that_fails_midway_keeps_what_it_wrote_and_the_record_says_so(
    clients, run
):
    reply = evaluate(run, "redis.call('SET', 'k', 1) error('boom')")

    _, _, effects, origin = last_entry(clients)
    assert effects == [[b"SET", b"k", b"1"]]
    assert b"boom" in origin[2]["error"]
    assert b"-" + origin[2]["error"] + b"\r\n" == reply
    assert run("GET", "k") == b"$1\r\n1\r\n"


def test_effects_are_those_of_the_commands_not_the_commands(clients, run):
    evaluate(run, "redis.call('SET', 'k', 1, 'EX', 100) redis.call('SPOP', 'none')")

    now_ms = clients.engine.context.now_ms
    (effect,) = last_entry(clients)[2]
    assert b"%d" % (now_ms + 100_000) in effect


def test_a_script_in_a_transaction_belongs_to_its_record(clients, run):
    run("MULTI")
    evaluate(run, WRITES, "1", "k", "v")
    run("SET", "after", "1")
    run("EXEC")

    _, _, effects, origin = last_entry(clients)
    assert [effect[0] for effect in effects] == [b"SET", b"INCR", b"SET"]
    assert origin[2]["kind"] == "exec"


def test_a_database_that_a_script_selects_is_in_its_record_and_left_behind_it(
    clients, run
):
    evaluate(
        run,
        "redis.call('SET', 'a', 1) redis.call('SELECT', 3) redis.call('SET', 'b', 2)",
    )

    _, db, effects, _ = last_entry(clients)
    assert (db, effects) == (
        0,
        [[b"SET", b"a", b"1"], [b"SELECT", b"3"], [b"SET", b"b", b"2"]],
    )
    assert run("EXISTS", "b") == b":0\r\n"


def test_time_stands_still_inside_a_script(clients, run):
    run("SET", "k", "v", "PX", "10")
    clock = clients.clock
    clock.advance(9)
    source = (
        "for i = 1, 1000 do redis.call('GET', 'k') end return redis.call('PTTL', 'k')"
    )

    assert evaluate(run, source) == b":1\r\n"


def test_a_bug_in_a_script_s_command_records_nothing_and_surfaces(
    clients, run, monkeypatch
):
    def broken(ctx, key):
        raise ZeroDivisionError

    monkeypatch.setattr(LOOKUP[b"get"], "invoke", broken)

    with pytest.raises(ZeroDivisionError):
        evaluate(run, "redis.call('set', 'k', 1) pcall(redis.call, 'get', 'k')")
    assert clients.entries == []
    assert clients.engine.context.unit is None


REFUSED = [
    pytest.param("foo", errors.SCRIPT_UNKNOWN_COMMAND, id="unknown"),
    pytest.param("get", errors.SCRIPT_WRONG_ARITY, id="arity"),
    pytest.param("config", errors.SCRIPT_WRONG_ARITY, id="no subcommand"),
    pytest.param("multi", errors.SCRIPT_COMMAND_NOT_ALLOWED, id="not in scripts"),
]


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_a_command_that_a_script_may_not_call_is_an_error(run, name, text):
    assert evaluate(run, f"return redis.pcall('{name}')") == b"-" + text + b"\r\n"


READ_ONLY = [
    pytest.param(("EVAL_RO", "return redis.pcall('SET', 'k', 1)", "0"), id="EVAL_RO"),
    pytest.param(
        ("EVAL", "#!lua flags=no-writes\nreturn redis.pcall('SET', 'k', 1)", "0"),
        id="flag",
    ),
    pytest.param(
        ("EVAL_RO", "return redis.pcall('PUBLISH', 'c', 1)", "0"), id="may replicate"
    ),
]


@pytest.mark.parametrize("words", READ_ONLY)
def test_a_script_that_may_not_write_is_refused_writes(run, words):
    assert run(*words) == b"-" + errors.SCRIPT_WRITES_NOT_ALLOWED + b"\r\n"
    assert run("EXISTS", "k") == b":0\r\n"


SHEBANGS = [
    pytest.param("#!lua", errors.INVALID_SHEBANG, id="no second line"),
    pytest.param("#!js\nreturn 1", errors.unexpected_engine(b"#!js"), id="language"),
    pytest.param("#!lua flags=x\n", errors.unexpected_script_flag(b"x"), id="flag"),
    pytest.param(
        "#!lua name=x\n", errors.unknown_shebang_option(b"name=x"), id="option"
    ),
]


@pytest.mark.parametrize(("source", "text"), SHEBANGS)
def test_a_first_line_that_is_wrong_is_refused(run, source, text):
    assert evaluate(run, source) == b"-" + text + b"\r\n"


def test_writes_of_a_script_are_refused_while_the_disk_is_full(clients, run):
    clients.engine.server.alarm.note_disk(b"No space left on device")

    reply = evaluate(run, "return redis.pcall('SET', 'k', 1)")

    assert reply.startswith(b"-MISCONF")
    assert evaluate(run, "return redis.call('GET', 'k')") == b"$-1\r\n"


def test_a_script_is_compiled_once(clients, run):
    run("SCRIPT", "LOAD", "return 1")
    script = clients.engine.scripts.load(b"return 1")

    evaluate(run, "return 1")

    assert clients.engine.scripts.load(b"return 1") is script
    assert clients.engine.scripts.find(script.sha) is script


def test_the_cache_is_counted_and_flushed(clients, run):
    sha = run("SCRIPT", "LOAD", "return 5")[5:45]

    assert clients.engine.scripts.status()["scripts"] == 1
    assert run("EVALSHA", sha.upper(), "0") == b":5\r\n"
    assert run("SCRIPT", "FLUSH") == b"+OK\r\n"
    assert clients.engine.scripts.status()["scripts"] == 0
    assert run("EVALSHA", sha, "0") == b"-" + errors.NO_SCRIPT + b"\r\n"


# --- long scripts --------------------------------------------------------------------


@pytest.fixture
def busy(clients_with):
    """Return clients of a server that is busy after a millisecond."""
    return clients_with({"busy-reply-threshold": "1"})


def serve(clients, *steps):
    """Let other clients run steps while the script runs; return their replies."""
    replies = []
    waiting = list(steps)

    def meanwhile():
        if waiting:
            replies.append(clients("other", waiting.pop(0)))

    clients("other")
    clients("long")
    clients.engine.scripts.meanwhile = meanwhile
    return replies


def run_long(clients, *words):
    argv = [word.encode() for word in words]
    return clients.engine.run(clients.sessions["long"], [argv])


def test_others_are_told_busy_until_the_script_is_killed(busy):
    replies = serve(busy, "GET k", "PING", "SCRIPT KILL")

    reply = run_long(busy, "EVAL", "while true do end", "0")

    assert replies[:2] == [b"-" + errors.BUSY_SCRIPT + b"\r\n"] * 2
    assert replies[2] == b"+OK\r\n"
    assert reply.startswith(b"-ERR Script killed by user with SCRIPT KILL...")
    assert busy("other", "PING") == b"+PONG\r\n"


def test_a_script_that_has_written_is_not_killed(busy):
    replies = serve(busy, "SCRIPT KILL")
    source = (
        "redis.call('SET', 'k', 1) local t = os.clock() "
        "while os.clock() - t < 0.05 do end return 'done'"
    )

    assert run_long(busy, "EVAL", source, "0") == b"$4\r\ndone\r\n"
    assert replies == [b"-" + errors.UNKILLABLE + b"\r\n"]


def test_a_function_is_killed_as_a_function(busy):
    serve(busy)
    library = (
        "#!lua name=l\nredis.register_function('f', function() while true do end end)"
    )
    run_long(busy, "FUNCTION", "LOAD", library)
    replies = serve(busy, "SCRIPT KILL", "FUNCTION STATS", "FUNCTION KILL")

    reply = run_long(busy, "FCALL", "f", "0")

    assert replies[0] == b"-" + errors.BUSY_FUNCTION + b"\r\n"
    assert b"$1\r\nf\r\n" in replies[1]
    assert reply.startswith(b"-ERR Script killed by user with SCRIPT KILL...")


def test_time_goes_on_for_others_and_stands_still_for_the_script(busy):
    def meanwhile():
        busy.clock.advance(50)
        busy.engine.upkeep.look_after(100)
        busy("other", "PING")

    serve(busy)
    busy("other", "SET k v PX 10")
    busy.engine.scripts.meanwhile = meanwhile
    source = (
        "local t = os.clock() while os.clock() - t < 0.03 do end "
        "return {redis.call('GET', 'k'), redis.call('PTTL', 'k')}"
    )

    assert run_long(busy, "EVAL", source, "0") == b"*2\r\n$1\r\nv\r\n:10\r\n"


def test_a_shutdown_ends_the_script_and_records_nothing_of_it(busy):
    serve(busy)

    def meanwhile():
        busy.engine.server.stop_requested = True

    busy.engine.scripts.meanwhile = meanwhile

    reply = run_long(busy, "EVAL", "redis.call('SET', 'k', 1) while true do end", "0")

    assert reply.startswith(b"-ERR Script killed")
    assert busy.entries == []


def test_a_library_that_takes_too_long_to_load_is_given_up(clients, run, monkeypatch):
    monkeypatch.setattr("joblog.app.engine.scripts._LOADING_MS_MAX", 1)

    reply = run("FUNCTION", "LOAD", "#!lua name=l\nwhile true do end")

    assert reply == b"-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n"


def test_a_reply_of_a_script_is_encoded_for_its_client(clients, run):
    run("HELLO", "3")

    assert evaluate(run, "return {map = {a = 1}}") == b"%1\r\n$1\r\na\r\n:1\r\n"
    assert Encoded(b"x") == b"x"
