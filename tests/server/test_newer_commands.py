"""Commands newer than Redis 7.2: what they did is there after a kill, to the last."""

from tests.parity import wire

COMMANDS = [
    "SET lock a",
    "SET lock b IFEQ a PX 10000000",
    "SET lock c IFNE a KEEPTTL",
    "SET gone a",
    "DELEX gone IFEQ a",
    "MSETEX 2 one 1 two 2 EX 10000",
    "HSETEX h EX 10000 FIELDS 2 a 1 b 2",
    "HGETDEL h FIELDS 1 a",
    *[f"XADD s {number}-0 f v" for number in range(1, 9)],
    "XGROUP CREATE s g 0",
    "XGROUP CREATE s h 0",
    "XREADGROUP GROUP g a COUNT 6 STREAMS s >",
    "XREADGROUP GROUP h a COUNT 6 STREAMS s >",
    "XREADGROUP GROUP g b COUNT 2 CLAIM 0 STREAMS s >",
    "XACKDEL s g DELREF IDS 1 3-0",
    "XDELEX s DELREF IDS 1 4-0",
    "XACK s h 1-0 5-0",
    "XACK s g 5-0",
    "XTRIM s MAXLEN 5 ACKED",
    "XADD s MAXLEN 4 DELREF 9-0 f v",
    "XADD jobs IDMP web 1 * f v",
    "XADD jobs IDMPAUTO web * f v g w",
]
READS = [
    *("MGET lock gone one two", "HMGET h a b", "HEXPIRETIME h FIELDS 1 b"),
    *("PEXPIRETIME lock", "PEXPIRETIME one", "XRANGE s - +", "XINFO GROUPS s"),
    *("XADD jobs IDMP web 1 * f v", "XADD jobs IDMPAUTO web * g w f v", "XLEN jobs"),
]


def answers(server):
    connection = server.connect()
    pending = [
        [
            (entry.items[0].data, entry.items[1].data, entry.items[3].text)
            for entry in wire.parse(
                connection.ask(*f"XPENDING s {name} - + 9".split())
            ).items
        ]
        for name in "gh"
    ]
    return [connection.ask(*line.split()) for line in READS], pending


def test_all_of_it_outlives_a_kill_and_a_snapshot(start):
    server = start("--appendfsync", "always")
    connection = server.connect()
    for line in COMMANDS:
        reply = connection.ask(*line.split())
        assert not reply.startswith(b"-"), (line, reply)
    before = answers(server)

    server.kill()
    server.start()
    assert answers(server) == before
    assert server.connect().ask("SAVE") == b"+OK\r\n"
    server.kill()
    server.start()
    assert answers(server) == before
    assert before[1] == [[(b"6-0", b"a", b"1")]] * 2
