"""`replay verify`: is the log whole and unedited, and what does it fold to?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from joblog.app.history.moments import json_time
from joblog.replay.proofs.anchors import AnchorError, read_public_key
from joblog.replay.proofs.bindings import (
    Binding,
    Bound,
    bind,
    from_anchors,
    from_backup,
    from_receipt,
)
from joblog.replay.proofs.proof import DeepProof
from joblog.replay.shown.redactions import redaction_text
from joblog.replay.verbs.against import compare, compare_server, facts, lines
from joblog.replay.verbs.folders import NodeArgument, NodeFolder
from joblog.replay.verbs.options import (
    DAMAGED,
    NOTHING,
    Tool,
    run_over,
    takes_output,
)
from joblog.storage.folder import LogFolder
from joblog.storage.snapshots import find_start_damage
from joblog.storage.verify import SegmentReport, VerifyReport, verify_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.output.answers import Output
    from joblog.replay.verbs.against import Against
    from joblog.storage.redaction import Redaction

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIR = click.Path(exists=True, file_okay=False, path_type=Path)
_KEPT_DIGEST = re.compile(r"([0-9a-f]{64})@([0-9]+)")


def kept_digest(value: str) -> tuple[str, int]:
    """Return (digest in lower case, seq) of an argument `DIGEST@SEQ`.

    Raises:
        click.BadParameter: it is something else.
    """
    match = _KEPT_DIGEST.fullmatch(value.lower())
    if match is None:
        raise click.BadParameter(
            f"{value!r} is no digest; write its 64 digits, @, and the seq, as "
            f"'replay info' tells them"
        )
    return match[1], int(match[2])


@click.command()
@click.argument("folder", cls=NodeArgument)
@takes_output
@click.option("--deep", is_flag=True, help="Also fold it, and compare at each seal.")
@click.option(
    "--expect", type=kept_digest, multiple=True, metavar="DIGEST@SEQ",
    help="A digest from before: nothing up to SEQ may have changed since.",
)  # fmt: skip
@click.option(
    "--anchors", type=_FILE, multiple=True, metavar="FILE",
    help="Digests that were kept elsewhere, as 'replay anchor' writes them.",
)  # fmt: skip
@click.option(
    "--key", "signer", metavar="HEX|FILE", default="",
    help="The public key with which each anchor has to be signed.",
)  # fmt: skip
@click.option(
    "--receipt", "receipts", type=_FILE, multiple=True, metavar="FILE",
    help="A receipt of this log, as 'replay prove' writes it.",
)  # fmt: skip
@click.option(
    "--backup", "backups", type=_DIR, multiple=True, metavar="DIR",
    help="A copy of this log, or an archive of its segments.",
)  # fmt: skip
@click.option(
    "--against", type=NodeFolder(), metavar="DIR|URL",
    help="Another node, its folder or address: name the first record that differs.",
)  # fmt: skip
def verify(output: Output, folder: Path | str, **options: Any) -> Any:
    r"""Read the whole log of DIR and check every checksum, number, link and digest.

    Whoever can write to DIR can compute all of these anew. So it is compared with the
    snapshots beside it, and with all that you have from elsewhere; up to which record
    that goes is told, and which part nothing anchors. The last line is the digest of
    all of it, for a later --expect. Exit code 3 says that something is wrong; each
    damage is a line. 1: records still read behind a torn one.

    With the address of a server in place of DIR, only --against is told.

    \b
    Examples:
      replay verify joblog-data
      replay verify joblog-data --deep
      replay verify joblog-data --expect 7d0a...e1@400000
      replay verify joblog-data --anchors /mnt/elsewhere/anchors --key auditor.pem
      replay verify joblog-data --backup /mnt/backup/joblog --receipt job.json
      replay verify joblog-data --against /mnt/standby/joblog-data
      replay verify joblog-data --against redis://replica.example:6379
      replay verify redis://queue.example --against redis://replica.example
    """
    if isinstance(folder, Path):
        return run_over(_verify, output, folder, options)
    other = options.pop("against")
    if other is None or any(options.values()):
        raise click.UsageError("of a server that runs only --against can be told")
    compared = compare_server(folder, other)
    if output.is_json:
        output.json({"against": facts(compared)})
    else:
        _tell(output, compared)
    return 0 if compared.is_same else DAMAGED


def _verify(
    tool: Tool,
    *,
    deep: bool,
    expect: tuple[tuple[str, int], ...],
    anchors: tuple[Path, ...],
    signer: str,
    receipts: tuple[Path, ...],
    backups: tuple[Path, ...],
    against: Path | str | None,
) -> int:
    """Verify the log of a folder, and return the exit code."""
    report = verify_log(tool.folder, filesystem=tool.filesystem)
    damage = list(report.damage)
    if not damage:
        paths = LogFolder(tool.folder, tool.filesystem)
        damage += filter(None, [find_start_damage(paths, tool.filesystem)])
    bindings: list[Binding] = []
    bindings += (Binding("--expect", "", seq, digest) for digest, seq in expect)
    for source in _sources(anchors, signer, receipts, backups):
        try:
            bindings += source
        except AnchorError as error:
            damage.append(str(error))
    bound = Bound({}, {}, {}, 0, [])
    if not report.damage:
        bound = bind(tool.folder, tool.filesystem, report, bindings)
    damage += (text for text in bound.damage if text not in damage)
    tool.may_index = not damage
    proof: DeepProof | None = None
    if deep and not damage:
        with tool.progress("folding", report.last_seq) as progress:
            proof = DeepProof(tool.folder, tool.filesystem, progress)
            proof.run()
        damage += proof.damage
    compared = compare(tool, report, against) if against and not damage else None
    if tool.output.is_json:
        told = facts(compared) if compared else None
        tool.output.json(_facts(report, proof, bound, damage) | {"against": told})
    else:
        _write(tool, report, proof, bound, damage)
        if compared:
            _tell(tool.output, compared)
    if damage or (compared and not compared.is_same):
        return DAMAGED
    return NOTHING if _torn_records(report) else 0


def _tell(output: Output, compared: Against) -> None:
    for text, style in lines(compared):
        output.text(text, style)


def _sources(
    anchors: tuple[Path, ...],
    signer: str,
    receipts: tuple[Path, ...],
    backups: tuple[Path, ...],
) -> Iterator[Iterator[Binding]]:
    """Yield what each file and folder from elsewhere says.

    Raises:
        click.UsageError: the key is none.
    """
    try:
        key = read_public_key(signer) if signer else ""
    except AnchorError as error:
        raise click.UsageError(str(error)) from error
    if key and not anchors:
        raise click.UsageError("--key is for --anchors")
    yield from (from_anchors(path, key) for path in anchors)
    yield from map(from_receipt, receipts)
    yield from map(from_backup, backups)


def _torn_records(report: VerifyReport) -> int:
    return sum(segment.torn_records for segment in report.segments)


def _facts(
    report: VerifyReport, proof: DeepProof | None, bound: Bound, damage: list[str]
) -> dict[str, Any]:
    return {
        "is_sound": not damage,
        "last_seq": report.last_seq,
        "digest": report.digest_hex,
        "damage": damage,
        "anchored_seq": bound.anchored_seq,
        "bound_seq": bound.bound_seq,
        "anchors": bound.elsewhere,
        "snapshots": bound.beside,
        "strange_anchors": bound.strange,
        "pruned_anchors": bound.pruned,
        "folded_digests": {s.seq: s.folded_hex for s in proof.seals} if proof else {},
        "proven_slices": proof.slices if proof else 0,
        "proven_snapshots": proof.snapshots if proof else [],
        "redactions": [
            {
                "by": each.by,
                "why": each.why,
                "at": json_time(each.at_ms),
                "segment": segment.first_seq,
                "seqs": each.seqs,
            }
            for segment in report.segments
            for each in segment.redactions
        ],
        "undone_redactions": report.undone,
        "segments": [_segment_facts(segment) for segment in report.segments],
    }


def _segment_facts(segment: SegmentReport) -> dict[str, Any]:
    facts = segment._asdict()
    del facts["redactions"]
    facts["table_digest"] = segment.table_digest.hex()
    facts["path"] = str(segment.path)
    facts["created_at"] = json_time(segment.created_at_ms)
    return facts


def _write(
    tool: Tool,
    report: VerifyReport,
    proof: DeepProof | None,
    bound: Bound,
    damage: list[str],
) -> None:
    output = tool.output
    right = ("first", "last", "bytes")
    with output.rows("segment", "first", "last", "bytes", "state", right=right) as rows:
        for segment in report.segments:
            cells = (
                segment.path.name,
                str(segment.first_seq),
                str(segment.last_seq),
                str(segment.size_bytes),
                _state(segment),
            )
            style = "red" if segment.damage else ""
            rows.add(None, cells, ("", "", "", "", style))
    if proof is not None:
        for seal in proof.seals:
            output.text(f"folded to seq {seal.seq}: {seal.folded_hex} {seal.verdict}")
        if proof.slices:
            output.text(f"{proof.slices} slices of the server's memory: as recorded")
        for seq in proof.snapshots:
            output.text(f"snapshot of seq {seq}: as the log folds")
    for source, number in bound.strange.items():
        output.text(f"{source}: {number} of its digests are of other logs", "yellow")
    if bound.pruned:
        output.text(f"{bound.pruned} digests are of records that are pruned")
    for text in damage:
        output.text(f"damage: {text}", "red")
    if not damage:
        for text, style in _conclusions(report, bound):
            output.text(text, style)
        output.text(f"{report.digest_hex}@{report.last_seq}")


def _conclusions(report: VerifyReport, bound: Bound) -> Iterator[tuple[str, str]]:
    """Yield (text, style): what is proven of a log without damage, and what not."""
    last_seq, anchored_seq, bound_seq = (
        report.last_seq,
        bound.anchored_seq,
        bound.bound_seq,
    )
    torn = _torn_records(report)
    if torn:
        text = (
            f"whole up to seq {last_seq}; behind a torn record {torn} records still "
            f"read, which a start would cut off: see 'replay repair'"
        )
        yield text, "yellow"
    elif anchored_seq == last_seq:
        yield "the log is whole and unedited", "green"
    else:
        yield "the log is whole", "green"
    yield from _redacted(report)
    if anchored_seq:
        yield f"unedited up to seq {anchored_seq}: {_names(bound.elsewhere)}", "green"
    if bound_seq > anchored_seq:
        yield f"as it was up to seq {bound_seq}: {_names(bound.beside)}", ""
    if anchored_seq < last_seq:
        first_seq = max(bound_seq, report.segments[0].first_seq - 1) + 1
        if first_seq <= last_seq:
            text = (
                f"nothing anchors seq {first_seq} to {last_seq}: who can write to this "
                f"folder could have edited them; 'replay anchor' keeps a digest "
                f"elsewhere"
            )
            yield text, "yellow"


def _redacted(report: VerifyReport) -> Iterator[tuple[str, str]]:
    """Yield (text, style): what is redacted, and what that takes from the proof."""
    numbers: dict[bytes, int] = {}
    redactions: dict[bytes, Redaction] = {}
    for segment in report.segments:
        for each in segment.redactions:
            redactions[each.id] = each
            numbers[each.id] = numbers.get(each.id, 0) + len(each.seqs)
    for each in redactions.values():
        yield f"{numbers[each.id]:,} records: {redaction_text(each)}", "yellow"
    if redactions:
        text = (
            "what lies before a redacted record in its segment is as it was when that "
            "was redacted; that it was the same before, a digest from before it proves"
        )
        yield text, "yellow"
    for line in report.undone:
        yield line, "yellow"


def _names(sources: dict[str, int]) -> str:
    """Return which sources go furthest, in words."""
    last_seq = max(sources.values())
    return ", ".join(name for name, seq in sources.items() if seq == last_seq)


def _state(segment: SegmentReport) -> str:
    if segment.damage:
        return "damaged"
    if segment.table_digest:
        return "sealed, in parts redacted"
    if segment.is_sealed:
        return "sealed"
    if segment.torn_records:
        return (
            f"open, {segment.torn_bytes} bytes of an unfinished write, in which "
            f"{segment.torn_records} records still read"
        )
    if segment.torn_bytes:
        return f"open, {segment.torn_bytes} bytes of an unfinished write"
    return "open"
