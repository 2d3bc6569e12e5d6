"""For tests in Python: a twin as a process, and a world of it as an object.

`pytest_plugin` gives them to pytest; any other test runner can use them as they are. Only the
standard library is imported, so that a test run without the twin does not become slower.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

STARTS_WITHIN_S: Final = 60
STOPS_WITHIN_S: Final = 10
ANSWER_S_MAX: Final = 60
#: The twin's program. It ends with the process that started it, because then its input ends.
PROGRAM: Final = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
sys.argv = ["adyen-twin", *sys.argv[1:]]
from adyen_twin.cli import main
main()
"""


class TwinError(Exception):
    """The twin refused a call, or did not start; the message is the reason."""


@contextlib.contextmanager
def running_twin(*options: str) -> Iterator[str]:
    """Run `adyen-twin serve` on a free port during the block; yield its address.

    Raises:
        TwinError: It did not start.

    """
    command = [sys.executable, "-c", PROGRAM, "serve", "--port", "0", *options]
    # A pipe that nobody reads would stop the twin once its log has filled it.
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(  # noqa: S603  # The program is our own.
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            if not (url := _address(process)):
                log.seek(0)
                raise TwinError(f"the twin did not start: {log.read().strip()}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that a twin prints when it is ready; empty if it ended."""
    timer = threading.Timer(STARTS_WITHIN_S, process.kill)
    timer.start()
    line = next(iter(process.stdout or ()), "")
    timer.cancel()
    return line.rstrip().rpartition(" ")[2]


@contextlib.contextmanager
def accepting_webhooks() -> Iterator[str]:
    """Accept every webhook at a free port during the block; yield the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Accepts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks"
        server.shutdown()


class _Accepts(BaseHTTPRequestHandler):
    """Answers every POST as a shop does that accepts a webhook."""

    def do_POST(self) -> None:
        """Accept a webhook."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(202)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"[accepted]")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base class's name.
        """Write no log."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook as the twin sent it."""

    #: "standard" or "tokens".
    endpoint: str
    #: An eventCode, or the type of a token webhook.
    event: str
    psp_reference: str
    #: The merchantReference of the payment.
    reference: str
    #: The exact body, and the headers that belong to it.
    body: str
    headers: Mapping[str, str]
    #: The HTTP status of the answer; None: no answer.
    status: int | None
    accepted: bool

    @cached_property
    def item(self) -> dict[str, Any]:
        """Return the item of a standard webhook, or the JSON of a token webhook."""
        content: dict[str, Any] = json.loads(self.body)
        if self.endpoint == "tokens":
            return content
        (wrapper,) = content["notificationItems"]
        item: dict[str, Any] = wrapper["NotificationRequestItem"]
        return item

    @property
    def success(self) -> bool:
        """Return whether the event is a success; a token webhook always is."""
        return str(self.item.get("success", "true")) == "true"


@dataclass(frozen=True)
class Wallet:
    """The shopper at GoPay."""

    _world: AdyenTwin

    def approve(self, action: Any, **more: str) -> str | None:
        """Pay; return the address to which the shopper returns, with redirectResult.

        `action` is an answer to /payments, its `action` or its `action.url`. `pin` is another PIN
        than the right one, `account` another GoPay account.
        """
        return self._do("approve", action, more)

    def approve_without_return(self, action: Any, **more: str) -> None:
        """Pay, and never return to the shop."""
        self._do("approve_without_return", action, more)

    def refuse(self, action: Any) -> str | None:
        """Have GoPay refuse the payment; return as `approve` does."""
        return self._do("refuse", action, {})

    def cancel(self, action: Any) -> str | None:
        """Cancel; return as `approve` does."""
        return self._do("cancel", action, {})

    def expire(self, action: Any) -> None:
        """Let the time to pay end."""
        self._do("expire", action, {})

    def of(self, shopper_reference: str) -> dict[str, Any]:
        """Return the wallet of a shopper: `account`, `state`, `balance`, `app`."""
        wallet: dict[str, Any] = self._world.control("GET", f"wallets/{shopper_reference}")
        return wallet

    def change(self, shopper_reference: str, **changes: Any) -> None:
        """Change the wallet of a shopper: `state`, `balance`, `account`."""
        self._world.control("PUT", f"wallets/{shopper_reference}", changes)

    def _do(self, what: str, action: Any, more: Mapping[str, str]) -> str | None:
        body = {"url": _url_of(action), "do": what, **more}
        location: str | None = self._world.control("POST", "wallet", body)["location"]
        return location


def _url_of(action: Any) -> str:
    if isinstance(action, Mapping):
        return _url_of(action.get("action") or action["url"])
    return str(action)


@dataclass(frozen=True)
class Clock:
    """The time of the world."""

    _world: AdyenTwin

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromisoformat(self._world.control("GET", "clock")["now"])

    def advance(self, by: float | timedelta) -> None:
        """Advance the time by so many seconds; everything that becomes due is done on return."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self._world.control("POST", "clock", {"advance_s": seconds})


@dataclass(frozen=True, kw_only=True)
class AdyenTwin:
    """A world of a twin: an Adyen and a GoPay of its own."""

    #: The address of the twin, and the name of the world.
    server: str
    name: str
    server_api_key: str = "twin-api-key"
    merchant_account: str = "TwinMerchant"
    #: The HMAC keys of the two webhooks, as hexadecimal digits.
    hmac_key: str = field(default_factory=lambda: secrets.token_hex(32).upper())
    token_hmac_key: str = field(default_factory=lambda: secrets.token_hex(32).upper())

    @property
    def url(self) -> str:
        """Return the address of the world, in place of Adyen's; the paths are Adyen's."""
        return f"{self.server}/worlds/{self.name}"

    @property
    def api_key(self) -> str:
        """Return the API key of the world; with it, `server` is the same as `url` for a shop."""
        return f"{self.server_api_key}.{self.name}"

    @property
    def wallet(self) -> Wallet:
        """Return the shopper at GoPay."""
        return Wallet(self)

    @property
    def clock(self) -> Clock:
        """Return the time of the world."""
        return Clock(self)

    @property
    def webhooks(self) -> list[Webhook]:
        """Return each try of each webhook, oldest first, after those that are due now were sent."""
        self.clock.advance(0)
        return [
            Webhook(
                endpoint=one["endpoint"],
                event=one["eventCode"],
                psp_reference=one["pspReference"],
                reference=one["reference"],
                body=one["body"],
                headers=one["headers"],
                status=one["status"],
                accepted=one["accepted"],
            )
            for one in self.control("GET", "deliveries")["deliveries"]
        ]

    @property
    def payments(self) -> list[dict[str, Any]]:
        """Return the payments as the twin knows them, newest first."""
        payments: list[dict[str, Any]] = self.control("GET", "payments")["payments"]
        return payments

    def send_webhooks_to(self, url: str, *, tokens_url: str | None = None, **more: Any) -> None:
        """Send standard webhooks to an address, and token webhooks to it or to another.

        `more` has other fields of PUT /twin/webhooks/standard, such as `username` and `password`.
        """
        for name, address, key in (
            ("standard", url, self.hmac_key),
            ("tokens", tokens_url or url, self.token_hmac_key),
        ):
            self.control("PUT", f"webhooks/{name}", {"url": address, "hmacKey": key, **more})

    def knobs(self, **values: Any) -> dict[str, Any]:
        """Set knobs by their names in docs/twin.md; return all of them."""
        knobs: dict[str, Any] = self.control("PUT", "knobs", values)
        return knobs

    def faults(self, *faults: Mapping[str, Any]) -> None:
        """Plan these faults instead of those that were planned."""
        self.control("PUT", "faults", list(faults))

    def reset(self) -> None:
        """Forget payments, tokens, wallets, webhooks that wait, and faults."""
        self.control("POST", "reset")

    def load(self, seed: Path | str) -> None:
        """Replace the world by a seed, a YAML or JSON file; webhooks go where the seed says."""
        from msgspec import to_builtins

        from adyen_twin.core.seed import read

        self.control("PUT", "seed", to_builtins(read(Path(seed)), str_keys=True))

    def save(self, seed: Path | str) -> None:
        """Save the world as a seed, a YAML or JSON file."""
        from msgspec import convert

        from adyen_twin.core.seed import Seed, write

        write(convert(self.control("GET", "seed"), Seed), Path(seed))

    def is_authentic(self, webhook: Webhook) -> bool:
        """Return whether a webhook has the right signature."""
        if webhook.endpoint == "tokens":
            return webhook.headers.get("HmacSignature") == _seal(self.token_hmac_key, webhook.body)
        item = webhook.item
        fields = (
            item["pspReference"],
            item.get("originalReference", ""),
            item["merchantAccountCode"],
            item["merchantReference"],
            str(item["amount"]["value"]),
            item["amount"]["currency"],
            item["eventCode"],
            item["success"],
        )
        signature: str | None = item["additionalData"].get("hmacSignature")
        return signature == _seal(self.hmac_key, ":".join(fields))

    def checkout(self, path: str, body: Mapping[str, Any], **headers: str) -> dict[str, Any]:
        """Call the Checkout API, such as `checkout("/payments", {...})`; return its answer.

        `merchantAccount` is added if it is missing.

        Raises:
            TwinError: The answer is an error.

        """
        answer: dict[str, Any] = call(
            "POST",
            f"{self.url}/v72{path}",
            {"merchantAccount": self.merchant_account, **body},
            {"X-API-Key": self.api_key, **headers},
        )
        return answer

    def control(
        self, method: str, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> Any:
        """Call a control of the twin, such as `control("GET", "clock")`; return its answer.

        Raises:
            TwinError: The answer is an error.

        """
        return call(method, f"{self.url}/twin/{path}", body)

    def close(self) -> None:
        """End the world, and forget all of it."""
        call("DELETE", f"{self.server}/twin/worlds/{self.name}")


def call(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    """Make a call with JSON; return the JSON of the answer.

    Raises:
        TwinError: The answer is an error, or there is none.

    """
    data = None if body is None else json.dumps(body).encode()
    all_headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, all_headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        raise TwinError(f"{method} {url}: {error.code} {said}") from None
    except (OSError, ValueError) as error:
        raise TwinError(f"{method} {url}: {error}") from error


def _seal(hex_key: str, message: str) -> str:
    digest = hmac.digest(bytes.fromhex(hex_key), message.encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()
