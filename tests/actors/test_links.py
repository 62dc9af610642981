"""Links to other servers: whatever is at the other end costs an OSError at most."""

import socket
import threading

import pytest

from joblog.actors.links import Link


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("host", ["a\0b", "x" * 300, "a..b"])
def test_a_name_that_is_none_is_an_oserror(host):
    with pytest.raises(OSError):  # noqa: PT011 - each system has words of its own
        Link(host, 1, 100)


def test_a_reply_without_an_end_is_not_read_for_ever(listening):
    def talk():
        peer, _ = listening.accept()
        with peer:
            while True:
                try:
                    peer.sendall(b"x" * 65536)
                except OSError:
                    return

    talker = threading.Thread(target=talk)
    talker.start()
    link = Link("127.0.0.1", listening.getsockname()[1], 60_000)

    with pytest.raises(ConnectionAbortedError, match="no end"):
        link.read_line()

    link.close()
    talker.join()
