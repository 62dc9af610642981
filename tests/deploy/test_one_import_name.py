"""What is installed is one name, and lives beside a project that uses our folders'."""

import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import redis

from tests.deploy.conftest import BUILD_SECONDS, run
from tests.support.servers import require_program

pytestmark = pytest.mark.slow

OURS = ("actors", "app", "replay", "storage")
IMPORTS = "\n".join(f"import {name}" for name in OURS)
NEEDED = (
    *("click", "isal", "librt", "lupa", "msgpack", "pykka", "rich", "sortedcontainers"),
    *("xxhash", "pytest"),
)
PROJECT = {
    **{f"{name}/__init__.py": f'OWNER = "the project: {name}"\n' for name in OURS},
    "tests/test_project.py": f"""
import pytest
{IMPORTS}

def test_names_are_the_projects():
    for module in ({", ".join(OURS)}):
        assert module.OWNER == f"the project: {{module.__name__}}"

def test_nothing_of_joblog_is_here_unasked(request):
    with pytest.raises(LookupError):
        request.getfixturevalue("joblog_history")
""",
    "joblog/notes.txt": "a folder of that name is no package",
    "asked/test_history.py": """
def test_nothing_went_otherwise(joblog_history):
    assert joblog_history("data").rehearse().is_same
""",
}


@pytest.fixture(scope="module", params=["wheel", "sdist", "sdist, no compiler"])
def site(request, dist, tmp_path_factory):
    """Return an environment with joblog, and what it put into site-packages."""
    folder = tmp_path_factory.mktemp("site") / "env"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    pip += ["install", "--quiet", "--disable-pip-version-check"]
    run(*pip, *NEEDED)
    (packages,) = folder.glob("lib/python*/site-packages")
    before = set(packages.iterdir())
    compiler = "cc"
    if request.param == "sdist":
        compiler = require_program(os.environ.get("CC", "cc"))
    elif request.param == "sdist, no compiler":
        compiler = "no-such-compiler"
    (package,) = dist.glob("*.whl" if request.param == "wheel" else "*.tar.gz")
    run(
        *(*pip, "--no-deps", package),
        env=os.environ | {"CC": compiler},
        timeout=BUILD_SECONDS,
    )
    made = {path.name for path in set(packages.iterdir()) - before}
    return folder, packages, made, request.param == "sdist"


@pytest.fixture
def project(tmp_path):
    """Return the folder of a project that has packages named as our folders are."""
    for name, text in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_site_packages_have_one_name_more(site):
    _, packages, made, is_compiled = site
    libraries = [path.relative_to(packages) for path in packages.rglob("*.so")]
    ours = {path.name for path in libraries if path.parts[0] == "joblog"}

    assert {name for name in made if not name.endswith(".dist-info")} == {"joblog"}
    assert len(made) == 2
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    expected = {f"hot_engine__mypyc{suffix}", f"engine{suffix}"}
    assert expected & ours == (expected if is_compiled else set())
    assert bool(ours) is is_compiled


def test_tests_of_a_project_run_as_they_did(site, project):
    python = site[0] / "bin" / "python"

    told = run(python, "-m", "pytest", "-q", "tests", cwd=project)

    assert "2 passed" in told


def test_programs_start_where_the_projects_folders_come_first(site, project):
    programs = site[0] / "bin"
    here = os.environ | {"PYTHONPATH": "."}

    for words in (
        *([programs / "joblog"], [programs / "replay"]),
        *([programs / "python", "-m", name] for name in ("joblog", "joblog.replay")),
    ):
        assert "version" in run(*words, "--help", cwd=project, env=here)


def test_server_and_its_children_run_beside_the_project(site, project):
    folder, _, _, is_compiled = site
    command = [folder / "bin" / "joblog", "--port", "0", "--dir", "data"]
    socket = project / "s"
    with subprocess.Popen(
        [*map(str, command), "--unixsocket", str(socket)],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            save_in(server, socket)
        finally:
            server.terminate()
            told = server.stdout.read()

    assert f"compiled: {'yes' if is_compiled else 'no'}" in told
    assert list(Path(project, "data", "snapshots").iterdir())
    asked = ["-q", "-p", "joblog.replay.pytest_plugin", "asked"]
    python = folder / "bin" / "python"
    assert "1 passed" in run(python, "-m", "pytest", *asked, cwd=project)


def save_in(server, socket):
    """Write something, and let a child process make a snapshot of it."""
    deadline = time.monotonic() + 30
    while not socket.exists():
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with redis.Redis(unix_socket_path=str(socket)) as client:
        client.rpush("queue", "job:1")
        assert client.save()
