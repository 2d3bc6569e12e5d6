from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from typing import Any, Final

import pytest
import structlog

from kasir.telemetry import context, logs

#: Settings with secrets, as an operator gives them.
SECRETS: Final = {
    "ADYEN_API_KEY": "AQEnhmfuXNWTK0Qc-planted",
    "ADYEN_HMAC_KEY": "44782DEF547AAA06C910C43932B1EB0C,74F490DD33F7327BAECC88B2947C011F",
    "ADYEN_LIVE_PREFIX": "1797a841fbb37ca7-Planted",
    "KASIR_API_KEY": "kasir.planted.shop.key",
    "KASIR_EVENTS_SECRET": "whsec_cGxhbnRlZC1wbGFudGVk",
    "KASIR_RELAY_PASSWORD": "relay-pässword",
    "KASIR_DATABASE_URL": "postgresql://kasir:db%2Fpassword@db/kasir",
}
#: What no line may show.
PLANTED: Final = [
    *(
        part
        for name, text in SECRETS.items()
        if name != "KASIR_DATABASE_URL"
        for part in text.split(",")
    ),
    "db/password",
    "db%2Fpassword",
    "budi.santoso+gopay@mail.example.co.id",
    "+6281234567890",
    "081234567890",
]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return True


def configured(stream: io.StringIO | None = None) -> io.StringIO:
    """Configure logging with the planted secrets; returns where the lines are written."""
    output = stream or io.StringIO()
    logs.configure(SECRETS, output)
    return output


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    """The lines of a log in JSON."""
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_is_json_with_the_ids_of_its_request_and_payment() -> None:
    output = configured()
    with context.request("req_1"), context.payment("pay_1"):
        structlog.get_logger("kasir.adyen").warning("no answer", error="TimeoutError")
    (line,) = lines(output)

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "no answer",
        "error": "TimeoutError",
        "level": "warning",
        "logger": "kasir.adyen",
        "request": "req_1",
        "payment": "pay_1",
    }


def test_lines_of_other_libraries_take_the_same_path() -> None:
    output = configured()
    with context.request("req_1"):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request %s", "received")
        logging.getLogger("pgqueuer").info("not shown, because it is only for information")
    (line,) = lines(output)

    assert line["event"] == "Invalid HTTP request received"
    assert (line["logger"], line["level"]) == ("uvicorn.error", "warning")
    assert line["request"] == "req_1"


async def test_an_exception_that_nobody_awaits_is_one_line_without_secrets() -> None:
    output = configured()
    error = RuntimeError(f"no connection to postgresql://kasir:db%2Fpassword@db {PLANTED[-2]}")
    asyncio.get_running_loop().call_exception_handler({"message": "planted", "exception": error})
    (line,) = lines(output)

    assert (line["logger"], line["event"]) == ("asyncio", "planted")
    assert "RuntimeError: no connection to" in line["exception"]
    assert not any(secret in output.getvalue() for secret in PLANTED)


def test_warnings_of_python_are_lines_too() -> None:
    output = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("planted", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    (line,) = lines(output)

    assert "UserWarning: planted" in line["event"]


@pytest.mark.parametrize("secret", PLANTED)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_no_line_shows_a_secret_or_personal_data(secret: str, stream: type[io.StringIO]) -> None:
    output = configured(stream())
    log = structlog.get_logger("kasir.web")
    log.error("planted", field=secret, nested={"list": [secret]}, url=f"https://a/?q={secret}&b=1")
    log.error("planted", **{secret: 1})
    logging.getLogger("aiohttp").warning("planted %s", secret)
    try:
        SECRETS[secret]
    except KeyError:
        log.exception("planted")
        logging.getLogger("asyncio").exception("planted")
    written = output.getvalue()

    assert written.count("planted") >= 5
    assert "***" in written
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written


def test_ids_and_times_are_not_mistaken_for_personal_data() -> None:
    output = configured()
    fields = {
        "pspReference": "8816178952380553",
        "payment": "pay_01JD0Q8V6N5RZ0ZT3MSK6Y1V7B",
        "amount": "1081234567890",
        "at": "2026-11-26T18:06:23.081234567+00:00",
        "short": "081234",
    }
    structlog.get_logger("kasir.web").warning("planted", **fields)
    (line,) = lines(output)

    assert fields.items() <= line.items()


def test_a_secret_of_an_account_is_hidden_once_it_is_known() -> None:
    output = configured()
    logs.hide_secrets({"ADYEN_API_KEY": "key-of-an-account", "KASIR_SHOP_NAME": "Warung Budi"})
    structlog.get_logger("kasir.web").warning("planted key-of-an-account of Warung Budi")
    (line,) = lines(output)

    assert line["event"] == "planted *** of Warung Budi"


def test_on_a_terminal_lines_are_text() -> None:
    output = configured(Terminal())
    with context.request("req_1"):
        structlog.get_logger("kasir.web").warning("planted", path="/v72/payments")
        logging.getLogger("uvicorn.error").error("of uvicorn")
    written = output.getvalue()

    assert "planted" in written
    assert "of uvicorn" in written
    assert not written.startswith("{")
    assert "req_1" in written
