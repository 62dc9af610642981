"""OTLP: traces as OpenTelemetry's collector reads them from a file, in JSON.

A line is one ExportTraceServiceRequest. Ids are in hexadecimal digits, 64-bit numbers
are strings, and kinds are numbers, as the protocol's JSON has them.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.replay.views.spans import StateSpan, Trace

_INTERNAL, _CONSUMER = 1, 5
_ERROR = 2
_NS_PER_MS = 1_000_000


def traces_request(
    traces: Sequence[Trace], service: str, system: str
) -> dict[str, Any]:
    """Return some traces as one request.

    Args:
        traces: them.
        service: the name of the service that they are of.
        system: the queue library's.
    """
    spans = [span for trace in traces for span in _spans(trace, system)]
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes({"service.name": service})},
                "scopeSpans": [
                    {
                        "scope": {"name": "joblog.replay", "version": VERSION},
                        "spans": spans,
                    }
                ],
            }
        ]
    }


def _spans(trace: Trace, system: str) -> list[dict[str, Any]]:
    queue = _text(trace.queue)
    whole = _span(
        trace.id,
        trace.root_id,
        f"job {queue}",
        (trace.begin_ms, trace.end_ms),
        {
            "messaging.system": system,
            "messaging.destination.name": queue,
            "messaging.message.id": _text(trace.job_id),
            "joblog.job.state": trace.state,
        },
        trace.error,
    )
    return [whole, *(_state_span(trace, each, system) for each in trace.states)]


def _state_span(trace: Trace, state: StateSpan, system: str) -> dict[str, Any]:
    began = state.began
    is_running = began.step.state == "running"
    queue = _text(began.step.queue)
    attributes: dict[str, str | int] = {
        "messaging.system": system,
        "messaging.destination.name": queue,
        "messaging.message.id": _text(trace.job_id),
        "joblog.job.state": began.step.state,
        "joblog.seq": began.step.seq,
        "joblog.client": began.client,
        "joblog.command": began.deed,
    }
    if is_running:
        attributes["messaging.operation.type"] = "process"
    verb = "process" if is_running else began.step.state
    span = _span(
        trace.id,
        state.id,
        f"{verb} {queue}",
        (began.at_ms, state.end_ms),
        attributes,
        state.error,
    )
    span["parentSpanId"] = trace.root_id.hex()
    span["kind"] = _CONSUMER if is_running else _INTERNAL
    return span


def _span(
    trace_id: bytes,
    span_id: bytes,
    name: str,
    times: tuple[int, int],
    attributes: dict[str, str | int],
    error: str,
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": trace_id.hex(),
        "spanId": span_id.hex(),
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(times[0] * _NS_PER_MS),
        "endTimeUnixNano": str(times[1] * _NS_PER_MS),
        "attributes": _attributes(attributes),
    }
    if error:
        made["status"] = {"code": _ERROR, "message": error}
    return made


def _attributes(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "key": name,
            "value": {"intValue": str(value)}
            if isinstance(value, int)
            else {"stringValue": value},
        }
        for name, value in attributes.items()
        if value != ""
    ]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
