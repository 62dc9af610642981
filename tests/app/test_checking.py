"""`joblog --check-config` says what a start with the same settings would say."""

import io
import os
from pathlib import Path

import pytest

from joblog.actors.service.checking import check_configuration
from tests.server.test_keeping import DEBIAN, MINIMAL
from tests.support.starts import start


class Checked:
    """What a check says of a configuration."""

    def __init__(self, *arguments, stdin=""):
        out, err = io.StringIO(), io.StringIO()
        self.exit_code = check_configuration(arguments, lambda: stdin, out, err)
        self.out, self.lines = out.getvalue(), err.getvalue().splitlines()


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path, monkeypatch):
    """A check goes to the data folder: go back behind it."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "joblog.conf"

    def write(text):
        path.write_text(f"dir {tmp_path}/data\n{text}")
        return str(path)

    return write


def test_sound_file_is_said_to_start_and_nothing_is_made(conf, tmp_path):
    path = conf(f"port 7000\nlogfile {tmp_path}/log\npidfile {tmp_path}/pid\n")

    checked = Checked(path)

    assert checked.exit_code == 0
    assert checked.out == f"{path}: joblog would start\n"
    assert [x.name for x in tmp_path.iterdir()] == ["joblog.conf"]


def test_every_problem_is_a_line_with_file_line_directive_and_what_to_do(conf):
    path = conf('prot 1\nhz x\naclfile /users.acl\nrename-command NOPE ""\n')

    checked = Checked(path)

    assert checked.exit_code == 1
    assert [line.split(": ")[:2] for line in checked.lines[:-1]] == [
        [f"{path}:2", "prot"],
        [f"{path}:3", "hz x"],
        [f"{path}:5", "rename-command"],
        [f"{path}:4", "aclfile"],
    ]
    assert checked.lines[-1] == "joblog would not start: problems: 4"
    assert checked.out == ""


UNSAFE = [
    ("memory-only yes", "memory-only yes: nothing is written to the disk"),
    ("appendonly no", "appendonly no: the log is kept, since there are save rules"),
    ('appendonly no\nsave ""', "appendonly no: nothing is written to the disk"),
    ("appendfsync no", "appendfsync no: a power cut may cost"),
    ("protected-mode no", "protected-mode no, and no requirepass: whoever reaches"),
    ("enable-debug-command yes", "enable-debug-command yes: every client may do"),
    ("enable-protected-configs yes", "enable-protected-configs yes: every client"),
    ("busy-reply-threshold 0", "busy-reply-threshold 0: while a script runs nobody"),
    ("tcp-backlog 1000000", "tcp-backlog 1000000: the system lets only"),
    ("unixsocketperm 777\nunixsocket s", "unixsocketperm 777, and no requirepass"),
    ("daemonize yes", "daemonize yes without a logfile: what this server has to"),
    ("core-dumps yes", "core-dumps yes: a crash may write all data, passwords and"),
    ("loglevel nothing", "loglevel nothing: warnings are not logged either"),
]


@pytest.mark.parametrize(("text", "warning"), UNSAFE)
def test_what_is_unsafe_is_a_warning_with_its_place_and_no_problem(conf, text, warning):
    path = conf(text)

    checked = Checked(path)

    assert checked.exit_code == 0
    ours = [x for x in checked.lines if f"{path}:2: {warning}" in x]
    assert len(ours) == 1
    assert ours[0].startswith("warning: ")
    assert f"joblog would start, warnings: {len(checked.lines)}" in checked.out


def test_file_of_debian_would_start_and_all_that_is_added_to_it_is_told(tmp_path):
    debian, path = tmp_path / "debian.conf", tmp_path / "redis.conf"
    debian.write_text(DEBIAN.read_text() if DEBIAN.exists() else MINIMAL)
    stops = "rdma-port 1\nsyslog-enabled yes\ncluster-enabled yes\n"
    stops += "oom-score-adj yes\n"
    path.write_text(debian.read_text() + stops)
    here = ["--dir", str(tmp_path), "--logfile", ""]

    sound, stopped = Checked(str(debian), *here), Checked(str(path), *here)

    assert sound.exit_code == 0
    assert any(": appendonly no: the log is kept" in line for line in sound.lines)
    assert stopped.exit_code == 1
    told = [line.split(": ")[1].split()[0] for line in stopped.lines]
    assert told[:4] == [
        *("rdma-port", "syslog-enabled", "cluster-enabled", "oom-score-adj"),
    ]


UNWRITABLE = [
    ("logfile {tmp}/none/log", "logfile {tmp}/none/log: there is no folder", 1),
    ("logfile {tmp}", "logfile {tmp}: it is a folder", 1),
    ("unixsocket {tmp}/none/s", "unixsocket {tmp}/none/s: there is no folder", 1),
    ("unixsocket {tmp}/" + "x" * 108, "unixsocket: the path of a Unix socket has", 1),
    ("dir {tmp}/joblog.conf", "{tmp}/joblog.conf is no folder; name a folder", 1),
    ("dir /proc/joblog", "/proc, in which it is to be made, is read-only", 11),
]


@pytest.mark.parametrize(("line", "reason", "exit_code"), UNWRITABLE)
def test_what_a_server_could_not_write_is_told_by_the_exit_code_of_the_start(
    conf, tmp_path, monkeypatch, line, reason, exit_code
):
    path = conf(line.format(tmp=tmp_path))
    if line == "dir /proc/joblog":  # where root may not write either
        monkeypatch.setattr(os, "access", lambda path, _: str(path) != "/proc")

    checked = Checked(path)

    assert checked.exit_code == exit_code
    assert [x.startswith("warning: ") for x in checked.lines].count(False) == 2
    assert checked.lines[0].startswith(f"{path}:2: ")
    assert reason.format(tmp=tmp_path) in checked.lines[0]


def test_memory_only_needs_no_folder(conf):
    assert Checked(conf("memory-only yes\ndir /proc/joblog\n")).exit_code == 0


def test_options_and_standard_input_are_checked_as_a_start_reads_them(conf):
    path = conf("port 1")

    assert Checked(path, "--port", "x").lines[0].startswith("command line: port ")
    assert Checked(path, "-", stdin="hz x").lines[0].startswith("standard input:1: hz")
    assert Checked(path, "--port", "2", "-", stdin="hz 9").exit_code == 0
    assert Checked().exit_code == 0


def test_file_that_is_not_there_is_one_line(tmp_path):
    checked = Checked(str(tmp_path / "none.conf"))

    assert (checked.exit_code, len(checked.lines)) == (1, 2)
    assert "No such file or directory; name one that is there" in checked.lines[0]


def test_what_is_no_configuration_is_told_in_few_printable_lines(conf, tmp_path):
    path = tmp_path / "noise"
    path.write_bytes(bytes(range(256)) * 2000 + b"\n\x1b[2J\n" * 2000)

    checked = Checked(str(path))

    assert checked.exit_code == 1
    assert len(checked.lines) == 102
    assert all(line.isprintable() and len(line) < 500 for line in checked.lines)


@pytest.mark.slow
def test_start_says_the_same_of_all_lines():
    text = 'prot 1\naclfile /users.acl\nrename-command NOPE ""\nmaxmemory x\n'

    outcome = start(text)

    assert (outcome.is_serving, outcome.exit_code) == (False, 1)
    lines = outcome.output.splitlines()
    assert [line.split("redis.conf:")[1].split(": ")[:2] for line in lines] == [
        ["1", "prot"],
        ["4", "maxmemory x"],
        ["3", "rename-command"],
        ["2", "aclfile"],
    ]


TLS = "tls-port 1\ntls-cert-file {server.certificate}\ntls-key-file {server.key}\n"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("tls-ca-cert-file {authority}", None),
        ("tls-auth-clients no", None),
        ("", "tls-ca-cert-file: Either tls-ca-cert-file or tls-ca-cert-dir must be"),
        ("tls-ca-cert-file /none", "tls-ca-cert-file: Failed to configure CA"),
        ("tls-auth-clients no\ntls-cert-file /none", "tls-cert-file: Failed to load"),
        (
            "tls-auth-clients no\ntls-key-file {other.key}",
            "tls-key-file: Failed to load private key",
        ),
        (
            "tls-auth-clients no\ntls-ciphersuites TLS_AES_128_GCM_SHA256",
            "tls-ciphersuites: Failed to configure ciphersuites",
        ),
    ],
)
def test_certificates_are_tried_as_the_start_tries_them(
    conf, certificates, more, reason
):
    text = (TLS + more).format(
        server=certificates.server,
        other=certificates.other_server,
        authority=certificates.authority,
    )

    checked = Checked(conf(text))

    assert checked.exit_code == (0 if reason is None else 1)
    told = "\n".join(checked.lines)
    assert reason is None or reason in told


def test_ways_past_tls_are_warned_of(conf, certificates):
    text = (TLS + "tls-auth-clients no\ntls-protocols 'TLSv1 TLSv1.2'").format(
        server=certificates.server
    )
    certificates.server.key.chmod(0o644)

    checked = Checked(conf(text))
    certificates.server.key.chmod(0o600)

    told = "\n".join(checked.lines)
    assert "port 6379: it is open to other machines without TLS" in told
    assert "those before TLSv1.2 are broken" in told
    assert f"tls-key-file {certificates.server.key}: every user" in told


def test_a_data_folder_that_every_user_may_look_into_is_warned_of(
    conf, tmp_path, monkeypatch
):
    data = tmp_path / "data"
    data.mkdir(0o755)
    tmp_path.chmod(0o700)
    path = conf("")
    hidden = Checked(path)

    # As if all folders above were open to all.
    monkeypatch.setattr(Path, "parents", ())
    shown = Checked(path)

    assert not [x for x in hidden.lines if "run chmod 700" in x]
    (line,) = [x for x in shown.lines if "run chmod 700" in x]
    assert f"{path}:1: dir {data}: every user of this machine" in line
