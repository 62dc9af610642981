"""`replay check`: what a receipt proves, without the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.moments import show_time
from joblog.replay.output.texts import plain_text
from joblog.replay.proofs.receipts import Anchor, Checked, ReceiptError, check_receipt
from joblog.replay.records.clients import Client
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.verbs.options import DAMAGED, takes_output
from joblog.replay.verbs.verify import kept_digest
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.notes import ClientNote, read_note
from joblog.storage.verify import compute_digest

if TYPE_CHECKING:
    from joblog.replay.output.answers import Output
    from joblog.storage.record import Record


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
@takes_output
def check(
    output: Output,
    path: Path,
    expect: tuple[tuple[str, int], ...],
    folder: Path | None,
) -> int:
    r"""Check the receipt in FILE and show what it is about.

    A sound receipt leads to digests of a log. Its records are proven where one of them
    is the digest that you kept (--expect), or the log's (--log); without either you
    learn which digest to ask for. Exit code 3 says that the receipt was changed, or
    leads to another digest; 1 that nothing was compared, or not all is proven.

    \b
    Examples:
      replay check receipt.json
      replay check receipt.json --expect 7d0a...e1@1042
      replay check receipt.json --log joblog-data --json
    """
    try:
        checked = check_receipt(path.read_bytes())
    except ReceiptError as error:
        if output.is_json:
            output.json({"is_sound": False, "damage": str(error)})
        else:
            output.text(f"damage: {error}", "red")
        return DAMAGED
    known = {seq: digest for digest, seq in expect}
    if folder is not None:
        known |= _ask_log(folder, checked)
    damage = [
        f"the receipt leads to {anchor.digest_hex} at seq {anchor.seq}, expected "
        f"{known[anchor.seq]}"
        for anchor in checked.anchors
        if known.get(anchor.seq, anchor.digest_hex) != anchor.digest_hex
    ]
    proven = {
        seq
        for anchor in checked.anchors
        if known.get(anchor.seq) == anchor.digest_hex
        for seq in anchor.proves
    }
    if output.is_json:
        output.json(_facts(checked, proven, damage))
    else:
        _write(output, checked, proven, damage)
    if damage:
        return DAMAGED
    return 0 if all(record.seq in proven for _, record in checked.records) else 1


def _ask_log(folder: Path, checked: Checked) -> dict[int, str]:
    """Return a log's digests where the receipt leads; "none" where it has none."""
    found = {}
    for anchor in checked.anchors:
        try:
            digest = compute_digest(folder, anchor.seq, filesystem=FileSystem())
        except StorageError as error:
            digest = f"none: {error}"
        found[anchor.seq] = digest
    return found


def _clients(checked: Checked) -> dict[int, Client]:
    """Return who caused each record, as far as the receipt has it."""
    found: dict[int, Client] = {}
    known: dict[int, ClientNote] = {}
    for _, record in checked.records:
        note = read_note(record.origin)
        client_id = record.origin.client_id
        if isinstance(note, ClientNote):
            known[client_id] = note
        found[record.seq] = Client(client_id, known.get(client_id))
    return found


def _facts(checked: Checked, proven: set[int], damage: list[str]) -> dict[str, Any]:
    clients = _clients(checked)
    return {
        "is_sound": not damage,
        "about": checked.about,
        "log_id": checked.log_id,
        "damage": damage,
        "digests": [_anchor_facts(anchor) for anchor in checked.anchors],
        "records": [
            record_facts(Match(record, clients[record.seq]))
            | {"role": role, "is_proven": record.seq in proven}
            for role, record in checked.records
        ],
    }


def _anchor_facts(anchor: Anchor) -> dict[str, Any]:
    digest = f"{anchor.digest_hex}@{anchor.seq}"
    return {"digest": digest, "proves": list(anchor.proves)}


def _write(
    output: Output, checked: Checked, proven: set[int], damage: list[str]
) -> None:
    clients = _clients(checked)
    output.text(f"{plain_text(checked.about)} of log {plain_text(checked.log_id)}")
    for _, record in checked.records:
        is_proven = record.seq in proven
        output.line(_cells(output, record, clients[record.seq], is_proven=is_proven))
    for text in damage:
        output.text(f"damage: {text}", "red")
    if damage:
        return
    rest = [
        anchor for anchor in checked.anchors if not proven.issuperset(anchor.proves)
    ]
    if not rest:
        output.text("every record is proven", "green")
        return
    output.text("the receipt is sound; it is proven to whoever has from elsewhere")
    for anchor in rest:
        output.text(f"{anchor.digest_hex}@{anchor.seq}")


def _cells(
    output: Output, record: Record, client: Client, *, is_proven: bool
) -> tuple[str, ...]:
    return (
        str(record.seq),
        show_time(record.at_ms),
        "proven" if is_proven else "sound",
        client_label(client),
        record_text(record, output.word_limit),
    )
