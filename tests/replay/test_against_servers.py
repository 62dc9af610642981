"""`replay verify --against URL`: the logs of servers that run."""

import json
import shutil
import socket

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History, go_on
from tests.replay.redacting.redactions import redact
from tests.support.encrypted import make_key_file
from tests.support.pruning import prune
from tests.support.servers import start_joblog, start_redis

DISK = FileSystem()
COMMANDS = [f"SET key:{number} {number}" for number in range(100)]
RIGHTS = "-@all", "+log.info", "+log.segments", "+log.digest", "+log.read"


def run(*words):
    """Run `replay verify`; return the exit code, what is said, and that as JSON."""
    words = ["verify", *map(str, words)]
    told = CliRunner().invoke(main, words, catch_exceptions=False)
    facts = CliRunner().invoke(main, [*words, "--json"], catch_exceptions=False)
    return told.exit_code, told.output, json.loads(facts.stdout)["against"]


@pytest.fixture
def here(tmp_path):
    """Return a data folder of several segments."""
    history = History(tmp_path / "here", segment_bytes_max=2000)
    client = history.connect(b"web")
    history.run(client, *COMMANDS)
    history.close()
    return history.folder


@pytest.fixture
def there(here, tmp_path):
    """Return a copy of it."""
    return shutil.copytree(here, tmp_path / "there")


@pytest.fixture
def serve():
    """Return a function that starts a server over a folder, and returns its address."""
    started = []

    def start(folder, *options):
        started.append(start_joblog("--dir", str(folder), *options))
        return f"unix://{started[-1].path}"

    yield start
    for server in started:
        server.__exit__()


def test_a_server_over_a_copy_has_the_same_log(here, there, serve):
    url = serve(there)

    code, output, facts = run(here, "--against", url)

    assert code == 0
    assert f"the same as {url} up to seq 101\n" in output
    assert (facts["is_same"], facts["same_until"], facts["parts_at"]) == (True, 101, 0)
    go_on(here, *(f"SET more:{number} 1" for number in range(50)))
    assert (
        "up to seq 101; this one goes on to seq 151" in run(here, "--against", url)[1]
    )


def test_the_first_record_that_differs_is_named_from_either_side(here, there, serve):
    go_on(here, *(f"SET more:{number} {number // 90}" for number in range(100)))
    go_on(there, *(f"SET more:{number} 0" for number in range(110)))
    url = serve(there)

    code, output, facts = run(here, "--against", url)
    swapped = run(url, "--against", here)

    assert code == 3
    assert f"the same up to seq 191, and other than {url} from seq 192 on" in output
    assert "here:  SET more:90 1\nthere: SET more:90 0\n" in output
    mine, theirs = facts["digests"]
    assert f"digests: {mine}@192 here, {theirs}@192 there\n" in output
    assert len({mine, theirs}) == 2
    assert (facts["same_until"], facts["parts_at"]) == (191, 192)
    assert swapped[0] == 3
    assert swapped[2]["digests"] == [theirs, mine]
    assert (swapped[2]["here"], swapped[2]["there"]) == (
        "SET more:90 0",
        "SET more:90 1",
    )


def test_records_that_say_the_same_differ_in_what_is_around_them(here, there, serve):
    go_on(here, "SET more 1")
    history = History(there, segment_bytes_max=2000)
    history.clock.at_ms += 5_000_000
    history.run(history.connect(b"other"), "SET more 1")
    history.close()

    facts = run(here, "--against", serve(there))[2]

    assert facts["parts_at"] == 102
    assert facts["here"] == "SET more 1"
    assert facts["there"].startswith("client 127.0.0.1:50000 name=other")


def test_a_server_is_asked_by_a_user_who_may_no_more_than_that(here, there, serve):
    plain = serve(there, "--user", "peer", "on", ">secret", *RIGHTS)
    url = plain.replace("unix://", "unix://peer:secret@")

    code, output, facts = run(here, "--against", url)
    refused = run(here, "--against", url.replace("secret", "wrong"))

    assert code == 0, output
    assert facts["same_until"] == 101
    assert plain in output
    assert "secret" not in output
    assert refused[0] == 3
    assert "WRONGPASS" in refused[1]
    assert "wrong@" not in refused[1]


def test_two_servers_are_compared(here, there, serve):
    code, output, facts = run(serve(here), "--against", serve(there))

    assert code == 0, output
    assert facts["same_until"] == 101


def test_a_log_of_another_server_is_another_log(here, tmp_path, serve):
    history = History(tmp_path / "other", segment_bytes_max=2000)
    history.run(history.connect(b"web"), *COMMANDS)
    history.close()

    code, output, facts = run(here, "--against", serve(history.folder))

    assert code == 3
    assert "they are two logs" in output
    assert (facts["same_until"], facts["parts_at"]) == (0, 1)


@pytest.mark.parametrize("pruned", ["here", "there"])
def test_what_one_has_pruned_is_tied_to_what_both_have(here, there, serve, pruned):
    prune(here if pruned == "here" else there, 2)

    code, output, facts = run(here, "--against", serve(there))

    assert code == 0, output
    assert facts["same_until"] == 101


def test_logs_that_part_in_what_is_pruned_say_so(tmp_path, serve):
    folders = [tmp_path / "here", tmp_path / "there"]
    history = History(folders[0], segment_bytes_max=2000)
    history.run(history.connect(b"web"), "SET first 1")
    history.close()
    shutil.copytree(*folders)
    for folder, value in zip(folders, (1, 2), strict=True):
        go_on(folder, f"SET second {value}", *COMMANDS)
        prune(folder, 1)
    first_seq = LogFolder(folders[0], DISK).find_segments()[0]

    code, output, facts = run(folders[0], "--against", serve(folders[1]))

    assert code == 3
    assert "they part before it, in what one of them has pruned" in output
    assert (facts["same_until"], facts["parts_at"]) == (0, first_seq)


def test_logs_without_a_record_in_common_say_which_they_have(here, there, serve):
    go_on(there, *COMMANDS)
    prune(there, len(LogFolder(there, DISK).find_segments()) - 1)
    first_seq = LogFolder(there, DISK).find_segments()[0]

    code, output, _ = run(here, "--against", serve(there))

    assert code == 3
    told = f"no record in common: seq 1 to 101 here, {first_seq} to 201 there"
    assert told in output


def test_a_redacted_log_compares_as_what_it_was(here, there, serve):
    assert redact(there, keys=[b"key:7"], may_delete=True).records
    url = serve(there)
    last_seq = run(url, "--against", there)[2]["last_seq"]

    code, output, facts = run(here, "--against", url)

    assert code == 0, output
    assert facts["same_until"] == 101
    assert last_seq == 103  # it was deleted, and redacted


def test_a_server_that_encrypts_its_log_has_the_same(here, there, serve, tmp_path):
    key = make_key_file(tmp_path / "key", "a")
    url = serve(there, "--log-encryption-key-file", str(key), *PIECES)
    with start_joblog("--dir", str(here), *PIECES):
        pass

    code, output, _ = run(here, "--against", url)

    assert code == 0, output


PIECES = ("--segment-bytes-max", "65536")


def test_who_is_no_joblog_says_so(here):
    with start_redis() as redis:
        code, output, facts = run(here, "--against", f"unix://{redis.path}")

    assert code == 3
    assert "it is no joblog, or an older one" in output
    assert facts["damage"]


def test_nobody_at_an_address_is_told_without_a_password(here):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]

    code, output, _ = run(here, "--against", f"redis://u:secret@127.0.0.1:{port}")

    assert code == 3
    assert f"redis://127.0.0.1:{port}: " in output
    assert "secret" not in output


def test_a_server_under_tls_is_asked(here, there, serve, certificates):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    serve(there, *certificates.options(port, "--tls-auth-clients", "no"))
    url = f"rediss://localhost:{port}?ssl_ca_certs={certificates.authority}"

    code, output, _ = run(here, "--against", url)

    assert code == 0, output


def test_of_a_server_only_a_comparison_is_told(here):
    told = CliRunner().invoke(main, ["verify", "redis://127.0.0.1:1", "--deep"])

    assert told.exit_code == 2
    assert "only --against" in told.output
