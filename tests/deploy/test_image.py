"""The steps of the Dockerfile, taken one by one in roots of their own.

CI compiles what the image compiles, which takes minutes; elsewhere it stays plain.
"""

import json
import os
import re
import shlex
import subprocess

import pytest

from tests.deploy.conftest import deploy
from tests.deploy.roots import fresh_root

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PLAIN = {} if os.environ.get("CI") else {"JOBLOG_PURE": "1"}

NEEDED = {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE"} | {
    *("STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT"),
}


def instructions():
    """Return the stages of the Dockerfile: each a list of (instruction, rest)."""
    text = re.sub(r"^#.*\n", "", deploy("Dockerfile").read_text(), flags=re.MULTILINE)
    stages = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, rest = line.split(None, 1)
            assert name in NEEDED, name
            if name == "FROM":
                stages.append([])
            stages[-1].append((name, rest))
    return stages


def take(root, steps, sources):
    """Take the steps of a stage; return the facts that a container starts with."""
    facts = {"ENV": {}}
    for name, rest in steps:
        if name == "RUN":
            root.run(rest, **facts["ENV"], **PLAIN)
        elif name == "COPY":
            *options, source, target = rest.split()
            stage = options[0].removeprefix("--from=") if options else ""
            root.copy_in(sources[stage] / source.lstrip("/"), target)
        elif name == "ENV":
            key, value = rest.split("=", 1)
            facts["ENV"][key] = value
        else:
            facts[name] = rest
    return facts


@pytest.fixture(scope="module")
def image(sdist):
    """Return a root with the image's files, and what the Dockerfile says of it."""
    build, final = instructions()
    with fresh_root() as first, fresh_root() as second:
        take(first, build, {"": sdist})
        facts = take(second, final, {"build": first.changes})
        yield second, facts


def as_container(facts, command):
    """Return a script that runs a command as a container of the image would."""
    path = facts["ENV"]["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
    return (
        f"ip link set lo up; cd {facts['WORKDIR']}; PATH={path}; export PATH; "
        f"exec setpriv --reuid={facts['USER']} --regid={facts['USER']} --init-groups "
        f"{command}"
    )


def test_image_serves_as_another_user_than_root_and_tells_that_it_is_healthy(image):
    root, facts = image
    entry = shlex.join(json.loads(facts["ENTRYPOINT"]))
    check = shlex.join(json.loads(facts["HEALTHCHECK"].split("CMD ", 1)[1]))
    script = (
        f"({as_container(facts, f'{entry} --requirepass sesame')}) & "
        f"for i in $(seq 200); do ({as_container(facts, check)}) 2>/dev/null && break; "
        "sleep 0.1; done; "
        f"({as_container(facts, check)}) && echo healthy; "
        "pid=$(cat /proc/[0-9]*/stat | sed -n 's/ (joblog.*//p' | head -1); "
        "grep Uid /proc/$pid/status; kill $pid; wait; echo stopped with $?; "
        f"({as_container(facts, check)}) 2>/dev/null || echo not healthy; "
        f"stat -c '%U %a' {facts['VOLUME']} {facts['VOLUME']}/log; "
        f"({as_container(facts, 'replay verify .')})"
    )

    done = subprocess.run(
        root.command(script), capture_output=True, text=True, timeout=300, check=False
    )

    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert f"compiled: {'no' if PLAIN else 'yes'}" in told
    for line in ("healthy", "stopped with 0", "not healthy", "joblog 700"):
        assert f"\n{line}\n" in f"\n{told}", told
    assert re.search(r"Uid:\s+[1-9]", told), told


def test_image_holds_no_compiler_and_no_pip_of_its_own(image):
    root, facts = image

    files = {str(x.relative_to(root.changes)) for x in root.changes.rglob("*")}

    assert facts["EXPOSE"] == "6379"
    assert not [x for x in files if x.startswith("opt/joblog") and "/pip/" in x]
    assert not [x for x in files if "/mypyc/" in x or x.startswith("src")]
    assert "etc/joblog/joblog.conf" in files
    size = sum(x.lstat().st_size for x in (root.changes / "opt" / "joblog").rglob("*"))
    assert size < 60_000_000
