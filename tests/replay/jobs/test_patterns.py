import pytest

from joblog.replay.jobs.patterns import Names, Pattern, PatternError

MATCHES = [
    ("rq:job:{id}", b"rq:job:7", Names(None, b"7")),
    ("rq:job:{id}", b"rq:job:", None),
    ("rq:job:{id}", b"other", None),
    ("bull:{queue}:{id}:lock", b"bull:mail:9:lock", Names(b"mail", b"9")),
    ("asynq:{{{queue}}}:t:{id}", b"asynq:{mail}:t:9", Names(b"mail", b"9")),
    ("bull:{queue}:{*}:logs", b"bull:mail:9:logs", Names(b"mail", None)),
    ("{queue}", b"any\nthing\xff", Names(b"any\nthing\xff", None)),
    ("a.b", b"a.b", Names()),
    ("a.b", b"acb", None),
]


@pytest.mark.parametrize(("text", "key", "names"), MATCHES)
def test_pattern_matches_a_key_as_a_whole(text, key, names):
    assert Pattern(text).match(key) == names


@pytest.mark.parametrize("text", ["a{", "a}b", "{id}:{id}", "{ID}"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(PatternError):
        Pattern(text)
