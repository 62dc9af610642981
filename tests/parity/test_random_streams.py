"""Random sequences of stream commands, on both servers."""

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.parity.test_random import any_of, call, maybe, some
from tests.parity.test_stream_groups import about_the_same_time

KEY = st.sampled_from(["k1", "k2"])
ID = st.sampled_from(["1-1", "1-2", "2", "3-7", "4-*", "5-1", "9-9", "0", "x"])
EDGE = st.one_of(ID, st.sampled_from(["-", "+", "(1-1", "(3-7", "(5"]))
AFTER = st.one_of(ID, st.just(">"))
GROUP = st.sampled_from(["g", "h"])
CONSUMER = st.sampled_from(["a", "b"])
COUNT = st.sampled_from(["0", "1", "2", "-1"])
TRIMMING = maybe(
    st.sampled_from(["MAXLEN", "MINID"]), any_of("=", "~"), st.sampled_from("0245")
)
COMMANDS = [
    call("XADD", KEY, any_of("NOMKSTREAM"), TRIMMING, ID, "f", ID, maybe("g", "h")),
    call("XLEN", KEY),
    call("XRANGE", KEY, EDGE, EDGE, maybe("COUNT", COUNT)),
    call("XREVRANGE", KEY, EDGE, EDGE, maybe("COUNT", COUNT)),
    call("XDEL", KEY, some(ID)),
    call("XTRIM", KEY, TRIMMING),
    call("XSETID", KEY, ID, maybe("ENTRIESADDED", COUNT), maybe("MAXDELETEDID", ID)),
    call("XREAD", maybe("COUNT", COUNT), "STREAMS", KEY, KEY, ID, ID),
    call("XGROUP CREATE", KEY, GROUP, ID, any_of("MKSTREAM")),
    call("XGROUP CREATE", KEY, GROUP, "0", "MKSTREAM"),
    call("XGROUP SETID", KEY, GROUP, ID, maybe("ENTRIESREAD", COUNT)),
    call("XGROUP DESTROY", KEY, GROUP),
    call("XGROUP CREATECONSUMER", KEY, GROUP, CONSUMER),
    call("XGROUP DELCONSUMER", KEY, GROUP, CONSUMER),
    call(
        "XREADGROUP GROUP",
        GROUP,
        CONSUMER,
        maybe("COUNT", COUNT),
        any_of("NOACK"),
        "STREAMS",
        KEY,
        AFTER,
    ),
    call("XREADGROUP GROUP", GROUP, CONSUMER, "STREAMS", KEY, ">"),
    call("XACK", KEY, GROUP, some(ID)),
    call(
        "XCLAIM",
        KEY,
        GROUP,
        CONSUMER,
        "0",
        some(ID),
        any_of("FORCE"),
        any_of("JUSTID"),
        maybe("RETRYCOUNT", COUNT),
        maybe("LASTID", ID),
    ),
    call("XAUTOCLAIM", KEY, GROUP, CONSUMER, "0", EDGE, maybe("COUNT", COUNT)),
    call("XPENDING", KEY, GROUP),
    call("XPENDING", KEY, GROUP, EDGE, EDGE, "9", maybe(CONSUMER)),
    call("XINFO STREAM", KEY),
    call("XINFO GROUPS", KEY),
    call("COPY", KEY, KEY, any_of("REPLACE")),
    call("DEL", KEY),
]
POLICY = any_of("KEEPREF", "DELREF", "ACKED")
NUMBERED = some(ID).map(lambda ids: ("IDS", str(len(ids)), *ids))
REFERENCES = [
    call("XADD", KEY, POLICY, TRIMMING, POLICY, ID, "f", "v"),
    call("XTRIM", KEY, TRIMMING, POLICY),
    call("XDELEX", KEY, POLICY, NUMBERED),
    call("XACKDEL", KEY, GROUP, POLICY, NUMBERED),
    call("XACKDEL", KEY, GROUP, NUMBERED, POLICY),
]


@pytest.mark.slow
@given(
    # Redis 8 answers XINFO otherwise where a stream is empty.
    script=st.lists(
        st.one_of(*REFERENCES, *COMMANDS).filter(lambda words: words[0] != "XINFO"),
        min_size=5,
        max_size=60,
    )
)
def test_random_removals_get_equal_replies(parity, script):
    note("\n".join(map(repr, script)))
    start = [f"XADD k1 {number} f v" for number in ("1-1", "1-2", "2-0", "3-7", "5-1")]
    groups = [f"XGROUP CREATE k1 {group} 0" for group in "gh"]
    parity(
        [
            *start,
            *groups,
            "XREADGROUP GROUP g a COUNT 4 STREAMS k1 >",
            "XREADGROUP GROUP h b COUNT 3 STREAMS k1 >",
            *script,
            *[f"XRANGE {key} - +" for key in ("k1", "k2")],
            *[f"XPENDING k1 {group} - + 9" for group in "gh"],
        ],
        protocols=[2],
        loose=about_the_same_time,
        witness="redis8",
    )


@pytest.mark.slow
@given(
    script=st.lists(st.one_of(*COMMANDS), min_size=5, max_size=60),
    protocol=st.sampled_from([2, 3]),
)
def test_random_stream_commands_get_equal_replies(parity, script, protocol):
    note("\n".join(map(repr, script)))
    parity(
        [
            "XGROUP CREATE k1 g 0 MKSTREAM",
            *script,
            "XINFO STREAM k1",
            "XINFO GROUPS k1",
        ],
        protocols=[protocol],
        loose=about_the_same_time,
    )
