"""Counters and histograms of what this process does, for Prometheus.

Their labels have few values: kinds, outcomes and routes, never an id or a path. Counters have the
label `account` if there are several accounts; histograms never do, because each has many series.
The processes of `kasir serve --workers` write to files in one folder, and each returns the sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from kasir.telemetry import context

#: The folder in which the processes of one server share their metrics; prometheus_client reads it.
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_ACCOUNT: Final = "account"
_PREFIX: Final = "kasir_"
#: When a counter began, as a series of its own: twice the series, and nothing reads them.
_CREATED: Final = "_created"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Seconds. GoPay's answers take up to a few seconds, and a call is given up after 10.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: Why the server refuses a request, or a connection.
Refused = Literal["too_long", "too_slow", "malformed", "busy", "too_many_connections"]

#: Not the default one of prometheus_client, which belongs to the application.
_registry: Final = CollectorRegistry()

_http_requests: Final = Counter(
    "kasir_http_requests",
    "HTTP requests by route and status",
    ["method", "route", "status"],
    registry=_registry,
)
_http_seconds: Final = Histogram(
    "kasir_http_request_seconds",
    "Seconds until the answer to a request began",
    ["method", "route"],
    buckets=_BUCKETS,
    registry=_registry,
)
_http_refused: Final = Counter(
    "kasir_http_refused",
    "Requests and connections that the server refused before Kasir saw them, by reason",
    ["reason"],
    registry=_registry,
)
_adyen_calls: Final = Counter(
    "kasir_adyen_calls",
    "Calls to Adyen by outcome",
    [_ACCOUNT, "call", "outcome"],
    registry=_registry,
)
_adyen_seconds: Final = Histogram(
    "kasir_adyen_call_seconds",
    "Seconds that a call to Adyen took",
    ["call"],
    buckets=_BUCKETS,
    registry=_registry,
)
_jobs: Final = Counter(
    "kasir_jobs", "Jobs that were run, by outcome", [_ACCOUNT, "job", "outcome"], registry=_registry
)
_job_seconds: Final = Histogram(
    "kasir_job_seconds", "Seconds that a job took", ["job"], buckets=_BUCKETS, registry=_registry
)
_deliveries: Final = Counter(
    "kasir_deliveries",
    "Tries to send an event to the shop or a notification to its handler, by outcome",
    [_ACCOUNT, "kind", "outcome"],
    registry=_registry,
)
_delivery_seconds: Final = Histogram(
    "kasir_delivery_seconds",
    "Seconds that a try took",
    ["kind"],
    buckets=_BUCKETS,
    registry=_registry,
)
_payments: Final = Counter(
    "kasir_payments",
    "How often a payment reached a status",
    [_ACCOUNT, "status"],
    registry=_registry,
)


def http_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an HTTP request.

    Args:
        method: Its method.
        route: The template of the route; empty if no route has the path.
        status: The status of the answer.
        seconds: How long it took until the answer began.
    """
    method, route = method if method in _METHODS else "other", route or "none"
    _http_requests.labels(method, route, _class(status)).inc()
    _http_seconds.labels(method, route).observe(seconds)


def http_refused(reason: Refused) -> None:
    """Count a request or a connection that the server itself refused."""
    _http_refused.labels(reason).inc()


def adyen_call(call: str, status: int | None, seconds: float) -> None:
    """Count a call to Adyen; the status is None if no complete answer came."""
    outcome = "no_answer" if status is None else _class(status)
    _adyen_calls.labels(context.account(), call, outcome).inc()
    _adyen_seconds.labels(call).observe(seconds)


def job(kind: str, outcome: str, seconds: float) -> None:
    """Count a run of a job; the outcome is `done`, `failed` or `put_back`."""
    _jobs.labels(context.account(), kind, outcome).inc()
    _job_seconds.labels(kind).observe(seconds)


def delivery(kind: str, status: int | None, seconds: float) -> None:
    """Count a try to send something to the shop; the status is None if no answer came.

    The kind is `event` or `relay`.
    """
    outcome = "no_answer" if status is None else _class(status)
    _deliveries.labels(context.account(), kind, outcome).inc()
    _delivery_seconds.labels(kind).observe(seconds)


def payment_reached(status: str) -> None:
    """Count a payment that has a new status."""
    _payments.labels(context.account(), status).inc()


def text(default_account: str, *, are_several: bool) -> bytes:
    """Return the counters and histograms in Prometheus's text format.

    Args:
        default_account: The environment's account.
        are_several: Whether there are other accounts too, so that the label `account` is needed.
    """
    shown = CollectorRegistry()
    shown.register(_Shown(default_account, are_several=are_several))
    return generate_latest(shown)


class _Shown(Collector):
    """The metrics of all processes; without the label `account` if there is one account."""

    def __init__(self, default_account: str, *, are_several: bool) -> None:
        self._default_account = default_account
        self._are_several = are_several

    def describe(self) -> list[Metric]:
        """Describe nothing, so that registration collects nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Collect the metrics."""
        for family in _source().collect():
            if not family.name.startswith(_PREFIX):
                continue  # Another application's, in the same folder.
            yield self._shown(family)

    def _shown(self, family: Metric) -> Metric:
        sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for sample in family.samples:
            if not sample.name.endswith(_CREATED):
                key = sample.name, tuple(self._labels(sample.labels).items())
                sums[key] = sums.get(key, 0.0) + sample.value
        shown = Metric(family.name, family.documentation, family.type)
        for (name, labels), value in sums.items():
            shown.add_sample(name, dict(labels), value)
        return shown

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        if _ACCOUNT not in labels:
            return dict(labels)
        others = {name: text for name, text in labels.items() if name != _ACCOUNT}
        if not self._are_several:
            return others
        return {_ACCOUNT: labels[_ACCOUNT] or self._default_account, **others}


def _source() -> Collector | CollectorRegistry:
    """Where the metrics are: in the folder that several processes share, or in this process."""
    try:
        return MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]
    except ValueError:
        return _registry  # The environment names no folder.


def _class(status: int) -> str:
    return f"{status // 100}xx"
