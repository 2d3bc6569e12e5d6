"""Liveness, readiness and metrics, for the operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Final

import msgspec
from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kasir.errors import DatabaseReadOnly, DatabaseUnavailable
from kasir.http_types import AnyRequest, OurParts, accounts_of
from kasir.store import database, deliveries, relay
from kasir.store.deliveries import AddressName
from kasir.store.figures import figures, seconds_since
from kasir.telemetry import metrics as telemetry
from kasir.web.account_figures import AccountFigures, Figure, KeptFigures
from kasir.web.documented import Documented
from kasir.web.keys import require_metrics_key
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters_and_no_body
from kasir.wiring import Parts

#: Without the charset: Litestar adds it, and Prometheus cannot read a type that has it twice.
_CONTENT_TYPE: Final = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")


_TAGS: Final = ["Health"]


class Health(msgspec.Struct):
    """`ok`, or what is wrong."""

    status: str


@get("/health/live", tags=_TAGS, documented=Documented(answer=Health))
async def live() -> dict[str, str]:
    """Return 200 as long as the process runs."""
    return {"status": "ok"}


@get("/health/ready", tags=_TAGS, documented=Documented(answer=Health, unavailable=Health))
async def ready(parts: OurParts) -> Response[dict[str, str]]:
    """Return 200 while the database accepts writes and its schema is up to date, else 503."""
    try:
        pending = await database.pending(parts.pool, parts.settings.limits.ready_answer_s)
    except DatabaseReadOnly:
        return Response({"status": "the database takes no writes"}, status_code=503)
    except DatabaseUnavailable:
        return Response({"status": "the database does not answer"}, status_code=503)
    if pending:
        return Response({"status": "migrations are pending"}, status_code=503)
    return Response({"status": "ok"})


@get("/metrics", tags=_TAGS, security=[{}, {"metricsKey": []}], documented=Documented(answer=str))
async def metrics(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """Return the metrics in Prometheus's text format.

    Raises:
        NotAuthorizedException: `KASIR_METRICS_KEY` is set, and the request does not have it.
    """
    require_metrics_key(request.headers.get("authorization", ""), parts.settings.metrics_key)
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    accounts = accounts_of(request.scope)
    labels = ["account"] if accounts and accounts.others else []
    gauges = _Gauges(labels)
    own = [*await _figures(parts), await _clocks_apart(parts)]
    gauges.set_all(parts.settings.merchant_account, own)
    if accounts and labels:
        others: AccountFigures = request.app.state.account_figures
        for name, kept in (await others.refreshed(accounts, _figures)).items():
            gauges.set_all(name, [*kept.figures, *_about(kept)])
    registry = CollectorRegistry()
    registry.register(gauges)
    counted = telemetry.text(parts.settings.merchant_account, are_several=bool(labels))
    return Response(generate_latest(registry) + counted, media_type=_CONTENT_TYPE)


def _about(kept: KeptFigures) -> Iterator[Figure]:
    """Figures about the figures of an account of the database."""
    usable, age = "Whether an account of the database can be used", "How old these figures are"
    yield Figure("kasir_account_usable", usable, kept.is_usable)
    yield Figure("kasir_account_figures_age_seconds", age, monotonic() - kept.read_at)


class _Gauges(Collector):
    """Gauges that have the label `account` where there are several accounts.

    They are families and not `Gauge`s, whose values the processes of a server would share.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._gauges: dict[str, GaugeMetricFamily] = {}

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges."""
        return self._gauges.values()

    def set_all(self, account: str, figures: Iterable[Figure]) -> None:
        """Set the gauges of an account."""
        for figure in figures:
            name, more = figure.name, figure.labels
            if name not in self._gauges:
                names = [*self._labels, *more]
                gauge = GaugeMetricFamily(name, figure.help_text, labels=names)
                self._gauges[name] = gauge
            values = [*([account] if self._labels else []), *more.values()]
            self._gauges[name].add_metric(values, figure.value)


async def _clocks_apart(parts: Parts) -> Figure:
    """How far the clocks differ; they are the same for all accounts."""
    differences = await parts.times.apart()
    return Figure(
        "kasir_clock_apart_seconds",
        "Difference between this machine's clock and the database's or Adyen's",
        max(abs(ahead.total_seconds()) for ahead in differences.values()),
    )


async def _figures(parts: Parts) -> list[Figure]:
    """Read the figures of an account."""
    counts = await figures(parts.pool, parts.clock.now(), parts.settings.limits.counts_max)
    relayed = await relay.backlog(parts.pool, parts.settings.limits.counts_max)
    paused = await deliveries.paused(parts.pool)
    notices = [
        Figure("kasir_notices", "Notices by state", count, {"state": state})
        for state, count in counts.notices.items()
    ]
    rows = (
        ("kasir_oldest_unread_notice_seconds", "How long a notice has waited", counts.unread_s),
        ("kasir_payments_unknown", "Payments whose outcome is not known", counts.unknown),
        (
            "kasir_attempts_unconfirmed",
            "Ended attempts that Adyen has not confirmed",
            counts.unconfirmed,
        ),
        (
            "kasir_oldest_unconfirmed_attempt_seconds",
            "How long the oldest of them has waited for that",
            counts.unconfirmed_s,
        ),
        ("kasir_events_waiting", "Events that the shop has not accepted", counts.events),
        ("kasir_oldest_waiting_event_seconds", "How old the oldest of them is", counts.events_s),
        ("kasir_events_given_up", "Events given up in the last seven days", counts.given_up),
        ("kasir_relay_waiting", "Notifications that the relay has not sent", relayed.waiting),
        (
            "kasir_oldest_waiting_relay_seconds",
            "How long ago the oldest of them came",
            seconds_since(relayed.since, parts.clock.now()),
        ),
        ("kasir_relay_failures", "Tries to send the oldest of them that failed", relayed.failures),
        ("kasir_subscriptions_due", "Subscriptions with something to do by now", counts.due),
        ("kasir_jobs_failed", "Jobs that failed: kasir jobs failed", counts.failed_jobs),
    )
    pauses = [
        Figure("kasir_deliveries_paused", "Whether it is paused", name in paused, {"address": name})
        for name in AddressName
    ]
    return [*notices, *(Figure(*row) for row in rows), *pauses]
