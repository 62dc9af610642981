"""What is written behind other replies is what is encoded alone."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from librt.strings import BytesWriter

from joblog.app import protocol
from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import NO_MEMORY_BYTES, encode
from joblog.app.protocol.writing import write_reply
from joblog.app.reply import OK, BulkList, SimpleString

INTEGERS = [0, 9, 1023, 1024, 1999, 10_000, 10_005, 999_999, 1_000_000, 2**63 - 1, -1]
WORDS = [b"", b"x", b"\r\n", b"y" * 1023, b"y" * 1024, b"y" * 4000]
REPLIES = [
    *(pytest.param(number, id=str(number)) for number in (*INTEGERS, -(2**63))),
    *(pytest.param(word, id=f"{len(word)} bytes") for word in WORDS),
    pytest.param(OK, id="OK"),
    pytest.param(SimpleString(b"OK"), id="an equal of OK"),
    pytest.param(None, id="null"),
    pytest.param(True, id="boolean"),
    pytest.param(1.5, id="double"),
    pytest.param(CommandError(b"ERR no"), id="error"),
    pytest.param(BulkList([b"a", b"b"]), id="list"),
]


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("reply", REPLIES)
def test_reply_is_written_as_it_is_encoded(reply, resp):
    into = BytesWriter()
    into.write(b"before")

    assert write_reply(into, reply, resp) == b""

    assert into.getvalue() == b"before" + encode(reply, resp)


@pytest.mark.parametrize("reply", [b"z" * 4096, b"z" * 70_000, BulkList([b"z"] * 2000)])
def test_long_reply_is_given_back_and_not_written(reply):
    into = BytesWriter()

    assert write_reply(into, reply, 2) == encode(reply, 2)

    assert len(into) == 0


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_reply_that_there_is_no_memory_for_is_an_error_and_leaves_nothing(writes):
    into = FullBuffer(writes)

    assert uncompiled().write_reply(into, b"value", 2) == NO_MEMORY_BYTES

    assert into.data == b""


def uncompiled():
    """Return the module as it is written: compiled, it takes no other buffer."""
    (folder,) = protocol.__path__
    spec = spec_from_file_location("writing", Path(folder, "writing.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FullBuffer:
    """A buffer that takes so many writes; then there is no memory."""

    def __init__(self, writes):
        self.data, self.writes = b"", writes

    def __len__(self):
        return len(self.data)

    def write(self, data):
        if not self.writes:
            raise MemoryError
        self.writes -= 1
        self.data += data

    def truncate(self, size):
        self.data = self.data[:size]
