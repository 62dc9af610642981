"""A replica with a key file: a master's data is on its disk in the clear at no time."""

from joblog.app.config import Config
from joblog.app.history.positions import DatasetFile, dataset_path, open_dataset
from joblog.storage.encrypted import ENCRYPTED_MAGIC
from tests.support.encrypted import make_key_file

NEEDLE = b"needle-7f3a"


def test_what_a_master_sends_is_encrypted(pair, tmp_path):
    key = make_key_file(tmp_path / "key", "a")
    both = pair("redis7", "--log-encryption-key-file", str(key))
    both.tell("SET", "before", NEEDLE)
    both.wait_until_up()
    both.tell("SET", "behind", NEEDLE)
    both.wait_until_same()

    assert NEEDLE in both.ask("GET", "before")
    assert NEEDLE in both.ask("GET", "behind")
    for path in both.replica.folder.rglob("*"):
        assert not path.is_file() or NEEDLE not in path.read_bytes(), path


def test_a_dataset_is_encrypted_while_it_comes(tmp_path):
    key = make_key_file(tmp_path / "key", "a")
    config = Config({"dir": str(tmp_path), "log-encryption-key-file": str(key)})
    data = NEEDLE * 300_000
    file = DatasetFile(config)
    for start in range(0, len(data), 100_000):
        file.write(data[start : start + 100_000])
    file.close()
    on_disk = dataset_path(config).read_bytes()
    assert on_disk.startswith(ENCRYPTED_MAGIC)
    assert NEEDLE not in on_disk

    found, steps = open_dataset(dataset_path(config), str(key))
    with found:
        assert sum(1 for _ in steps) > 2
        is_same = found.read() == data
    assert is_same
