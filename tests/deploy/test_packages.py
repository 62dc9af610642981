"""The sdist and the wheel hold what they have to, and what is installed runs."""

import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from joblog.app.version import VERSION
from tests.deploy.conftest import run
from tests.house.test_tree import tracked
from tests.support.servers import ROOT

pytestmark = pytest.mark.slow

PURE = os.environ | {"JOBLOG_PURE": "1"}


def test_plain_wheel_holds_all_modules_and_data_and_nothing_compiled(dist):
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())

    assert path.name == f"joblog-{VERSION}-py3-none-any.whl"
    packages = {"app", "actors", "storage", "replay"}
    ours = [x.relative_to(ROOT) for x in tracked()]
    modules = {f"joblog/{x}" for x in ours if x.parts[0] in packages}
    assert modules <= names
    assert {x.split("/")[0] for x in names} == {
        "joblog",
        f"joblog-{VERSION}.data",
        f"joblog-{VERSION}.dist-info",
    }
    assert not [name for name in names if name.endswith((".so", ".pyc"))]
    data = {x.rsplit("/", 1)[1] for x in names if ".data/data/share/" in x}
    deployed = {x.name for x in ours if x.parts[:2] == ("docs", "deploy")}
    assert deployed - data == {"README.md", "Dockerfile.dockerignore"}


def test_sdist_holds_all_that_the_checkout_has(sdist):
    missing = [
        str(name)
        for path in tracked()
        if not (sdist / (name := path.relative_to(ROOT))).exists()
    ]

    assert missing == [".gitignore"]


def test_tests_of_the_sdist_run_there(sdist):
    run(sys.executable, "setup.py", "--quiet", "egg_info", cwd=sdist, env=PURE)

    done = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("tests/app/test_words.py", "tests/app/test_config_stops.py", "tests/house"),
        cwd=sdist,
        env=os.environ | {"PYTHONPATH": str(sdist / "build" / "src")},
    )

    assert " passed" in done
    assert "failed" not in done


def test_what_is_installed_serves_and_tells(installed, tmp_path):
    programs = installed / "bin"
    assert run(programs / "joblog", "--version") == f"joblog {VERSION}\n"
    assert run(programs / "replay", "--version") == f"replay, version {VERSION}\n"
    arguments = [
        *(programs / "joblog", installed / "share" / "joblog" / "joblog.conf"),
        *("--dir", tmp_path / "data", "--port", "0", "--unixsocket", tmp_path / "s"),
    ]

    with subprocess.Popen(
        list(map(str, arguments)), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as server:
        lines = []
        while not any("Ready to accept" in line for line in lines):
            lines.append(server.stdout.readline())
            assert lines[-1], lines
        time.sleep(0.2)  # a stop that comes sooner is another test's
        server.send_signal(signal.SIGTERM)
        lines += server.stdout.readlines()

    assert server.returncode == 0, lines
    told = "".join(lines)
    assert f"joblog {VERSION}" in told
    assert "make " not in told
    assert f"pip install --force-reinstall --no-deps joblog-{VERSION}.tar.gz" in told
    assert "records" in run(programs / "replay", "info", tmp_path / "data")


def test_installed_pages_and_completions_lie_where_man_and_shells_look(installed):
    share = installed / "share"

    for page in ("joblog", "replay", "joblog.conf"):
        path = run("man", "-M", share / "man", "--path", page).strip()
        assert path.startswith(str(share))
    assert sorted(x.name for x in (share / "zsh" / "site-functions").iterdir()) == [
        "_joblog",
        "_replay",
    ]
    assert (share / "bash-completion" / "completions" / "joblog").exists()
    assert (share / "fish" / "vendor_completions.d" / "replay.fish").exists()


def test_make_names_the_verb_that_builds_the_wheels():
    done = run("make", "-n", "wheels", cwd=ROOT, env=os.environ | {"VENV": ".venv"})

    assert done.count("-m build --outdir dist .") == 2
    assert "JOBLOG_PURE=1" in done
