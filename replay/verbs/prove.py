"""`replay prove`: a receipt for a record or a job, that needs no log to be checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from joblog.app.history.moments import NoSuchMomentError
from joblog.replay.output.texts import json_text, show
from joblog.replay.proofs.proving import make_receipt
from joblog.replay.proofs.receipts import check_receipt
from joblog.replay.verbs import options
from joblog.replay.verbs.jobs import open_jobs, schema_option
from joblog.replay.verbs.options import Tool, takes_folder
from joblog.replay.verbs.show import require_record

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment
    from joblog.replay.jobs.schema import Schema
    from joblog.storage.record import Record


@click.command()
@takes_folder
@click.argument("target", metavar="SEQ|JOB")
@click.option("--job", "is_job", is_flag=True, help="TARGET is a job's id, also if 42.")
@click.option(
    "--to", "to", type=options.moment, metavar="MOMENT",
    shell_complete=options.complete_moment,
    help="Lead to the digest at this moment alone; the receipt holds all up to it.",
)  # fmt: skip
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the receipt to this file; else to standard output.",
)  # fmt: skip
@schema_option
def prove(
    tool: Tool,
    target: str,
    to: Moment | None,
    path: Path | None,
    schemas: tuple[Schema, ...],
    *,
    is_job: bool,
) -> int:
    r"""Write a receipt for record SEQ of DIR, or for every step of job JOB.

    The receipt holds the records, who their clients and which their scripts were, and
    leads to digests of the log. `replay check` reads it without the log. It proves the
    records to whoever has one of these digests from elsewhere, such as from a
    `replay info` of that day: --to makes it lead to that one.

    \b
    Examples:
      replay prove joblog-data @1042 -o receipt.json
      replay prove joblog-data 7d0a5a4e-6f0e-4a3e-9d55-0c6a1f3f2a11 -o job.json
      replay prove joblog-data @1042 --to @400000 -o receipt.json
    """
    digits = target.removeprefix("@")
    if digits.isdecimal() and not is_job:
        about = f"record {int(digits)}"
        records = [require_record(tool, int(digits))]
    else:
        job_id = options.text(target)
        about = f"job {show(job_id)}"
        records = _find_job(tool, job_id, schemas)
    until_seq = None if to is None else tool.point(to).seq
    text = make_receipt(tool.index, tool.clients(), records, about, until_seq)
    if path is None:
        tool.output.stream.write(text)
        return 0
    path.write_text(text, encoding="ascii")
    anchors = check_receipt(text.encode()).anchors
    facts = {
        "receipt": json_text(bytes(path)),
        "about": about,
        "bytes": len(text),
        "digests": [f"{anchor.digest_hex}@{anchor.seq}" for anchor in anchors],
    }
    shown = {"receipt": str(path), "about": about}
    shown["leads to"] = " ".join(facts["digests"])  # type: ignore[arg-type]  # a list of text
    tool.output.facts(facts, shown)
    return 0


def _find_job(tool: Tool, job_id: bytes, schemas: tuple[Schema, ...]) -> list[Record]:
    point = tool.point(None)
    with tool.progress("folding", point.seq) as progress:
        timelines = open_jobs(tool, schemas, progress).follow(job_id, point)
    records = [step.record for timeline in timelines for step in timeline.steps]
    if not records:
        raise NoSuchMomentError(f"no record tells of a job {show(job_id)}")
    return records
