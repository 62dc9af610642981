"""`replay spans`: a collector's schema takes it, and spans are the states of jobs."""

import base64
import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from joblog.replay.cli import main
from tests.replay.histories import History

DATA = Path(__file__).resolve().parent.parent / "data"
TOURS = sorted(DATA.glob("tours/*/data"))
IDS = ("traceId", "spanId", "parentSpanId")


def run(*words):
    return CliRunner().invoke(main, words, catch_exceptions=False)


def requests(folder, *words):
    """Return what was written, as messages of the protocol.

    Its JSON has ids in hexadecimal digits, protobuf's own in base64.
    """
    found = []
    for line in run("spans", str(folder), *words).stdout.splitlines():
        request = json.loads(line)
        for span in spans_of(request):
            for name in IDS:
                if name in span:
                    data = bytes.fromhex(span[name])
                    span[name] = base64.b64encode(data).decode()
        found.append(ParseDict(request, ExportTraceServiceRequest()))
    return found


def spans_of(request):
    return request["resourceSpans"][0]["scopeSpans"][0]["spans"]


def all_spans(folder, *words):
    return [
        span
        for request in requests(folder, *words)
        for span in request.resource_spans[0].scope_spans[0].spans
    ]


def attributes(span):
    return {
        each.key: each.value.string_value or each.value.int_value
        for each in span.attributes
    }


@pytest.mark.parametrize("folder", TOURS, ids=lambda folder: folder.parent.name)
def test_collectors_schema_takes_the_spans_of_each_library(folder):
    found = all_spans(folder)
    roots = {span.trace_id: span for span in found if not span.parent_span_id}
    listed = run("jobs", str(folder), "--all", "--json").stdout.splitlines()
    ids = {job["id"] for job in map(json.loads, listed) if job["queue"]}

    assert found
    assert len({span.span_id for span in found}) == len(found)
    assert ids <= {attributes(each)["messaging.message.id"] for each in found}
    for span in found:
        root = roots[span.trace_id]
        assert len(span.trace_id) == 16
        assert len(span.span_id) == 8
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        assert root.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
        assert span.parent_span_id in {b"", root.span_id}


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect(name=b"worker")
    history.run(
        session,
        "SADD rq:queues rq:queue:mail",
        "HSET rq:job:a status queued",
        "RPUSH rq:queue:mail a",
        "LPOP rq:queue:mail",
        "HSET rq:job:a status started",
        "HSET rq:job:a status failed exc_info boom",
        "RPUSH rq:queue:mail b",
    )
    history.close()
    return history


def test_states_of_a_job_follow_each_other(history):
    spans = [
        span
        for span in all_spans(history.folder)
        if attributes(span)["messaging.message.id"] == "a"
    ]
    root, *states = spans

    assert [span.name.split()[0] for span in states][-1] == "process"
    assert states[-1].status.code == 2
    assert states[-1].kind == 5
    assert attributes(states[-1])["joblog.client"] == "worker"
    assert attributes(root)["joblog.job.state"] == "failed"
    for before, after in pairwise(states):
        assert before.end_time_unix_nano == after.start_time_unix_nano


def test_job_that_has_not_ended_goes_up_to_the_end(history):
    (root,) = (
        span
        for span in all_spans(history.folder, "--until", f"@{history.log.last_seq}")
        if attributes(span)["messaging.message.id"] == "b" and not span.parent_span_id
    )

    assert attributes(root)["joblog.job.state"] == "waiting"


def test_same_range_has_the_same_ids_and_another_service_its_name(history):
    until = ("--until", f"@{history.log.last_seq}")

    assert run("spans", str(history.folder), *until).stdout == (
        run("spans", str(history.folder), *until).stdout
    )
    (request,) = requests(history.folder, "--service", "shop")
    resource = request.resource_spans[0].resource
    assert resource.attributes[0].value.string_value == "shop"


def test_log_without_jobs_exits_with_one(history):
    assert run("spans", str(history.folder), "--until", "@0").exit_code == 1
