"""A master that says what a test has it say."""

from __future__ import annotations

import re
import socket

from tests.parity.wire import encode
from tests.support.listening import Listening

ID = b"a" * 40
EMPTY_RDB = b"REDIS0009\xff" + bytes(8)


class FakeMaster(Listening):
    """Goes through the handshake, then sends bytes, on each connection.

    Attributes:
        heard: what replicas have sent.
        dataset: what follows +FULLRESYNC; stream: what follows that, or the part of it
            behind the place that a replica goes on from.
        connections: how many there were; cuts: how many to close behind the stream.
    """

    def __init__(self, dataset: bytes, stream: bytes = b"", **answers: bytes) -> None:
        """Listen; `answers` are those to commands, where they are not +OK."""
        super().__init__()
        self.dataset, self.stream = dataset, stream
        self._answers = answers
        self.connections = self.cuts = 0
        self.heard = bytearray()
        self.begin(self.accept_all, self._talk)

    def _talk(self, client: socket.socket) -> None:
        self.connections += 1
        follows = False
        while data := client.recv(65536):
            self.heard += data
            if follows:
                continue
            for word in (b"PING", b"AUTH", b"REPLCONF", b"PSYNC"):
                if word not in data:
                    continue
                answer = self._answers.get(word.decode().lower(), b"+OK\r\n")
                if word == b"PSYNC" and answer == b"+OK\r\n":
                    answer = self._begun(data)
                    follows = True
                client.sendall(answer)
            if follows and self.cuts:
                self.cuts -= 1
                client.shutdown(socket.SHUT_WR)

    def _begun(self, asked: bytes) -> bytes:
        place = re.search(ID + rb"\r\n\$\d+\r\n(\d+)", asked)
        if place is not None:
            return b"+CONTINUE " + ID + b"\r\n" + self.stream[int(place[1]) - 1 :]
        return b"+FULLRESYNC " + ID + b" 0\r\n" + self.dataset + self.stream


def sized(rdb: bytes) -> bytes:
    """Return a dataset with its length in front."""
    return b"$%d\r\n%b" % (len(rdb), rdb)


def commands(*argvs: tuple[object, ...]) -> bytes:
    """Return a stream of commands."""
    return b"".join(encode(argv) for argv in argvs)
