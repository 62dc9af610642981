"""Ask whether what joblog needs to run has known weaknesses: `make audit`.

pip-audit asks the index of packages about each, at the version that is installed. Where
it cannot be asked (no network, no pip-audit) that is said, and no failure: a check must
not depend on somebody else's server.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

SECONDS_MAX = 120
UNKNOWN = "dependencies are not audited"


def needed(name: str = "joblog") -> dict[str, str]:
    """Return what a package needs to run, and what that needs: names and versions."""
    found: dict[str, str] = {}
    left = [name]
    while left:
        for line in metadata.requires(left.pop()) or ():
            wanted = Requirement(line)
            # An extra is wanted only where somebody asks for it.
            is_wanted = not wanted.marker or wanted.marker.evaluate({"extra": ""})
            if is_wanted and wanted.name not in found:
                found[wanted.name] = metadata.version(wanted.name)
                left.append(wanted.name)
    return found


def weaknesses(answer: str) -> list[str] | None:
    """Return a line for each weakness that pip-audit tells of; None for no answer."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError):
        return None
    return [
        f"{one['name']} {one['version']}: {known['id']}, mended in "
        f"{', '.join(known['fix_versions']) or 'no version yet'}"
        for one in packages
        for known in one.get("vulns", ())
    ]


def ask(packages: dict[str, str]) -> tuple[str, str]:
    """Return what pip-audit says of packages on its two streams."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "packages.txt"
        listed.write_text("".join(f"{name}=={v}\n" for name, v in packages.items()))
        try:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pip_audit", "--requirement", str(listed)),
                    *("--no-deps", "--disable-pip", "--format", "json"),
                    *("--progress-spinner", "off", "--timeout", "15"),
                ],
                capture_output=True,
                text=True,
                timeout=SECONDS_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "", f"no answer in {SECONDS_MAX} s"
    return done.stdout, done.stderr


def main() -> int:
    """Audit, say what came of it, and return the exit code."""
    packages = needed()
    answer, said = ask(packages)
    found = weaknesses(answer)
    if found is None:
        why = (said.strip().splitlines() or ["no answer"])[-1]
        sys.stdout.write(f"{UNKNOWN}: {why[:200]}\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in found)
    sys.stdout.write(f"{len(packages)} dependencies, weaknesses: {len(found)}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
