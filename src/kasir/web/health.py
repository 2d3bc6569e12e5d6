"""Is it alive, can it work, how does it do: for whoever keeps it running."""

from __future__ import annotations

import hmac
from typing import Final

from litestar import Response, get
from litestar.exceptions import NotAuthorizedException
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from kasir.errors import DatabaseReadOnly, DatabaseUnavailable
from kasir.http_types import AnyRequest, OurKasir
from kasir.store import database
from kasir.store.figures import figures
from kasir.web.keys import BLANKS
from kasir.web.parameters import NONE, refuse_all_but

#: Litestar adds the charset to a text; given twice, Prometheus could not read it.
_TEXT_FORM: Final = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")


@get("/health/live", include_in_schema=False)
async def live() -> dict[str, str]:
    """Answer as long as the process runs."""
    return {"status": "ok"}


@get("/health/ready", include_in_schema=False)
async def ready(kasir: OurKasir) -> Response[dict[str, str]]:
    """Answer 200 while the database takes writes and its schema is ours; 503 otherwise."""
    try:
        pending = await database.pending(kasir.pool, kasir.settings.limits.ready_answer_s)
    except DatabaseReadOnly:
        return Response({"status": "the database takes no writes"}, status_code=503)
    except DatabaseUnavailable:
        return Response({"status": "the database does not answer"}, status_code=503)
    if pending:
        return Response({"status": "migrations are pending"}, status_code=503)
    return Response({"status": "ok"})


@get("/metrics", include_in_schema=False)
async def metrics(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """Figures in Prometheus's text form, for whoever has the key if there is one.

    Raises:
        NotAuthorizedException: There is a key, and it was not given.
    """
    _needs_metrics_key(request, kasir.settings.metrics_key)
    await refuse_all_but(request, NONE)
    apart = await kasir.times.apart()
    found = await figures(kasir.pool, kasir.clock.now(), kasir.settings.limits.figures_max)
    registry = CollectorRegistry()
    notices = Gauge("kasir_notices", "Notices by state", ["state"], registry=registry)
    for state, count in found.notices.items():
        notices.labels(state).set(count)
    for name, says, figure in (
        ("kasir_oldest_unread_notice_seconds", "How long a notice has waited", found.unread_s),
        ("kasir_payments_unknown", "Payments whose outcome is not known", found.unknown),
        ("kasir_attempts_unconfirmed", "Ended attempts without Adyen's word", found.unconfirmed),
        (
            "kasir_oldest_unconfirmed_attempt_seconds",
            "How long the oldest of them has waited for it",
            found.unconfirmed_s,
        ),
        (
            "kasir_clock_apart_seconds",
            "How far the machine's clock is from the database's or Adyen's",
            max(abs(ahead.total_seconds()) for ahead in apart.values()),
        ),
        ("kasir_events_waiting", "Events the shop has not taken", found.events),
        ("kasir_oldest_waiting_event_seconds", "How old the oldest of them is", found.events_s),
        ("kasir_events_given_up", "Events given up in the last seven days", found.given_up),
        ("kasir_subscriptions_due", "Subscriptions with something to do by now", found.due),
        ("kasir_jobs_failed", "Jobs that failed: kasir jobs failed", found.failed_jobs),
    ):
        Gauge(name, says, registry=registry).set(figure)
    return Response(generate_latest(registry), media_type=_TEXT_FORM)


def _needs_metrics_key(request: AnyRequest, key: str | None) -> None:
    if key is None:
        return
    scheme, _, given = request.headers.get("authorization", "").strip(BLANKS).partition(" ")
    is_same = hmac.compare_digest(given.strip(BLANKS).encode(), key.encode())
    if scheme.lower() != "bearer" or not is_same:
        raise NotAuthorizedException(
            "Give the key of KASIR_METRICS_KEY: `Authorization: Bearer KEY`.",
            headers={"WWW-Authenticate": 'Bearer realm="kasir"'},
        )
