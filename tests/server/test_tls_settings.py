"""CONFIG SET and GET of TLS: at once, or not at all, in Redis's words.

What starts and what does not is compared with a redis-server that has TLS.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.support.certificates import PASSWORD
from tests.support.servers import start_joblog, start_redis

OK = b"+OK\r\n"
SERVERS = {"joblog": start_joblog, "redis": start_redis}


@pytest.fixture(params=SERVERS)
def start(request):
    """Return a function that starts a server; all are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start_one(*options):
            starting = SERVERS[request.param](*options)
            return stack.enter_context(starting).connect().ask

        yield start_one


def free_port():
    """Return a port that is free; who listens there a moment later is bad luck."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


@pytest.fixture
def port():
    return free_port()


class Spoken(NamedTuple):
    """A server that speaks TLS with whoever comes: how to ask it, and its port."""

    ask: Callable[..., bytes]
    port: int


@pytest.fixture(scope="module", params=SERVERS)
def running(request, certificates):
    """Return a server for many tests; each leaves its settings as they were."""
    port = free_port()
    options = certificates.options(port, "--tls-auth-clients", "no")
    with SERVERS[request.param](*options) as server:
        yield Spoken(server.connect().ask, port)


@pytest.fixture
def spoken(running, certificates):
    """Return that server, and set back what a test has set."""
    yield running
    pairs = ["tls-auth-clients", "no", "tls-protocols", "", "tls-key-file-pass", ""]
    pairs += ["tls-cert-file", certificates.server.certificate]
    pairs += ["tls-key-file", certificates.server.key]
    assert running.ask("CONFIG", "SET", "bind", "127.0.0.1", *pairs) == OK


def refused(name, reason="Unable to update TLS configuration. Check server logs."):
    """Return what CONFIG SET says of a setting that cannot be applied."""
    text = f"-ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"
    return text.encode() + b"\r\n"


def name_at(port, context, sends=b"PING\r\n"):
    """Return the name in the certificate of who answers at a port; "" for nobody."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            tls.sendall(sends)
            assert tls.recv(100) == b"+PONG\r\n"
            subject = dict(pair for (pair,) in tls.getpeercert()["subject"])
            return subject["commonName"]
    except ConnectionRefusedError:
        return ""


VALUES = [
    ("tls-port", "70000"),
    ("tls-port", "-1"),
    ("tls-port", "x"),
    ("tls-auth-clients", "maybe"),
    ("tls-auth-clients", "OPTIONAL"),
    ("tls-prefer-server-ciphers", "maybe"),
    ("tls-session-caching", "maybe"),
    ("tls-session-cache-size", "-1"),
    ("tls-session-cache-timeout", "2147483648"),
    ("tls-protocols", "none of them"),
    ("tls-ciphers", "none"),
    ("tls-ciphersuites", "none"),
    ("tls-cert-file", "/no/such/file"),
    ("tls-key-file", "/no/such/file"),
    ("tls-key-file-pass", "sesame"),
    ("tls-ca-cert-file", "/no/such/file"),
    ("tls-ca-cert-dir", "/no/such/folder"),
    ("tls-dh-params-file", "/no/such/file"),
    ("tls-client-cert-file", "/no/such/file"),
    ("tls-cluster", "yes"),
    ("tls-port", "1"),
]


def test_settings_are_taken_and_shown_as_redis_has_them_while_nothing_speaks_tls():
    with start_joblog() as ours, start_redis() as theirs:
        asks = [one.connect().ask for one in (ours, theirs)]
        for name, value in VALUES:
            said = [ask("CONFIG", "SET", name, value) for ask in asks]
            shown = [ask("CONFIG", "GET", name) for ask in asks]
            assert (name, value, said[0]) == (name, value, said[1])
            assert shown[0] == shown[1]


def test_a_port_of_tls_is_opened_moved_and_closed(start, certificates, port):
    ask = start("--bind", "127.0.0.1", "--tls-auth-clients", "no")
    context = certificates.client_context()
    pair = ("tls-cert-file", certificates.server.certificate)
    pair += ("tls-key-file", certificates.server.key)

    assert ask("CONFIG", "SET", "tls-port", port) == refused("tls-port")
    assert ask("CONFIG", "SET", *pair, "tls-port", port) == OK
    assert name_at(port, context) == "server"
    assert b"tcp_port:%d\r\n" % port in ask("INFO", "server")
    assert ask("CONFIG", "SET", "tls-port", 0) == OK
    assert name_at(port, context) == ""


def test_a_port_that_is_taken_changes_nothing(spoken, certificates):
    ask, port = spoken
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        said = ask("CONFIG", "SET", "tls-port", taken)

    reason = "Unable to listen on this port. Check server logs."
    assert said == refused("tls-port", reason)
    assert name_at(port, certificates.client_context()) == "server"
    assert ask("CONFIG", "GET", "tls-port").endswith(b"%d\r\n" % port)


def test_addresses_are_changed_for_both_ports(spoken, certificates):
    ask, port = spoken
    context = certificates.client_context()

    assert ask("CONFIG", "SET", "bind", "127.0.0.2") == OK
    assert name_at(port, context) == ""
    assert ask("CONFIG", "SET", "bind", "127.0.0.1") == OK
    assert name_at(port, context) == "server"


def test_a_certificate_is_changed_without_losing_a_client(spoken, certificates):
    ask, port = spoken
    context = certificates.client_context()
    pair = ("tls-cert-file", certificates.other_server.certificate)
    pair += ("tls-key-file", certificates.other_server.key)
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    with plain, context.wrap_socket(plain, server_hostname="localhost") as there:
        said = ask("CONFIG", "SET", *pair)
        there.sendall(b"PING\r\n")

        assert said == OK
        assert there.recv(100) == b"+PONG\r\n"

    assert name_at(port, context) == "other"


def test_a_file_that_is_renewed_is_read_anew(start, certificates, port, tmp_path):
    certificate, key = tmp_path / "now.pem", tmp_path / "now.key"

    def put(pair):
        certificate.write_bytes(pair.certificate.read_bytes())
        key.write_bytes(pair.key.read_bytes())

    put(certificates.server)
    options = certificates.options(port, "--tls-auth-clients", "no")
    ask = start(
        *options, "--tls-cert-file", str(certificate), "--tls-key-file", str(key)
    )
    context = certificates.client_context()
    before = name_at(port, context)

    put(certificates.other_server)

    assert (before, name_at(port, context)) == ("server", "server")
    assert ask("CONFIG", "SET", "tls-cert-file", certificate) == OK
    assert name_at(port, context) == "other"


BAD = [
    pytest.param("tls-cert-file", "/no/such/file", id="no certificate"),
    pytest.param("tls-cert-file", "", id="none named"),
    pytest.param("tls-key-file", "/no/such/file", id="no key"),
    pytest.param("tls-key-file", "{other}", id="another's key"),
    pytest.param("tls-key-file", "{certificate}", id="a key that is none"),
    pytest.param("tls-cert-file", "{key}", id="a certificate that is none"),
    pytest.param("tls-ca-cert-file", "/no/such/file", id="no authority"),
    pytest.param("tls-ca-cert-file", "{key}", id="an authority that is none"),
    pytest.param("tls-dh-params-file", "/no/such/file", id="no parameters"),
    pytest.param("tls-protocols", "SSLv3", id="protocol"),
    pytest.param("tls-ciphers", "none", id="ciphers"),
    pytest.param("tls-ciphersuites", "none", id="suites"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_is_bad_is_refused_and_nothing_is_applied(
    spoken, certificates, name, value
):
    ask, port = spoken
    server, other = certificates.server, certificates.other_server
    value = value.format(
        certificate=server.certificate, key=server.key, other=other.key
    )
    before = ask("CONFIG", "GET", "tls-*", "timeout")

    said = ask("CONFIG", "SET", "timeout", 7, name, value)

    assert said == refused(name)
    assert ask("CONFIG", "GET", "tls-*", "timeout") == before
    assert name_at(port, certificates.client_context()) == "server"


def test_a_locked_key_is_opened_with_its_password(spoken, certificates):
    ask, port = spoken
    pair = ("tls-cert-file", certificates.locked.certificate)
    pair += ("tls-key-file", certificates.locked.key)

    assert ask("CONFIG", "SET", *pair) == refused("tls-cert-file")
    assert ask("CONFIG", "SET", *pair, "tls-key-file-pass", "wrong") == (
        refused("tls-cert-file")
    )
    assert ask("CONFIG", "SET", *pair, "tls-key-file-pass", PASSWORD) == OK
    assert name_at(port, certificates.client_context()) == "locked"


PEERS = [
    pytest.param("yes", "client", True, id="yes: its own"),
    pytest.param("yes", None, False, id="yes: none"),
    pytest.param("yes", "stranger", False, id="yes: a stranger's"),
    pytest.param("optional", None, True, id="optional: none"),
    pytest.param("optional", "client", True, id="optional: its own"),
    pytest.param("optional", "stranger", False, id="optional: a stranger's"),
    pytest.param("no", "stranger", True, id="no: a stranger's"),
]


@pytest.mark.parametrize(("asks", "whose", "is_let_in"), PEERS)
def test_clients_show_certificates(spoken, certificates, asks, whose, is_let_in):
    ask, port = spoken
    own = None if whose is None else getattr(certificates, whose)
    context = certificates.client_context(own)

    assert ask("CONFIG", "SET", "tls-auth-clients", asks) == OK

    if is_let_in:
        assert name_at(port, context) == "server"
    else:
        with pytest.raises(OSError):  # noqa: PT011 - an alert, or a reset before it
            name_at(port, context)
    assert ask("PING") == b"+PONG\r\n"


@pytest.mark.parametrize(
    ("protocols", "version", "is_spoken"),
    [
        ("TLSv1.2", ssl.TLSVersion.TLSv1_3, False),
        ("TLSv1.2", ssl.TLSVersion.TLSv1_2, True),
        ("tlsv1.3", ssl.TLSVersion.TLSv1_2, False),
        ("TLSv1.3 TLSv1.2", ssl.TLSVersion.TLSv1_3, True),
        ("", ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_only_the_protocols_that_are_named_are_spoken(
    spoken, certificates, protocols, version, is_spoken
):
    ask, port = spoken
    context = certificates.client_context()
    context.minimum_version = context.maximum_version = version

    assert ask("CONFIG", "SET", "tls-protocols", protocols) == OK

    if is_spoken:
        assert name_at(port, context) == "server"
    else:
        with pytest.raises(OSError):  # noqa: PT011 - an alert, or a reset before it
            name_at(port, context)


@pytest.mark.parametrize("prefers", ["yes", "no"])
def test_whose_order_of_ciphers_goes_is_a_setting(start, certificates, port, prefers):
    first, second = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"
    options = certificates.options(port, "--tls-auth-clients", "no")
    start(
        *(*options, "--tls-protocols", "TLSv1.2", "--tls-ciphers", f"{first}:{second}"),
        *("--tls-prefer-server-ciphers", prefers),
    )
    context = certificates.client_context()
    context.set_ciphers(f"{second}:{first}")

    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    with plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        assert tls.cipher()[0] == (first if prefers == "yes" else second)


def test_no_more_clients_are_served_than_may_be(spoken, certificates):
    ask, port = spoken
    assert ask("CONFIG", "SET", "maxclients", 1) == OK

    with pytest.raises(OSError):  # noqa: PT011 - an end, or a reset before it
        name_at(port, certificates.client_context())

    assert ask("CONFIG", "SET", "maxclients", 100) == OK
    assert name_at(port, certificates.client_context()) == "server"
