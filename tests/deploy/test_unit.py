"""The systemd unit: sound, in a tight sandbox, and run by a systemd of its own.

That systemd is the first process of a namespace, in a root whose changes are kept
aside; joblog is installed there by the steps in the head of the unit.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pip
import pytest

from tests.deploy.conftest import deploy, run
from tests.deploy.roots import fresh_root
from tests.support.servers import require_program

UNIT = deploy("joblog.service")
EXPOSURE_MAX = 1.5
BOOT_SECONDS = 60
# What systemd needs of a machine, and must not change of this one.
BOOT = """
mount -t sysfs -o ro sysfs {root}/sys
mount -t cgroup2 cgroup2 {root}/sys/fs/cgroup
mount --bind {root}/proc/sys {root}/proc/sys
mount -o remount,bind,ro {root}/proc/sys
mount -t tmpfs tmpfs {root}/run
export container=lxc
"""
SYSTEMD = (
    "exec setpriv --bounding-set=-sys_time,-sys_module,-sys_boot,-sys_rawio "
    "/lib/systemd/systemd --system --unit=basic.target --log-target=journal"
)
_IS_NEW_ENOUGH = "import sys; print('new' if sys.version_info >= (3, 11) else 'old')"
_NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-r", "-w")


@pytest.fixture
def unit(tmp_path):
    """Return the unit with a program that is there."""
    path = tmp_path / "joblog.service"
    path.write_text(UNIT.read_text().replace("/opt/joblog/bin/joblog", sys.executable))
    return path


@pytest.mark.slow
def test_systemd_finds_no_fault_in_the_unit(unit):
    require_program("systemd-analyze")
    environment = os.environ | {"MANPATH": str(deploy("man"))}

    assert run("systemd-analyze", "verify", unit, env=environment) == ""


@pytest.mark.slow
def test_exposure_of_the_unit_stays_low(unit):
    require_program("systemd-analyze")

    told = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)

    exposure = re.search(r"Overall exposure level for \S+: (\S+)", told)
    assert float(exposure[1]) <= EXPOSURE_MAX, told


def test_exit_codes_that_no_restart_mends_are_those_of_the_documentation():
    page = (deploy("..") / "operations.md").read_text()
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    line = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)

    assert set(map(int, line[1].split())) == {code for code in codes if code > 10}


class Machine:
    """A systemd in a root of its own, and joblog in it."""

    def __init__(self, root):
        self._process = subprocess.Popen(
            root.command(SYSTEMD, before=BOOT), stdin=subprocess.DEVNULL
        )
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        deadline = time.monotonic() + BOOT_SECONDS
        state = "it ended at once"
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._pid = children.read_text().strip()
            except OSError:
                break
            state = self._pid and self.ask("systemctl is-system-running")
            if state in {"running", "degraded"}:
                return
            time.sleep(0.1)
        self.power_off()
        pytest.skip(f"this machine lets nobody boot a systemd of their own: {state}")

    def _enter(self, words):
        """Run a command on the machine."""
        return subprocess.run(
            ["nsenter", "-t", self._pid, *_NAMESPACES, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BOOT_SECONDS,
            check=False,
        )

    def ask(self, command):
        """Return what a command writes, whatever it ends with."""
        return self._enter(shlex.split(command)).stdout.strip()

    def do(self, command):
        """Run a command that has to go well; return what it writes."""
        done = self._enter(shlex.split(command))
        journal = "" if not done.returncode else self.ask("journalctl -u joblog -n 30")
        assert done.returncode == 0, f"{command}: {done.stdout}\n{journal}"
        return done.stdout.strip()

    def fact(self, name):
        """Return what systemd knows of the service."""
        return self.do(f"systemctl show joblog --value -p {name}")

    def wait(self, name, value):
        """Wait until systemd knows that of the service."""
        deadline = time.monotonic() + BOOT_SECONDS
        while self.fact(name) != value:
            assert time.monotonic() < deadline, self.ask("systemctl status joblog")
            time.sleep(0.1)

    def power_off(self):
        """End it."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def machine(dist):
    """Return a machine on which joblog is installed as the unit says, and started."""
    for program in ("systemctl", "nsenter", "setpriv", "redis-cli"):
        require_program(program)
    (wheel,) = dist.glob("*.whl")
    steps = re.findall(r"^#   (.*)$", UNIT.read_text(), re.MULTILINE)
    assert steps.pop(0).startswith("python3 -m venv /opt/joblog && ")
    assert steps.pop().endswith("systemctl enable --now joblog")
    with fresh_root() as root:
        root.copy_in(wheel, f"/srv/{wheel.name}")
        # The sandbox hides home folders, also where Python itself lies in one.
        python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
        if python is None or "new" not in run(python, "-c", _IS_NEW_ENOUGH):
            pytest.skip("this machine has no Python of its own from 3.11 on")
        # Debian's Python makes no environment with pip, and this one may not be seen.
        root.copy_in(Path(pip.__file__).parent, "/srv/pip")
        root.run(
            f"{python} -m venv --without-pip /opt/joblog && "
            f"/opt/joblog/bin/python /srv/pip install --quiet /srv/{wheel.name}"
        )
        root.run("\n".join(steps))
        root.run("echo > /etc/fstab; rm -f /etc/systemd/system/*.wants/*")
        started = Machine(root)
        try:
            started.do("systemctl enable --now joblog")
            yield started
        finally:
            started.power_off()


def ask(machine, *words):
    return machine.ask(f"redis-cli {' '.join(words)}")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_service_is_started_once_clients_are_served_and_does_all_in_its_sandbox(
    machine,
):
    assert machine.fact("ActiveState") == "active"
    assert ask(machine, "SET", "k", "v") == "OK"
    assert machine.do("stat -c %U:%a /var/lib/joblog") == "joblog:700"
    assert ask(machine, "EVAL", "return(1+1)", "0") == "2"
    assert "saving started" in ask(machine, "BGSAVE").lower()
    assert ask(machine, "MEMORY", "PURGE") == "OK"
    assert "process_supervised:systemd" in ask(machine, "INFO", "server")
    deadline = time.monotonic() + BOOT_SECONDS
    while "rdb_bgsave_in_progress:1" in ask(machine, "INFO", "persistence"):
        assert time.monotonic() < deadline
    assert "rdb_last_bgsave_status:ok" in ask(machine, "INFO", "persistence")
    assert "v" in machine.do("/opt/joblog/bin/replay get /var/lib/joblog k")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_service_is_reloaded_killed_and_stopped_without_a_loss(machine):
    ask(machine, "SET", "k", "v")
    pid = machine.fact("MainPID")

    machine.do("systemctl reload joblog")
    assert ask(machine, "GET", "k") == "v"
    assert machine.fact("MainPID") == pid
    machine.do(f"kill -9 {pid}")
    machine.wait("NRestarts", "1")
    machine.wait("ActiveState", "active")
    assert ask(machine, "GET", "k") == "v"
    machine.do("systemctl stop joblog")

    assert machine.fact("Result") == "success"
    assert machine.fact("ExecMainStatus") == "0"
    machine.do("systemctl start joblog")
    assert ask(machine, "GET", "k") == "v"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_log_file_of_the_service_is_rotated_by_the_file_for_logrotate(machine):
    require_program("logrotate")
    conf, log = "/etc/joblog/joblog.conf", "/var/log/joblog/joblog.log"
    rules = "/opt/joblog/share/joblog/joblog.logrotate"
    machine.do(f"install -m 644 {rules} /etc/logrotate.d/joblog")
    machine.do(f"sed -i 's,^#logfile.*,logfile {log},' {conf}")
    machine.do("systemctl restart joblog")

    machine.do("logrotate --force /etc/logrotate.d/joblog")
    machine.do("systemctl stop joblog")

    assert machine.do(f"stat -c %U:%a {log}") == "joblog:640"
    before = machine.do(f"cat {log}.1")
    assert "Ready" in before
    assert "stopped" not in before
    assert "stopped" in machine.do(f"cat {log}")
    machine.do(f"sed -i s,^logfile.*,#logfile, {conf}")
    machine.do("systemctl start joblog")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_start_that_needs_somebody_to_act_is_told_and_not_tried_again(machine):
    machine.do("systemctl stop joblog")
    machine.do("systemctl reset-failed joblog")  # the starts of other tests count
    machine.do("cp -a /var/lib/joblog /var/lib/joblog-kept")
    machine.do("sed -i s/^dir/prot/ /etc/joblog/joblog.conf")

    assert "failed" in machine.ask("systemctl start joblog")
    told = machine.ask("journalctl -u joblog -n 20")
    assert re.search(r"joblog.conf:\d+: prot: Bad directive", told)
    assert "status=1" in told
    machine.do("systemctl stop joblog")
    machine.do("sed -i s/^prot/dir/ /etc/joblog/joblog.conf")
    machine.do("systemctl reset-failed joblog")
    machine.do("cp -a /var/lib/joblog-kept/joblog.lock /var/lib/joblog/joblog.lock")
    machine.do("find /var/lib/joblog/log -name *.log -delete")
    assert "failed" in machine.ask("systemctl start joblog")

    assert machine.fact("ExecMainStatus") == "14"
    assert machine.fact("NRestarts") == "0"
    assert machine.fact("ActiveState") == "failed"
    machine.do("rm -r /var/lib/joblog")
    machine.do("mv /var/lib/joblog-kept /var/lib/joblog")
    machine.do("systemctl reset-failed joblog")
    machine.do("systemctl start joblog")
