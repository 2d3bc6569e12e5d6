"""A payment, its notification, the job that reads it and the delivery form traces."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from app_client import app_client
from fake_server import FakeServer, plain
from fake_server import serving as serving_fake
from fakes import envelope, notification_item
from kasir.errors import SettingError
from kasir.jobs import engine
from kasir.jobs.worker import handlers_of
from kasir.telemetry import traces
from kasir.telemetry.otel import exporting
from kasir.wiring import Parts
from opened_kasir import kasir_on, until
from twin_fixtures import payment_body, serving

EVENTS_SECRET: Final = "whsec_" + "c2VjcmV0" * 4
SHOP_KEY: Final = "key-of-the-shop"
#: A position in a trace of the shop's own.
CALLERS_TRACE: Final = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans of the test, in memory."""
    exporter = InMemorySpanExporter()
    tracer, stop = exporting("test", SimpleSpanProcessor(exporter))
    traces.use(tracer)
    yield exporter
    traces.use(None)
    stop()


@asynccontextmanager
async def jobs_running(kasir: Parts) -> AsyncIterator[None]:
    """Run jobs, without the search for due work, which reads notices too."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        handlers = await handlers_of(kasir, stack, stop)
        held_max = kasir.settings.limits.jobs_held_max
        task = asyncio.create_task(
            engine.work(kasir.pool, handlers, stop, held_max, asyncio.Event())
        )
        yield
        stop.set()
        await task


@asynccontextmanager
async def kasir_and_shop(database: str) -> AsyncIterator[tuple[Parts, FakeServer]]:
    """A Kasir that calls a twin, and the shop that takes its events."""
    async with (
        serving(Twin(Settings(), Knobs())) as twin,
        serving_fake() as shop,
        kasir_on(
            database,
            ADYEN_TWIN_URL=twin.url,
            KASIR_API_KEY=SHOP_KEY,
            KASIR_EVENTS_URL=f"{shop.url}/events",
            KASIR_EVENTS_SECRET=EVENTS_SECRET,
        ) as kasir,
    ):
        shop.handler = plain(204, b"")
        yield kasir, shop


async def pay_and_notify(kasir: Parts) -> None:
    """Start a payment, and receive the notification that it is paid."""
    async with app_client(kasir, X_API_Key=SHOP_KEY) as http:
        paying = {
            "X-Request-Id": "REQ-PAY",
            "traceparent": f"00-{CALLERS_TRACE}-b7ad6b7169203331-01",
        }
        paid = await http.post("/v72/payments", json=payment_body(), headers=paying)
        notified = await http.post(
            "/webhooks/adyen",
            content=envelope(notification_item()),
            headers={"X-Request-Id": "REQ-NOTE"},
        )

    assert (paid.status_code, paid.headers["x-request-id"]) == (200, "REQ-PAY")
    assert (notified.status_code, notified.headers["x-request-id"]) == (202, "REQ-NOTE")


async def test_a_payment_its_notification_the_job_and_the_delivery_form_traces(
    fresh_database: str, spans: InMemorySpanExporter
) -> None:
    async with kasir_and_shop(fresh_database) as (kasir, shop):
        await pay_and_notify(kasir)
        async with jobs_running(kasir):
            await until(lambda: kasir.pool.fetchval("SELECT count(*) FROM event"))
            await kasir.due.look()
            await until(lambda: kasir.pool.fetchval("SELECT delivered_at FROM event"))
    found = spans.get_finished_spans()
    names = {span.context.span_id: span.name for span in found if span.context}
    tree = {
        (span.name, names.get(span.parent.span_id, "the caller's") if span.parent else "")
        for span in found
    }

    assert tree == {
        ("POST /v72/payments", "the caller's"),
        ("Adyen POST /payments", "POST /v72/payments"),
        ("POST /webhooks/adyen", ""),
        ("job read_notices", "POST /webhooks/adyen"),
        ("send event", "job read_notices"),
        ("job deliver", ""),  # The search for due events queued it.
    }
    by_name = {span.name: span for span in found}
    of_payment = by_name["Adyen POST /payments"]
    assert of_payment.context
    assert f"{of_payment.context.trace_id:032x}" == CALLERS_TRACE
    assert dict(by_name["POST /webhooks/adyen"].attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/webhooks/adyen",
        "http.response.status_code": 202,
        "kasir.request_id": "REQ-NOTE",
    }
    # The position in the trace stays inside Kasir.
    ((_, headers, _),) = shop.asked
    assert "traceparent" not in headers


async def test_log_lines_of_a_delivery_name_the_request_and_the_payment(
    fresh_database: str,
) -> None:
    async with kasir_and_shop(fresh_database) as (kasir, shop):
        shop.handler = plain(500, b"")
        await pay_and_notify(kasir)
        payment_id = await kasir.pool.fetchval("SELECT id FROM payment")
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            async with jobs_running(kasir):
                await until(lambda: kasir.pool.fetchval("SELECT count(*) FROM event"))
                await kasir.due.look()
                await until(lambda: kasir.pool.fetchval("SELECT count(*) FROM event_try"))
    (line,) = [line for line in logs if line["event"] == "the shop refused an event"]

    assert (line["request"], line["payment"]) == ("REQ-NOTE", payment_id)
    assert (line["job"], type(line["job_id"])) == ("deliver", int)


async def test_a_call_that_adyen_does_not_answer_is_a_span_that_failed(
    fresh_database: str, spans: InMemorySpanExporter
) -> None:
    async with (
        kasir_on(fresh_database, KASIR_API_KEY=SHOP_KEY) as kasir,
        app_client(kasir, X_API_Key=SHOP_KEY) as http,
    ):
        answer = await http.post("/v72/payments", json=payment_body())
    call, request = spans.get_finished_spans()

    assert answer.status_code == 503
    assert (call.name, call.status.description) == ("Adyen POST /payments", "ClientConnectorError")
    assert (request.name, request.status.description) == ("POST /v72/payments", "503")


@pytest.fixture
async def silent_collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """A collector that takes connections and answers nothing; the event is set by the first one."""
    asked, is_over = asyncio.Event(), asyncio.Event()

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await is_over.wait()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    yield asked
    is_over.set()
    server.close()
    await server.wait_closed()


async def test_a_collector_that_does_not_answer_delays_neither_payments_nor_the_end(
    fresh_database: str, silent_collector: asyncio.Event
) -> None:
    tracer, stop = exporting("test")
    traces.use(tracer)
    try:
        async with kasir_and_shop(fresh_database) as (kasir, _):
            await pay_and_notify(kasir)
            await silent_collector.wait()
            # The collector has the first spans and keeps them waiting; the next ones work too.
            async with jobs_running(kasir):
                await until(lambda: kasir.pool.fetchval("SELECT count(*) FROM event"))
    finally:
        traces.use(None)
        await asyncio.to_thread(stop)  # Returns while the collector is still silent.


async def test_without_a_collector_at_its_address_payments_work(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    tracer, stop = exporting("test")
    traces.use(tracer)
    try:
        async with kasir_and_shop(fresh_database) as (kasir, _):
            await pay_and_notify(kasir)
    finally:
        traces.use(None)
        await asyncio.to_thread(stop)


def test_while_traces_are_off_nothing_of_opentelemetry_is_imported() -> None:
    program = (
        "import sys, kasir.web.app, kasir.cli.worker, kasir.cli.serve\n"
        "from kasir.telemetry import traces\n"
        "traces.start({}, 'test')()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("environ", "are_wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "kasir"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_on_only_if_an_address_is_set(environ: dict[str, str], are_wanted: bool) -> None:
    assert traces.are_wanted(environ) is are_wanted


def test_another_protocol_is_refused_with_the_variables_name() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    with pytest.raises(SettingError, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        traces.are_wanted(environ)


def test_without_the_packages_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "kasir.telemetry.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(SettingError, match=r"OTEL_EXPORTER_OTLP_ENDPOINT.*kasir\[otel\]"):
        traces.are_wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"})
