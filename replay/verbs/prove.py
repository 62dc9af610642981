"""`replay prove`: a receipt for a record, a job or a key, to be checked anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from joblog.app.history.moments import NoSuchMomentError
from joblog.replay.output.texts import json_text
from joblog.replay.proofs.proving import (
    is_short,
    make_complete_receipt,
    make_receipt,
)
from joblog.replay.proofs.receipts import Subject
from joblog.replay.verbs import options
from joblog.replay.verbs.jobs import open_jobs, schema_option
from joblog.replay.verbs.missing import near_jobs, near_keys
from joblog.replay.verbs.options import Tool, db_option, takes_folder
from joblog.replay.verbs.show import require_record

if TYPE_CHECKING:
    from joblog.app.history.moments import Moment
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.proofs.proving import Receipt
    from joblog.storage.record import Record


@click.command()
@takes_folder
@click.argument("target", metavar="SEQ|JOB|KEY")
@click.option("--job", "is_job", is_flag=True, help="TARGET is a job's id, also if 42.")
@click.option("--key", "is_key", is_flag=True, help="TARGET is a key.")
@db_option
@click.option(
    "--complete/--single", "is_complete", default=None,
    help="All that the log has up to then, or only the records that count. By default "
    "complete for a job or a key, where the log is not longer than 4 MiB.",
)  # fmt: skip
@click.option(
    "--to", "--until", "to", type=options.moment, metavar="MOMENT",
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
    db: int,
    *,
    is_job: bool,
    is_key: bool,
    is_complete: bool | None,
) -> int:
    r"""Write a receipt for record SEQ of DIR, for a job, or for a key.

    A complete receipt holds all that the log has up to a moment, other people's jobs
    too: so it proves what happened to the job, and that nothing else did. With --single
    it holds the job's records, who their clients and which their scripts were: it
    proves that they are there, not that there are no others. `replay check` reads it
    without the log. It proves the records to whoever has the digest to which it leads
    from elsewhere, such as from a `replay info` of that day: --to leads to that one.

    \b
    Examples:
      replay prove joblog-data @1042 -o receipt.json
      replay prove joblog-data 7d0a5a4e-6f0e-4a3e-9d55-0c6a1f3f2a11 -o job.json
      replay prove joblog-data 7d0a5a4e --to @400000 -o job.json
      replay prove joblog-data lock:import --key --single -o lock.json
    """
    if is_job and is_key:
        raise click.UsageError("--job and --key exclude each other")
    subject = _read_subject(target, db, is_job=is_job, is_key=is_key)
    records = _find_records(tool, subject, schemas)
    until_seq = None if to is None else tool.point(to).seq
    if is_complete is None:
        is_complete = subject.kind != "record" and is_short(tool.index)
    if is_complete:
        end_seq = tool.last_seq() if until_seq is None else until_seq
        receipt = make_complete_receipt(tool.index, subject, end_seq)
    else:
        receipt = make_receipt(tool.index, tool.clients(), records, subject, until_seq)
    if path is None:
        tool.output.stream.writelines(receipt.text)
        return 0
    with path.open("w", encoding="ascii") as file:
        file.writelines(receipt.text)
    _tell(tool, path, subject, receipt)
    return 0


def _read_subject(target: str, db: int, *, is_job: bool, is_key: bool) -> Subject:
    digits = target.removeprefix("@")
    if digits.isdecimal() and not (is_job or is_key):
        return Subject("record", number=int(digits))
    name = options.text(target)
    return Subject("key", name, db) if is_key else Subject("job", name)


def _find_records(
    tool: Tool, subject: Subject, schemas: tuple[Schema, ...]
) -> list[Record]:
    """Return the records that are about a subject; at least one.

    Raises:
        NoSuchMomentError: there is none.
    """
    if subject.kind == "record":
        return [require_record(tool, subject.number)]
    point = tool.point(None)
    if subject.kind == "key":
        span = tool.index.first_seq, point.seq
        records = list(tool.index.key_records(subject.number, subject.name, *span))
    else:
        with tool.progress("folding", point.seq) as progress:
            jobs = open_jobs(tool, schemas, progress)
            timelines = jobs.follow(subject.name, point)
        records = [step.record for each in timelines for step in each.steps]
    if not records:
        find_near = near_keys if subject.kind == "key" else near_jobs
        near = find_near(tool, subject.name)
        raise NoSuchMomentError(f"no record tells of a {subject}{near}")
    return records


def _tell(tool: Tool, path: Path, subject: Subject, receipt: Receipt) -> None:
    """Say what was written."""
    first_seq, last_seq = receipt.first_seq, receipt.last_seq
    is_complete = receipt.is_complete
    digests = [f"{digest.hex()}@{seq}" for digest, seq in receipt.digests]
    facts = {
        "receipt": json_text(bytes(path)),
        "about": str(subject),
        "bytes": path.stat().st_size,
        "is_complete": is_complete,
        "from_seq": first_seq,
        "until_seq": last_seq,
        "digests": digests,
    }
    holds = f"all from seq {first_seq} to {last_seq}"
    if not is_complete or subject.kind == "record":
        holds = "single records: it says nothing about others"
    shown = {"receipt": str(path), "about": str(subject), "holds": holds}
    tool.output.facts(facts, shown | {"leads to": " ".join(digests)})
