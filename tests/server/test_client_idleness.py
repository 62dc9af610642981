"""What a client does while no command of it ends: it sends, or it reads."""

import re

from tests.parity.wire import encode
from tests.support.waiting import wait_until

HEAD = b"*2\r\n$3\r\nGET\r\n$1000000\r\n"


def fields_of(control, number):
    line = control.ask("CLIENT", "LIST", "ID", number)
    return dict(re.findall(rb"(\S+)=(\S*)", line))


def number_of(client):
    return client.ask("CLIENT", "ID")[1:-2].decode()


def test_client_in_the_middle_of_a_large_request_is_not_idle(server):
    client, control = server.connect(), server.connect()
    number = number_of(client)
    wait_until(lambda: int(fields_of(control, number)[b"idle"]) >= 1)

    client.send(HEAD + b"x" * 100_000)

    wait_until(lambda: int(fields_of(control, number)[b"qbuf"]) >= 100_000)
    told = fields_of(control, number)
    assert int(told[b"idle"]) < int(told[b"age"])
    client.close(), control.close()


def test_replies_that_wait_are_told_of_by_piece(server):
    client, control = server.connect(), server.connect()
    control.ask("SET", "large", b"x" * 4_000_000)
    number = number_of(client)

    client.send(encode(["GET", "large"]) * 8)

    wait_until(lambda: int(fields_of(control, number)[b"omem"]) > 0)
    told = fields_of(control, number)
    assert (told[b"obl"], told[b"rbs"]) == (b"0", b"0")  # none is as small as a buffer
    assert int(told[b"oll"]) > 0
    assert told[b"events"] == b"rw"
    assert int(told[b"tot-mem"]) >= int(told[b"obl"]) + int(told[b"omem"])
    client.close(), control.close()


def test_half_a_command_has_a_buffer_with_room(server):
    client, control = server.connect(), server.connect()
    number = number_of(client)

    client.send(HEAD + b"x" * 200_000)

    wait_until(lambda: int(fields_of(control, number)[b"qbuf"]) >= 200_000)
    told = fields_of(control, number)
    assert int(told[b"tot-mem"]) >= int(told[b"qbuf"]) + int(told[b"qbuf-free"])
    client.close(), control.close()
