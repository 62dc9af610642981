"""No CONFIG SET makes the server write, run or listen elsewhere."""

import pytest

from joblog.app.config import Config
from joblog.app.config.kinds import Text
from tests.support.servers import start_joblog, start_redis8, start_valkey

WRITTEN = {
    *("dir", "logfile", "pidfile", "unixsocket", "aclfile", "cluster-config-file"),
    *("dbfilename", "appendfilename", "appenddirname"),
    *("log-archive-command", "log-anchor-command", "log-anchor-key"),
    "log-encryption-key-file",
    *("log-store-credentials-file", "log-store-tls-ca-cert-file"),
    *("log-store-tls-cert-file", "log-store-tls-key-file"),
}
"""What names a place that is written to, listened at, or run, or keys of the log's and
of who keeps it too."""

READ = {name for name in Config.BY_NAME if name.startswith("tls-") and "file" in name}
READ |= {"tls-ca-cert-dir"}
"""What names a file that is only read, as in Redis (`test_tls_settings`)."""

NO_PATH = {
    *("tls-auth-clients-user", "tls-protocols", "tls-ciphers", "tls-ciphersuites"),
    *("syslog-ident", "masteruser", "primaryuser", "unixsocketgroup", "hash-seed"),
    *("log-store-user", "log-store-master-name"),
    *("bind-source-addr", "availability-zone", "ignore-warnings"),
    *("locale-collate", "proc-title-template"),
    *(name for name in Config.BY_NAME if name.endswith(("cpulist", "_cpulist"))),
    *(name for name in Config.BY_NAME if "-announce-" in name),
}
FILE_NAMES = ["dbfilename"]
OUTSIDE = ["../outside", "/tmp/joblog-outside", "a/b", "./x", "../"]


@pytest.fixture(scope="module")
def ours():
    with start_joblog() as server:
        yield server.connect()


@pytest.fixture(scope="module", params=[start_valkey, start_redis8])
def theirs(request):
    with request.param() as server:
        yield server.connect()


def test_each_setting_of_text_is_known_to_name_a_place_or_not():
    texts = {
        name for name, setting in Config.BY_NAME.items() if isinstance(setting, Text)
    }

    assert texts - NO_PATH - READ - WRITTEN == set()
    assert set(Config.BY_NAME) >= WRITTEN


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_place_that_is_written_to_stays(ours, theirs, name, tmp_path):
    before = ours.ask("CONFIG", "GET", name)
    for value in (str(tmp_path / "x"), "x", "../x"):
        ask = ("CONFIG", "SET", name, value)

        refusal = ours.ask(*ask)

        assert refusal.startswith(b"-ERR CONFIG SET failed")
        told = theirs.ask(*ask)
        if not told.startswith(b"-ERR Unknown option"):
            assert refusal == told
        # All or nothing: also together with what may be changed.
        both = ("CONFIG", "SET", "hz", "20", name, value)
        assert ours.ask(*both) == refusal
    assert ours.ask("CONFIG", "GET", name) == before
    assert ours.ask("CONFIG", "GET", "hz") == b"*2\r\n$2\r\nhz\r\n$2\r\n10\r\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", OUTSIDE)
@pytest.mark.parametrize("start_other", [start_valkey, start_redis8])
def test_file_name_is_no_path_even_where_it_may_be_changed(start_other, value):
    free = ("--enable-protected-configs", "yes")
    ask = ("CONFIG", "SET", "dbfilename", value)
    with start_joblog(*free) as server, start_other(*free) as other:
        refusal = server.connect().ask(*ask)

        assert refusal == other.connect().ask(*ask)
