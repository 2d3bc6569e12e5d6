"""A worker serves its metrics if it is asked to; the processes of a server return the sums."""

from __future__ import annotations

import socket
import urllib.request
from urllib.error import HTTPError

from prometheus_client.parser import text_string_to_metric_families

from command import PATIENCE_S, TWIN, is_one_line, kasir, running, until_ready
from kasir.demo.processes import free_port
from opened_kasir import until


def samples(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """The labels and values of the samples with this name."""
    families = text_string_to_metric_families(text)
    return [
        (one.labels, one.value) for each in families for one in each.samples if one.name == name
    ]


def get(url: str, **headers: str) -> tuple[int, str]:
    """The status and the text of an answer."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


async def test_the_processes_of_a_server_return_the_sum_of_all_requests(
    fresh_database: str,
) -> None:
    port, environ = free_port(), TWIN | {"KASIR_DATABASE_URL": fresh_database}
    url = f"http://127.0.0.1:{port}"
    with running("serve", "--port", str(port), "--workers", "2", **environ) as process:
        until_ready(url)
        statuses = [get(f"{url}/health/live")[0] for _ in range(8)]
        _, text = get(f"{url}/metrics")
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE_S)
    labels = {"method": "GET", "route": "/health/live", "status": "2xx"}

    assert statuses == [200] * 8
    assert (labels, 8.0) in samples(text, "kasir_http_requests_total")
    # Gauges are read from the database by the process that answers.
    assert len(samples(text, "kasir_payments_unknown")) == 1
    assert "Traceback" not in out + err


async def test_a_worker_serves_its_metrics_at_the_port_that_it_is_given(
    fresh_database: str,
) -> None:
    port = free_port()
    environ = TWIN | {"KASIR_DATABASE_URL": fresh_database, "KASIR_METRICS_KEY": "metrics-key"}
    url = f"http://127.0.0.1:{port}/metrics"

    async def answer() -> int:
        try:
            return get(url)[0]
        except OSError:
            return 0  # It does not listen yet.

    with running("worker", "--metrics-port", str(port), **environ) as process:
        await until(answer)
        refused = await answer()
        status, text = get(url, Authorization="Bearer metrics-key")
        process.terminate()
        process.communicate(timeout=PATIENCE_S)

    assert refused == 401
    assert status == 200
    assert "# TYPE kasir_jobs_total counter" in text


def test_a_worker_whose_port_is_in_use_says_so_in_one_line(fresh_database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = kasir(
            *("worker", "--metrics-port", str(port)), **TWIN, KASIR_DATABASE_URL=fresh_database
        )

    assert result.returncode == 1
    assert is_one_line(result.stderr), result.stderr
    assert f"--metrics-port {port}" in result.stderr
