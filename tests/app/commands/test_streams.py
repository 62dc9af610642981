import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.commands.streams.info import xinfo_stream
from joblog.app.errors import WRONG_TYPE, CommandError
from joblog.app.history.recovery import Fold
from joblog.app.reply import NULL_ARRAY
from joblog.storage.record import Origin, Record
from tests.app.commands.conftest import Client

NOW = 1_700_000_000_000
EVENTS = [
    pytest.param("XADD s 9-1 a 1", ["xadd"], id="XADD"),
    pytest.param("XADD s MAXLEN 1 9-1 a 1", ["xadd", "xtrim"], id="XADD that trims"),
    pytest.param("XDEL s 1-1 9-9", ["xdel"], id="XDEL"),
    pytest.param("XTRIM s MAXLEN 1", ["xtrim"], id="XTRIM"),
    pytest.param("XSETID s 9-1", ["xsetid"], id="XSETID"),
    pytest.param("XGROUP CREATE s h 0", ["xgroup-create"], id="CREATE"),
    pytest.param("XGROUP SETID s g 0", ["xgroup-setid"], id="SETID"),
    pytest.param("XGROUP DESTROY s g", ["xgroup-destroy"], id="DESTROY"),
    pytest.param(
        "XGROUP CREATECONSUMER s g bob", ["xgroup-createconsumer"], id="CREATECONSUMER"
    ),
    pytest.param(
        "XGROUP DELCONSUMER s g alice", ["xgroup-delconsumer"], id="DELCONSUMER"
    ),
    pytest.param(
        "XREADGROUP GROUP g bob STREAMS s >",
        ["xgroup-createconsumer"],
        id="XREADGROUP by a new consumer",
    ),
    pytest.param("XREADGROUP GROUP g alice STREAMS s >", [], id="XREADGROUP"),
    pytest.param("XREADGROUP GROUP g alice STREAMS s 0", [], id="XREADGROUP again"),
    pytest.param("XCLAIM s g alice 0 1-1", [], id="XCLAIM"),
    pytest.param("XCLAIM s g bob 0 1-1", ["xgroup-createconsumer"], id="XCLAIM by new"),
    pytest.param("XAUTOCLAIM s g alice 0 0", [], id="XAUTOCLAIM"),
    pytest.param("XACK s g 1-1", [], id="XACK"),
]


def prepare(client):
    for words in (
        "XADD s 1-1 a 1",
        "XADD s 2-1 a 2",
        "XADD s 3-1 a 3",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g alice COUNT 2 STREAMS s >",
    ):
        client(words)


@pytest.mark.parametrize(("words", "events"), EVENTS)
def test_stream_command_tells_of_its_events_and_leaves_effects(client, words, events):
    prepare(client)

    client(words)

    assert client.events == [(event, "s") for event in events]
    assert client.effects


UNCHANGED = [
    "XADD none NOMKSTREAM * a 1",
    "XDEL s 9-9",
    "XDEL none 1-1",
    "XTRIM s MAXLEN 3",
    "XTRIM s MAXLEN ~ 1",
    "XTRIM none MAXLEN 0",
    "XGROUP DESTROY s none",
    "XGROUP CREATECONSUMER s g alice",
    "XGROUP DELCONSUMER s g nobody",
    "XACK s g 9-9",
    "XACK s none 1-1",
    "XCLAIM s g alice 0 9-9",
    "XCLAIM s g alice 1000 1-1",
    "XAUTOCLAIM s g alice 1000 0",
    "XREADGROUP GROUP g alice STREAMS s 9",
    "XREAD STREAMS s 0",
    "XRANGE s - +",
    "XPENDING s g",
    "XINFO STREAM s FULL",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_stream_command_that_changes_nothing_leaves_no_trace(client, words):
    prepare(client)

    client(words)

    assert (client.events, client.effects) == ([], [])


WRONG = [
    "XADD k * a 1",
    "XLEN k",
    "XRANGE k - +",
    "XDEL k 1",
    "XTRIM k MAXLEN 1",
    "XSETID k 1",
    "XINFO STREAM k",
    "XGROUP CREATE k g 0",
    "XREAD STREAMS k 0",
    "XREADGROUP GROUP g c STREAMS k >",
    "XACK k g 1",
    "XPENDING k g",
    "XCLAIM k g c 0 1",
    "XAUTOCLAIM k g c 0 1",
]


@pytest.mark.parametrize("words", WRONG)
def test_stream_command_refuses_another_type_and_changes_nothing(client, words):
    client("SET k v")

    reply = client(words)

    assert isinstance(reply, CommandError)
    assert reply.text == WRONG_TYPE
    assert (client.events, client.effects) == ([], [])


# --- effects -----------------------------------------------------------------------

EFFECTS = [
    pytest.param("XADD s 9-1 a 1", ["XADD s 9-1 a 1"], id="the ID is given"),
    pytest.param("XADD s 9 a 1", ["XADD s 9-0 a 1"], id="half of the ID is given"),
    pytest.param("XADD s * a 1", [f"XADD s {NOW}-0 a 1"], id="no ID is given"),
    pytest.param("XADD s 3-* a 1", ["XADD s 3-2 a 1"], id="the time is given"),
    pytest.param(
        "XADD s NOMKSTREAM MAXLEN ~ 2 * a 1",
        [f"XADD s {NOW}-0 a 1"],
        id="nothing was trimmed",
    ),
    pytest.param(
        "XADD s MINID 3 9-1 a 1",
        ["XADD s MAXLEN = 2 9-1 a 1"],
        id="something was trimmed",
    ),
    pytest.param("XTRIM s MINID 3", ["XTRIM s MINID 3"], id="exact trimming"),
    pytest.param(
        "XGROUP CREATECONSUMER s g bob",
        [
            "XGROUP CREATECONSUMER s g bob",
            f"XCLAIM s g bob 0 0-0 TIME {NOW} JUSTID",
        ],
        id="CREATECONSUMER",
    ),
    pytest.param(
        "XREADGROUP GROUP g bob STREAMS s >",
        [
            f"XCLAIM s g bob 0 3-1 TIME {NOW} RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
            "XGROUP SETID s g 3-1 ENTRIESREAD 3",
        ],
        id="XREADGROUP",
    ),
    pytest.param(
        "XREADGROUP GROUP g bob NOACK STREAMS s >",
        [
            f"XCLAIM s g bob 0 0-0 TIME {NOW} JUSTID",
            "XGROUP SETID s g 3-1 ENTRIESREAD 3",
        ],
        id="XREADGROUP with NOACK",
    ),
    pytest.param(
        "XREADGROUP GROUP g alice STREAMS s 0",
        [f"XCLAIM s g alice 0 1-1 2-1 TIME {NOW} RETRYCOUNT 2 FORCE JUSTID"],
        id="XREADGROUP of what is pending",
    ),
    pytest.param(
        "XCLAIM s g bob 0 2-1 IDLE 500",
        [
            f"XCLAIM s g bob 0 2-1 TIME {NOW - 500} RETRYCOUNT 2 FORCE JUSTID",
            f"XCLAIM s g bob 0 0-0 TIME {NOW} JUSTID LASTID 2-1",
        ],
        id="XCLAIM with an idle time",
    ),
    pytest.param(
        "XCLAIM s g alice 0 9-9 LASTID 3-1",
        ["XGROUP SETID s g 3-1 ENTRIESREAD 2"],
        id="XCLAIM that only moves the group",
    ),
    pytest.param(
        "XAUTOCLAIM s g bob 0 0 COUNT 1",
        [
            f"XCLAIM s g bob 0 1-1 TIME {NOW} RETRYCOUNT 2 FORCE JUSTID LASTID 2-1",
        ],
        id="XAUTOCLAIM",
    ),
]


@pytest.mark.parametrize(("words", "effects"), EFFECTS)
def test_stream_command_is_recorded_as_what_came_of_it(client, words, effects):
    prepare(client)

    client(words)

    assert [b" ".join(effect).decode() for effect in client.effects] == effects


def test_approximate_trimming_is_recorded_as_the_length_that_it_left(client):
    for number in range(1, 251):
        client(f"XADD s {number}-1 n {number}")

    assert client("XTRIM s MAXLEN ~ 120") == 100
    assert client.effects == [[b"XTRIM", b"s", b"MAXLEN", b"=", b"150"]]


def test_a_pending_entry_that_was_deleted_is_recorded_as_gone(client):
    prepare(client)
    client("XDEL s 1-1")

    client("XAUTOCLAIM s g bob 0 0 JUSTID")

    assert [b" ".join(effect).decode() for effect in client.effects] == [
        f"XCLAIM s g bob 0 1-1 TIME {NOW} JUSTID",
        f"XCLAIM s g bob 0 2-1 TIME {NOW} RETRYCOUNT 1 FORCE JUSTID LASTID 2-1",
    ]


# --- folding -----------------------------------------------------------------------


class Folding:
    """A client whose effects are kept, and folded in the end."""

    def __init__(self):
        self.client = Client()
        self.records = []

    def __call__(self, words):
        reply = self.client(words)
        if self.client.effects:
            seq = len(self.records) + 1
            at_ms = self.client.clock.at_ms
            effects = self.client.effects
            self.records.append(Record(seq, 0, at_ms, 0, effects, Origin(1)))
        return reply

    def folded(self):
        fold = Fold()
        fold.apply(self.records)
        return fold


def look_inside(context):
    """Return all that is known of each stream in the context's database."""
    return {
        key: xinfo_stream(context, key, b"FULL", b"COUNT", b"0")
        for key in context.db.values
    }


def without_times_seen(streams):
    for info in streams.values():
        for group in info[b"groups"]:
            for consumer in group[b"consumers"]:
                del consumer[b"seen-time"]
    return streams


def test_a_fold_has_the_same_groups_and_times_as_the_live_keyspace():
    run = Folding()
    prepare(run)
    for words in (
        "XGROUP CREATECONSUMER s g carol",
        "XADD s * a 4",
        "XREADGROUP GROUP g bob COUNT 1 STREAMS s >",
        "XREADGROUP GROUP g alice COUNT 1 STREAMS s 1",
        "XREADGROUP GROUP g noack NOACK STREAMS s >",
        "XCLAIM s g dave 0 1-1 IDLE 70 RETRYCOUNT 9",
        "XCLAIM s g bob 0 2-1 TIME 5",
        "XDEL s 2-1",
        "XAUTOCLAIM s g erin 10 0",
        "XREADGROUP GROUP g frank STREAMS s >",
        "XGROUP SETID s g 0 ENTRIESREAD 7",
        "XREADGROUP GROUP g bob COUNT 1 STREAMS s >",
        "XACK s g 3-1",
        "XCLAIM s g grace 0 9-9 LASTID 3-1",
    ):
        run.client.clock.advance(13)
        reply = run(words)
        assert not isinstance(reply, CommandError), (words, reply)

    live = look_inside(run.client.engine.context)
    folded = run.folded()._context

    assert look_inside(folded) == live
    folded.db.values[b"s"].check()


ENTRY = st.sampled_from(["1-1", "2-1", "3-1", "4-2", "5-0", "6", "7-*", "*"])
GROUP = st.sampled_from(["g", "h"])
CONSUMER = st.sampled_from(["alice", "bob", "carol"])
COUNT = st.sampled_from(["1", "2", "5"])
COMMANDS = st.one_of(
    st.builds("XADD s {} a 1".format, ENTRY),
    st.builds("XADD s MAXLEN {} * a 1 b 2".format, COUNT),
    st.builds("XADD s MINID ~ {} * a 1".format, ENTRY),
    st.builds("XDEL s {}".format, ENTRY),
    st.builds("XTRIM s MAXLEN {}".format, COUNT),
    st.builds("XSETID s {} ENTRIESADDED 9 MAXDELETEDID {}".format, ENTRY, ENTRY),
    st.builds("XGROUP CREATE s {} {} MKSTREAM".format, GROUP, ENTRY),
    st.builds("XGROUP SETID s {} {}".format, GROUP, ENTRY),
    st.builds("XGROUP SETID s {} {} ENTRIESREAD 2".format, GROUP, ENTRY),
    st.builds("XGROUP DESTROY s {}".format, GROUP),
    st.builds("XGROUP CREATECONSUMER s {} {}".format, GROUP, CONSUMER),
    st.builds("XGROUP DELCONSUMER s {} {}".format, GROUP, CONSUMER),
    *[
        st.builds(words.format, GROUP, CONSUMER, COUNT)
        for words in (
            "XREADGROUP GROUP {} {} COUNT {} STREAMS s >",
            "XREADGROUP GROUP {} {} COUNT {} STREAMS s 0",
            "XREADGROUP GROUP {} {} NOACK COUNT {} STREAMS s >",
            "XREADGROUP GROUP {} {} BLOCK 0 COUNT {} STREAMS s 3",
            "XAUTOCLAIM s {} {} 5 0 COUNT {}",
            "XAUTOCLAIM s {} {} 0 2 COUNT {} JUSTID",
        )
    ],
    *[
        st.builds(words.format, GROUP, CONSUMER, ENTRY, ENTRY)
        for words in (
            "XCLAIM s {} {} 0 {} {} FORCE",
            "XCLAIM s {} {} 5 {} {} IDLE 3",
            "XCLAIM s {} {} 0 {} {} JUSTID RETRYCOUNT 4",
            "XCLAIM s {} {} 0 {} LASTID {}",
        )
    ],
    st.builds("XACK s {} {} {}".format, GROUP, ENTRY, ENTRY),
    st.just("COPY s t REPLACE"),
    st.just("RENAME t s"),
    st.just("DEL s"),
)


@given(st.lists(COMMANDS, max_size=40))
def test_a_fold_agrees_with_the_live_keyspace_after_any_commands(commands):
    run = Folding()
    run("XGROUP CREATE s g 0 MKSTREAM")
    for words in commands:
        run.client.clock.advance(3)
        run(words)

    live = without_times_seen(look_inside(run.client.engine.context))
    folded = without_times_seen(look_inside(run.folded()._context))

    assert folded == live


def test_xrange_with_a_count_of_zero_answers_null(client):
    client("XADD s 1-1 a 1")

    assert client("XRANGE s - + COUNT 0") is NULL_ARRAY
    assert client("XRANGE none - + COUNT 0") == []


def test_xread_inside_of_a_transaction_does_not_wait(client):
    client("MULTI")
    client("XREAD BLOCK 0 STREAMS s $")

    assert client("EXEC") == b"*1\r\n*-1\r\n"


def groups(client):
    for number in range(1, 6):
        client(f"XADD s {number}-1 a {number}")
    for name in "gh":
        client(f"XGROUP CREATE s {name} 0")
        client(f"XREADGROUP GROUP {name} c COUNT 4 STREAMS s >")
    client("XACK s g 1-1 3-1")
    client("XACK s h 1-1 3-1")


def test_removals_are_recorded_as_commands_that_servers_of_7_2_know(client):
    groups(client)

    client("XDELEX s DELREF IDS 2 2-1 9-9")
    assert client.effects == [
        [b"XACK", b"s", b"g", b"2-1"],
        [b"XACK", b"s", b"h", b"2-1"],
        [b"XDEL", b"s", b"2-1"],
    ]
    client("XACKDEL s g ACKED IDS 2 4-1 3-1")
    assert client.effects == [[b"XACK", b"s", b"g", b"4-1"]]
    client("XACKDEL s h ACKED IDS 1 4-1")
    assert client.effects == [[b"XACK", b"s", b"h", b"4-1"], [b"XDEL", b"s", b"4-1"]]
    client("XDELEX s ACKED IDS 1 5-1")
    assert client.effects == []


def test_trimming_is_recorded_by_the_length_that_it_left(client):
    groups(client)

    client("XTRIM s MINID 2-1 ACKED")
    assert client.effects == [[b"XTRIM", b"s", b"MAXLEN", b"=", b"4"]]
    client("XADD s MAXLEN 4 DELREF 6-1 a b")
    assert client.effects == [
        [b"XADD", b"s", b"MAXLEN", b"=", b"4", b"6-1", b"a", b"b"],
        [b"XACK", b"s", b"g", b"2-1"],
        [b"XACK", b"s", b"h", b"2-1"],
    ]
    client("XADD s ACKED 7-1 a b")
    assert client.effects == [[b"XADD", b"s", b"7-1", b"a", b"b"]]


def test_trimming_that_leaves_a_gap_says_so(client):
    groups(client)

    client("XTRIM s MAXLEN 2 ACKED")

    assert client.effects == [[b"XTRIM", b"s", b"MAXLEN", b"=", b"3", b"ACKED"]]
    assert client("XRANGE s - + COUNT 2")[0][0] == b"2-1"
    assert client.value("s").max_deleted_id == 0
