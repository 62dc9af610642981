"""Whoever edits a redacted log is found out."""

from __future__ import annotations

import random
import shutil
import struct
import zlib

import msgpack
import pytest

from joblog.storage.folder import LogFolder
from joblog.storage.frame import encode_frame
from joblog.storage.packing import write_packed
from joblog.storage.redaction import encode_table
from joblog.storage.segment import SegmentReader
from joblog.storage.verify import verify_log
from tests.replay.histories import History
from tests.replay.redacting.redactions import FILESYSTEM, redact, verify


class Forged:
    """Bytes that are packed as a segment."""

    def __init__(self, data):
        self.data = data

    def size(self):
        return len(self.data)

    def read_at(self, length, offset):
        return self.data[offset : offset + length]


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a log of which some records are redacted."""
    history = History(tmp_path / "data", segment_bytes_max=1500)
    client = history.connect(b"web")
    for number in range(30):
        history.run(client, f"SET page text{number}")
        if number % 7 == 3:
            history.run(client, f"SET gone secret-{number:04d}")
    history.run(client, "DEL gone")
    history.close()
    shutil.copytree(history.folder, tmp_path / "unredacted")
    redact(history.folder, keys=[b"gone"])
    return history.folder


@pytest.fixture
def first(folder):
    """Return the path of the first segment, which is redacted."""
    return LogFolder(folder, FILESYSTEM).segment_path(1)


def read(path):
    """Return a segment's bytes, and its table."""
    reader = SegmentReader(FILESYSTEM, path)
    try:
        return reader.read_at(reader.size(), 0), reader.table(), reader.heads
    finally:
        reader.close()


def forge(path, data, table):
    """Write a segment as somebody would who knows the format."""
    path.unlink()
    write_packed(FILESYSTEM, Forged(data), path, encode_table(table))


def damage(folder):
    report = verify_log(folder, filesystem=FILESYSTEM)
    return "\n".join(report.damage)


def test_a_byte_that_is_another_is_named(folder):
    seeded = random.Random(20261130)
    for path in sorted((folder / "log").glob("*.log"))[:-1]:
        sound = path.read_bytes()
        for place in seeded.sample(range(len(sound)), 60):
            data = bytearray(sound)
            data[place] ^= 1 << seeded.randrange(8)
            path.write_bytes(data)
            assert path.name in damage(folder), (path, place)
        path.write_bytes(sound)
    assert damage(folder) == ""


def frames_of(data, seq):
    """Return where a record's frame starts, and its payload."""
    offset = 96
    for _ in range(seq - 1):
        offset += 8 + struct.unpack_from("<I", data, offset)[0]
    length = struct.unpack_from("<I", data, offset)[0]
    return offset, data[offset + 8 : offset + 8 + length]


@pytest.mark.parametrize("seq", [2, 4, 6])
def test_a_forged_record_is_named(folder, first, seq):
    data, table, heads = read(first)
    offset, payload = frames_of(data, seq)
    other = payload[:-1] + bytes([payload[-1] ^ 1])
    frame = encode_frame(other, heads)
    forge(first, data[:offset] + frame + data[offset + len(frame) :], table)

    assert "not as they were when the segment was redacted" in damage(folder)


def test_what_stands_for_a_record_is_bound_by_the_redactions_record(folder, first):
    data, table, heads = read(first)
    seq = table.redactions[0].seqs[0]
    offset, payload = frames_of(data, seq)
    parts = msgpack.unpackb(payload)
    frame = encode_frame(payload[:-1] + b"\1", heads)
    assert parts[0] == seq
    forged = data[:offset] + frame + data[offset + len(frame) :]
    hole = table.holes[0]
    digest = __import__("hashlib").sha256(forged[hole.start : hole.end]).digest()
    holes = (hole._replace(digest=digest), *table.holes[1:])
    forge(first, forged, table._replace(holes=holes))

    assert "no record of the log says so" in damage(folder)


def test_who_is_said_to_have_redacted_is_bound_too(folder, first):
    data, table, _ = read(first)
    redactions = (table.redactions[0]._replace(by="eve"),)
    forge(first, data, table._replace(redactions=redactions))

    assert "no record of the log says so" in damage(folder)


def test_a_redaction_that_no_record_tells_of_is_named(folder, first, tmp_path):
    copy = tmp_path / "unredacted"
    shutil.copy(first, copy / "log" / first.name)

    # That log ends before the redaction: it bears no witness, and no damage either.
    report = verify_log(copy, filesystem=FILESYSTEM)
    assert report.damage == []
    assert "recorded behind the end of this log" in report.undone[0]

    redact(copy, keys=[b"none-at-all"])
    history = History(copy)
    history.clock.at_ms = 2_000_000_000_000
    history.run(history.connect(), "SET later 1")
    history.close()
    assert "no record of the log says so" in damage(copy)


def test_an_unredacted_copy_that_was_brought_back_is_named(folder, first, tmp_path):
    shutil.copy(tmp_path / "unredacted" / "log" / first.name, first)

    report = verify_log(folder, filesystem=FILESYSTEM)

    assert report.damage == []
    assert (
        "says that 4 of its records are redacted, and they are not" in report.undone[0]
    )


def test_a_digest_from_before_holds_what_it_held(folder, tmp_path):
    assert verify(folder).segments[0].digest_hex == (
        verify(tmp_path / "unredacted").segments[0].digest_hex
    )


def test_a_table_with_a_sound_checksum_and_no_sense_is_named(folder, first):
    data, _, _ = read(first)
    first.unlink()
    write_packed(FILESYSTEM, Forged(data), first, msgpack.packb([1, [zlib.crc32(b"")]]))
    assert "no table of redactions" in damage(folder)
