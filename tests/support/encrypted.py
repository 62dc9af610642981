"""Disks that encrypt, for tests."""

from pathlib import Path

from joblog.storage.encryption.disk import EncryptedDisk
from joblog.storage.encryption.keys import Keys, make_key
from tests.support.fakes import FaultyFileSystem

KEYS = Keys(Path("/key"), [make_key(bytes(range(32)))])


class EncryptedFaultyDisk(EncryptedDisk):
    """A disk that encrypts over one that fails as it is told; files are raw bytes."""

    def __init__(self, keys=KEYS):
        super().__init__(FaultyFileSystem(), keys)

    def __getattr__(self, name):
        return getattr(self.beneath, name)

    def restart(self):
        self._lose_files()
        self.beneath.restart()

    def cut_power(self, random=None):
        self._lose_files()
        self.beneath.cut_power(random)

    def _lose_files(self):
        for known in (self._readers, self._appenders, self._paths):
            known.clear()


def make_key_file(path, *digits):
    """Write a key file of keys that are one hexadecimal digit each."""
    path.write_text("".join(f"{digit * 64}\n" for digit in digits))
    path.chmod(0o600)
    return path
