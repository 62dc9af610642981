"""TLS on a running server: what it carries, and what a hostile peer costs."""

import contextlib
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.parity.wire import encode
from tests.server.conftest import launch as launch  # noqa: PLC0414 - a fixture
from tests.support.servers import require_program, start_joblog, start_redis
from tests.support.services import connect as connect_when_ready
from tests.support.services import stop
from tests.support.waiting import wait_until

PONG = b"+PONG\r\n"
SECONDS = 60


def free_port():
    """Return a port that is free; who listens there a moment later is bad luck."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Speaker:
    """A server that speaks TLS, and clients of it."""

    def __init__(self, server, port, certificates):
        self.server = server
        self.port = port
        self.certificates = certificates
        self.connection = server.connect()
        self.ask = self.connection.ask
        self._stack = contextlib.ExitStack()
        # Whoever was there before has gone.
        wait_until(lambda: self.info("connected_clients") == 1)

    def connect_plain(self):
        connected = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        return self._stack.enter_context(connected)

    def connect(self, **options):
        context = self.certificates.client_context()
        options.setdefault("server_hostname", "localhost")
        tls = context.wrap_socket(self.connect_plain(), **options)
        return self._stack.enter_context(tls)

    def serves(self):
        """Say whether somebody who comes now is served."""
        client = self.connect()
        client.sendall(b"PING\r\n")
        return client.recv(100) == PONG

    def open_files(self):
        return len(list(Path(f"/proc/{self.server.process.pid}/fd").iterdir()))

    def info(self, name):
        line = next(
            line
            for line in self.ask("INFO", "everything").split(b"\r\n")
            if line.startswith(name.encode() + b":")
        )
        return int(line.rsplit(b":", 1)[1])

    def hang_up(self):
        self._stack.close()


@pytest.fixture(scope="module")
def running(fold_equals_live, certificates):
    """Return a server for all tests that leave it as it was, and its port."""
    port = free_port()
    options = certificates.options(port, "--tls-auth-clients", "no")
    with start_joblog(*options) as server:
        yield server, port
        assert server.is_alive, server.output()
        fold_equals_live(server)


@pytest.fixture
def speaker(running, certificates):
    one = Speaker(*running, certificates)
    yield one
    one.hang_up()
    changed = ["maxclients", 10000, "tls-session-caching", "yes"]
    assert one.ask("CONFIG", "SET", *changed) == b"+OK\r\n"
    one.ask("FLUSHALL")
    one.connection.close()


def read(client, size):
    """Return so many bytes."""
    got = bytearray()
    while len(got) < size:
        piece = client.recv(size - len(got))
        assert piece, bytes(got[:100])
        got += piece
    return bytes(got)


def test_large_values_and_deep_pipelines_come_and_go(speaker):
    client = speaker.connect()
    value = bytes(range(256)) * 8192
    client.sendall(encode([b"SET", b"k", value]) + 1000 * encode([b"ECHO", b"x" * 999]))
    client.sendall(encode([b"GET", b"k"]))

    assert read(client, 5) == b"+OK\r\n"
    echo = b"$999\r\n" + b"x" * 999 + b"\r\n"
    assert read(client, 1000 * len(echo)) == 1000 * echo
    reply = b"$%d\r\n%b\r\n" % (len(value), value)
    assert read(client, len(reply)) == reply


def test_a_client_that_reads_nothing_holds_up_nobody_and_then_gets_all(speaker):
    slow = speaker.connect()
    value = b"x" * (1 << 20)
    speaker.ask("SET", "k", value)

    slow.sendall(20 * encode([b"GET", b"k"]))
    served = [speaker.serves() for _ in range(3)]

    reply = b"$%d\r\n%b\r\n" % (len(value), value)
    assert served == [True] * 3
    assert read(slow, 20 * len(reply)) == 20 * reply


def test_blocked_and_subscribed_clients_are_told_at_once(speaker):
    blocked, subscribed = speaker.connect(), speaker.connect()
    blocked.sendall(b"BLPOP l 0\r\n")
    subscribed.sendall(b"SUBSCRIBE c\r\n")
    read(subscribed, len(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"))
    wait_until(lambda: speaker.info("blocked_clients") == 1)

    speaker.ask("RPUSH", "l", "v")
    speaker.ask("PUBLISH", "c", "m")

    assert read(blocked, 18) == b"*2\r\n$1\r\nl\r\n$1\r\nv\r\n"
    assert read(subscribed, 31) == b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"


def test_a_blocked_client_that_goes_is_never_given_an_element(speaker):
    client = speaker.connect()
    client.sendall(b"BLPOP l 0\r\n")
    wait_until(lambda: speaker.info("blocked_clients") == 1)

    client.close()
    wait_until(lambda: speaker.info("blocked_clients") == 0)

    assert speaker.ask("RPUSH", "l", "v") == b":1\r\n"
    assert speaker.ask("LLEN", "l") == b":1\r\n"


def test_any_server_name_is_taken(speaker):
    context = speaker.certificates.client_context()
    context.check_hostname = False
    with context.wrap_socket(
        speaker.connect_plain(), server_hostname="queue.example"
    ) as client:
        client.sendall(b"PING\r\n")

        assert client.recv(100) == PONG


def test_sessions_are_resumed_unless_the_settings_say_no(speaker):
    context = speaker.certificates.client_context()

    def visit(session):
        with context.wrap_socket(
            speaker.connect_plain(), server_hostname="localhost", session=session
        ) as client:
            client.sendall(b"PING\r\n")
            assert client.recv(100) == PONG
            return client.session_reused, client.session

    _, session = visit(None)
    assert visit(session)[0]

    speaker.ask("CONFIG", "SET", "tls-session-caching", "no")

    _, session = visit(None)
    assert not visit(session)[0]


# --- what a hostile peer costs -----------------------------------------------------


def test_garbage_behind_the_handshake_costs_that_client(speaker):
    before, errors = speaker.open_files(), speaker.info("client_errors")
    other, client = speaker.connect(), speaker.connect()
    client.sendall(b"PING\r\n")
    client.recv(100)

    socket.socket.send(client, b"*1\r\n$4\r\nPING\r\n" + bytes(1000))
    wait_until(lambda: speaker.info("client_errors") == errors + 1)

    other.sendall(b"PING\r\n")
    assert other.recv(100) == PONG
    speaker.hang_up()
    wait_until(lambda: speaker.open_files() == before)


@pytest.mark.parametrize("size", [0, 1, 6, 100])
def test_a_reset_in_the_middle_of_a_handshake_costs_nobody(speaker, size):
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        speaker.certificates.client_context().wrap_bio(
            ssl.MemoryBIO(), hello, server_hostname="localhost"
        ).do_handshake()
    before = speaker.open_files()

    for _ in range(20):
        peer = speaker.connect_plain()
        peer.sendall(hello.read()[:size])
        # With this, a close is a reset.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()

    assert speaker.serves()
    speaker.hang_up()
    wait_until(lambda: speaker.open_files() == before)
    assert speaker.info("connected_clients") == 1


def test_a_flood_of_half_open_handshakes_holds_up_nobody_who_is_there(speaker):
    there = speaker.connect()
    speaker.ask("CONFIG", "SET", "maxclients", 100)
    before, refused = speaker.open_files(), speaker.info("rejected_connections")

    peers = [speaker.connect_plain() for _ in range(150)]
    wait_until(lambda: speaker.info("rejected_connections") >= refused + 50)
    there.sendall(b"PING\r\n")

    assert there.recv(100) == PONG
    # They count as clients: this one and the one on the Unix socket are two more.
    assert speaker.open_files() <= before + 98
    for peer in peers:
        peer.close()
    wait_until(lambda: speaker.open_files() == before)
    assert speaker.serves()


def test_renegotiation_is_refused(speaker):
    program = require_program("openssl")
    command = [program, "s_client", "-tls1_2", "-connect", f"127.0.0.1:{speaker.port}"]
    client = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    # A line that begins with R asks for it; the server's answer comes before.
    client.stdin.write(b"PING\n")
    client.stdin.flush()
    output = b""
    while PONG not in output:
        output += client.stdout.read1()
    client.stdin.write(b"R\n")
    client.stdin.flush()

    rest, _ = client.communicate(timeout=SECONDS)

    assert b"RENEGOTIATING" in rest
    assert b"no renegotiation" in rest
    assert speaker.serves()


def test_a_password_is_asked_for_as_without_tls(speaker):
    speaker.ask("CONFIG", "SET", "requirepass", "sesame")
    client = speaker.connect()

    client.sendall(b"PING\r\nAUTH sesame\r\n")

    expected = b"-NOAUTH Authentication required.\r\n+OK\r\n"
    assert read(client, len(expected)) == expected
    speaker.ask("AUTH", "sesame")
    speaker.ask("CONFIG", "SET", "requirepass", "")


# --- at the start, and by a signal -------------------------------------------------


def refusal_of(launch, *options):
    process = launch(*options)
    output, _ = process.communicate(timeout=SECONDS)
    return process.returncode, output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "tls-cert-file: No tls-cert-file configured!"),
        (
            [
                *("--tls-cert-file", "{server.certificate}"),
                *("--tls-key-file", "/none", "--tls-auth-clients", "no"),
            ],
            "tls-key-file: Failed to load private key: /none: No such file",
        ),
        (
            [
                *("--tls-cert-file", "{server.certificate}"),
                *("--tls-key-file", "{server.key}"),
            ],
            "tls-ca-cert-file: Either tls-ca-cert-file or tls-ca-cert-dir must be",
        ),
        (
            [
                *("--tls-cert-file", "{server.certificate}"),
                *("--tls-key-file", "{other.key}", "--tls-auth-clients", "no"),
            ],
            "other.key: it is not the key of the certificate",
        ),
        (
            [
                *("--tls-cert-file", "{locked.certificate}"),
                *("--tls-key-file", "{locked.key}", "--tls-auth-clients", "no"),
            ],
            "locked.key: it is no private key, or it needs a password",
        ),
        (
            [
                *("--tls-cert-file", "{locked.certificate}"),
                *("--tls-key-file", "{locked.key}", "--tls-auth-clients", "no"),
                *("--tls-key-file-pass", "wrong"),
            ],
            "locked.key: it is no private key, or the password is wrong",
        ),
    ],
    ids=[
        *("no certificate", "no key", "no authority", "another key"),
        *("no password", "a wrong password"),
    ],
)
def test_a_start_without_what_tls_needs_is_refused_in_one_line(
    launch, certificates, options, says
):
    named = {
        "server": certificates.server,
        "other": certificates.other_server,
        "locked": certificates.locked,
    }
    words = [word.format(**named) for word in options]

    code, output = refusal_of(launch, "--tls-port", str(free_port()), *words)

    assert code == 1
    assert says in output
    assert output.count("\n") == 1


def test_sighup_reads_certificates_anew_and_keeps_them_where_they_are_bad(
    launch, home, certificates, tmp_path
):
    certificate, key = tmp_path / "now.pem", tmp_path / "now.key"

    def put(pair):
        certificate.write_bytes(pair.certificate.read_bytes())
        key.write_bytes(pair.key.read_bytes())

    put(certificates.server)
    port = free_port()
    process = launch(
        *certificates.options(port, "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        *("--logfile", str(home / "log")),
    )
    connect_when_ready(home)
    log = home / "log"

    def name_now():
        context = certificates.client_context()
        plain = socket.create_connection(("127.0.0.1", port), SECONDS)
        with plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
            return tls.getpeercert()["subject"][0][0][1]

    def renew(says):
        count = log.read_text().count(says)
        process.send_signal(1)
        wait_until(lambda: log.read_text().count(says) > count)

    names = [name_now()]
    certificate.write_text("nothing")
    renew("what was read before holds")
    names.append(name_now())
    put(certificates.other_server)
    renew("the certificates are read anew")
    names.append(name_now())

    assert names == ["server", "server", "other"]
    assert stop(process)[0] == 0


@pytest.mark.parametrize("start_other", [start_joblog, start_redis])
def test_migrate_speaks_tls_where_the_settings_ask_for_it(
    start_other, certificates, fold_equals_live
):
    port, other_port = free_port(), free_port()
    own = ["--tls-client-cert-file", str(certificates.client.certificate)]
    own += [
        "--tls-client-key-file",
        str(certificates.client.key),
        "--tls-cluster",
        "yes",
    ]
    with (
        start_joblog(*certificates.options(port, *own)) as server,
        start_other(*certificates.options(other_port)) as other,
    ):
        ask = server.connect().ask
        ask("SET", "k", "v")

        moved = ask("MIGRATE", "127.0.0.1", other_port, "k", 0, 5000)
        ask("CONFIG", "SET", "tls-cluster", "no")
        ask("SET", "other", "v")
        plain = ask("MIGRATE", "127.0.0.1", other_port, "other", 0, 5000)

        assert moved == b"+OK\r\n"
        assert plain.startswith(b"-IOERR")
        assert other.connect().ask("GET", "k") == b"$1\r\nv\r\n"
        fold_equals_live(server)
