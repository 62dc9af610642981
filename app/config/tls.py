"""Settings of TLS: what `actors/tls` goes by.

Each is what it is in Redis 7.0.15; what of it Python's `ssl` cannot do is refused where
it would protect, and accepted where it only costs time.
"""

from __future__ import annotations

from joblog.app.config import stops
from joblog.app.config.kinds import INT_MAX, Boolean, Choice, Integer, Secret, Text

_OWN = "OpenSSL's own holds."


class TlsSettings:
    """TLS."""

    tls_port = Integer(0, "The port on which clients speak TLS; 0 is none.", 0, 65535)
    tls_cert_file = Text(
        "",
        "The server's certificate and those that lead to it, in PEM; read anew by "
        "CONFIG SET and at a SIGHUP.",
    )
    tls_key_file = Text("", "Its private key, in PEM.")
    tls_key_file_pass = Secret(b"", "The password of that file.")
    tls_client_cert_file = Text(
        "", "The certificate that MIGRATE shows; empty is the server's."
    )
    tls_client_key_file = Text("", "Its private key.")
    tls_client_key_file_pass = Secret(b"", "The password of that file.")
    tls_dh_params_file = Text("", "Parameters for DHE; empty is none.")
    tls_ca_cert_file = Text("", "Whose certificates of the other side are accepted.")
    tls_ca_cert_dir = Text("", "The same, a folder that `openssl rehash` made.")
    tls_auth_clients = Choice(
        "yes",
        "Whether clients must show a certificate, need not, or need not but it has to "
        "be good (`optional`).",
        ("no", "yes", "optional"),
    )
    tls_auth_clients_user = Text(
        "off",
        "Certificates name no users.",
        effect=False,
        stop=stops.unless(
            "off",
            "a certificate lets a client in, but makes it no user; set it to off",
        ),
    )
    tls_protocols = Text(
        "",
        "Which of TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3, with spaces between; empty is "
        "the last two.",
    )
    tls_ciphers = Text("", "The ciphers up to TLS 1.2, as OpenSSL writes them.")
    tls_ciphersuites = Text(
        "",
        "The suites of TLS 1.3. Python before 3.15 cannot choose: a list that leaves "
        "out one that OpenSSL would take is refused.",
    )
    tls_prefer_server_ciphers = Boolean("no", "Prefer the server's order of ciphers.")
    tls_session_caching = Boolean(
        "yes", "Let clients that come again resume their session by a ticket."
    )
    tls_session_cache_size = Integer(20480, _OWN, effect=False)
    tls_session_cache_timeout = Integer(300, _OWN, 0, INT_MAX, unit="s", effect=False)
    tls_auto_reload_interval = Integer(
        0,
        "CONFIG SET and SIGHUP read certificates anew.",
        0,
        INT_MAX,
        unit="s",
        effect=False,
    )
    max_new_tls_connections_per_cycle = Integer(
        1,
        "How many handshakes go a step further in one turn of the loop, or more where "
        "all take less than the millisecond that one costs with RSA.",
        1,
        1000,
    )
    tls_cluster = Boolean(
        "no", "MIGRATE speaks TLS with the other server; there is no cluster mode."
    )
    tls_replication = Boolean(
        "no",
        "The link to the server that this one follows speaks TLS.",
    )
