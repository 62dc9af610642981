"""Views of the past: how many there may be, how large, how long, and that they end.

Each is a process of its own; what is tested here is how the server holds them.
"""

import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

SECONDS_MAX = 60.0
BIG = 3_000_000


def info(connection, name):
    """Return a field of INFO, as an integer."""
    text = connection.ask("INFO").decode()
    return int(text.split(f"\r\n{name}:")[1].split("\r\n")[0])


def children(server):
    """Return the numbers of the server's child processes that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == server.process.pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def last_seq(connection):
    return int(connection.ask("CLIENT", "AT", "now")[1:-2])


@pytest.fixture
def present(server):
    """Return a client that has written 1, 2 and 3, at @1, @2 and @3 or so."""
    connection = server.connect()
    for number in (1, 2, 3):
        connection.ask("SET", "a", str(number))
    connection.seq = last_seq(connection)
    return connection


def visit(server, seq):
    """Return a client that looks at a moment."""
    connection = server.connect()
    assert connection.ask("CLIENT", "AT", f"@{seq}") == b":%d\r\n" % seq
    return connection


@contextmanager
def stopped(pid):
    """Hold a process up."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def opening(server, moment, count=1):
    """Have clients ask for a moment, which does not open within the block."""
    watcher = server.connect()
    pids = []
    while not pids:
        clients = [server.connect() for _ in range(count)]
        for client in clients:
            client.send(f"CLIENT AT {moment}\r\n".encode())
        # Not before: until the child runs its program, the server waits for it.
        wait_until(lambda: info(watcher, "past_views") == 1)
        pids = children(server)
        os.kill(pids[0], signal.SIGSTOP)
        watcher.ask("PING")
        if info(watcher, "past_views_opening") == 0:  # it was quicker
            for client in clients:
                client.close()
            os.kill(pids.pop(), signal.SIGKILL)
            wait_until(lambda: info(watcher, "past_views") == 0)
    wait_until(lambda: info(watcher, "blocked_clients") == count)
    try:
        yield clients
    finally:
        with suppress(ProcessLookupError):
            os.kill(pids[0], signal.SIGCONT)


def test_same_moment_is_one_view_also_while_it_is_opened(server, present):
    moment = f"@{present.seq}"
    first, second = server.connect(), server.connect()
    for client in (first, second):
        client.send(f"CLIENT AT {moment}\r\n".encode())
    replies = [first.read(), second.read()]
    third = visit(server, present.seq)

    assert replies == [b":%d\r\n" % present.seq] * 2
    assert info(present, "past_views") == 1
    assert info(present, "past_views_clients") == 3
    assert info(present, "total_past_views_opened") == 1
    assert len(children(server)) == 1
    assert third.ask("GET", "a") == first.ask("GET", "a") == b"$1\r\n3\r\n"


def test_two_names_of_one_moment_are_one_view(server, present):
    seq = int(present.ask("LOG.TAG", "here")[1:-2])
    clients = [server.connect() for _ in range(3)]

    for client, moment in zip(clients, ("here", f"@{seq}", "here"), strict=True):
        client.send(f"CLIENT AT {moment}\r\n".encode())

    assert [client.read() for client in clients] == [b":%d\r\n" % seq] * 3
    wait_until(lambda: info(present, "past_views") == 1)
    assert info(present, "past_views_clients") == 3


def test_view_ends_when_the_last_client_has_left(server, present):
    staying, leaving = visit(server, present.seq), visit(server, present.seq)

    leaving.ask("CLIENT", "AT", "now")
    wait_until(lambda: info(present, "past_views_clients") == 1)
    still_there = staying.ask("GET", "a")
    staying.close()

    assert still_there == b"$1\r\n3\r\n"
    wait_until(lambda: info(present, "past_views") == 0)
    wait_until(lambda: not children(server))
    assert info(present, "past_views_memory") == 0


def test_client_that_comes_back_to_a_view_begins_anew(server, present):
    staying = visit(server, present.seq)
    client = visit(server, present.seq)
    client.ask("MULTI")

    refused = client.ask("CLIENT", "AT", "now")
    client.ask("RESET")
    client.ask("CLIENT", "AT", f"@{present.seq}")

    assert refused == b"-ERR Command not allowed inside a transaction\r\n"
    assert client.ask("GET", "a") == b"$1\r\n3\r\n"
    assert staying.ask("GET", "a") == b"$1\r\n3\r\n"


def test_more_views_than_the_setting_allows_are_refused(server, present):
    present.ask("CONFIG", "SET", "past-views-max", "2")
    clients = [visit(server, present.seq - back) for back in (0, 1)]

    refused = server.connect()
    reply = refused.ask("CLIENT", "AT", f"@{present.seq - 2}")

    assert reply.startswith(b"-ERR no more than 2 moments may be open at a time ")
    assert b"replay serve --at" in reply
    assert refused.ask("GET", "a") == b"$1\r\n3\r\n"
    assert info(present, "total_past_views_refused") == 1
    assert refused.ask("CLIENT", "AT", f"@{present.seq}") == b":%d\r\n" % present.seq
    clients[1].ask("CLIENT", "AT", "now")
    visit(server, present.seq - 2)


def test_no_view_is_opened_where_none_is_allowed(server, present):
    present.ask("CONFIG", "SET", "past-views-max", "0")

    assert present.ask("CLIENT", "AT", "@1").startswith(b"-ERR no more than 0 moments")
    assert not children(server)


def test_moment_that_takes_too_much_memory_is_refused(server, present):
    for number in range(20):
        present.ask("SET", f"key:{number}", "x" * BIG)
    seq = last_seq(present)
    present.ask("CONFIG", "SET", "past-view-memory-max", "70mb")

    small = visit(server, seq - 20)
    reply = server.connect().ask("CLIENT", "AT", f"@{seq}")

    assert reply == (
        b"-ERR this moment takes more memory than 70.00M (past-view-memory-max); "
        b"'replay serve --at' opens moments of any size\r\n"
    )
    assert info(present, "total_past_views_refused") == 1
    assert small.ask("GET", "a") == b"$1\r\n3\r\n"
    present.ask("CONFIG", "SET", "past-view-memory-max", "0")
    assert visit(server, seq).ask("STRLEN", "key:19") == b":%d\r\n" % BIG


ENDED = b"-ERR this view of the past has ended: %b; CLIENT AT opens a moment again, "


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        (
            "past-view-seconds-max",
            "1",
            b"it was open for 1 seconds (past-view-seconds-max)",
        ),
        (
            "past-view-idle-seconds-max",
            "1",
            b"nobody used it for 1 seconds (past-view-idle-seconds-max)",
        ),
        (
            "past-view-memory-max",
            "1mb",
            b"it took more memory than 1.00M (past-view-memory-max)",
        ),
    ],
)
def test_view_that_a_setting_ends_says_so_until_the_client_leaves(
    server, present, setting, value, reason
):
    client = visit(server, present.seq - 1)
    present.ask("CONFIG", "SET", setting, value)
    wait_until(lambda: info(present, "past_views") == 0)

    client.send(b"GET a\r\nSET a 9\r\nPING\r\n")
    replies = [client.read() for _ in range(3)]

    assert all(reply.startswith(ENDED % reason) for reply in replies)
    assert info(present, "total_past_views_ended") == 1
    assert client.ask("CLIENT", "AT", "now") == b":%d\r\n" % present.seq
    assert client.ask("GET", "a") == b"$1\r\n3\r\n"
    wait_until(lambda: not children(server))


def test_view_that_is_used_is_not_idle(server, present):
    present.ask("CONFIG", "SET", "past-view-idle-seconds-max", "5")
    client = visit(server, present.seq)
    until = time.monotonic() + 6

    while time.monotonic() < until:
        assert client.ask("GET", "a") == b"$1\r\n3\r\n"
        time.sleep(0.05)


def test_moment_that_takes_too_long_to_open_is_refused(server, present):
    with opening(server, f"@{present.seq}") as (client,):
        present.ask("CONFIG", "SET", "past-view-seconds-max", "1")
        reply = client.read()

    assert reply.startswith(b"-ERR this moment takes longer to open than 1 seconds ")
    assert client.ask("GET", "a") == b"$1\r\n3\r\n"
    wait_until(lambda: not children(server))


def test_view_whose_process_dies_says_so_and_harms_nobody(server, present):
    client, other = visit(server, present.seq), visit(server, present.seq - 1)
    client.ask("SELECT", "1")
    (pid,) = set(children(server)) - {newest(server)}
    with stopped(pid):
        client.send(b"PING\r\nPING\r\n")
        wait_until(lambda: info(present, "blocked_clients") == 1)
        os.kill(pid, signal.SIGKILL)
    replies = [client.read(), client.read()]

    assert all(reply.startswith(ENDED % b"its process has died") for reply in replies)
    assert other.ask("GET", "a") == b"$1\r\n2\r\n"
    assert client.ask("CLIENT", "AT", f"@{present.seq}") == b":%d\r\n" % present.seq
    assert client.ask("DBSIZE") == b":0\r\n"


def newest(server):
    """Return the number of the child process that was started last."""
    return max(
        children(server),
        key=lambda pid: int(
            Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        ),
    )


def test_process_that_dies_while_it_opens_a_moment_is_an_error(server, present):
    with opening(server, f"@{present.seq}") as (client,):
        os.kill(children(server)[0], signal.SIGKILL)
        reply = client.read()

    assert reply == b"-ERR this moment cannot be opened: its process has died\r\n"


def kill(present, client_id):
    assert present.ask("CLIENT", "KILL", "ID", client_id) == b":1\r\n"


def unblock(present, client_id):
    assert present.ask("CLIENT", "UNBLOCK", client_id) == b":1\r\n"


@pytest.mark.parametrize("end", [kill, unblock, None], ids=["kill", "unblock", "close"])
def test_client_that_goes_while_its_moment_is_opened_takes_it_along(
    server, present, end
):
    with opening(server, f"@{present.seq}") as (client,):
        if end is None:
            client.close()
        else:
            lines = present.ask("CLIENT", "LIST").decode().splitlines()
            (line,) = (line for line in lines if "cmd=client|at" in line)
            end(present, line.split("id=")[1].split()[0])

        wait_until(lambda: info(present, "past_views") == 0)
    wait_until(lambda: not children(server))
    assert info(present, "blocked_clients") == 0


def test_others_keep_the_moment_of_one_who_goes_while_it_is_opened(server, present):
    moment = f"@{present.seq}"
    with opening(server, moment, count=2) as (going, staying):
        going.close()
        wait_until(lambda: info(present, "blocked_clients") == 1)

    assert staying.read() == b":%d\r\n" % present.seq
    assert staying.ask("GET", "a") == b"$1\r\n3\r\n"


def test_client_that_is_killed_in_the_past_leaves_nothing(server, present):
    client = visit(server, present.seq)
    number = client.ask("CLIENT", "ID")[1:-2].decode()
    (pid,) = children(server)
    with stopped(pid):
        client.send(b"GET a\r\n" * 100)
        wait_until(lambda: info(present, "blocked_clients") == 1)
        kill(present, number)
        wait_until(lambda: info(present, "past_views") == 0)

    assert info(present, "blocked_clients") == 0
    wait_until(lambda: not children(server))


def test_client_that_waits_for_the_past_is_not_unblocked(server, present):
    client = visit(server, present.seq)
    number = client.ask("CLIENT", "ID")[1:-2].decode()
    (pid,) = children(server)
    with stopped(pid):
        client.send(b"GET a\r\nGET none\r\n")
        wait_until(lambda: info(present, "blocked_clients") == 1)
        reply = present.ask("CLIENT", "UNBLOCK", number, "ERROR")

    assert reply == b":0\r\n"
    assert [client.read(), client.read()] == [b"$1\r\n3\r\n", b"$-1\r\n"]


def test_script_without_an_end_in_the_past_holds_up_nobody_else(server, present):
    client = visit(server, present.seq)
    client.send(b"EVAL 'while true do end' 0\r\n")
    wait_until(lambda: info(present, "blocked_clients") == 1)

    assert present.ask("SET", "a", "4") == b"+OK\r\n"
    assert visit(server, present.seq - 1).ask("GET", "a") == b"$1\r\n2\r\n"
    client.close()
    wait_until(lambda: len(children(server)) <= 1)


def test_long_replies_and_many_come_whole_and_in_order(server, present):
    present.ask("SET", "big", "x" * BIG)
    client = visit(server, last_seq(present))

    client.send(b"GET big\r\nGET a\r\n" * 20)
    replies = [client.read() for _ in range(40)]

    assert replies[1::2] == [b"$1\r\n3\r\n"] * 20
    assert {len(reply) for reply in replies[::2]} == {BIG + len(b"$3000000\r\n\r\n")}


def test_long_requests_reach_the_past(server, present):
    client = visit(server, present.seq)

    assert client.ask("ECHO", "y" * BIG).count(b"y") == BIG


def test_quit_in_the_past_closes_the_connection_behind_the_replies(server, present):
    client = visit(server, present.seq)

    client.send(b"GET a\r\nQUIT\r\nGET a\r\n")

    assert [client.read(), client.read()] == [b"$1\r\n3\r\n", b"+OK\r\n"]
    assert client.read() == b"<closed>"
    wait_until(lambda: not children(server))


def test_replies_that_a_client_wants_none_of_are_not_sent(server, present):
    client = visit(server, present.seq)

    client.send(b"GET a\r\nCLIENT REPLY SKIP\r\nGET a\r\nSTRLEN a\r\n")
    first = [client.read(), client.read()]
    client.send(b"CLIENT REPLY OFF\r\nGET a\r\nCONFIG GET port\r\nCLIENT REPLY ON\r\n")
    second = client.read()

    assert first == [b"$1\r\n3\r\n", b":1\r\n"]
    assert second == b"+OK\r\n"
    assert client.ask("GET", "a") == b"$1\r\n3\r\n"


def test_refused_journey_is_not_followed_by_answers_of_the_present(server, present):
    client = visit(server, present.seq - 1)

    client.send(b"CLIENT AT a b\r\nGET a\r\nCLIENT AT\r\nGET a\r\n")

    replies = [client.read() for _ in range(4)]
    assert replies[0].startswith(b"-ERR wrong number of arguments")
    assert replies[1] == replies[3] == b"$1\r\n2\r\n"


def resident_bytes(server):
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_views_are_no_memory_of_the_server_nor_count_for_maxmemory(server, present):
    for number in range(20):
        present.ask("SET", f"key:{number}", "x" * BIG)
    seq = last_seq(present)
    limit = info(present, "used_memory") + 30_000_000
    present.ask("CONFIG", "SET", "maxmemory", str(limit))
    before = resident_bytes(server)

    for _ in range(3):
        clients = [visit(server, seq - back) for back in range(3)]
        writes = [present.ask("SET", "a", "5"), clients[0].ask("STRLEN", "key:0")]
        assert writes == [b"+OK\r\n", b":%d\r\n" % BIG]
        for client in clients:
            client.close()
        wait_until(lambda: not children(server))

    assert resident_bytes(server) - before < 20_000_000


def test_info_counts_the_memory_of_views(server, present):
    visit(server, present.seq)

    wait_until(lambda: info(present, "past_views_memory") > 1_000_000)


def test_views_end_with_the_server(server, present):
    visit(server, present.seq)
    (pid,) = children(server)

    server.stop()

    assert not Path(f"/proc/{pid}").exists()


def test_views_end_also_where_the_server_is_killed(server, present):
    visit(server, present.seq)
    (pid,) = children(server)

    server.kill()

    wait_until(lambda: is_over(pid))


def is_over(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_many_clients_at_once_share_their_moments(server, present):
    seen = []

    def look(back):
        client = visit(server, present.seq - back)
        seen.append((back, client.ask("GET", "a")))
        client.close()

    threads = [threading.Thread(target=look, args=(n % 3,)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(seen) == sorted(
        (n % 3, b"$1\r\n%d\r\n" % (3 - n % 3)) for n in range(30)
    )
    wait_until(lambda: info(present, "past_views") == 0)
