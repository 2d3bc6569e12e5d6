"""`kasir serve` over HTTPS: with one process and several, and with the limits of connections."""

from __future__ import annotations

import asyncio
import http.client
import signal
import ssl
import urllib.request
from pathlib import Path

import pytest

from certificates import Files, issued
from command import TWIN, is_one_line, kasir, running, until_ready
from kasir.demo.processes import free_port
from served import served

PATIENCE_S = 60.0
#: Nothing listens there: a command that opens the database fails at it.
NO_DATABASE = {"KASIR_DATABASE_URL": "postgresql://127.0.0.1:1/nobody"}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A certificate for 127.0.0.1."""
    return issued(tmp_path)


def trusting(files: Files) -> ssl.SSLContext:
    """What a client of this server trusts."""
    return ssl.create_default_context(cafile=files.authority)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_server_answers_https_and_stops_on_a_signal(
    fresh_database: str, files: Files, workers: str
) -> None:
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    environ = TWIN | {"KASIR_DATABASE_URL": fresh_database, "KASIR_PUBLIC_URL": url}
    options = ["--port", str(port), "--workers", workers, *files.options]
    with running("serve", *options, **environ) as process:
        until_ready(url, trusting(files))
        with pytest.raises((http.client.HTTPException, OSError)):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=30)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=200)

    assert "Traceback" not in out + err
    assert f"serve on {url};" in err
    assert "warning" not in err


def test_a_public_address_that_does_not_agree_is_warned_about_at_the_start(
    fresh_database: str, files: Files
) -> None:
    port = free_port()
    environ = TWIN | {
        "KASIR_DATABASE_URL": fresh_database,
        "KASIR_PUBLIC_URL": "https://pay.shop.example",
    }
    with running("serve", "--port", str(port), *files.options, **environ) as process:
        until_ready(f"https://127.0.0.1:{port}", trusting(files))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=200)

    assert "kasir: warning: the certificate" in err
    assert "is not for pay.shop.example, the host of KASIR_PUBLIC_URL" in err


def test_a_faulty_option_stops_the_server_with_one_line_before_the_database_is_opened(
    files: Files,
) -> None:
    result = kasir("serve", "--tls-cert", str(files.chain), **TWIN, **NO_DATABASE)

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    assert result.stderr.startswith("kasir: --tls-key: is not given")


def test_a_key_of_another_certificate_stops_the_server_with_one_line(
    files: Files, tmp_path: Path
) -> None:
    other = issued(tmp_path, name="other")
    options = ["--tls-cert", str(files.chain), "--tls-key", str(other.key)]
    result = kasir("serve", "--workers", "2", *options, **TWIN, **NO_DATABASE)

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    assert result.stderr.startswith(f"kasir: --tls-key: {other.key} is not the key of")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"this is no HTTP\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 300_000, b"HTTP/1.1 431 "),
        (b"GET / HTTP/1.1\r\nX-Slow: ", b"HTTP/1.1 408 "),
    ],
    ids=["malformed", "too long", "too slow"],
)
async def test_a_bad_request_over_https_is_answered_and_its_connection_ends(
    fresh_database: str, files: Files, sent: bytes, answer: bytes
) -> None:
    limits = {"request_head_s": 1.0, "linger_s": 1.0}
    async with served(fresh_database, "127.0.0.1", {}, files, **limits) as kasir_server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", kasir_server.port, ssl=trusting(files)
        )
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            received = await reader.read(len(answer))
            # The server waits for the client to end the connection, then ends it itself.
            try:
                while await reader.read(65_536):
                    pass
            except ConnectionError:
                pass
        writer.transport.abort()

    assert received == answer
