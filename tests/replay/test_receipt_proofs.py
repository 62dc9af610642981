"""What `replay check` says a receipt proves, and that no edit goes unnamed."""

import copy
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.jobs.exact import follow_exactly
from joblog.replay.proofs import derivation
from tests.replay.forging import (
    check_receipt,
    edit_receipt,
    forge_log,
    repack,
    reseal,
    unpack,
)
from tests.replay.histories import History, make_mail

OLD = Path(__file__).parents[1] / "data" / "receipts"


def run(*words):
    return CliRunner().invoke(main, [*map(str, words)], catch_exceptions=False)


@pytest.fixture
def mail(tmp_path):
    make_mail(tmp_path / "mail").close()
    return tmp_path / "mail"


def prove(folder, *words):
    path = folder.with_name("receipt.json")
    done = run("prove", folder, *words, "-o", path)
    assert done.exit_code == 0, done.output
    return path


def checked(path, *words):
    told = run("check", path, *words, "--json")
    return told.exit_code, json.loads(told.stdout)


# --- what is said ----------------------------------------------------------------


def test_receipt_of_a_job_is_complete_and_says_what_happened(mail):
    path = prove(mail, "m4")

    told = run("check", path, "--log", mail)

    assert told.exit_code == 0, told.output
    assert (
        "proven and complete up to seq 25: 8 steps, delivered twice (RQ)" in told.stdout
    )
    assert "the log has no more of job m4" in told.stdout
    assert re.search(r"^19\t.*\tproven\tworker-2 #3\tLMOVE", told.stdout, re.MULTILINE)


def test_complete_receipt_that_nothing_proves_says_what_it_holds(mail):
    path = prove(mail, "m1")

    told = run("check", path)

    assert told.exit_code == 1
    assert "it holds all from seq 1 to 25: " in told.stdout
    assert "delivered once, done (RQ)" in told.stdout
    assert "proven to whoever has from elsewhere" in told.stdout
    digest = told.stdout.splitlines()[-1]
    assert run("check", path, "--expect", digest).exit_code == 0


def test_digest_of_the_middle_proves_what_is_before_it(mail):
    path = prove(mail, "m4")
    digest = run("verify", mail).stdout.splitlines()[-1].partition("@")[0]
    early = check_receipt(path.read_bytes()).digest_at(20)

    told = run("check", path, "--expect", f"{early}@20")
    wrong = run("check", path, "--expect", f"{digest}@20")

    assert told.exit_code == 1
    assert "that is proven up to seq 20" in told.stdout
    assert re.search(r"^19\t.*\tproven\t", told.stdout, re.MULTILINE)
    assert re.search(r"^22\t.*\tsound\t", told.stdout, re.MULTILINE)
    assert (wrong.exit_code, "damage: the receipt leads to" in wrong.stdout) == (
        3,
        True,
    )


def test_receipt_up_to_a_moment_says_that_the_log_has_more(mail):
    path = prove(mail, "m4", "--to", "@21")

    told = run("check", path, "--log", mail)
    digest = check_receipt(path.read_bytes()).anchors[0].digest_hex

    assert told.exit_code == 1
    assert "proven and complete up to seq 21: 5 steps, delivered once" in told.stdout
    assert "the log has 3 more records of job m4: seq 22, 23, 24" in told.stdout
    assert run("check", path, "--expect", f"{digest}@21").exit_code == 0


def test_receipt_of_single_records_says_nothing_about_others(mail):
    path = prove(mail, "m4", "--single")

    told = run("check", path, "--log", mail)

    assert told.exit_code == 0
    assert "every record is proven" in told.stdout
    assert "it holds single records, and says nothing about others" in told.stdout
    assert "the log has no more of job m4" in told.stdout


def test_second_delivery_taken_out_of_a_receipt_is_missed(mail):
    body = json.loads(prove(mail, "m4", "--single").read_text())
    taken = body["stretches"][-1]
    assert taken["last_seq"] == 24
    data = unpack(taken)
    payload_ends = {}
    held = check_receipt(reseal(body).encode())
    assert sorted(held.held) == [1, 5, *range(17, 25)]
    for end in range(len(data)):
        short = copy.deepcopy(taken) | {"last_seq": 21}
        repack(short, data[:end])
        body["stretches"][-1] = short
        try:
            check_receipt(reseal(body).encode())
        except Exception:  # noqa: BLE001 - no end of a frame
            continue
        payload_ends[end] = True
        break
    path = mail.with_name("forged.json")
    path.write_text(reseal(body))

    code, facts = checked(path, "--log", mail)

    assert facts["damage"] == []
    assert code == 1
    assert facts["log_has_more"] == [22, 23, 24]


def test_receipt_of_a_key_tells_all_that_changed_it(tmp_path):
    history = History(tmp_path / "data")
    history.run(
        history.connect(b"web"),
        "SET k 1",
        "SET other 1",
        "DEL k",
        "SET k 2",
        "FLUSHALL",
    )
    history.close()

    path = prove(history.folder, "k", "--key")
    code, facts = checked(path, "--log", history.folder)

    assert (code, facts["is_complete"], facts["seqs"]) == (0, True, [2, 4, 5, 6])
    path = prove(history.folder, "k", "--key", "--single")
    assert checked(path, "--log", history.folder)[0] == 0


def test_key_that_nothing_changed_has_no_receipt(mail):
    told = run("prove", mail, "nokey", "--key")

    assert told.exit_code == 1
    assert "no record tells of a key nokey" in told.stderr


def test_absence_is_proven_too(mail):
    body = json.loads(prove(mail, "m1").read_text())
    body["about"] = {"job": "never-was"}
    path = mail.with_name("absence.json")
    path.write_text(reseal(body))

    told = run("check", path, "--log", mail)

    assert told.exit_code == 0
    assert "up to seq 25: no record tells of job never-was" in told.stdout


def test_long_log_is_proven_by_single_records_unless_asked(mail, monkeypatch):
    monkeypatch.setattr("joblog.replay.proofs.proving._WHOLE_BYTES_MAX", 100)
    path = mail.with_name("r.json")

    short = run("prove", mail, "m4", "-o", path)
    assert "single records: it says nothing about others" in short.stdout
    whole = run("prove", mail, "m4", "--complete", "-o", path)
    assert "holds\tall from seq 1 to 25" in whole.stdout


@pytest.mark.parametrize("job_id", ["m1", "m2", "m3", "m4", "m5"])
def test_long_receipt_says_the_same_from_the_records_that_count(
    mail, monkeypatch, job_id
):
    path = prove(mail, job_id)
    before = run("check", path, "--log", mail)
    asked = []

    def follow(*arguments):
        asked.append(arguments)
        return follow_exactly(*arguments)

    monkeypatch.setattr(derivation, "_FOLLOWED_MAX", 1)
    monkeypatch.setattr(derivation, "follow_exactly", follow)

    told = run("check", path, "--log", mail)

    assert (told.exit_code, told.output) == (before.exit_code, before.output)
    assert len(asked) == 1


def test_pruned_log_proves_what_it_has(tmp_path):
    history = History(tmp_path / "data", segment_bytes_max=600)
    client = history.connect(b"web")
    history.run(client, *(f"RPUSH rq:queue:q j{number}" for number in range(60)))
    history.close()
    min((history.folder / "log").glob("*.log")).unlink()

    path = prove(history.folder, "rq:queue:q", "--key")
    told = run("check", path, "--log", history.folder)

    assert told.exit_code == 0, told.output
    assert re.search(r"complete from seq \d+ up to seq 61: \d+ records", told.stdout)
    assert "it does not say" in told.stdout


# --- old receipts ----------------------------------------------------------------

OLD_DIGESTS = {
    "old-single": "@24",
    "old-whole": "@25",
}


@pytest.mark.parametrize("name", OLD_DIGESTS)
def test_receipt_of_the_first_kind_is_read(name):
    path = OLD / f"{name}.json"
    _, facts = checked(path)
    digests = [each["digest"] for each in facts["digests"]]
    expect = [word for digest in digests for word in ("--expect", digest)]

    code, facts = checked(path, *expect)

    assert (code, facts["about"]) == (0, "job m4")
    assert facts["is_complete"] == (name == "old-whole")
    assert facts["seqs"] == [5, 17, 19, 20, 21, 22, 23, 24]
    assert digests[-1].endswith(OLD_DIGESTS[name])


def test_records_that_an_old_receipt_holds_and_hides_are_named(tmp_path):
    body = json.loads((OLD / "old-whole.json").read_text())
    for seq in ("22", "23", "24"):
        del body["records"][seq]
    path = tmp_path / "hiding.json"
    path.write_text(reseal(body))

    code, facts = checked(path)

    assert code == 3
    [damage] = facts["damage"]
    assert "does not list seq 22, 23, 24, which it holds" in damage


def test_roles_of_an_old_receipt_are_checked(tmp_path):
    body = json.loads((OLD / "old-single.json").read_text())
    body["records"]["22"] = "client"
    path = tmp_path / "roles.json"
    path.write_text(reseal(body))

    told = run("check", path)

    assert told.exit_code == 3
    assert "record 22 is said to be a client, and is a record" in told.stdout


# --- mutations -------------------------------------------------------------------


def leaves(value, place=()):
    """Yield (place, value) of everything in JSON, the containers too."""
    yield place, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*place, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, (*place, number))


def variants(value):
    """Yield other values in place of one."""
    match value:
        case bool() | None:
            yield "x"
        case int():
            yield from (value + 1, value - 1, -value - 1, str(value), value + 0.5, None)
        case str():
            middle = len(value) // 2
            flipped = "1" if value[middle : middle + 1] != "1" else "2"
            yield value[:middle] + flipped + value[middle + 1 :]
            yield from (value + "0", value[:-1], value.swapcase() + " ", 7, None)
        case list():
            yield from (value[1:], value[:-1], [*value, *value[:1]], value[::-1], {})
        case dict():
            yield {**value, "more": 1}
            for name in value:
                yield {each: value[each] for each in value if each != name}


def put(body, place, value):
    changed = copy.deepcopy(body)
    target = changed
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return changed


NAMED = re.compile("damage: |the log has|the log tells|does not count")
RECEIPTS = [
    pytest.param(["m4"], id="complete"),
    pytest.param(["m4", "--single"], id="single records of a job"),
    pytest.param(["rq:queue:mail", "--key", "--single"], id="single records of a key"),
    pytest.param(["@22"], id="a record"),
]


@pytest.fixture(params=["whole", "in pieces"])
def lengths(request, monkeypatch):
    """Have receipts written and read whole, or as a very long one is."""
    if request.param == "in pieces":
        for module, name, length in PIECES:
            monkeypatch.setattr(f"joblog.replay.proofs.{module}.{name}", length)


PIECES = [
    ("receipt_text", "_ENCODED_AT_ONCE", 48),
    ("receipt_text", "_READ_BYTES", 64),
    ("packed", "_BLOCK_BYTES", 256),
    ("packed", "_READ_BYTES", 48),
    ("stretches", "CHUNK_BYTES", 300),
]


@pytest.mark.usefixtures("lengths")
@pytest.mark.parametrize("words", RECEIPTS)
def test_every_edited_field_of_a_receipt_is_named(mail, words):
    body = json.loads(prove(mail, *words).read_text())
    path = mail.with_name("edited.json")
    count = 0
    for place, value in leaves(body):
        for new in variants(value):
            if not place or new == value:
                continue
            text = receipts_text(put(body, place, new), place)
            path.write_text(text)
            told = run("check", path, "--log", mail)
            count += 1
            if told.exit_code == 0:
                # It is a true receipt, and of something else: it says of what.
                about = place[0] == "about" and "is_complete" not in told.stdout
                assert about, (place, new, told.stdout)
                assert not told.stdout.startswith(about_of(body)), (place, new)
                continue
            assert re.search(
                "damage: |the log has|the log tells|does not count", told.stdout
            ), (
                place,
                new,
                told.stdout,
            )
    assert count > 40


def about_of(body):
    kind, name = next(iter(body["about"].items()))
    return f"{kind} {name} of"


def receipts_text(body, place):
    """Return an edited receipt, with a seal that fits but where that was edited."""
    return json.dumps(body, indent=1) + "\n" if place == ("seal",) else reseal(body)


def add_one(fields, place):
    fields[place] += 1
    return fields


def edit_effect(fields):
    if not fields[4]:
        return None
    fields[4][-1][-1] = fields[4][-1][-1][:-1] + b"~"
    return fields


def edit_client(fields):
    origin = fields[5]
    if isinstance(origin, int):
        fields[5] = origin + 1
    else:
        origin[0] += 1
    return fields


def edit_command(fields):
    if isinstance(fields[5], int) or not fields[5][1]:
        return None
    fields[5][1][-1] += b"~"
    return fields


def edit_note(fields):
    if isinstance(fields[5], int) or not fields[5][2]:
        return None
    fields[5][2]["more"] = "x"
    return fields


EDITS = [
    pytest.param(lambda fields: add_one(fields, 1), id="synced"),
    pytest.param(lambda fields: add_one(fields, 2), id="time"),
    pytest.param(lambda fields: add_one(fields, 3), id="database"),
    pytest.param(edit_effect, id="effect"),
    pytest.param(edit_client, id="client"),
    pytest.param(edit_command, id="command"),
    pytest.param(edit_note, id="note"),
]


@pytest.mark.usefixtures("lengths")
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("words", RECEIPTS)
def test_every_edited_record_of_a_receipt_is_named(demo_of_all, words, edit):
    words = [
        word.replace("m4", "job:1").replace("rq:queue:mail", "k") for word in words
    ]
    text = prove(demo_of_all, *words).read_text()
    path = demo_of_all.with_name("edited.json")
    assert run("check", demo_of_all.with_name("receipt.json"), "--log", demo_of_all)
    for seq in check_receipt(text.encode()).held:
        changed = edit_receipt(
            text, lambda fields, seq=seq: edit(fields) if fields[0] == seq else None
        )
        if changed == text:
            continue
        path.write_text(changed)
        told = run("check", path, "--log", demo_of_all)
        assert told.exit_code == 3, (seq, told.stdout)
        assert "damage: " in told.stdout


@pytest.fixture
def demo_of_all(tmp_path):
    """Return a history whose records have all that records can have."""
    history = History(tmp_path / "data")
    web = history.connect(b"web", address="10.0.0.1:40001")
    history.run(web, "LPUSH queue job:1", "SET k 1 PX 5", "RPOPLPUSH queue active")
    history.clock.at_ms += 10
    history.run(web, "GET k", "MULTI", "LREM active 1 job:1", "SET k 2", "EXEC")
    history.run(web, [b"EVAL", b"return redis.call('SET', KEYS[1], 'x')", b"1", b"k"])
    while history.log.last_seq < 22:
        history.run(web, "SET k 3", "SELECT 1", "SET k 4", "SELECT 0")
    history.close()
    return history.folder


def test_every_edited_field_of_a_log_is_named_by_what_anchors_it(tmp_path):
    history = History(tmp_path / "data", segment_bytes_max=500)
    web = history.connect(b"web", address="10.0.0.1:40001")
    history.run(web, "LPUSH queue job:1", "SET k 1 PX 5", "RPOPLPUSH queue active")
    history.run(web, "MULTI", "LREM active 1 job:1", "SET k 2", "EXEC")
    history.run(web, *(f"SET key:{number} {number}" for number in range(20)))
    history.close()
    folder, anchors = history.folder, tmp_path / "anchors"
    run("anchor", folder, "--append", anchors)
    paths = sorted((folder / "log").glob("*.log"))
    whole = {path: path.read_bytes() for path in paths}
    assert len(paths) > 2
    last_seq = history.log.last_seq
    named = 0
    for edit in (param.values[0] for param in EDITS):
        for seq in range(1, last_seq + 1):
            forge_log(
                folder, lambda fields, seq=seq, edit=edit: _only(fields, seq, edit)
            )
            if all(path.read_bytes() == whole[path] for path in paths):
                continue
            told = run("verify", folder, "--anchors", anchors)
            assert told.exit_code == 3, (seq, told.stdout)
            assert "damage: " in told.stdout
            named += 1
            for path, data in whole.items():
                path.write_bytes(data)
    assert named > 4 * last_seq


def _only(fields, seq, edit):
    return edit(fields) if fields[0] == seq else None


HEADERS = [
    pytest.param({"created_at_ms": -1}, id="time"),
    pytest.param({"epoch": 1}, id="epoch"),
    pytest.param({"log_id": None}, id="log id"),
]


@pytest.mark.parametrize("change", HEADERS)
def test_every_edited_field_of_a_header_is_named(mail, tmp_path, change):
    anchors = tmp_path / "anchors"
    run("anchor", mail, "--append", anchors)

    def edit(header):
        [(name, add)] = change.items()
        value = bytes(16) if add is None else getattr(header, name) + add
        return header._replace(**{name: value})

    forge_log(mail, lambda _: None, edit)

    told = run("verify", mail, "--anchors", anchors)
    assert told.exit_code == 3, told.stdout
    assert "damage: " in told.stdout
