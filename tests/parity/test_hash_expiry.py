"""Deadlines of the fields of a hash: HEXPIRE, HTTL, HPERSIST, HSETEX, HGETEX."""

import pytest

from tests.parity import wire

FAR = "99999999999"
FAR_MS = "99999999999499"

SETTING = [
    "HSET h a 1 b 2 c 3",
    f"HEXPIREAT h {FAR} FIELDS 2 a x",
    "HEXPIRETIME h FIELDS 3 a b x",
    "HPEXPIRETIME h FIELDS 3 a b x",
    f"HPEXPIREAT h {FAR_MS} FIELDS 3 b b a",
    "HEXPIRETIME h FIELDS 2 a b",
    "HPEXPIREAT h 99999999999500 fields 1 a",
    "HEXPIRETIME h FIELDS 1 a",
    "HEXPIRE h 1000 FIELDS 1 c",
    "HPEXPIRE h 1000000 FIELDS 1 c",
    "HPERSIST h FIELDS 3 a b x",
    "HPERSIST h FIELDS 3 a b x",
    "HTTL h FIELDS 3 a b x",
    "HPTTL h FIELDS 2 b x",
    *(f"{word} none FIELDS 2 a b" for word in ("HTTL", "HPTTL", "HPERSIST")),
    *(f"{word} none FIELDS 1 a" for word in ("HEXPIRETIME", "HPEXPIRETIME")),
    "HEXPIRE none 10 FIELDS 2 a b",
    "HPEXPIREAT h 9223372036854775807 FIELDS 1 a",
    "HPEXPIRETIME h FIELDS 1 a",
    "OBJECT ENCODING h",
    "HSET i a 1",
    "HEXPIRE i 100 FIELDS 1 a",
    "OBJECT ENCODING i",
]

PASSED = [
    "HSET h a 1 b 2 c 3 d 4 e 5",
    "HEXPIRE h 0 FIELDS 3 a x a",
    "HPEXPIRE h 0 FIELDS 1 b",
    "HEXPIREAT h 1 FIELDS 1 c",
    "HPEXPIREAT h 0 FIELDS 1 d",
    "HEXPIRE h 0 XX FIELDS 1 e",
    "HEXPIRE h 0 GT FIELDS 1 e",
    "HGETALL h",
    "HEXPIRE h 0 LT FIELDS 1 e",
    "EXISTS h",
    "HSETEX h EXAT 1 FIELDS 2 a 1 b 2",
    "EXISTS h",
    "HSET h a 1 b 2 c 3",
    "HSETEX h EX 0 FIELDS 2 a 1 b 2",
    "HGETALL h",
    "HSET h a 1",
    "HGETEX h EXAT 1 FIELDS 3 a x a",
    "HGETEX h PX 0 FIELDS 1 c",
    "EXISTS h",
]

OPTIONS = [
    "HSET h a 1 b 2",
    f"HPEXPIREAT h {FAR_MS} NX FIELDS 2 a x",
    f"HPEXPIREAT h {FAR_MS} nx FIELDS 2 a b",
    "HPERSIST h FIELDS 1 b",
    "HPEXPIREAT h 99999999999498 XX FIELDS 2 a b",
    "HPEXPIREAT h 99999999999498 GT FIELDS 2 a b",
    f"HPEXPIREAT h {FAR_MS} gt FIELDS 2 a b",
    f"HPEXPIREAT h {FAR_MS} LT FIELDS 2 a b",
    "HPEXPIREAT h 99999999999400 lt FIELDS 2 a b",
    "HPEXPIREAT h 99999999999300 XX LT FIELDS 2 a b",
    "HPEXPIREAT h 99999999999300 XX GT FIELDS 2 a b",
    "HPEXPIREAT h 99999999999300 XX XX FIELDS 2 a b",
    "HPEXPIRETIME h FIELDS 2 a b",
    *(
        f"HEXPIRE h 10 {words} FIELDS 1 a"
        for words in ("NX XX", "NX GT", "NX LT", "GT LT", "NONSENSE", "NX NONSENSE XX")
    ),
    "HEXPIRE h x NONSENSE FIELDS 1 a",
    "HEXPIRE h x NX XX FIELDS 0 a",
    "HEXPIRE none 10 NONSENSE FIELDS 1 a",
    "HEXPIRE h 10 FIELDS 1 FIELDS",
    "HEXPIRE h 10 FIELDS 1 a GT",
    "HEXPIRE h 10 FIELDS 2 none GT",
    "HEXPIRE h 10 NX FIELDS x",
    "HEXPIRE h 10 NX FIELDS 0",
    "HGETEX h EX 10 FIELDS x",
    "HGETEX h EX 10 FIELDS 0",
    "HSETEX h EX 10 FIELDS x",
    "HSETEX h EX 10 FIELDS 0",
]

WORDS = [
    "HSET h a 1 b 2",
    "SET s x",
    *(
        f"{command} {words}"
        for command in ("HEXPIRE h 10", "HPERSIST h", "HTTL h", "HGETEX h", "HGETDEL h")
        for words in (
            "FIELDS 2 a",
            "FIELDS 1 a b",
            "FIELDS 0 a",
            "FIELDS -1 a",
            "FIELDS x a",
            "FIELDS 1.5 a",
            "FIELDS 99999999999999999999 a",
            "FIELDS 9223372036854775807 a",
            "FIELD 1 a",
            "FIELD x a",
            "FIELDS 1",
            "FIELDS",
        )
    ),
    *(
        f"HSETEX h {words}"
        for words in (
            "FIELDS 1 a",
            "FIELDS 1 a 1 b",
            "FIELDS 2 a 1 b",
            "FIELDS 2 a 1",
            "FIELDS 0 a 1",
            "FIELDS -1 a 1",
            "FIELDS x a 1",
            "FIELDS 4611686018427387905 a 1",
            "FIELD 1 a 1",
        )
    ),
    *(
        f"{command} s FIELDS 1 a"
        for command in ("HPERSIST", "HTTL", "HPTTL", "HEXPIRETIME", "HGETEX")
    ),
    *(f"HEXPIRE s {number} FIELDS 1 a" for number in ("10", "x", "-1")),
    "HSETEX s FIELDS 1 a 1",
    "HSETEX s EX x FIELDS 1 a 1",
    "HSETEX s FXX FIELDS 1 a 1",
    "HGETEX s EX x FIELDS 1 a",
]

NUMBERS = [
    "HSET h a 1",
    *(
        f"{command} {key} {number} FIELDS 1 a"
        for command in ("HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT")
        for key in ("none", "h")
        for number in ("x", "1.5", "-1", "9223372036854775808", "9223372036854776")
    ),
    *(
        f"{command} none {word} {number} FIELDS 1 {fields}"
        for command, fields in (("HSETEX", "a 1"), ("HGETEX", "a"))
        for word in ("EX", "PX", "EXAT", "PXAT")
        for number in ("x", "1.5", "-1", "9223372036854775808")
    ),
    "HEXPIRE h 9223372036854775807 FIELDS 1 a",
    "HSETEX h EX 9223372036854775 FIELDS 1 a 1",
    "HPEXPIREAT none 9223372036854775807 FIELDS 1 a",
]

SETEX = [
    f"HSETEX h EXAT {FAR} FIELDS 2 a 1 b 2",
    "HEXPIRETIME h FIELDS 2 a b",
    "HSETEX h FXX FIELDS 2 z 1 a 2",
    "HSETEX h FNX FIELDS 2 z 1 a 2",
    "HSETEX h FNX FIELDS 2 y 1 z 2",
    "HSETEX h FXX KEEPTTL FIELDS 2 b 5 z 2",
    "HEXPIRETIME h FIELDS 4 a b y z",
    f"HSETEX h PXAT {FAR_MS} FIELDS 2 q 1 q 2",
    "HSETEX h KEEPTTL FIELDS 2 q 3 new 4",
    "HPEXPIRETIME h FIELDS 2 q new",
    "HSETEX h NX EX x FIELDS 1 a 1",
    "HSETEX none XX EX -1 FIELDS 1 a 1",
    "HSETEX h FNX EX x FIELDS 1 a 1",
    "HSETEX h FIELDS 1 q 4",
    "HTTL h FIELDS 1 q",
    "HGETALL h",
    "HSETEX h NX FIELDS 1 a 9",
    "HSETEX h XX FIELDS 1 a 9",
    "HSETEX none XX FIELDS 1 a 9",
    "HSETEX none FXX FIELDS 1 a 9",
    f"HSETEX new NX FNX PXAT {FAR_MS} FIELDS 1 a 9",
    "HPEXPIRETIME new FIELDS 1 a",
    "HSETEX h XX FNX FIELDS 1 a 9",
    *(
        f"HSETEX h {words} FIELDS 1 a 1"
        for words in (
            "FNX FXX",
            "NX XX",
            "NX NX",
            "FXX FXX",
            "EX 10 KEEPTTL",
            "KEEPTTL EX 10",
            "KEEPTTL KEEPTTL",
            "EX 10 PX 10",
            "EXAT 10 PXAT 10",
            f"EXAT {FAR} EXAT 99999999998",
            "EX",
            "NX EX",
            "EX FNX",
            "PERSIST",
            "GET",
            "FOO",
            "ch",
        )
    ),
    "HEXPIRETIME h FIELDS 1 a",
    "HSETEX h FIELDS 1 a 1 EX 10",
]

GETEX = [
    "HSET h a 1 b 2",
    "HGETEX h FIELDS 3 a x a",
    f"HGETEX h EXAT {FAR} FIELDS 3 a x a",
    "HEXPIRETIME h FIELDS 2 a b",
    f"HGETEX h PXAT {FAR_MS} FIELDS 1 x",
    "HGETEX h PERSIST FIELDS 3 a b x",
    "HTTL h FIELDS 2 a b",
    "HGETEX none EX 10 FIELDS 2 b x",
    *(
        f"HGETEX h {words} FIELDS 1 a"
        for words in (
            "PERSIST EX 10",
            "EX 10 PERSIST",
            "PERSIST PERSIST",
            "EX 10 PX 10",
            f"EXAT {FAR} EXAT 99999999998",
            "EX",
            "KEEPTTL",
            "NX",
            "FNX",
            "FOO",
        )
    ),
    "HEXPIRETIME h FIELDS 1 a",
]

OTHERS = [
    f"HSETEX h EXAT {FAR} FIELDS 4 a 1 b 2 n 3 f 1.5",
    "HSET h a 5",
    "HMSET h b 5 c 6",
    "HINCRBY h n 4",
    "HINCRBYFLOAT h f 1.25",
    "HSETNX h n 9",
    "HEXPIRETIME h FIELDS 5 a b c n f",
    "HDEL h n",
    "HSET h n 1",
    "HGETDEL h FIELDS 1 f",
    "HINCRBYFLOAT h f 1",
    "HEXPIRETIME h FIELDS 2 n f",
    f"HSETEX h EXAT {FAR} FIELDS 1 a 1",
    "RENAME h i",
    "HEXPIRETIME i FIELDS 2 a b",
    "COPY i h",
    "HEXPIRETIME h FIELDS 2 a b",
    "HPERSIST h FIELDS 1 a",
    "HEXPIRETIME i FIELDS 1 a",
    "MOVE i 1",
    "SELECT 1",
    "HEXPIRETIME i FIELDS 2 a b",
    "SWAPDB 0 1",
    "HTTL h FIELDS 1 a",
    "SELECT 0",
    "HEXPIRETIME i FIELDS 2 a b",
    "SET i x KEEPTTL",
    "HSET j a 1",
    "MULTI",
    f"HEXPIREAT j {FAR} FIELDS 1 a",
    "HEXPIRETIME j FIELDS 1 a",
    "EXEC",
    [
        "EVAL",
        f"return redis.call('HSETEX', KEYS[1], 'EXAT', {FAR}, 'FIELDS', 1, 'z', 1)",
        "1",
        "j",
    ],
    "HEXPIRETIME j FIELDS 2 a z",
]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(SETTING, id="setting"),
        pytest.param(OPTIONS, id="options"),
        pytest.param(NUMBERS, id="numbers"),
        pytest.param(SETEX, id="HSETEX"),
        pytest.param(GETEX, id="HGETEX"),
        pytest.param(OTHERS, id="other commands"),
    ],
)
def test_deadlines_of_fields_answer_as_in_valkey(parity, script):
    # Valkey's digest leaves deadlines of fields out, ours has them as in Redis 7.4.
    parity(script, digest=False)


@pytest.mark.parametrize(
    "script",
    [pytest.param(PASSED, id="passed"), pytest.param(WORDS, id="words")],
)
def test_fields_without_deadlines_are_left_as_in_valkey(parity, script):
    parity(script)


COMMANDS = [
    *("HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT"),
    *("HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HPERSIST", "HSETEX", "HGETEX"),
]


def test_the_table_knows_them_as_valkeys_does(parity):
    parity(
        [
            "COMMAND GETKEYSANDFLAGS HSETEX h FIELDS 1 a 1",
            "COMMAND GETKEYSANDFLAGS HGETEX h FIELDS 1 a",
            "COMMAND GETKEYSANDFLAGS HEXPIRE h 1 FIELDS 1 a",
            *COMMANDS,
            *(f"{name} h" for name in COMMANDS),
        ]
    )
    # RESP3 gives the list of subcommands another type in Valkey than in Redis 7.2.
    parity([f"COMMAND INFO {name}" for name in COMMANDS], protocols=[2])


def ask(server, *commands):
    connection = server.connect()
    try:
        return [connection.ask(*words) for words in commands]
    finally:
        connection.close()


LOOKS = (["HGETALL", "k"], ["HPEXPIRETIME", "k", "FIELDS", 3, "a", "b", "c"])


@pytest.mark.parametrize("extra", [0, 600], ids=["small", "large"])
def test_a_hash_with_deadlines_moves_to_valkey_and_back(
    running, fold_equals_live, extra
):
    ours, theirs = running("joblog"), running("valkey")
    values = ["HSET", "k", *(f"word{number}" for number in range(2 * extra))]
    fields = ["HSETEX", "k", "PXAT", FAR_MS, "FIELDS", 2, "a", "1", "c", "x" * 100]
    ask(ours, ["FLUSHALL"], [*values, "b", "2"], fields, ["HEXPIRE", "k", 0])
    ask(theirs, ["FLUSHALL"])
    before = shown(ours)

    (dumped,) = ask(ours, ["DUMP", "k"])
    assert ask(theirs, ["RESTORE", "k", 0, wire.parse(dumped).data]) == [b"+OK\r\n"]
    assert shown(theirs) == before

    (back,) = ask(theirs, ["DUMP", "k"])
    ask(ours, ["DEL", "k"], ["RESTORE", "k", 0, wire.parse(back).data])
    assert shown(ours) == before
    fold_equals_live(ours)


def shown(server):
    table, deadlines = map(wire.parse, ask(server, *LOOKS))
    return wire.without_order(table), deadlines


def test_what_expires_is_removed_by_itself_and_its_events_are_told(events_of):
    """Which command finds it is left open: either server has its own rhythm."""
    steps = [
        ["HSETEX", "h", "PX", 1, "FIELDS", 2, "a", "1", "b", "2"],
        ["HSET", "i", "a", "1"],
        ["HPEXPIRE", "i", 1, "FIELDS", 1, "a"],
    ]

    ours, theirs = events_of("joblog", steps, 8), events_of("valkey", steps, 8)

    assert ours == theirs


@pytest.fixture
def events_of(running):
    """Return a function that runs commands and returns so many events, by key."""

    def listen(name, steps, count):
        server = running(name)
        control, listener = server.connect(), server.connect()
        control.ask("FLUSHALL")
        control.ask("CONFIG", "SET", "notify-keyspace-events", "Kghx")
        listener.ask("PSUBSCRIBE", "__keyspace@0__:*")
        for words in steps:
            control.ask(*words)
        heard = [wire.parse(listener.read()).items for _ in range(count)]
        control.ask("CONFIG", "SET", "notify-keyspace-events", "")
        control.close(), listener.close()
        keys = {channel.data for _, _, channel, _ in heard}
        return {
            key: [event.data for _, _, channel, event in heard if channel.data == key]
            for key in keys
        }

    return listen
