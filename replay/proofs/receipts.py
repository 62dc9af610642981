"""Receipts: proof of records that can be checked without the log.

A receipt is one JSON file. It holds frames of records, with the state of SHA-256 before
them (see `stretches`), and names the digest at each. Who kept one of these digests
elsewhere knows that the record in the receipt is the one that the log had: nobody can
make another frame, or another state, that leads to the same digest.

    kind         "joblog receipt 2"
    about        {"record": SEQ}, {"job": ID} or {"key": KEY, "db": DB}
    log_id       the log's id
    stretches    offset, state, tail, data, last_seq and digest of each
    seal         SHA-256 of the text without it, against accidents

It is *complete* from one record to another where it holds all bytes between. Nothing in
it says which records are about its subject: whoever checks it finds that out from the
bytes (`proofs.derivation`). In kind 1 a list of records, with their roles, did.

What a receipt proves, and what it does not, is decisions 11 and 23.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from joblog.app.history.notes import ClientNote, ScriptSourceNote, read_note
from joblog.replay.output.texts import from_json_text, json_text, show
from joblog.replay.proofs.held import (
    HeldRecords,
    HeldStretch,
    read_stretch,
)
from joblog.replay.proofs.receipt_text import (
    ReceiptError,
    ReceiptText,
    add_seal,
    dump,
    write_sealed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joblog.replay.proofs.receipt_text import TextData
    from joblog.replay.proofs.seqs import Seqs
    from joblog.replay.proofs.stretches import Stretch
    from joblog.storage.record import Record

KIND = "joblog receipt 2"
_OLD_KIND = "joblog receipt 1"
_ROLES: dict[type, str] = {ClientNote: "client", ScriptSourceNote: "script"}
_OLD_ABOUT = re.compile(r"(record|job) (.*)", re.DOTALL)


class Anchor(NamedTuple):
    """A digest that a receipt leads to: who has it from elsewhere has the proof.

    Attributes:
        seq: the record at which it is the log's digest.
        digest_hex: the digest.
        proves: the records that are proven by it.
    """

    seq: int
    digest_hex: str
    proves: Seqs


class Subject(NamedTuple):
    """What a receipt is about.

    Attributes:
        kind: "record", "job" or "key"; "" where an old receipt has another word.
        name: the job's id, or the key.
        number: the record, or the key's database.
    """

    kind: str
    name: bytes = b""
    number: int = 0

    def __str__(self) -> str:
        """Return it for people."""
        if self.kind == "record":
            return f"record {self.number}"
        where = f" of db{self.number}" if self.number else ""
        return f"{self.kind} {show(self.name)}{where}"


class Span(NamedTuple):
    """Records that are held without a gap, from one to another."""

    first_seq: int
    last_seq: int


class Checked(NamedTuple):
    """A receipt that is sound in itself.

    Attributes:
        subject: what it was asked for.
        log_id: the log's id, in hexadecimal digits.
        held: all records in it, by number.
        listed: those that an old receipt says it is about; None where it says nothing.
        anchors: the digests that it leads to.
        spans: which records it holds without a gap.
        digest_at: returns the digest at a record that is held, in hexadecimal digits.
    """

    subject: Subject
    log_id: str
    held: HeldRecords
    listed: list[int] | None
    anchors: list[Anchor]
    spans: list[Span]
    digest_at: Callable[[int], str]

    @property
    def is_complete(self) -> bool:
        """Whether it holds all records from one to another."""
        return len(self.spans) == 1

    def role(self, seq: int) -> str:
        """Return what a record shows: "record", or who a "client" or "script" is."""
        return role_of(self.held[seq])


def role_of(record: Record) -> str:
    """Return what a record shows: "record", or who a "client" or "script" is."""
    return _ROLES.get(type(read_note(record.origin)), "record")


def write_receipt(
    subject: Subject, log_id: str, stretches: Sequence[Stretch]
) -> Iterator[str]:
    """Yield a receipt's text, in pieces.

    Args:
        subject: what it is about.
        log_id: the log's id.
        stretches: those that hold its records.
    """
    about: dict[str, Any] = {subject.kind: json_text(subject.name)}
    if subject.kind == "record":
        about = {"record": subject.number}
    elif subject.kind == "key":
        about["db"] = subject.number
    body: dict[str, Any] = {
        "kind": KIND,
        "about": about,
        "log_id": log_id,
        "stretches": [
            {
                "offset": stretch.point.length,
                "state": stretch.point.state.hex(),
                "tail": stretch.point.tail.hex(),
                "data": "",
                "last_seq": stretch.last_seq,
                "digest": stretch.digest.hex(),
            }
            for stretch in stretches
        ],
    }
    return write_sealed(body, [stretch.packed for stretch in stretches])


def check_receipt(file: BinaryIO) -> Checked:
    """Return what a receipt proves.

    Args:
        file: the receipt, open to be read as long as what is returned is used.

    Raises:
        ReceiptError: it is none, or something in it was changed.
    """
    text = ReceiptText(file)
    try:
        body = json.loads(text.frame)
        seal = str(body.pop("seal"))
        unsealed = dump(body)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ReceiptError("this is no receipt") from error
    if body.get("kind") not in {KIND, _OLD_KIND}:
        raise ReceiptError(f"this is no receipt of the kind {KIND!r}")
    if seal != text.seal or add_seal(unsealed, seal).encode() != text.frame:
        raise ReceiptError(
            "the receipt was changed after it was made: its seal differs"
        )
    try:
        return _check_body(body, text.data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReceiptError(f"the receipt is malformed: {error!r}") from error


def _check_body(body: dict[str, Any], data: list[TextData]) -> Checked:
    is_old = body["kind"] == _OLD_KIND
    _require_fields(body, is_old=is_old)
    opened: list[HeldStretch] = []
    anchors: list[Anchor] = []
    spans: list[Span] = []
    stretches = zip(body["stretches"], data, strict=True)
    for number, (fields, packed) in enumerate(stretches, 1):
        stretch = read_stretch(fields, packed, is_old=is_old)
        one = HeldStretch(stretch, f"stretch {number}")
        one.require_place(fields.get("segment"), body["log_id"])
        proven = one.seqs
        if opened and one.follows(opened[-1]):
            # What the elder proves hangs on this digest as well.
            proven |= anchors.pop().proves
        elif opened and one.first_seq <= opened[-1].last_seq:
            raise ReceiptError(f"stretch {number} does not follow the one before")
        if spans and spans[-1].last_seq + 1 == one.first_seq:
            spans[-1] = spans[-1]._replace(last_seq=one.last_seq)
        else:
            spans.append(Span(one.first_seq, one.last_seq))
        anchors.append(Anchor(one.last_seq, one.digest_hex, proven))
        opened.append(one)
    if len(anchors) > 1 and len(spans) == 1:
        # Neighbours that nothing links may be of two histories.
        spans = [Span(one.first_seq, one.last_seq) for one in opened]
    held = HeldRecords(opened)
    subject = _read_subject(body["about"], is_old=is_old)
    listed = _read_listed(body["records"], held) if is_old else None
    if not opened or (subject.kind == "record" and subject.number not in held):
        raise ReceiptError(f"the receipt lacks record {subject.number}")
    return Checked(
        subject,
        str(body["log_id"]),
        held,
        listed,
        anchors,
        spans,
        lambda seq: held.stretch_of(seq).digest_at(seq),
    )


def _require_fields(body: dict[str, Any], *, is_old: bool) -> None:
    """Check that a receipt has its own fields and no others, which would prove nothing.

    Raises:
        ReceiptError: it has others, or lacks one.
    """
    fields = {"kind", "about", "log_id", "stretches"} | (
        {"records"} if is_old else set()
    )
    of_each = {"offset", "state", "tail", "data", "last_seq", "digest"}
    of_each |= {"segment"} if is_old else set()
    wrong = set(body) ^ fields
    for stretch in body["stretches"]:
        wrong |= set(stretch) ^ of_each
        if stretch.get("data"):
            raise ReceiptError("the data of a stretch is no text")
    if wrong:
        raise ReceiptError(f"the receipt has, or lacks, the field {min(wrong)!r}")


def _read_subject(about: Any, *, is_old: bool) -> Subject:
    if is_old:
        match = _OLD_ABOUT.fullmatch(str(about))
        if match is None:
            return Subject("", str(about).encode())
        if match[1] == "record":
            return Subject("record", number=int(match[2]))
        return Subject("job", _unshow(match[2]))
    match about:
        case {"record": int(number), **rest} if not rest and type(number) is int:
            return Subject("record", number=number)
        case {"job": str(name), **rest} if not rest:
            return Subject("job", from_json_text(name))
        case {"key": str(name), "db": int(number), **rest} if (
            not rest and type(number) is int
        ):
            return Subject("key", from_json_text(name), number)
    raise ReceiptError("the receipt does not say what it is about")


def _unshow(shown: str) -> bytes:
    """Return the id that an old receipt shows, which quotes it where it is no word."""
    if shown.startswith('"'):
        shown = shown[1:-1].replace('\\"', '"')
    return from_json_text(shown)


def _read_listed(roles: dict[str, str], held: HeldRecords) -> list[int]:
    """Return the records that an old receipt says it is about.

    Raises:
        ReceiptError: it lacks one, or says something else of it than it says itself.
    """
    listed = sorted(map(int, roles))
    missing = [seq for seq in listed if seq not in held]
    if missing or not listed:
        raise ReceiptError(f"the receipt lacks record {missing[0] if missing else 0}")
    for seq in listed:
        if roles[str(seq)] != role_of(held[seq]):
            raise ReceiptError(
                f"record {seq} is said to be a {roles[str(seq)]}, and is a "
                f"{role_of(held[seq])}"
            )
    return [seq for seq in listed if role_of(held[seq]) == "record"]
