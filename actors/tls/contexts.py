"""Contexts: what the settings of TLS come to, as `ssl` wants it.

One context serves all connections that come until the next is made; those that are
there keep theirs. So certificates are read anew without losing a client, and one that
is bad leaves everything as it was.

Texts and checks are those of Redis 7.0.15; see tests/server/test_tls_settings.py.
"""

from __future__ import annotations

import logging
import ssl
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from joblog.actors.links import Link
from joblog.actors.replica.dialer import Reached, reached_over
from joblog.app.config import SettingError

if TYPE_CHECKING:
    from joblog.app.config import Config

logger = logging.getLogger(__name__)

_REFUSED: Final = "Unable to update TLS configuration. Check server logs."

_FILES: Final = (
    *("tls_cert_file", "tls_key_file", "tls_key_file_pass", "tls_dh_params_file"),
    *("tls_client_cert_file", "tls_client_key_file", "tls_client_key_file_pass"),
    *("tls_ca_cert_file", "tls_ca_cert_dir", "tls_protocols", "tls_ciphers"),
    *("tls_ciphersuites", "tls_prefer_server_ciphers", "tls_session_caching"),
    *("tls_cluster", "tls_replication"),
)
_PROTOCOLS: Final = {
    "tlsv1": ssl.OP_NO_TLSv1,
    "tlsv1.1": ssl.OP_NO_TLSv1_1,
    "tlsv1.2": ssl.OP_NO_TLSv1_2,
    "tlsv1.3": ssl.OP_NO_TLSv1_3,
}
_DEFAULT_PROTOCOLS: Final = "TLSv1.2 TLSv1.3"
_SUITES: Final = frozenset(
    (
        *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"),
        *("TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"),
        "TLS_AES_128_CCM_8_SHA256",
    )
)
_MISMATCHES: Final = (
    *("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"),
    "NO_CERTIFICATE_ASSIGNED",  # a key of another kind
)
_VERIFY: Final = {
    "no": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "yes": ssl.CERT_REQUIRED,
}


class ContextError(Exception):
    """The settings of TLS cannot be applied; the text says why.

    Attributes:
        setting: the name of the setting to blame.
    """

    def __init__(self, setting: str, text: str) -> None:
        """Say why, and of which setting."""
        super().__init__(text)
        self.setting = setting


class Contexts:
    """The contexts of one server.

    Attributes:
        of_clients: that of clients that come now, once TLS was asked for.
        of_links: that of connections to other servers.
    """

    def __init__(self, config: Config) -> None:
        """Make those that the settings ask for.

        Raises:
            ContextError: they cannot be made.
        """
        self._config = config
        self.of_clients: ssl.SSLContext | None = None
        self.of_links: ssl.SSLContext | None = None
        self.renew()

    def follow_settings(self) -> None:
        """Go along with CONFIG SET from now on."""
        self._config.on_change(self.require, *_FILES)
        self._config.on_change(self._verify_anew, "tls_auth_clients")

    def renew(self) -> None:
        """Read all files anew, for who comes from now on; nothing without TLS.

        Raises:
            ContextError: they cannot be; all is as it was.
        """
        config = self._config
        if not (config.tls_port or config.tls_cluster or config.tls_replication):
            return
        of_clients = self.of_clients
        if _is_reached(config) or config.tls_cert_file:
            _require_authorities(config)
            of_clients = context_of_clients(config)
        of_links = context_of_links(config)
        self.of_clients, self.of_links = of_clients, of_links

    def renew_or_tell(self) -> None:
        """Do so, or log why not."""
        try:
            self.renew()
        except ContextError as error:
            logger.warning("TLS: %s; what was read before holds", error)
        else:
            if self.of_clients is not None:
                logger.info("TLS: the certificates are read anew")

    def dial(self, host: str, port: int, wait_ms: int) -> Link:
        """Connect to another server, as MIGRATE asks for.

        Raises:
            OSError: it takes too long, or nobody is there.
        """
        context = self.of_links if self._config.tls_cluster else None
        return Link(host, port, wait_ms, context)

    def reach(self, host: str, port: int, wait_ms: int) -> Reached:
        """Connect to a server that is to be followed; it may be called in a thread.

        Raises:
            OSError: it takes too long, or nobody is there.
        """
        context = self.of_links if self._config.tls_replication else None
        return reached_over(Link(host, port, wait_ms, context).detach())

    def require(self) -> None:
        """Renew because CONFIG SET asks for it.

        Raises:
            SettingError: it cannot be; all is as it was.
        """
        try:
            self.renew()
        except ContextError as error:
            logger.warning("TLS: %s", error)
            raise SettingError(_REFUSED) from None

    def _verify_anew(self) -> None:
        if self.of_clients is not None:
            self.of_clients.verify_mode = _VERIFY[self._config.tls_auth_clients]


def _is_reached(config: Config) -> bool:
    """Say whether anybody can connect: a tap needs no certificate of its own."""
    return bool(config.port or config.tls_port or config.unixsocket)


def _require_authorities(config: Config) -> None:
    if not config.tls_cert_file:
        raise ContextError("tls-cert-file", "No tls-cert-file configured!")
    if not config.tls_key_file:
        raise ContextError("tls-key-file", "No tls-key-file configured!")
    asks = config.tls_auth_clients != "no" or config.tls_cluster
    if asks and not config.tls_ca_cert_file and not config.tls_ca_cert_dir:
        raise ContextError(
            "tls-ca-cert-file",
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when "
            "tls-cluster, tls-replication or tls-auth-clients are enabled!",
        )


def context_of_clients(config: Config) -> ssl.SSLContext:
    """Return the context of clients that connect.

    Raises:
        ContextError: the settings cannot be applied.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = _VERIFY[config.tls_auth_clients]
    _choose_protocols(context, config)
    names = ("tls-cert-file", "tls-key-file", "tls-key-file-pass")
    _load_certificate(context, config, names)
    if config.tls_dh_params_file:
        _load_parameters(context, config.tls_dh_params_file)
    if not config.tls_prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if not config.tls_session_caching:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


def context_of_links(config: Config) -> ssl.SSLContext:
    """Return the context of connections to other servers.

    As in Redis, the other side's certificate has to come from the same authorities;
    its name is not looked at. It is where no authorities are named, so that all are
    trusted that the system trusts.

    Raises:
        ContextError: the settings cannot be applied.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    _choose_protocols(context, config)
    if not (config.tls_ca_cert_file or config.tls_ca_cert_dir):
        context.load_default_certs()
        context.check_hostname = True
    own = bool(config.tls_client_cert_file)
    if not (own or config.tls_cert_file):
        return context
    middle = "client-" if own else ""
    names = (f"tls-{middle}cert-file", f"tls-{middle}key-file")
    _load_certificate(context, config, (*names, f"tls-{middle}key-file-pass"))
    return context


def _choose_protocols(context: ssl.SSLContext, config: Config) -> None:
    """Set what both kinds of context have: protocols, ciphers, authorities."""
    words = (config.tls_protocols or _DEFAULT_PROTOCOLS).lower().split()
    if not words or not set(words) <= set(_PROTOCOLS):
        raise ContextError(
            "tls-protocols",
            "Invalid tls-protocols specified. Use a combination of 'TLSv1', "
            "'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.",
        )
    with warnings.catch_warnings():
        # Python warns of old protocols; whoever names one knows.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        for word, option in _PROTOCOLS.items():
            if word not in words:
                context.options |= option
    # Neither side may begin anew: a handshake costs the server more than the client.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if config.tls_ciphers:
        try:
            context.set_ciphers(config.tls_ciphers)
        except ssl.SSLError:
            raise ContextError(
                "tls-ciphers", f"Failed to configure ciphers: {config.tls_ciphers}"
            ) from None
    if config.tls_ciphersuites and "tlsv1.3" in words:
        _choose_suites(context, config.tls_ciphersuites)
    _load_authorities(context, config)


def _choose_suites(context: ssl.SSLContext, listed: str) -> None:
    """Set the suites of TLS 1.3; where Python cannot, refuse a list that is shorter."""
    failed = f"Failed to configure ciphersuites: {listed}"
    wanted = set(listed.split(":"))
    if not wanted <= _SUITES:
        raise ContextError("tls-ciphersuites", failed)
    choose = getattr(context, "set_ciphersuites", None)
    if choose is not None:
        choose(listed)
        return
    taken = {
        one["name"] for one in context.get_ciphers() if one["protocol"] == "TLSv1.3"
    }
    if not taken <= wanted:
        raise ContextError(
            "tls-ciphersuites",
            f"{failed}: this Python cannot leave out {':'.join(sorted(taken - wanted))}"
            "; name these too, or leave TLSv1.3 out of tls-protocols",
        )


def _load_authorities(context: ssl.SSLContext, config: Config) -> None:
    file, folder = config.tls_ca_cert_file, config.tls_ca_cert_dir
    if not (file or folder):
        return
    try:
        if file:
            _require_file(file)
        context.load_verify_locations(file or None, folder or None)
    except (OSError, ValueError) as error:
        raise ContextError(
            "tls-ca-cert-file" if file else "tls-ca-cert-dir",
            "Failed to configure CA certificate(s) file/directory: "
            f"{file or folder}: {_say(error)}",
        ) from None


def _load_certificate(
    context: ssl.SSLContext, config: Config, names: tuple[str, str, str]
) -> None:
    """Load a certificate and its key, of the settings with these names."""
    certificate, key = config.show(names[0]), config.show(names[1])
    password = config.BY_NAME[names[2]].attribute
    secret: bytes = config.__dict__[password]
    name, what, path = names[0], "certificate", certificate
    try:
        _require_file(certificate)
        # This one is asked for certificates alone.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
        name, what, path = names[1], "private key", key
        _require_file(key)
        # A function, even without one: OpenSSL would ask the terminal.
        context.load_cert_chain(certificate, key, lambda: secret)
    except (OSError, ValueError) as error:
        why = _say(error)
        if path == key:
            why = _say_of_key(error, has_password=bool(secret))
        raise ContextError(name, f"Failed to load {what}: {path}: {why}") from None


def _load_parameters(context: ssl.SSLContext, path: str) -> None:
    try:
        _require_file(path)
        context.load_dh_params(path)
    except (OSError, ValueError) as error:
        text = f"Failed to load {path}: {_say(error)}"
        raise ContextError("tls-dh-params-file", text) from None


def _require_file(path: str) -> None:
    """Refuse what is no regular file: to read a pipe may never end.

    Raises:
        OSError: it is none, or cannot be looked at.
        ValueError: the path holds a NUL.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError("it is no regular file")


def _say_of_key(error: Exception, *, has_password: bool) -> str:
    """Say why a private key cannot be used; OpenSSL names the part that refused it."""
    if isinstance(error, ssl.SSLError):
        if error.reason in _MISMATCHES:
            return "it is not the key of the certificate"
        if not error.reason:
            password = (
                "the password is wrong" if has_password else "it needs a password"
            )
            return f"it is no private key, or {password}"
    return _say(error)


def _say(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    strerror = getattr(error, "strerror", None)
    return str(strerror or error)
