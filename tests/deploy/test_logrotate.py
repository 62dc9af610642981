"""A server writes on after logrotate took its file; test_unit.py has the unit do so."""

import pytest

from tests.deploy.conftest import deploy, run
from tests.support.servers import require_program, start_joblog
from tests.support.waiting import wait_until

TEXT = deploy("joblog.logrotate").read_text()


@pytest.mark.slow
def test_server_writes_on_in_a_new_file_after_a_rotation(tmp_path):
    require_program("logrotate")
    logs = tmp_path / "logs"
    logs.mkdir(mode=0o755)
    log = logs / "joblog.log"
    with start_joblog("--logfile", str(log), "--loglevel", "notice") as server:
        ours = TEXT.replace("/var/log/joblog", str(logs))
        ours = ours.replace("    su joblog joblog\n", "")
        ours = ours.replace("create 0640 joblog joblog", "create 0640")
        command = "systemctl kill --kill-who=main --signal=HUP joblog.service"
        assert command in ours
        path = tmp_path / "joblog"
        path.write_text(ours.replace(command, f"kill -HUP {server.process.pid}"))
        path.chmod(0o644)
        before = log.read_text()

        run("logrotate", "--force", "--state", tmp_path / "state", path)
        server.connect().ask("CONFIG", "SET", "loglevel", "verbose")

        wait_until(log.read_text)
        old = (logs / "joblog.log.1").read_text()
        assert old.startswith(before)
        assert log.stat().st_mode & 0o777 == 0o640
        assert server.connect().ask("PING") == b"+PONG\r\n"
        server.stop()
        # Every line is in one of the two, the last in the new one.
        assert "stopped" not in old
        assert "stopped" in log.read_text()
