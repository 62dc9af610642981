"""Settings of metrics: the page that Prometheus reads."""

from __future__ import annotations

from joblog.app.config.kinds import Boolean, Integer


class MetricsSettings:
    """Metrics for Prometheus."""

    metrics_port = Integer(
        0,
        "The TCP port of the page `/metrics` for Prometheus, on the addresses of "
        "`bind`, in plain HTTP and without a password; needs `joblog[metrics]`. "
        "Others than this machine read it under the rule of `protected-mode`, and "
        "never where clients come by TLS alone. 0 tells no metrics.",
        0,
        65535,
        live=False,
    )
    metrics_queues = Boolean(
        "yes",
        "Tell the depth of queues, the age of their oldest job and what came and went "
        "on that page; the process beside the server that does so follows the log, "
        "and holds the data a second time.",
        live=False,
    )
