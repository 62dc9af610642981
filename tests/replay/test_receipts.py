"""Receipts: what they prove, and that nothing in them can be changed."""

import base64
import hashlib
import json
import os
import random
import threading
import zlib
from io import BytesIO

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.index.building import build_index
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.proofs import receipts
from joblog.replay.proofs.derivation import derive
from joblog.replay.proofs.proving import make_complete_receipt, make_receipt
from joblog.replay.proofs.receipt_text import ReceiptError, add_seal
from joblog.replay.proofs.receipts import Subject
from joblog.replay.records.clients import ClientDirectory
from joblog.storage.errors import PrunedError, StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.packing import pack_segment
from joblog.storage.verify import compute_digest
from tests.replay import forging
from tests.replay.forging import check_receipt
from tests.replay.histories import History


def make(folder, *seqs, until_seq=None):
    index = LogIndex(folder, FileSystem())
    records = [index.get_record(seq) for seq in seqs]
    clients = ClientDirectory(index, from_seq=END_SEQ)
    subject = Subject("record", number=seqs[-1] if seqs else 0)
    return "".join(make_receipt(index, clients, records, subject, until_seq).text)


def make_complete(folder, until_seq):
    index = LogIndex(folder, FileSystem())
    subject = Subject("key", b"key:3")
    return "".join(make_complete_receipt(index, subject, until_seq).text)


def many_segments(folder):
    history = History(folder, segment_bytes_max=500)
    session = history.connect(b"first")
    for number in range(40):
        history.run(session, f"SET key:{number} {number}")
    assert len(history.log.segments) > 3
    return history


@pytest.fixture
def log(tmp_path):
    history = many_segments(tmp_path / "data")
    history.close()
    return tmp_path / "data"


def digest_at(folder, seq):
    return compute_digest(folder, seq, filesystem=FileSystem())


def test_receipt_leads_to_the_logs_digest_at_each_record(log):
    checked = check_receipt(make(log, 3, 4, 30).encode())

    assert [(checked.role(seq), seq) for seq in checked.held] == [
        ("client", 1),
        ("record", 3),
        ("record", 4),
        ("record", 30),
    ]
    assert not checked.is_complete
    assert [(anchor.seq, tuple(anchor.proves)) for anchor in checked.anchors] == [
        (1, (1,)),
        (4, (3, 4)),
        (30, (30,)),
    ]
    for anchor in checked.anchors:
        assert anchor.digest_hex == digest_at(log, anchor.seq)


def test_receipt_to_a_moment_leads_to_one_digest_across_segments(log):
    checked = check_receipt(make(log, 3, 7, until_seq=38).encode())

    (anchor,) = checked.anchors
    assert (anchor.seq, tuple(anchor.proves)) == (38, tuple(range(1, 39)))
    assert anchor.digest_hex == digest_at(log, 38)
    assert checked.is_complete
    for seq in range(1, 39):
        assert checked.digest_at(seq) == digest_at(log, seq)


def test_receipt_without_what_it_does_not_need_is_small(log):
    text = make(log, 30)

    assert len(text) < 1500
    assert b"key:29" not in base64.b64decode(json.loads(text)["stretches"][1]["data"])


@pytest.mark.slow
def test_receipt_that_was_changed_at_any_byte_is_refused(log):
    text = bytearray(make(log, 30).encode())

    for position in range(len(text)):
        text[position] ^= 1
        with pytest.raises(ReceiptError):
            check_receipt(bytes(text))
        text[position] ^= 1
    check_receipt(bytes(text))


def reseal(text, change):
    """Return a receipt that somebody changed who knows how seals are made."""
    body = json.loads(text)
    change(body)
    return forging.reseal(body).encode()


def with_data(body, number, change):
    stretch = body["stretches"][number]
    data = zlib.decompress(base64.b64decode(stretch["data"]))
    stretch["data"] = forging.pack(change(data))


FORGERIES = [
    pytest.param(
        lambda body: with_data(body, -1, lambda data: data.replace(b"key:", b"kez:")),
        "gives the digest",
        id="another record",
    ),
    pytest.param(
        lambda body: with_data(body, -1, lambda data: data[:-1]),
        "gives the digest",
        id="a byte less",
    ),
    pytest.param(
        lambda body: body["stretches"][-1].update(state="00" * 32),
        "gives the digest",
        id="another state",
    ),
    pytest.param(
        lambda body: body["stretches"][-1].update(state="00"),
        "length",
        id="a short state",
    ),
    pytest.param(
        lambda body: body["stretches"][-1].update(offset=0, tail=""),
        "another state",
        id="another offset",
    ),
    pytest.param(
        lambda body: body["stretches"][-1].update(last_seq=31),
        "does not hold",
        id="another number",
    ),
    pytest.param(
        lambda body: body["about"].update(record=31),
        "lacks record 31",
        id="a record that is not there",
    ),
    pytest.param(
        lambda body: body.update(stretches=[]), "lacks record 30", id="no record"
    ),
    pytest.param(
        lambda body: body["stretches"].reverse(), "does not follow", id="another order"
    ),
    pytest.param(
        lambda body: body.update(records={"30": "record"}), "field", id="a field more"
    ),
    pytest.param(
        lambda body: body["stretches"][0].pop("tail"), "field", id="a field less"
    ),
    pytest.param(lambda body: body.update(about={}), "about", id="about nothing"),
    pytest.param(
        lambda body: body["stretches"][-1].update(data="?"), "unpacked", id="no data"
    ),
    pytest.param(lambda body: body.update(stretches=7), "malformed", id="no stretches"),
    pytest.param(lambda body: body.update(kind="x"), "no receipt", id="another kind"),
]


@pytest.mark.parametrize(("change", "text"), FORGERIES)
def test_forgery_with_a_new_seal_is_refused(log, change, text):
    with pytest.raises(ReceiptError, match=text):
        check_receipt(reseal(make(log, 30), change))


def test_forgery_that_is_sound_leads_to_another_digest(log, tmp_path):
    other = many_segments(tmp_path / "other")
    other.close()

    digests = [
        check_receipt(make(folder, 30).encode()).anchors[-1].digest_hex
        for folder in (log, tmp_path / "other")
    ]

    assert digests[0] != digests[1]


def test_segments_that_do_not_follow_each_other_prove_nothing_together(log):
    def unlink(body):
        def change(data):
            return data[:56] + bytes(32) + data[88:]

        with_data(body, 1, change)

    with pytest.raises(ReceiptError, match="header"):
        check_receipt(reseal(make(log, 3, until_seq=38), unlink))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b"7"])
def test_what_is_no_receipt_is_refused(text):
    with pytest.raises(ReceiptError, match="no receipt"):
        check_receipt(text)


def test_complete_receipt_begins_with_the_log_and_is_one_chain(log):
    checked = check_receipt(make_complete(log, 38).encode())

    (anchor,) = checked.anchors
    assert (anchor.seq, anchor.digest_hex) == (38, digest_at(log, 38))
    assert checked.spans == [(1, 38)]
    min((log / "log").glob("*.log")).unlink()
    pruned = check_receipt(make_complete(log, 38).encode())
    assert pruned.spans[0].first_seq > 1


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["stretches"].pop(1),
        lambda body: body["stretches"].pop(0),
        lambda body: body["stretches"].insert(1, body["stretches"][0]),
    ],
    ids=["a segment less", "the first less", "a segment twice"],
)
def test_receipt_that_lacks_a_segment_is_not_complete(log, change):
    text = reseal(make_complete(log, 38), change)

    try:
        spans = check_receipt(text).spans
    except ReceiptError:
        spans = []
    assert spans != [(1, 38)]


def test_receipt_is_written_and_read_a_piece_at_a_time(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect(b"first")
    for number in range(3000):
        value = random.Random(number).randbytes(1500).hex()
        history.run(session, [b"SET", b"key:3", value.encode()])
    history.close()
    index = LogIndex(tmp_path / "data", FileSystem())
    subject = Subject("key", b"key:3")

    pieces = list(make_complete_receipt(index, subject, 3001).text)
    text = "".join(pieces).encode()
    file = Reads(text)
    checked = receipts.check_receipt(file)
    seqs = derive(checked).seqs
    digest = checked.digest_at(2000)

    assert len(text) > 6 << 20
    assert max(map(len, pieces)) <= 64 << 10
    assert file.longest <= 1 << 20
    assert seqs == list(range(2, 3002))
    assert digest == digest_at(tmp_path / "data", 2000)
    assert checked.held[2500].effects[0][:2] == [b"SET", b"key:3"]


class Reads(BytesIO):
    """A file that notes down how much is read at once."""

    longest = 0

    def read(self, size=-1):
        found = super().read(size)
        self.longest = max(self.longest, len(found))
        return found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"data": "', '"data":  "'),
        ('"data": "', '"date": "'),
        ('"data": "', '"data": 7, "other": "'),
        ('"data": "', '"data": "",\n   "data": "'),
        ('"data": "', '"data": "A'),
        ('"data": "', '"data": "\\u0041'),
    ],
)
def test_data_that_stands_otherwise_is_refused(log, old, new):
    text = make(log, 30)
    unsealed = text[: text.index(',\n "seal"')].replace(old, new) + "\n}\n"
    seal = hashlib.sha256(unsealed.encode()).hexdigest()

    with pytest.raises(ReceiptError):
        check_receipt(add_seal(unsealed, seal).encode())


def test_receipt_from_a_pipe_is_checked(log, tmp_path):
    path, pipe = tmp_path / "receipt.json", tmp_path / "pipe"
    run("prove", log, "@30", "-o", path)
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[path.read_bytes()])
    writer.start()

    told = run("check", pipe, "--log", log)
    writer.join()

    assert (told.exit_code, told.output.splitlines()[-1]) == (
        0,
        "every record is proven",
    )


def test_who_loaded_a_script_for_others_is_not_asked_of_a_receipt(tmp_path):
    history = History(tmp_path / "data")
    loader, caller = history.connect(b"loader"), history.connect(b"caller")
    history.run(loader, [b"EVAL", b"return redis.call('SET', 'k', '1')", b"0"])
    history.run(caller, [b"EVAL", b"return redis.call('SET', 'k', '1')", b"0"])
    history.close()
    path = tmp_path / "receipt.json"
    run("prove", history.folder, f"@{history.log.last_seq}", "-o", path)

    told = run("check", path, "--log", history.folder, "--json")

    facts = json.loads(told.stdout)
    roles = sorted(record["role"] for record in facts["records"])
    assert roles == ["client", "record", "script"]
    assert (told.exit_code, facts["untold_clients_and_scripts"]) == (0, [])


def test_log_that_was_edited_since_it_was_indexed_is_read_as_it_is(tmp_path):
    folder = tmp_path / "data"
    history = History(folder)
    session = history.connect(b"first")
    for number in range(900):
        history.run(session, f"SET key:{number} {number:01000}")
    history.close()
    build_index(folder, FileSystem(), bool, bool, part_bytes=100_000)
    # With checksums that fit: what the index has of it is not what it was made of.
    forging.forge_log(
        folder, lambda fields: None if fields[0] != 5 else [*fields[:2], 1, *fields[3:]]
    )

    checked = check_receipt(make(folder, 850).encode())

    assert checked.digest_at(850) == digest_at(folder, 850)


def test_record_that_the_log_lacks_cannot_be_proven(log):
    with pytest.raises(StorageError, match="no seq 99"):
        make(log, 40, until_seq=99)
    with pytest.raises(StorageError, match="no record"):
        make(log)
    min((log / "log").glob("*.log")).unlink()
    with pytest.raises(PrunedError):
        make(log, 30, 1)


def run(*words):
    return CliRunner().invoke(main, [*map(str, words)], catch_exceptions=False)


def test_verbs_write_a_receipt_and_check_it_against_what_is_known(log, tmp_path):
    path = tmp_path / "receipt.json"
    run("prove", log, "@30", "--to", "@38", "-o", path)
    digest = f"{digest_at(log, 38)}@38"

    assert run("check", path).exit_code == 1
    assert digest in run("check", path).output
    known = run("check", path, "--expect", digest)
    assert (known.exit_code, known.output.splitlines()[-1]) == (
        0,
        "every record is proven",
    )
    assert run("check", path, "--log", log).exit_code == 0
    wrong = run("check", path, "--expect", f"{'0' * 64}@38", "--json")
    assert (wrong.exit_code, json.loads(wrong.output)["is_sound"]) == (3, False)
    path.write_bytes(path.read_bytes().replace(b"record", b"recorD"))
    assert run("check", path).exit_code == 3


def test_receipt_of_a_packed_segment_is_the_same(log):
    before = make(log, 3, 30)
    filesystem = FileSystem()
    for path in sorted((log / "log").glob("*.log"))[:-1]:
        pack_segment(filesystem, path)

    assert make(log, 3, 30) == before


def test_index_makes_no_difference_but_to_time(tmp_path):
    folder = tmp_path / "data"
    history = History(folder)
    session = history.connect(b"first")
    for number in range(900):
        history.run(session, f"SET key:{number} {number:01000}")
    history.close()
    plain = [make(folder, seq) for seq in (1, 300, 301, 600, 900)]
    plain.append(make(folder, 400, until_seq=800))

    build_index(folder, FileSystem(), bool, bool, part_bytes=100_000)

    found = [make(folder, seq) for seq in (1, 300, 301, 600, 900)]
    found.append(make(folder, 400, until_seq=800))
    assert found == plain
    [section] = LogIndex(folder, FileSystem()).sections(900, 900)
    assert section.part is not None
    assert section.first_seq > 300
    [path] = (folder / "log").glob("*.log")
    data = bytearray(path.read_bytes())
    data[3000] ^= 1
    path.write_bytes(data)
    with pytest.raises(StorageError):
        make(folder, 900)
