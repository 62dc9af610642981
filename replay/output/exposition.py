"""Expositions: metrics as Prometheus reads them: its text, or OpenMetrics.

Of a running server they are written by prometheus_client, an extra; of the past by hand
here, since they are many, and have timestamps.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from joblog.app import families

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

    from joblog.app.families import Family

Sample = tuple["Family", tuple[str, ...], float]
Histogram = tuple[tuple[str, ...], "list[int]", float]
"""Labels, the counts of the buckets of `BUCKETS_SECONDS`, and seconds in all."""

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_UNITS = ("seconds", "bytes")


class _Collected:
    """What prometheus_client takes for a registry with one collector."""

    def __init__(self, collected: list[Any]) -> None:
        self._collected = collected

    def collect(self) -> list[Any]:
        """Return the families."""
        return self._collected


def encode(
    samples: Iterable[Sample], histograms: Iterable[Histogram], accept: str
) -> tuple[str, bytes]:
    """Return metrics of now, and their media type.

    Args:
        samples: values; two of one series count as one.
        histograms: of commands.
        accept: what whoever asks can read: a header of HTTP.
    """
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.exposition import choose_encoder

    grouped: dict[Family, dict[tuple[str, ...], float]] = {}
    for family, labels, number in samples:
        grouped.setdefault(family, {})[labels] = number
    collected: list[Any] = []
    for family, series in grouped.items():
        is_counter = family.kind == "counter"
        make = CounterMetricFamily if is_counter else GaugeMetricFamily
        metric = make(family.name, family.text, labels=family.labels)
        for labels, number in series.items():
            metric.add_metric(labels, number)
        collected.append(metric)
    duration = families.DURATION
    timed = HistogramMetricFamily(duration.name, duration.text, labels=duration.labels)
    bounds = [*map(str, families.BUCKETS_SECONDS), "+Inf"]
    for labels, counts, seconds in histograms:
        reached = zip(bounds, accumulate(counts), strict=True)
        timed.add_metric(labels, list(reached), seconds)
    collected.append(timed)
    encoder, kind = choose_encoder(accept)
    return kind, encoder(_Collected(collected))


def write_openmetrics(
    stream: TextIO,
    found: Mapping[Family, Mapping[tuple[str, ...], Sequence[float]]],
    moments: Sequence[int],
) -> None:
    """Write series of the past as OpenMetrics, with timestamps.

    Args:
        stream: where to.
        found: the values of each series, one for each moment.
        moments: times in ms.
    """
    times = [f"{at_ms / 1000:.3f}" for at_ms in moments]
    for family, series in found.items():
        name = family.name
        stream.write(f"# HELP {name} {family.text.translate(_ESCAPES)}\n")
        stream.write(f"# TYPE {name} {family.kind}\n")
        unit = name.rpartition("_")[2]
        if unit in _UNITS:
            stream.write(f"# UNIT {name} {unit}\n")
        for labels, numbers in series.items():
            words = ",".join(
                f'{label}="{value.translate(_ESCAPES)}"'
                for label, value in zip(family.labels, labels, strict=True)
            )
            head = f"{family.sample_name}{{{words}}}" if words else family.sample_name
            stream.writelines(
                f"{head} {number:.17g} {at}\n"
                for at, number in zip(times, numbers, strict=True)
            )
    stream.write("# EOF\n")
