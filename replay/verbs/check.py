"""`replay check`: what a receipt proves, without the log."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from joblog.app.history.notes import ClientNote, ScriptSourceNote, read_note
from joblog.replay.index.scanning import Pieces
from joblog.replay.output.texts import plain_text
from joblog.replay.proofs.findings import find, look, seq_words
from joblog.replay.proofs.receipt_text import ReceiptError
from joblog.replay.proofs.receipts import check_receipt
from joblog.replay.records.clients import CLIENT_MARK, Client
from joblog.replay.records.script_texts import TextNames
from joblog.replay.records.scripts import SOURCE_MARK, script_sha
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.verbs.jobs import schema_option
from joblog.replay.verbs.options import DAMAGED, NOTHING, takes_output
from joblog.replay.verbs.verify import kept_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.jobs.schema import Schema
    from joblog.replay.output.answers import Output
    from joblog.replay.proofs.findings import Findings
    from joblog.replay.proofs.receipts import Anchor, Checked
    from joblog.storage.record import Record

_NOTES = Pieces(CLIENT_MARK, SOURCE_MARK)
"""Lets records through that tell of a client, or hold a script."""


@click.command()
@click.argument(
    "path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--expect", type=kept_digest, multiple=True, metavar="DIGEST@SEQ",
    help="A digest of the log that you have from elsewhere.",
)  # fmt: skip
@click.option(
    "--log", "folder", metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Compare with the log in this data folder.",
)  # fmt: skip
@schema_option
@takes_output
def check(
    output: Output,
    path: Path,
    expect: tuple[tuple[str, int], ...],
    folder: Path | None,
    schemas: tuple[Schema, ...],
) -> int:
    r"""Check the receipt in FILE and show what it says, and what it proves.

    What happened to its job or key is read from the bytes that it holds, whatever it
    says itself. A complete receipt has all that the log had up to a record: so there
    was nothing else. One of single records says nothing about others.

    It is proven where one of the digests to which it leads is one that you kept
    (--expect), or the log's (--log); without either you learn which digest to ask for.
    With --log it is told whether the log has more of the job. Exit code 3 says that the
    receipt was changed, or contradicts itself, the log or the digest; 1 that nothing
    was compared, that not all is proven, or that the log has more.

    \b
    Examples:
      replay check receipt.json
      replay check receipt.json --expect 7d0a...e1@1042
      replay check receipt.json --log joblog-data --json
    """
    try:
        with _open(path) as file:
            checked = check_receipt(file)
            log = None if folder is None else look(folder, checked, schemas)
            found = find(checked, expect, log, schemas)
            if output.is_json:
                output.json(_facts(checked, found))
            else:
                _write(output, checked, found)
    except ReceiptError as error:
        if output.is_json:
            output.json({"is_sound": False, "damage": [str(error)]})
        else:
            output.text(f"damage: {error}", "red")
        return DAMAGED
    if found.damage:
        return DAMAGED
    return 0 if found.is_proven else NOTHING


def _open(path: Path) -> BinaryIO:
    """Open a receipt to be read from anywhere; one from a pipe is copied aside."""
    file = path.open("rb")
    if file.seekable():
        return file
    copied = TemporaryFile()  # noqa: SIM115 - the caller closes it
    with file:
        copyfileobj(file, copied)
    return copied


# --- what is shown ---------------------------------------------------------------


def _shown(checked: Checked, found: Findings, names: TextNames) -> dict[int, Client]:
    """Return the records to show, and who caused each, as far as the receipt has it.

    With what is about its subject come the records that tell of its clients and
    scripts.

    Args:
        checked: the receipt.
        found: what came of checking it.
        names: learns what scripts are called, as far as the receipt has their texts.
    """
    known: dict[int, tuple[int, ClientNote]] = {}
    sources: dict[str, int] = {}
    wanted = set(found.derived.seqs)
    shown: dict[int, Client] = {}
    for record in _told(checked, found):
        seq = record.seq
        names.observe(record)
        note, client_id = read_note(record.origin), record.origin.client_id
        if isinstance(note, ClientNote):
            known[client_id] = seq, note
        elif isinstance(note, ScriptSourceNote):
            sources[note.sha] = seq
        who = known.get(client_id)
        client = Client(client_id, who[1] if who else None)
        if seq in wanted:
            shown[seq] = client
            if who is not None:
                shown.setdefault(who[0], client)
            source_seq = sources.get(script_sha(record) or "")
            if source_seq is not None:
                shown.setdefault(source_seq, client)
        elif not checked.is_complete:
            shown[seq] = client
    return dict(sorted(shown.items()))


def _told(checked: Checked, found: Findings) -> Iterator[Record]:
    """Return the records that count of a receipt, and those that tell of others."""
    if checked.is_complete:
        return checked.held.records(_NOTES, found.derived.seqs)
    return checked.held.records()


def _facts(checked: Checked, found: Findings) -> dict[str, Any]:
    spans, names = checked.spans, TextNames()
    shown = _shown(checked, found, names)
    return {
        "is_sound": not found.damage,
        "is_proven": found.is_proven,
        "about": str(checked.subject),
        "log_id": checked.log_id,
        "damage": found.damage,
        "is_complete": checked.is_complete,
        "from_seq": spans[0].first_seq,
        "until_seq": spans[-1].last_seq,
        "seqs": found.derived.seqs,
        "jobs": [
            {"verdict": verdict.word, "deliveries": story.deliveries}
            for story, _, verdict in found.derived.timelines
        ],
        "log_has_more": found.more if found.is_compared else None,
        "unknown_to_log": found.unknown,
        "untold_clients_and_scripts": found.untold,
        "digests": [_anchor_facts(checked, anchor) for anchor in checked.anchors],
        "records": [
            record_facts(Match(checked.held[seq], client), names)
            | {"role": checked.role(seq), "is_proven": seq in found.proven}
            for seq, client in shown.items()
        ],
    }


def _anchor_facts(checked: Checked, anchor: Anchor) -> dict[str, Any]:
    proves = anchor.proves
    facts: dict[str, Any] = {"digest": f"{anchor.digest_hex}@{anchor.seq}"}
    if checked.is_complete:
        return facts | {"proves_from": proves.first, "proves_until": proves.last}
    return facts | {"proves": list(proves)}


def _write(output: Output, checked: Checked, found: Findings) -> None:
    about = plain_text(str(checked.subject))
    output.text(f"{about} of log {plain_text(checked.log_id)}")
    names = TextNames()
    for seq, client in _shown(checked, found, names).items():
        output.line(
            (
                str(seq),
                output.time(checked.held[seq].at_ms),
                "proven" if seq in found.proven else "sound",
                client_label(client),
                record_text(checked.held[seq], output.word_limit, names),
            )
        )
    for text in found.damage:
        output.text(f"damage: {text}", "red")
    if found.damage:
        return
    for text, style in _conclusions(checked, found):
        output.text(text, style)


def _conclusions(checked: Checked, found: Findings) -> Iterator[tuple[str, str]]:
    """Yield (text, style): what a receipt without damage proves, and what not."""
    first_seq, last_seq = checked.spans[0].first_seq, checked.spans[-1].last_seq
    summary = _summary(checked, found)
    is_record = checked.subject.kind == "record"
    if is_record or not checked.is_complete:
        if found.proven.issuperset(checked.held.seqs):
            yield "every record is proven", "green"
        if not is_record:
            yield "it holds single records, and says nothing about others", "yellow"
    elif last_seq in found.proven:
        since = "" if first_seq == 1 else f" from seq {first_seq}"
        yield f"proven and complete{since} up to seq {last_seq}: {summary}", "green"
    else:
        yield f"it holds all from seq {first_seq} to {last_seq}: {summary}", ""
        if found.proven:
            yield f"that is proven up to seq {found.proven.last}", "green"
    if checked.is_complete and first_seq > 1 and not is_record:
        yield f"what was before seq {first_seq} it does not say", "yellow"
    rest = [
        each for each in checked.anchors if not found.proven.issuperset(each.proves)
    ]
    if rest:
        yield "the receipt is sound; it is proven to whoever has from elsewhere", ""
        yield from ((f"{each.digest_hex}@{each.seq}", "") for each in rest)
    yield from _log_says(checked, found)


def _log_says(checked: Checked, found: Findings) -> Iterator[tuple[str, str]]:
    about = plain_text(str(checked.subject))
    if found.untold:
        text = (
            f"the log tells more of who did it, or by which script: seq "
            f"{seq_words(found.untold)}"
        )
        yield text, "red"
    if not found.is_compared or checked.subject.kind == "record":
        return
    if found.more:
        count = f"{len(found.more):,} more record{'s' * (len(found.more) > 1)}"
        yield f"the log has {count} of {about}: seq {seq_words(found.more)}", "red"
    else:
        yield f"the log has no more of {about}", "green"
    if found.unknown:
        text = (
            f"the log, as it is read here, does not count seq "
            f"{seq_words(found.unknown)} to {about}; --schema names its library"
        )
        yield text, "red"


def _summary(checked: Checked, found: Findings) -> str:
    """Return what happened to the subject, in words."""
    seqs, timelines = found.derived.seqs, found.derived.timelines
    if not seqs:
        return f"no record tells of {plain_text(str(checked.subject))}"
    if not timelines:
        return f"{len(seqs)} record{'s' * (len(seqs) > 1)}"
    return "; ".join(
        f"{len(steps)} step{'s' * (len(steps) > 1)}, "
        f"{', '.join(dict.fromkeys((_deliveries(story.deliveries), verdict.word)))} "
        f"({story.schema.title})"
        for story, steps, verdict in timelines
    )


def _deliveries(count: int) -> str:
    words = ("never delivered", "delivered once", "delivered twice")
    return words[count] if count < len(words) else f"delivered {count} times"
