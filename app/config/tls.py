"""Settings of TLS, which this server does not have yet.

Files and ciphers are accepted, since they protect nothing by themselves in a real
server either; what would open a port for TLS, or ask for it, is refused.
"""

from __future__ import annotations

from joblog.app.config import stops
from joblog.app.config.kinds import INT_MAX, Boolean, Choice, Integer, Secret, Text

_WHY = "There is no TLS."


class TlsSettings:
    """TLS: there is none yet."""

    tls_port = Integer(
        0,
        _WHY,
        0,
        65535,
        effect=False,
        stop=stops.above_zero(
            "this server has no TLS; set it to 0, and let a proxy in front of it "
            "speak TLS"
        ),
    )
    tls_replication = Boolean(
        "no",
        _WHY,
        effect=False,
        stop=stops.if_on("this server has neither TLS nor replicas; set it to no"),
    )
    tls_cluster = Boolean(
        "no",
        _WHY,
        effect=False,
        stop=stops.if_on("this server has neither TLS nor a cluster; set it to no"),
    )
    tls_cert_file = Text("", _WHY, effect=False)
    tls_key_file = Text("", _WHY, effect=False)
    tls_key_file_pass = Secret(b"", _WHY, effect=False)
    tls_client_cert_file = Text("", _WHY, effect=False)
    tls_client_key_file = Text("", _WHY, effect=False)
    tls_client_key_file_pass = Secret(b"", _WHY, effect=False)
    tls_dh_params_file = Text("", _WHY, effect=False)
    tls_ca_cert_file = Text("", _WHY, effect=False)
    tls_ca_cert_dir = Text("", _WHY, effect=False)
    tls_auth_clients = Choice("yes", _WHY, ("no", "yes", "optional"), effect=False)
    tls_auth_clients_user = Text("off", _WHY, effect=False)
    tls_protocols = Text("", _WHY, effect=False)
    tls_ciphers = Text("", _WHY, effect=False)
    tls_ciphersuites = Text("", _WHY, effect=False)
    tls_prefer_server_ciphers = Boolean("no", _WHY, effect=False)
    tls_session_caching = Boolean("yes", _WHY, effect=False)
    tls_session_cache_size = Integer(20480, _WHY, effect=False)
    tls_session_cache_timeout = Integer(300, _WHY, 0, INT_MAX, unit="s", effect=False)
    tls_auto_reload_interval = Integer(0, _WHY, 0, INT_MAX, unit="s", effect=False)
