"""The server and the worker start, work, and stop on a signal."""

from __future__ import annotations

import http.client
import signal
import socket
from contextlib import closing

import pytest
import uvicorn

from command import TWIN, is_one_line, kasir, running, until_ready, until_worker_listens
from kasir.cli.serve import serve
from kasir.demo.processes import free_port


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
async def test_the_server_stops_on_a_signal(
    fresh_database: str, signal_number: signal.Signals
) -> None:
    port = free_port()
    environ = TWIN | {"KASIR_DATABASE_URL": fresh_database}
    with running("serve", "--port", str(port), **environ) as process:
        until_ready(f"http://127.0.0.1:{port}")
        process.send_signal(signal_number)
        out, err = process.communicate(timeout=200)

    # 130 is the exit code after Ctrl-C.
    assert process.returncode in {0, -signal_number, 130}
    assert "Traceback" not in out + err


async def test_an_idle_connection_serves_another_request_and_does_not_delay_a_stop(
    fresh_database: str,
) -> None:
    port = free_port()
    environ = TWIN | {"KASIR_DATABASE_URL": fresh_database}
    with running("serve", "--port", str(port), **environ) as process:
        until_ready(f"http://127.0.0.1:{port}")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.connect()
            # If the server closes the connection, http.client must not open another.
            connection.auto_open = False
            statuses = [health_status(connection), health_status(connection)]
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=200)

    assert statuses == [200, 200]


def test_kasir_keeps_an_idle_connection_longer_than_proxies_do(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ConfiguredError(Exception):
        """Ends `serve` when it configures uvicorn; has the time limit of idle connections."""

    def raise_time_limit(*_: object, **options: object) -> None:
        raise ConfiguredError(options["timeout_keep_alive"])

    for name, value in (TWIN | {"KASIR_DATABASE_URL": fresh_database}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(uvicorn, "Config", raise_time_limit)
    with pytest.raises(ConfiguredError) as caught:
        serve("127.0.0.1", 0, 1)

    # Most load balancers close an idle connection after 60 s, uvicorn by default after 5 s.
    assert caught.value.args[0] > 60


def health_status(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/health/live")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
async def test_the_worker_stops_on_a_signal(
    fresh_database: str, signal_number: signal.Signals
) -> None:
    environ = TWIN | {"KASIR_DATABASE_URL": fresh_database}
    with running("worker", **environ) as process:
        await until_worker_listens(fresh_database, process)
        process.send_signal(signal_number)
        out, err = process.communicate(timeout=200)

    assert process.returncode == 0
    assert "Traceback" not in out + err


async def test_a_taken_port_is_reported_in_one_line_and_exits_1(fresh_database: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        result = kasir("serve", "--port", str(port), **TWIN, KASIR_DATABASE_URL=fresh_database)

    assert result.returncode == 1
    assert is_one_line(result.stderr), result.stderr
    assert "in use" in result.stderr


async def test_several_processes_serve_one_port(fresh_database: str) -> None:
    port = free_port()
    environ = TWIN | {"KASIR_DATABASE_URL": fresh_database}
    with running("serve", "--port", str(port), "--workers", "2", **environ) as process:
        until_ready(f"http://127.0.0.1:{port}")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=200)

    assert "Traceback" not in out + err
