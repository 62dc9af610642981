"""What the ledger keeps changes its meaning only together with its version.

    python -m tests.replay.jobs.test_ledger_version

writes down what is kept now, once `LEDGER_VERSION` was raised.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import msgpack

from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs import ended
from joblog.replay.jobs.ledger import LEDGER_VERSION
from joblog.replay.jobs.ledger_pages import PageWriter, unpack
from joblog.replay.jobs.packing import Packer
from joblog.replay.jobs.shipped import detect_schemas, load_schemas
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.keys.past import Past
from joblog.storage.filesystem import FileSystem
from tests.replay.jobs.scenarios import DONE, play
from tests.replay.jobs.test_ledger import generic_history, mixed
from tests.replay.jobs.test_recorded import HISTORIES, STORIES

GOLDEN = Path(__file__).with_name("ledger_version.json")


def unpack_all(packed):
    return msgpack.unpackb(
        packed, unicode_errors="surrogateescape", strict_map_key=False
    )


class _Page(PageWriter):
    """A page of a whole log."""

    def __init__(self, folder: Path, schemas=()) -> None:
        index = LogIndex(folder, FileSystem())
        with closing(index), closing(Past(folder, FileSystem())) as past:
            chosen = load_schemas(schemas) or detect_schemas(index)
            packer = Packer(chosen)
            super().__init__(packer, 1)
            tracker = Tracker(chosen, keeps=lambda _: False, gone=self)
            for story, step in tracker.run(past, index.last_seq):
                self.add_step(story, step)
            self.state = unpack_all(b"".join(packer.pack_tracker(tracker)))

    def digest(self) -> str:
        """Return what stands for all that the page says."""
        sections = self.sections()
        said = [
            [name, data if name in {"jobs", "marks"} else unpack(data)]
            for name, data in sections.items()
        ]
        packed = msgpack.packb([said, self.state], unicode_errors="surrogateescape")
        return hashlib.sha256(packed).hexdigest()[:16]


def find_digests(home: Path) -> dict[str, str]:
    """Return what stands for the ledger of each history."""
    found: dict[str, str] = {}
    for name in sorted(DONE):
        play(home / name, mixed(name)).close()
        found[f"by chance: {name}"] = _Page(home / name, [name]).digest()
    generic_history(home / "plain lists")
    found["plain lists"] = _Page(home / "plain lists").digest()
    for library in sorted(STORIES):
        folder = home / "recorded" / library
        shutil.copytree(HISTORIES / library / "data", folder)
        found[f"recorded: {library}"] = _Page(folder).digest()
    return found


def test_what_is_kept_changes_with_the_version_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(ended, "_LEAVING_KEPT", 2)
    golden = json.loads(GOLDEN.read_text())
    found = find_digests(tmp_path)

    changed = [name for name in found if found[name] != golden["kept"].get(name)]
    assert not changed, "raise LEDGER_VERSION, and run this module: see its head"
    assert golden["version"] == LEDGER_VERSION
    assert golden["kept"].keys() == found.keys()


def main() -> None:
    """Write down what is kept now."""
    ended._LEAVING_KEPT = 2
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    with tempfile.TemporaryDirectory() as home:
        found = find_digests(Path(home))
    if found != golden.get("kept") and golden.get("version") == LEDGER_VERSION:
        sys.exit("what is kept has changed: raise LEDGER_VERSION first")
    facts = {"version": LEDGER_VERSION, "kept": found}
    GOLDEN.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
