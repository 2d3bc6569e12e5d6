"""Each shop in `examples` runs as a real program, and sells to a shopper who pays with GoPay."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from command import environment
from fakes import KEY
from kasir.demo.processes import RunningDemo, free_port

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "examples"
PATIENCE_S: Final = 300.0
#: The shops with Kasir inside, and those beside a Kasir that runs as programs of its own.
INSIDE: Final = ("fastapi_shop", "starlette_shop", "litestar_shop", "django_asgi_shop")
BESIDE: Final = ("flask_shop", "django_wsgi_shop")


@pytest.mark.parametrize(
    "name", [INSIDE[0], *(pytest.param(name, marks=pytest.mark.long) for name in INSIDE[1:])]
)
def test_a_shop_with_kasir_inside_sells(name: str, fresh_database: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = ["-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", str(port), f"{name}:app"]
    with _twin() as twin_url:
        _send_webhooks(twin_url, f"{url}/kasir/webhooks/adyen")
        settings = {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": twin_url,
            "ADYEN_HMAC_KEY": KEY,
            "KASIR_DATABASE_URL": fresh_database,
            "KASIR_PUBLIC_URL": f"{url}/kasir",
        }
        with _running(server, settings) as (program, _):
            _until_answered(f"{url}/kasir/health/ready", program)
            _buy(url, twin_url)
            _buy_without_an_answer(url, twin_url)


@pytest.mark.long
@pytest.mark.parametrize("name", BESIDE)
def test_a_shop_beside_kasir_sells(name: str, system: RunningDemo) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = ["-m", "gunicorn", "--chdir", str(EXAMPLES), "--workers", "2", "--threads", "2"]
    settings = {**system.environment, "KASIR_URL": system.kasir_url}
    command = [*server, "--bind", f"127.0.0.1:{port}", f"{name}:app"]
    with _running(command, settings) as (program, _):
        _until_answered(f"{url}/orders/none", program)
        _buy(url, system.twin_url)
        _buy_without_an_answer(url, system.twin_url)


def test_every_example_is_bought_from_and_has_a_row_on_its_page() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    page = (EXAMPLES / "README.md").read_text("utf-8")

    assert names == {*INSIDE, *BESIDE}
    assert names == set(re.findall(r"^\| \[(\w+)\.py\]", page, re.MULTILINE))


def _buy(url: str, twin_url: str) -> None:
    """Buy twice: once the shopper returns, and once only the webhook reports the payment."""
    for choice in ("approve", "approve_without_return"):
        pressed = _button(url)
        wallet = _pressed(pressed)
        assert wallet.startswith(twin_url), wallet
        assert _pressed(pressed) == wallet
        order = f"{url}/orders/{_order(pressed)}"
        for query in ("", "?redirectResult=made-up"):
            before = requests.get(order + query, timeout=PATIENCE_S)
            assert (before.status_code, before.text) == (200, "awaiting_shopper")
        done = requests.post(
            f"{twin_url}/twin/wallet", json={"url": wallet, "do": choice}, timeout=PATIENCE_S
        ).json()
        if choice == "approve":
            returned = requests.get(done["location"], timeout=PATIENCE_S)
            # The notification may come after the shopper, who then reads that it is not paid yet.
            assert returned.status_code == 200, returned.text
        _until_paid(order)


def _buy_without_an_answer(url: str, twin_url: str) -> None:
    """Press again after Adyen did not answer: the shopper gets the payment of the same order."""
    pressed = _button(url)
    order = _order(pressed)
    faults: list[dict[str, Any]] = [
        {"fault": "lose_reply_after", "call": "payments", "reference": order, "times": 2}
    ]
    requests.put(f"{twin_url}/twin/faults", json=faults, timeout=PATIENCE_S).raise_for_status()
    shown = _pressed(pressed)
    page = requests.get(f"{url}/orders/{order}", timeout=PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while not (wallet := _pressed(pressed)).startswith(twin_url):
        assert time.monotonic() < deadline, wallet
        time.sleep(0.1)
    made = requests.get(f"{twin_url}/twin/payments?reference={order}", timeout=PATIENCE_S).json()

    assert shown.endswith(f"/orders/{order}")
    assert page.status_code == 200, page.text
    assert made["count"] == 1


def _button(url: str) -> str:
    """The address that the shop's button posts to."""
    found = re.search(r'action="(/buy/[\w-]+)"', requests.get(url, timeout=PATIENCE_S).text)
    assert found
    return url + found[1]


def _order(pressed: str) -> str:
    """The order of a button."""
    return pressed.rpartition("/")[2]


def _pressed(button: str) -> str:
    """Press a button; returns the address to which the shopper is sent."""
    bought = requests.post(button, allow_redirects=False, timeout=PATIENCE_S)
    assert bought.status_code in {302, 303}, bought.text
    return bought.headers["Location"]


def _until_paid(order: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (text := requests.get(order, timeout=PATIENCE_S).text) != "authorised":
        assert time.monotonic() < deadline, f"{order} is still {text}"
        time.sleep(0.1)


@contextmanager
def _twin() -> Iterator[str]:
    """A twin as a program of its own; yields its URL."""
    command = ["-c", "from adyen_twin.cli import main; main()", "serve", "--port", "0"]
    with _running(command, {}) as (program, output):
        yield _printed(program, output, r"^adyen-twin is at (\S+)\s")


def _send_webhooks(twin_url: str, url: str) -> None:
    answer = requests.put(
        f"{twin_url}/twin/webhooks/standard",
        json={"url": url, "hmacKey": KEY},
        timeout=PATIENCE_S,
    )
    answer.raise_for_status()


@contextmanager
def _running(
    arguments: list[str], settings: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a Python program, whose output goes to the file; it must end at SIGTERM, without error.

    The output does not go to a pipe: one that nobody reads fills, and then the program stops.
    """
    with (
        tempfile.NamedTemporaryFile() as file,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(dict(settings)) | {"PYTHONUNBUFFERED": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as program,
    ):
        output = Path(file.name)
        try:
            yield program, output
        except BaseException:
            sys.stderr.write(_ended(program, output))
            raise
        text = _ended(program, output)

    assert "Traceback" not in text, text


def _ended(program: subprocess.Popen[bytes], output: Path) -> str:
    """End a program with SIGTERM; returns its output."""
    program.terminate()
    program.wait(PATIENCE_S)
    return output.read_text("utf-8")


def _printed(program: subprocess.Popen[bytes], output: Path, pattern: str) -> str:
    """The group of a pattern in a program's output, once the program has printed it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := re.search(pattern, output.read_text("utf-8"), re.MULTILINE)):
        assert program.poll() is None, "it stopped"
        assert time.monotonic() < deadline, "it did not print the line"
        time.sleep(0.1)
    return found[1]


def _until_answered(url: str, program: subprocess.Popen[bytes]) -> None:
    """Wait until the program answers at all, whatever the status."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            requests.get(url, timeout=PATIENCE_S)
        except requests.ConnectionError:
            assert program.poll() is None, "it stopped"
            assert time.monotonic() < deadline, "it never answered"
            time.sleep(0.1)
        else:
            return
