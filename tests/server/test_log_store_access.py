"""A store of the log that does not let everybody in: TLS, passwords, credentials."""

import base64
import hashlib
import json
import secrets
import time

import nkeys
import pytest

from tests.support.certificates import Certificates
from tests.support.servers import start_joblog
from tests.support.stores import Store

pytestmark = pytest.mark.slow

ALONE = ("--log-store-replicas", "1")
_JETSTREAM = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}


def is_acknowledged(address, *options):
    """Say whether a server over a store has a write acknowledged by it."""
    with start_joblog("--log-store", address, *ALONE, *options) as server:
        client = server.connect()
        assert client.ask("SET", "k", "v") == b"+OK\r\n"
        lines = client.ask("INFO", "persistence")
        assert server.stop() == 0
        return b"log_store_status:ok" in lines


def test_store_is_reached_by_tls_with_certificates_and_a_password(tmp_path):
    files = Certificates(tmp_path)
    more = f"""
    tls {{
        cert_file: {json.dumps(str(files.server.certificate))}
        key_file: {json.dumps(str(files.server.key))}
        ca_file: {json.dumps(str(files.authority))}
        verify: true
    }}
    authorization {{ user: joblog, password: sesame }}
    """
    with Store(1, more) as store:
        assert is_acknowledged(
            store.address("JOBS").replace("nats:", "tls:"),
            *("--log-store-tls-ca-cert-file", files.authority),
            *("--log-store-tls-cert-file", files.client.certificate),
            *("--log-store-tls-key-file", files.client.key),
            *("--log-store-user", "joblog", "--log-store-password", "sesame"),
        )


NEEDED = [
    *("JOBS.log", "JOBS.hello", "$KV.JOBS-lease.>"),
    *("$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*"),
    *("$JS.API.STREAM.MSG.GET.JOBS", "$JS.API.DIRECT.GET.KV_JOBS-lease.>"),
]
BATCHES = [
    *("$JS.API.CONSUMER.CREATE.JOBS", "$JS.API.CONSUMER.MSG.NEXT.JOBS.*"),
    "$JS.API.CONSUMER.DELETE.JOBS.*",
]


@pytest.mark.parametrize("more", [BATCHES, []], ids=["batches", "one by one"])
def test_user_needs_no_other_rights_than_the_documentation_names(tmp_path, more):
    """And without those for batches messages are read one by one."""
    rights = {"publish": NEEDED + more, "subscribe": ["JOBS.hello", "_INBOX.>"]}
    user = {"user": "joblog", "password": "sesame", "permissions": rights}
    options = ("--log-store-user", "joblog", "--log-store-password", "sesame", *ALONE)
    with Store(1, f"authorization: {json.dumps({'users': [user]})}") as store:
        address = store.address("JOBS")
        with start_joblog("--log-store", address, *options) as server:
            client = server.connect()
            for number in range(300):
                assert client.ask("SET", f"k{number}", "v") == b"+OK\r\n"
            assert server.stop() == 0
        began = time.monotonic()
        with start_joblog("--log-store", address, *options) as server:
            took = time.monotonic() - began
            assert server.connect().ask("DBSIZE") == b":300\r\n"
        assert took < 20
        log = (store.folder(0).parent / "0.log").read_text()
        asked = "Publish Violation" in log and "$JS.API.CONSUMER.CREATE.JOBS" in log
        assert asked != bool(more)


class Identity:
    """An operator, an account or a user of NATS."""

    def __init__(self, prefix):
        """Choose a key."""
        self.seed = nkeys.encode_seed(secrets.token_bytes(32), prefix)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.name = self._pair.public_key.decode()

    def certify(self, other, kind, **claims):
        """Return a token in which this one says who another is."""
        body = {
            "iss": self.name,
            "sub": other.name,
            "name": kind,
            "iat": 1_700_000_000,
            "nats": {"type": kind, "version": 2, **claims},
        }
        digest = hashlib.sha512(json.dumps(body).encode()).digest()[:32]
        body["jti"] = base64.b32encode(digest).decode().rstrip("=")
        parts = [_pack({"typ": "JWT", "alg": "ed25519-nkey"}), _pack(body)]
        signature = self._pair.sign(".".join(parts).encode())
        return ".".join([*parts, _url_safe(signature)])


def _pack(value):
    return _url_safe(json.dumps(value, separators=(",", ":")).encode())


def _url_safe(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_store_is_reached_with_a_file_of_credentials(tmp_path):
    operator = Identity(nkeys.PREFIX_BYTE_OPERATOR)
    account = Identity(nkeys.PREFIX_BYTE_ACCOUNT)
    system = Identity(nkeys.PREFIX_BYTE_ACCOUNT)
    user = Identity(nkeys.PREFIX_BYTE_USER)
    limits = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1}
    limits |= {"imports": -1, "exports": -1, "wildcards": True}
    of_system = operator.certify(system, "account", limits=limits)
    of_account = operator.certify(account, "account", limits=limits | _JETSTREAM)
    more = f"""
    operator: {operator.certify(operator, "operator")}
    system_account: {system.name}
    resolver: MEMORY
    resolver_preload: {{
        {system.name}: {of_system}
        {account.name}: {of_account}
    }}
    """
    of_user = account.certify(user, "user", subs=-1, data=-1, payload=-1)
    path = tmp_path / "joblog.creds"
    path.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n"
        "------END USER NKEY SEED------\n"
    )
    with Store(1, more) as store:
        address = store.address("JOBS")
        assert is_acknowledged(address, "--log-store-credentials-file", path)
