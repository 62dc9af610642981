"""What one client waits while others misuse TLS: `python -m tests.bench.tls_faults`.

A client over TLS asks for a key again and again; meanwhile another process does, as
fast as it can, what each row names. A row has how long a reply took, in milliseconds:
the median, the 99th and the 99.9th percentile, and the longest; how often the other did
it in a second; and how many of its connections were served. The first row has nobody
else in it: on a busy machine look at what the others add.

    --server PROGRAM    another server with redis-server's options, to compare
    --seconds N         how long each row takes
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.certificates import Certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HALF_OPEN = 500
PING = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
RESET = struct.pack("ii", 1, 0)


def client_context() -> ssl.SSLContext:
    """Return a client's context that trusts anybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client_hello() -> bytes:
    """Return the first bytes of a handshake."""
    outgoing = ssl.MemoryBIO()
    tls = client_context().wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def connect(port: int) -> socket.socket:
    """Return a connection that is reset when it is closed."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return connection


def half_open(port: int) -> Iterator[int]:
    """Begin handshakes and stay silent; the oldest of many goes."""
    hello, held = client_hello(), deque[socket.socket]()
    while True:
        held.append(connect(port))
        held[-1].sendall(hello[: len(hello) // 2])
        if len(held) > HALF_OPEN:
            held.popleft().close()
        yield 0


def resets(port: int) -> Iterator[int]:
    """Reset each connection once the server has answered the first message."""
    hello = client_hello()
    while True:
        with connect(port) as connection:
            connection.sendall(hello)
            connection.recv(1)
        yield 0


def no_tls(port: int) -> Iterator[int]:
    """Send what is no TLS."""
    while True:
        with connect(port) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(OSError):
                connection.recv(1)
        yield 0


def garbage_behind(port: int) -> Iterator[int]:
    """Send garbage behind a whole handshake."""
    context = client_context()
    while True:
        number = context.wrap_socket(connect(port)).detach()
        with socket.socket(fileno=number) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        yield 0


def handshakes(port: int) -> Iterator[int]:
    """Do whole handshakes, ask once, and go."""
    context = client_context()
    while True:
        with context.wrap_socket(connect(port)) as tls:
            tls.sendall(PING)
            yield int(bool(tls.recv(64)))


def renegotiation(port: int) -> Iterator[int]:
    """Ask to begin the handshake anew, as openssl's client does; count who may."""
    while True:
        done = subprocess.run(
            ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{port}"],
            input=b"R\n",
            capture_output=True,
            check=False,
        )
        yield int(b"verify return" in done.stderr.split(b"RENEGOTIATING")[-1])


ROWS: dict[str, Callable[[int], Iterator[int]]] = {
    "handshakes begun and left": half_open,
    "resets within the handshake": resets,
    "what is no TLS": no_tls,
    "garbage behind the handshake": garbage_behind,
    "whole handshakes": handshakes,
    "renegotiation": renegotiation,
}


def misuse(name: str, port: int, counts: list[int]) -> None:
    """Do what a row names until the process is ended."""
    steps = ROWS[name](port)
    while True:
        with contextlib.suppress(OSError):
            counts[1] += next(steps)
        if steps.gi_frame is None:  # type: ignore[attr-defined]
            steps = ROWS[name](port)
        counts[0] += 1


def waits(port: int, seconds: float) -> list[float]:
    """Return how long each reply took, in milliseconds, in order of size."""
    found = []
    with client_context().wrap_socket(connect(port)) as tls:
        until = time.perf_counter() + seconds
        while (start := time.perf_counter()) < until:
            tls.sendall(PING)
            tls.recv(64)
            found.append((time.perf_counter() - start) * 1000)
            time.sleep(0.001)
    return sorted(found)


def row(name: str, port: int, seconds: float) -> str:
    """Return one row; the first has no name."""
    counts = multiprocessing.Array("l", 2)
    other = multiprocessing.Process(target=misuse, args=(name, port, counts))
    if name:
        other.start()
    times = waits(port, seconds)
    each, served = counts[:]
    if name:
        other.kill()
        other.join()
    shown = [times[int(len(times) * part)] for part in (0.5, 0.99, 0.999)]
    cells = " ".join(f"{one:8.2f}" for one in (*shown, times[-1]))
    return f"{name or 'nobody else':30} {cells} {each / seconds:9.0f} {served:7}"


def main() -> None:
    """Start a server and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    program = [options.server] if options.server else [sys.executable, "-m", "joblog"]
    with tempfile.TemporaryDirectory() as home:
        made = Certificates(Path(home))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [
            *(*program, "--port", "0", "--tls-port", str(port), "--dir", home),
            *("--tls-cert-file", str(made.server.certificate), "--save", ""),
            *("--tls-key-file", str(made.server.key), "--tls-auth-clients", "no"),
            *("--tls-ca-cert-file", str(made.authority), "--loglevel", "warning"),
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _await(port)
            heads = " ".join(f"{one:>8}" for one in ("p50", "p99", "p99.9", "most"))
            write(f"{'':30} {heads} {'a second':>9} {'served':>7}")
            for name in ("", *ROWS):
                write(row(name, port, options.seconds))
        finally:
            server.terminate()
            server.wait()


def write(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _await(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            client_context().wrap_socket(connect(port)).close()
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
