"""redis-cli, as a person and a shell script use it."""

import contextlib
import subprocess

import pytest

from tests.support.servers import require_program

CLI_SECONDS = 60


@pytest.fixture
def cli(server):
    program = require_program("redis-cli")

    def run(*arguments, stdin=""):
        done = subprocess.run(
            [program, "-s", server.path, *arguments],
            input=stdin.encode(),
            capture_output=True,
            timeout=CLI_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    return run


def test_one_command_an_invocation(cli):
    assert cli("SET", "k", "v") == "OK\n"
    assert cli("-3", "GET", "k") == "v\n"
    assert cli("--no-raw", "LPUSH", "l", "a", "b") == "(integer) 2\n"


def test_commands_from_standard_input(cli):
    assert cli(stdin="SET k 'a b'\nGET k\n") == "OK\na b\n"


def test_mass_insertion_through_a_pipe(cli):
    commands = "".join(f"SET key:{n} {n}\r\n" for n in range(1000))

    output = cli("--pipe", stdin=commands)

    assert "errors: 0, replies: 1000" in output
    assert cli("DBSIZE") == "1000\n"


def test_keys_are_scanned_and_the_biggest_found(cli):
    for number in range(50):
        cli("SET", f"key:{number}", "x" * number)

    found = cli("--scan", "--pattern", "key:4*").split()
    biggest = cli("--bigkeys")

    assert sorted(found) == sorted(["key:4", *(f"key:4{n}" for n in range(10))])
    assert "has 49 bytes" in biggest


def test_biggest_keys_by_memory(cli):
    cli("SET", "large", "x" * 5000)
    cli("SET", "small", "x")

    assert """Biggest string found '"large"' has""" in cli("--memkeys")


def test_latency_is_sampled(cli):
    least, most, mean, samples = cli("--latency", "-i", "1").split()

    assert 0 <= float(least) <= float(mean) <= float(most)
    assert int(samples) > 1


def test_statistics_roll(server):
    for number in range(3):
        with contextlib.closing(server.connect()) as connection:
            connection.ask("SET", f"key:{number}", "x")
    command = [require_program("redis-cli"), "-s", server.path, "--stat", "-i", "0.05"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as rolling:
        lines = [rolling.stdout.readline() for _ in range(4)]
        rolling.kill()

    assert lines[1].split()[:2] == ["keys", "mem"]
    keys, memory, clients, *_ = lines[3].split()
    assert keys == "3"
    assert memory[-1] in "KMG"
    assert int(clients) >= 1


def test_script_from_a_file(cli, tmp_path):
    script = tmp_path / "script.lua"
    script.write_text("return {KEYS[1], ARGV[1], redis.call('PING')}")

    assert cli("--eval", str(script), "k", ",", "a") == "k\na\nPONG\n"
