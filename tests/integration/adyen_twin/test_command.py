"""The command `adyen-twin`, in its own process."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from twin_fixtures import payment_body

COMMAND = [sys.executable, "-c", "from adyen_twin.cli import main; main()"]


@contextmanager
def running_twin(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the twin on a free port; yield the process and its address."""
    command = [*COMMAND, "serve", "--port", "0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().rstrip().rpartition(" ")[2]
        finally:
            process.kill()


def call(
    url: str,
    body: Any = None,
    key: str = "twin-api-key",
    *,
    method: str | None = None,
    idempotency: str = "",
) -> Any:
    """Call the twin; return the JSON of its answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    if idempotency:
        headers["Idempotency-Key"] = idempotency
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def wait_until(is_true: Callable[[], object]) -> None:
    """Wait until a condition is true; fail after 20 seconds."""
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline, "the condition was not true in time"
        time.sleep(0.01)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_the_twin_prints_its_address_and_stops_cleanly(signal_number: signal.Signals) -> None:
    with running_twin() as (process, url):
        health = call(f"{url}/twin/health")
        process.send_signal(signal_number)
        out, err = process.communicate(timeout=10)

    assert health == {"status": "ok"}
    assert (process.returncode, out, err) == (0, "", "")


def test_the_options_of_serve_take_effect() -> None:
    options = ("--lenient", "--api-key", "k", "--merchant-account", "Warung")
    with running_twin(*options, "--public-url", "https://twin.example/") as (_, url):
        body = payment_body(merchantAccount="Warung", browserInfo=None)
        action = call(f"{url}/v72/payments", body, key="k")["action"]

    assert action["url"].startswith("https://twin.example/checkoutshopper/")


def test_a_profile_sets_the_knobs_at_the_start_and_after_they_are_reset() -> None:
    with running_twin("--profile", "ppro", "--lenient") as (_, url):
        at_start = call(f"{url}/twin/knobs")
        call(f"{url}/twin/knobs", {"paymentExpiryS": 1}, method="PUT")
        after_reset = call(f"{url}/twin/knobs", method="DELETE")

    assert (at_start["paymentExpiryS"], at_start["strict"]) == (840, False)
    assert after_reset == at_start


def test_the_state_file_keeps_the_state_across_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "twin.json"
    with running_twin("--state", str(file)) as (process, url):
        call(f"{url}/v72/payments", payment_body())
        call(f"{url}/twin/clock", {"advance_s": 60})
        before = call(f"{url}/twin/payments")
        process.terminate()
        process.wait(10)
    with running_twin("--state", str(file)) as (_, url):
        after = call(f"{url}/twin/payments")
        clock = call(f"{url}/twin/clock")

    assert after == before
    # The clock was advanced by 60 seconds before the restart.
    assert clock["advanced_s"] >= 59


def test_a_call_that_ran_when_the_twin_was_killed_can_be_repeated(
    tmp_path: Path,
) -> None:
    file = tmp_path / "twin.json"
    # The call is executed at once, but the twin is killed before it answers.
    body, slow = payment_body(), [{"fault": "slow_reply", "seconds": 600}]
    with running_twin("--state", str(file)) as (process, url), ThreadPoolExecutor() as calls:
        call(f"{url}/twin/faults", slow, method="PUT")
        lost_call = calls.submit(call, f"{url}/v72/payments", body, idempotency="order-1")
        # The file is written about a second after the call is executed.
        wait_until(lambda: file.exists() and _replies(file))
        stored = _replies(file)
        with pytest.raises(urllib.error.HTTPError) as meanwhile:
            call(f"{url}/v72/payments", body, idempotency="order-1")
        meanwhile.value.close()
        process.kill()
        assert lost_call.exception(timeout=200)
    with running_twin("--state", str(file)) as (_, url):
        call(f"{url}/twin/faults", [], method="PUT")
        answer = call(f"{url}/v72/payments", body, idempotency="order-1")
        count = call(f"{url}/twin/payments")["count"]

    assert ([reply["running"] for reply in stored], meanwhile.value.code) == ([True], 409)
    assert (answer["resultCode"], count) == ("RedirectShopper", 1)


def _replies(file: Path) -> list[dict[str, Any]]:
    return list(json.loads(file.read_bytes()).get("replies", {}).values())


@pytest.mark.parametrize(
    ("options", "code", "text_in_error"),
    [
        (["serve", "--port", "many"], 2, "port"),
        (["serve", "--port", "70000"], 1, "70000"),
        (["serve", "--host", "256.0.0.1"], 1, "256.0.0.1"),
        (["serve", "--colour", "red"], 2, "--colour"),
        (["serve", "--tls-cert", "only.pem"], 2, "--tls-key"),
        (["serve", "--tls-cert", "no.pem", "--tls-key", "no.key"], 2, "--tls-cert: no.pem"),
        (["dance"], 2, "dance"),
    ],
)
def test_an_invalid_option_is_one_line_on_stderr(
    options: list[str], code: int, text_in_error: str
) -> None:
    done = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=200, check=False
    )

    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert text_in_error in done.stderr
    assert done.stdout == ""


def test_the_twin_serves_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls_context = ssl.create_default_context()
    authority.configure_trust(tls_context)
    files = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with (
        running_twin(*files) as (_, url),
        urllib.request.urlopen(f"{url}/twin/health", context=tls_context) as answer,
    ):
        assert url.startswith("https://")
        assert json.load(answer) == {"status": "ok"}


def test_an_invalid_certificate_is_one_line_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    file = str(tmp_path / "cert.pem")
    done = subprocess.run(
        [*COMMAND, "serve", "--port", "0", "--tls-cert", file, "--tls-key", file],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_line_on_stderr() -> None:
    with running_twin() as (_, url):
        port = url.rpartition(":")[2]
        done = subprocess.run(
            [*COMMAND, "serve", "--port", port],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_an_unreadable_state_file_is_one_line_on_stderr(tmp_path: Path) -> None:
    file = tmp_path / "twin.json"
    file.write_text('{"counter": "many"}')
    done = subprocess.run(
        [*COMMAND, "serve", "--state", str(file)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("options", [["--help"], ["serve", "--help"]])
def test_help_is_printed(options: list[str]) -> None:
    done = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=200, check=False
    )

    assert done.returncode == 0
    assert "serve" in done.stdout
