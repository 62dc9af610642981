"""A master that says what a test has it say."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

from tests.parity.wire import encode

ID = b"a" * 40
EMPTY_RDB = b"REDIS0009\xff" + bytes(8)


class FakeMaster:
    """Goes through the handshake, then sends bytes, on each connection.

    Attributes:
        port: on 127.0.0.1. heard: what replicas have sent.
        dataset: what follows +FULLRESYNC; stream: what follows that.
        connections: how many there were.
    """

    def __init__(self, dataset: bytes, stream: bytes = b"", **answers: bytes) -> None:
        """Listen; `answers` are those to commands, where they are not +OK."""
        self.dataset, self.stream = dataset, stream
        self._answers = answers
        self.connections = 0
        self.heard = bytearray()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            with contextlib.suppress(OSError):
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
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
                    answer = b"+FULLRESYNC " + ID + b" 0\r\n" + self.dataset
                    answer += self.stream
                    follows = True
                client.sendall(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        for one in self._open:
            one.close()


def sized(rdb: bytes) -> bytes:
    """Return a dataset with its length in front."""
    return b"$%d\r\n%b" % (len(rdb), rdb)


def commands(*argvs: tuple[object, ...]) -> bytes:
    """Return a stream of commands."""
    return b"".join(encode(argv) for argv in argvs)
