"""Each procedure of docs/operations.md: its own commands, on real processes."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from joblog.app.history.recovery import recover
from joblog.app.keyspace.digest import dataset_digest
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.places import last_seq_hint
from tests.operations.pages import PAGE, SECONDS, Machine, blocks_of, named_block
from tests.operations.sizing import LIBRARIES, WORKLOADS, measure, measure_job
from tests.support.damages import (
    REFUSALS,
    make_folder,
    take_all_segments_of_another_server,
)
from tests.support.servers import ROOT, require_program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path):
    require_program("redis-cli")
    made = Machine(tmp_path)
    yield made
    made.close()


def fill(machine, count=200, port=6379):
    text = "".join(
        f"RPUSH queue:{n % 3} job:{n}\nHSET job:{n} state new at {n}\n"
        for n in range(count)
    )
    done = subprocess.run(
        ["redis-cli", "-p", str(machine.ports[port])],
        input=text,
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert "ERR" not in done.stdout


def digest_of(folder):
    return dataset_digest(recover(folder, FileSystem()).keyspace).hex()


def test_backups_by_cron(machine):
    machine.serve()
    fill(machine)
    [block] = blocks_of("Backups by cron")

    machine.run(block)
    first = digest_of(machine.home / "backup/joblog")
    fill(machine, 300)
    for folder in (machine.home / "backup").glob("joblog-*"):
        shutil.rmtree(folder)
    machine.run(block)

    now = machine.ask("DEBUG", "DIGEST")
    assert digest_of(machine.home / "backup/joblog") == now != first
    [dated] = (machine.home / "backup").glob("joblog-????-??-??")
    assert digest_of(dated) == now


def test_a_standby_takes_over(machine):
    machine.serve()
    fill(machine)
    follow, take_over, *_ = blocks_of("A standby")
    between = "touch between; while [ ! -e go ]; do sleep 0.05; done\n"
    standby = machine.home / "srv/standby"
    pid = int(machine.ask("INFO", "server").split("process_id:")[1].split()[0])

    process = machine.start(follow + between + take_over)
    wait_until((machine.home / "between").exists)
    fill(machine, 100)
    seq = last_seq_hint(machine.data, filesystem=FileSystem())
    wait_until(
        lambda: (
            (standby / "log").is_dir()
            and last_seq_hint(standby, filesystem=FileSystem()) >= seq
        )
    )
    digest = machine.ask("DEBUG", "DIGEST")
    os.kill(pid, signal.SIGKILL)
    (machine.home / "go").touch()
    output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0, output
    assert "a copy up to seq" in output
    machine.wait_for(6380)
    assert digest_of(standby) == digest
    fill(machine, 10, port=6380)


def test_an_old_master_becomes_the_standby(machine):
    *_, back, look = blocks_of("A standby")

    def shut_down():
        machine.ask("SHUTDOWN", "NOSAVE")
        lock = machine.data / "joblog.lock"
        wait_until(lambda: len(lock.read_text().split()) == 1)

    machine.serve()
    fill(machine)
    shut_down()
    standby = shutil.copytree(machine.data, machine.home / "srv/standby")
    seq = last_seq_hint(standby, filesystem=FileSystem())
    machine.serve()
    fill(machine, 5)
    shut_down()
    machine.serve(standby, 6380)
    fill(machine, 10, port=6380)
    digest = machine.ask("DEBUG", "DIGEST", port=6380)

    def has_all():
        try:
            ends = [
                last_seq_hint(folder, filesystem=FileSystem())
                for folder in (machine.data, standby)
            ]
        except (OSError, StorageError):
            return False
        return (machine.data / "set-aside").is_dir() and ends[0] == ends[1]

    until = "while [ ! -e done ]; do sleep 0.05; done\nkill %1 && wait %1\n"
    process = machine.start(back + until)
    wait_until(has_all)
    (machine.home / "done").touch()
    output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0, output
    assert "it had records of its own" in output
    assert digest_of(machine.data) == digest
    look = look.replace("#", "|| [ $? = 3 ] #").replace("--from N", f"--from {seq + 1}")
    output = machine.run(look)
    assert f"up to seq {seq}, and other than" in output


def test_restore_of_a_backup(machine):
    machine.serve()
    fill(machine)
    machine.run(blocks_of("Backups by cron")[0])
    digest = machine.ask("DEBUG", "DIGEST")
    machine.close()
    shutil.rmtree(machine.data / "log")

    machine.run(blocks_of("Restore")[0])

    machine.wait_for()
    assert digest_of(machine.data) == digest
    fill(machine, 10)


def test_restore_of_the_moment_before_a_flush(machine):
    machine.serve()
    fill(machine)
    digest = machine.ask("DEBUG", "DIGEST")
    assert machine.ask("FLUSHALL") == "OK"
    line = machine.run(f"replay log {machine.data} --command FLUSHALL -n 1 --json")
    before = int(re.search(r'"seq": ?(\d+)', line)[1]) - 1

    output = machine.run(blocks_of("Restore")[1], BEFORE=f"@{before}")

    assert "FLUSHALL" in output
    machine.wait_for()
    assert digest_of(machine.data) == digest


def test_restore_from_an_archive(machine):
    command = f"cp %p {machine.home}/archive/%f"
    machine.run(
        f"joblog --port 6379 --dir {machine.data} --daemonize yes "
        f"--segment-bytes-max 4096 --log-archive-command '{command}'"
    )
    machine.wait_for()
    fill(machine)
    archive = machine.home / "archive"

    def is_archived():
        sealed = sorted((machine.data / "log").glob("*.log"))[:-1]
        there = {path.name for path in archive.glob("*.log")}
        return sealed and {path.name for path in sealed} <= there

    wait_until(is_archived)
    machine.close()
    last = max(int(path.name[:20]) for path in machine.data.glob("log/*.log"))
    shutil.rmtree(machine.data)

    machine.run(blocks_of("Restore")[2])

    assert last_seq_hint(machine.data, filesystem=FileSystem()) == last - 1


@pytest.mark.parametrize("origin", ["this version", "log-v1", "snapshot-v1"])
def test_upgrade_and_downgrade(machine, origin):
    if origin != "this version":
        shutil.copytree(ROOT / "tests" / "data" / origin, machine.data)
    machine.serve()
    fill(machine)
    machine.ask("SCAN", "0", "COUNT", "10000")  # what has expired is gone
    digest = machine.ask("DEBUG", "DIGEST")
    upgrade, downgrade = blocks_of("Upgrade and downgrade")

    machine.run(upgrade)
    machine.wait_for()
    assert digest_of(machine.data) == digest
    machine.close()
    machine.run(downgrade)
    machine.wait_for()

    assert digest_of(machine.data) == digest


def test_from_redis_and_back(machine):
    require_program("redis-server")
    redis = "--enable-debug-command yes --save '' --daemonize yes"
    machine.run(f"redis-server --port 6381 --dir /var/lib/redis {redis}")
    machine.wait_for(6381)
    fill(machine, port=6381)
    digest = machine.ask("DEBUG", "DIGEST", port=6381)
    there, back = blocks_of("From Redis, and back to it")

    # Who types these lines is slower than a start; the test waits for it.
    first, second = there.split("redis-cli", 1)
    machine.run(first)
    machine.wait_for()
    counts = machine.run("redis-cli" + second).split()
    assert counts[0] == counts[1] != "0"
    assert digest_of(machine.data) == digest
    machine.ask("SHUTDOWN", "NOSAVE", port=6381)
    fill(machine, 300)
    digest = digest_of(machine.data)
    machine.run(back.replace("redis-server", "redis-server --enable-debug-command yes"))
    machine.wait_for(6381)

    assert machine.ask("DEBUG", "DIGEST", port=6381) == digest


# --- exit codes -----------------------------------------------------------------------

OTHERWISE = {
    "swapped segments": "the names are given back, by what the line says",
    "foreign log": "the folder is another's: a restore",
    "newer segment": "a newer program",
    "newer snapshot": "a newer program",
}
MENDED = [
    pytest.param(*each.values[:2], id=each.id)
    for each in REFUSALS
    if each.id not in OTHERWISE
]


@pytest.mark.parametrize(("do_harm", "exit_code"), MENDED)
def test_what_an_exit_code_asks_for_mends_the_folder(machine, do_harm, exit_code):
    make_folder(machine.data)
    machine.run("replay backup /var/lib/joblog /backup/joblog")
    digest = digest_of(machine.data)
    do_harm(machine.data)

    machine.run(named_block(f"exit-{exit_code}"))

    assert "the log is whole" in machine.run("replay verify /var/lib/joblog")
    assert digest_of(machine.data) == digest
    machine.serve()


def test_a_folder_with_another_servers_log_is_restored(machine):
    make_folder(machine.data)
    machine.run("replay backup /var/lib/joblog /backup/joblog")
    digest = digest_of(machine.data)
    take_all_segments_of_another_server(machine.data)

    machine.run(blocks_of("Restore")[0])

    machine.wait_for()
    machine.close()
    # What was written long ago expires as soon as a server starts.
    machine.run("replay restore /var/lib/joblog /srv/then --at @26")
    assert digest_of(machine.home / "srv/then") == digest


def test_a_folder_that_is_in_use_says_by_whom_and_is_free_afterwards(machine):
    machine.serve(port=6380)
    pid = machine.ask("INFO", "server", port=6380).split("process_id:")[1].split()[0]

    output = machine.run(named_block("exit-10"))

    assert pid in output
    machine.serve()


def test_every_exit_code_of_the_table_has_its_remedy():
    table = PAGE[PAGE.index("| code | what |") :].partition("\n\n")[0]
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    rest = PAGE[PAGE.index("## After a refused start") :].partition("\n## ")[0]

    assert codes == [0, 1, *range(10, 23)]
    assert [code for code in codes[2:] if not re.search(rf"\b{code}\b", rest)] == []


# --- sizing ---------------------------------------------------------------------------


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda one: one.name)
def test_sizes_are_what_the_page_says(workload):
    [line] = [
        line for line in PAGE.splitlines() if line.startswith(f"| {workload.name}")
    ]
    log, memory, snapshot, child = map(float, line.split("|")[2:6])

    size = measure(workload, 60_000)

    assert size.log_bytes == pytest.approx(log, rel=0.1)
    assert size.snapshot_bytes == pytest.approx(snapshot, rel=0.1)
    # Memory comes in steps: tables double, and the allocator takes arenas.
    assert memory / 2 < size.memory_bytes < memory * 2
    assert size.child_share < max(child, 1.0) * 1.5


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_job_takes_what_the_page_says(library):
    records, size = measure_job(library)

    assert f"| {library} | {records} | {size} |" in PAGE
