import pytest

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import check_paired, repeated, symmetric_integer

LARGEST = 2**63 - 1


def test_a_symmetric_integer_has_a_negation():
    assert symmetric_integer(b"%d" % -LARGEST) == -LARGEST
    with pytest.raises(CommandError) as refused:
        symmetric_integer(b"%d" % (-LARGEST - 1))

    assert refused.value.text == errors.OUT_OF_SYMMETRIC_RANGE


@pytest.mark.parametrize("count", [LARGEST // 2 + 1, -(LARGEST // 2) - 1, LARGEST])
def test_a_count_of_pairs_is_refused_where_its_double_is_no_int64(count):
    check_paired(LARGEST // 2)
    check_paired(-(LARGEST // 2))
    with pytest.raises(CommandError) as refused:
        check_paired(count)

    assert refused.value.text == errors.OUT_OF_RANGE


def test_picks_that_may_come_twice_have_a_limit():
    assert repeated(-3) == 3
    assert repeated(-(2**24)) == 2**24
    with pytest.raises(CommandError):
        repeated(-(2**24) - 1)


PICKS = ["SRANDMEMBER s", "HRANDFIELD h", "ZRANDMEMBER z"]


@pytest.mark.parametrize("words", PICKS)
def test_no_command_picks_more_often_than_the_limit(client, words):
    client("SADD s a")
    client("HSET h a 1")
    client("ZADD z 1 a")

    assert client(f"{words} -{2**24 + 1}").text == errors.OUT_OF_RANGE
    assert len(client(f"{words} -3")) == 3


@pytest.mark.parametrize(
    "words", ["HRANDFIELD h {} WITHVALUES", "ZRANDMEMBER z {} WITHSCORES"]
)
def test_a_count_of_pairs_is_looked_at_before_the_key(client, words):
    assert client(words.format(LARGEST)).text == errors.OUT_OF_RANGE
