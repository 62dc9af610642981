"""`replay verify`: is the log whole and unedited, and what does it fold to?"""

from __future__ import annotations

import re
from typing import Any

import click

from app.moments import json_time
from replay.options import DAMAGED, Tool, takes_folder
from replay.proof import DeepProof, check_expected
from storage.folder import LogFolder
from storage.snapshots import find_start_damage
from storage.verify import SegmentReport, VerifyReport, verify_log

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
@takes_folder
@click.option("--deep", is_flag=True, help="Also fold it, and compare at each seal.")
@click.option(
    "--expect", type=kept_digest, multiple=True, metavar="DIGEST@SEQ",
    help="A digest from before: nothing up to SEQ may have changed since.",
)  # fmt: skip
def verify(tool: Tool, *, deep: bool, expect: tuple[tuple[str, int], ...]) -> int:
    r"""Read the whole log of DIR and check every checksum, number, link and digest.

    The last line is the digest of all of it, `DIGEST@SEQ`, for a later --expect.
    Exit code 3 says that something is wrong; each damage is a line.

    \b
    Examples:
      replay verify joblog-data
      replay verify joblog-data --deep
      replay verify joblog-data --expect 7d0a...e1@400000
    """
    report = verify_log(tool.folder, filesystem=tool.filesystem)
    damage = list(report.damage)
    if not damage:
        paths = LogFolder(tool.folder, tool.filesystem)
        damage += filter(None, [find_start_damage(paths, tool.filesystem)])
    tool.may_index = not damage
    for digest, seq in expect:
        wrong = check_expected(tool.folder, tool.filesystem, digest, seq)
        if wrong:
            damage.append(wrong)
    proof: DeepProof | None = None
    if deep and not damage:
        with tool.progress("folding", report.last_seq) as progress:
            proof = DeepProof(tool.folder, tool.filesystem, progress)
            proof.run()
        damage += proof.damage
    if tool.output.is_json:
        tool.output.json(_facts(report, proof, damage))
    else:
        _write(tool, report, proof, damage)
    return DAMAGED if damage else 0


def _facts(
    report: VerifyReport, proof: DeepProof | None, damage: list[str]
) -> dict[str, Any]:
    return {
        "is_sound": not damage,
        "last_seq": report.last_seq,
        "digest": report.digest_hex,
        "damage": damage,
        "folded_digests": {s.seq: s.folded_hex for s in proof.seals} if proof else {},
        "proven_slices": proof.slices if proof else 0,
        "proven_snapshots": proof.snapshots if proof else [],
        "segments": [_segment_facts(segment) for segment in report.segments],
    }


def _segment_facts(segment: SegmentReport) -> dict[str, Any]:
    facts = segment._asdict()
    facts["path"] = str(segment.path)
    facts["created_at"] = json_time(segment.created_at_ms)
    return facts


def _write(
    tool: Tool, report: VerifyReport, proof: DeepProof | None, damage: list[str]
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
    for text in damage:
        output.text(f"damage: {text}", "red")
    if not damage:
        output.text("the log is whole and unedited", "green")
        output.text(f"{report.digest_hex}@{report.last_seq}")


def _state(segment: SegmentReport) -> str:
    if segment.damage:
        return "damaged"
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
