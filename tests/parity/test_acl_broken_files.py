"""A file of users that is broken: told line by line, and nothing of it applied."""

import pytest

from tests.support.servers import start_joblog, start_redis, start_valkey

GOOD = "user u on nopass ~k* +@all\n"
BROKEN = {
    "bad rule": "user a on\nuser b +nosuch\n",
    "bad rule of one that is there": "user u off resetkeys\nuser u2 -@nosuch\n",
    "duplicate": "user a on\n\nuser a off\n",
    "duplicate default": "user default off\nuser default on\n",
    "no user": "bob\nuser a on\n",
    "comment": "# users\nuser a on\n",
    "no name": "user\n",
    "no name but a space": "user \n",
    "two rules": "user a ~k x y +@nosuch +nosuch|x\n",
    "all at once": "user a on >p x y +@nosuch\nuser a off\nhello\nuser b +config|x\n",
    "bad hash": "user a #12\n",
    "other case": "USER a on\n",
    "wide space": "user  a on\n",
    "tab": "\tuser a on\t\nuser\tb\n",
}
GOOD_AFTER = {"empty": "", "blank lines": "\n \n\t\n", "no last newline": GOOD[:-1]}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return the one file that all servers of this module have their users in."""
    found = tmp_path_factory.mktemp("users") / "users.acl"
    found.write_text(GOOD)
    return found


def told(start, path):
    """Return what a server says of each text of its file, and which users are left."""
    found = []
    path.write_text(GOOD)
    with start("--aclfile", str(path)) as server:
        admin, client = server.connect(), server.connect()
        client.ask("AUTH", "u", "x")
        for name, text in {**BROKEN, **GOOD_AFTER}.items():
            path.write_text(text)
            reply = admin.ask("ACL", "LOAD")
            found.append((name, reply, admin.ask("ACL", "USERS"), client.ask("PING")))
            assert (name in GOOD_AFTER) == (reply == b"+OK\r\n"), (name, reply)
            if name in BROKEN:
                # What the client may do is as it was.
                found.append(
                    (name, client.ask("SET", "k", 1), client.ask("SET", "z", 1))
                )
    return found


def test_broken_file_is_told_of_as_by_valkey_and_nothing_is_applied(path):
    ours, theirs = told(start_joblog, path), told(start_valkey, path)

    assert [one for one in zip(ours, theirs, strict=True) if one[0] != one[1]] == []


def reasons(start, path):
    """Return what a server says of its file when it cannot start."""
    with pytest.raises(RuntimeError) as caught:
        start("--aclfile", str(path))
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["bad rule", "duplicate", "no user", "all at once", "comment"]
)
def test_server_with_a_broken_file_does_not_start_and_says_why(path, name):
    path.write_text(BROKEN[name])

    ours, theirs = (reasons(start, path) for start in (start_joblog, start_redis))

    words = theirs.partition("because of ACL errors: ")[2].partition("WARNING: ACL")[0]
    said = " ".join(
        line.partition("aclfile: ")[2]
        for line in ours.splitlines()
        if "aclfile: " in line
    )
    assert words
    assert said == words.strip()


def test_server_whose_file_is_not_there_does_not_start_and_says_why(path):
    gone = path.with_name("none.acl")

    ours, theirs = (reasons(start, gone) for start in (start_joblog, start_redis))

    words = f"Error loading ACLs, opening file '{gone}': No such file or directory"
    assert words in theirs
    assert words in ours


@pytest.mark.parametrize("text", GOOD_AFTER.values(), ids=GOOD_AFTER)
def test_users_after_a_start_are_those_of_valkey(path, text):
    path.write_text(text)
    found = []

    for start in (start_joblog, start_valkey):
        with start("--aclfile", str(path)) as server:
            client = server.connect()
            found.append([client.ask("ACL", word) for word in ("LIST", "USERS")])

    assert found[0] == found[1]
