"""Liveness, readiness and metrics, for the operator."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec
from litestar import Response, get
from litestar.exceptions import NotAuthorizedException
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from kasir.accounts import Accounts
from kasir.errors import AccountUnavailable, DatabaseReadOnly, DatabaseUnavailable
from kasir.http_types import AnyRequest, OurParts, accounts_of
from kasir.store import database, relay
from kasir.store.figures import figures, seconds_since
from kasir.web.documented import Documented
from kasir.web.keys import WHITESPACE
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
    _require_metrics_key(request, parts.settings.metrics_key)
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    accounts = accounts_of(request.scope)
    labels = ["account"] if accounts and accounts.others else []
    gauges = _Gauges(CollectorRegistry(), labels)
    await _set(gauges, parts)
    if accounts and labels:
        await _set_others(gauges, accounts)
    return Response(generate_latest(gauges.registry), media_type=_CONTENT_TYPE)


async def _set_others(gauges: _Gauges, accounts: Accounts[Parts]) -> None:
    """Set the gauges of the database's accounts; those of a broken or slow one are left out."""
    longest_s = accounts.default.settings.limits.account_figures_s
    for account in accounts.others:
        is_usable = True
        try:
            async with asyncio.timeout(longest_s):
                await _set(gauges, await accounts.open(account))
        except (AccountUnavailable, *database.DRIVER_ERRORS):
            is_usable = False
        help_text = "Whether an account of the database can be used"
        gauges.set("kasir_account_usable", help_text, account.name, is_usable)


class _Gauges:
    """Gauges that have the label `account` where there are several accounts."""

    def __init__(self, registry: CollectorRegistry, labels: Sequence[str]) -> None:
        self.registry = registry
        self._labels = labels
        self._gauges: dict[str, Gauge] = {}

    def set(self, name: str, help_text: str, account: str, figure: float, **more: str) -> None:
        """Set a gauge, for an account and the further labels."""
        if name not in self._gauges:
            names = [*self._labels, *more]
            self._gauges[name] = Gauge(name, help_text, names, registry=self.registry)
        values = [*([account] if self._labels else []), *more.values()]
        gauge = self._gauges[name]
        (gauge.labels(*values) if values else gauge).set(figure)


async def _set(gauges: _Gauges, parts: Parts) -> None:
    """Set the gauges of an account."""
    account = parts.settings.merchant_account
    differences = await parts.times.apart()
    counts = await figures(parts.pool, parts.clock.now(), parts.settings.limits.counts_max)
    relayed = await relay.backlog(parts.pool, parts.settings.limits.counts_max)
    for state, count in counts.notices.items():
        gauges.set("kasir_notices", "Notices by state", account, count, state=state)
    for name, help_text, figure in (
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
        (
            "kasir_clock_apart_seconds",
            "Difference between this machine's clock and the database's or Adyen's",
            max(abs(ahead.total_seconds()) for ahead in differences.values()),
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
    ):
        gauges.set(name, help_text, account, figure)


def _require_metrics_key(request: AnyRequest, key: str | None) -> None:
    if key is None:
        return
    scheme, _, given = request.headers.get("authorization", "").strip(WHITESPACE).partition(" ")
    is_same = hmac.compare_digest(given.strip(WHITESPACE).encode(), key.encode())
    if scheme.lower() != "bearer" or not is_same:
        raise NotAuthorizedException(
            "Give the key of KASIR_METRICS_KEY: `Authorization: Bearer KEY`.",
            headers={"WWW-Authenticate": 'Bearer realm="kasir"'},
        )
