"""Health checks, metrics and the OpenAPI document."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from raw_http import Caller


async def test_the_health_checks_need_no_key(caller: Caller) -> None:
    live = await caller.call("GET", "/health/live", api_key=None)
    ready = await caller.call("GET", "/health/ready", api_key=None)

    assert (live.status, live.json) == (200, {"status": "ok"})
    assert (ready.status, ready.json) == (200, {"status": "ok"})


async def test_metrics_are_in_the_format_of_prometheus(caller: Caller) -> None:
    response = await caller.call("GET", "/metrics", api_key=None)
    families = list(text_string_to_metric_families(response.body.decode()))

    assert response.status == 200
    assert [family.name for family in families] == [
        "kasir_notices",
        "kasir_oldest_unread_notice_seconds",
        "kasir_payments_unknown",
        "kasir_attempts_unconfirmed",
        "kasir_oldest_unconfirmed_attempt_seconds",
        "kasir_events_waiting",
        "kasir_oldest_waiting_event_seconds",
        "kasir_events_given_up",
        "kasir_relay_waiting",
        "kasir_oldest_waiting_relay_seconds",
        "kasir_relay_failures",
        "kasir_subscriptions_due",
        "kasir_jobs_failed",
        "kasir_deliveries_paused",
        "kasir_clock_apart_seconds",
        "kasir_http_requests",
        "kasir_http_request_seconds",
        "kasir_http_refused",
        "kasir_adyen_calls",
        "kasir_adyen_call_seconds",
        "kasir_jobs",
        "kasir_job_seconds",
        "kasir_deliveries",
        "kasir_delivery_seconds",
        "kasir_payments",
    ]


async def test_metrics_have_a_content_type_that_prometheus_accepts(caller: Caller) -> None:
    response = await caller.call("GET", "/metrics", api_key=None)
    parameters = [
        part.split("=")[0].strip() for part in response.headers["Content-Type"].split(";")
    ]

    # Prometheus rejects an answer whose content type repeats a parameter.
    assert sorted(parameters) == ["charset", "text/plain", "version"]


async def test_the_openapi_document_is_served(caller: Caller) -> None:
    response = await caller.call("GET", "/api/openapi.json", api_key=None)
    paths = response.json["paths"]

    assert response.status == 200
    assert response.json["openapi"].startswith("3.1")
    for version in (71, 72):
        assert "post" in paths[f"/v{version}/payments"]
        assert "post" in paths[f"/v{version}/payments/details"]
        assert {"get", "patch"} <= paths[f"/v{version}/paymentLinks/{{link_id}}"].keys()
    assert "get" in paths["/api/payments"]


async def test_no_response_names_the_server_or_its_version(caller: Caller) -> None:
    for path in ("/health/live", "/v72/payments", "/nowhere"):
        response = await caller.call("GET", path)

        assert "Server" not in response.headers
