"""The real programs export their spans to a collector by OTLP, and one trace crosses both."""

from __future__ import annotations

import asyncio
import gzip
from typing import Final

import aiohttp
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from command import PATIENCE_S, TWIN, running, until_ready, until_worker_listens
from fake_server import FakeServer, serving
from fakes import envelope, notification_item
from kasir.demo.client import until
from kasir.demo.processes import free_port
from opened_kasir import a_database

#: A position in a trace of the proxy's own.
TRACE: Final = "0af7651916cd43dd8448eb211c80319c"


def exported(collector: FakeServer) -> dict[tuple[str, str], str]:
    """The trace of each span that the collector got, by its service and its name."""
    found = {}
    for path, headers, body in collector.asked:
        assert path == "POST /v1/traces"
        assert headers["content-type"] == "application/x-protobuf"
        packed = headers.get("content-encoding") == "gzip"
        request = ExportTraceServiceRequest.FromString(gzip.decompress(body) if packed else body)
        for of_process in request.resource_spans:
            attributes = {one.key: one.value.string_value for one in of_process.resource.attributes}
            for scope in of_process.scope_spans:
                for span in scope.spans:
                    found[attributes["service.name"], span.name] = span.trace_id.hex()
    return found


async def test_a_notification_and_the_job_that_reads_it_are_one_trace_of_two_programs(
    postgres_dsn: str,
) -> None:
    async def take(_: web.Request) -> web.StreamResponse:
        return web.Response(content_type="application/x-protobuf")

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        serving() as collector,
        a_database(postgres_dsn) as database,
        aiohttp.ClientSession(url) as http,
    ):
        collector.handler = take
        environ = TWIN | {
            "KASIR_DATABASE_URL": database,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with (
            running("serve", "--port", str(port), **environ) as server,
            running("worker", **environ) as worker,
        ):
            await asyncio.to_thread(until_ready, url)
            await until_worker_listens(database, worker)
            headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
            body = envelope(notification_item())
            async with http.post("/webhooks/adyen", data=body, headers=headers) as answer:
                status = answer.status

            async def spans() -> dict[tuple[str, str], str]:
                return exported(collector)

            expected = {
                ("kasir-serve", "POST /webhooks/adyen"),
                ("kasir-worker", "job read_notices"),
            }
            got = await until(spans, lambda found: found.keys() >= expected, "both spans")
            outputs = []
            for process in (server, worker):
                process.terminate()
                outputs += await asyncio.to_thread(process.communicate, timeout=PATIENCE_S)

    assert status == 202
    assert {got[name] for name in expected} == {TRACE}
    assert "Traceback" not in "".join(outputs)
