"""EXEC over real sockets, in the log, and across a crash."""

import threading

from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records


def test_exec_is_one_record_of_the_log(server):
    connection = server.connect()
    for words in ("MULTI", "SET a 1", "SELECT 1", "SET b 2", "EXEC"):
        connection.ask(*words.split())
    connection.close()

    records = read_records(server.folder, filesystem=FileSystem())
    [record] = [record for record in records if record.effects]
    assert record.db == 0
    assert record.effects == [
        [b"SET", b"a", b"1"],
        [b"SELECT", b"1"],
        [b"SET", b"b", b"2"],
    ]
    assert record.origin.command == [b"EXEC"]


def test_an_exec_is_recovered_wholly_or_not_at_all(server):
    connection = server.connect()
    batch = b"MULTI\r\nINCR a\r\nINCR b\r\nEXEC\r\n"
    acknowledged = 0

    killer = threading.Timer(0.15, server.kill)
    killer.start()
    while True:
        connection.send(batch)
        replies = [connection.read() for _ in range(4)]
        if connection.is_closed:
            break
        acknowledged = int(replies[3].split(b":")[1])
    killer.join()
    connection.close()

    server.start()
    connection = server.connect()
    a, b = (int(connection.ask("GET", k).split(b"\r\n")[1]) for k in ("a", "b"))
    connection.close()
    assert a == b
    assert a in (acknowledged, acknowledged + 1)


def test_two_clients_never_both_win_a_watched_key(server):
    rounds, clients = 30, 4
    won = []

    def increment():
        connection = server.connect()
        for _ in range(rounds):
            while True:
                connection.ask("WATCH", "counter")
                found = connection.ask("GET", "counter")
                value = int(found.split(b"\r\n")[1]) if found != b"$-1\r\n" else 0
                connection.ask("MULTI")
                connection.ask("SET", "counter", value + 1)
                if connection.ask("EXEC") != b"*-1\r\n":
                    won.append(value + 1)
                    break
        connection.close()

    threads = [threading.Thread(target=increment) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == list(range(1, rounds * clients + 1))
