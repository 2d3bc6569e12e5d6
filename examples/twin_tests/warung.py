"""A small shop as its tests see it: it sells an order, and hears of its payment by webhook."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BROWSER = {
    "userAgent": "Mozilla/5.0",
    "acceptHeader": "*/*",
    "language": "id-ID",
    "colorDepth": 24,
    "screenHeight": 723,
    "screenWidth": 1536,
    "timeZoneOffset": -420,
    "javaEnabled": False,
}


class Warung:
    """The shop. Which order is paid, only Adyen's webhook decides."""

    def __init__(self, adyen_url: str, api_key: str, merchant_account: str) -> None:
        self.adyen_url, self.api_key, self.merchant_account = adyen_url, api_key, merchant_account
        self.paid: dict[str, bool] = {}
        self.webhook_url = ""

    def sell(self, reference: str, rupiah: int) -> str:
        """Start a payment; return the address to which the shopper goes."""
        answer = self._post(
            "/payments",
            {
                "reference": reference,
                "amount": {"currency": "IDR", "value": rupiah},
                "paymentMethod": {"type": "gopay_wallet"},
                "countryCode": "ID",
                "channel": "Web",
                "browserInfo": BROWSER,
                "returnUrl": f"https://warung.example/thanks?order={reference}",
            },
        )
        url: str = answer["action"]["url"]
        return url

    def hear(self, envelope: dict[str, Any]) -> None:
        """Take the news of a webhook. A refusal never undoes a payment."""
        for wrapper in envelope["notificationItems"]:
            item = wrapper["NotificationRequestItem"]
            if item["eventCode"] == "AUTHORISATION":
                reference, is_paid = item["merchantReference"], item["success"] == "true"
                self.paid[reference] = self.paid.get(reference, False) or is_paid

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.adyen_url}/v72{path}",
            json.dumps({"merchantAccount": self.merchant_account, **body}).encode(),
            {"X-API-Key": self.api_key, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            fields: dict[str, Any] = json.load(answer)
            return fields


@contextmanager
def open_warung(warung: Warung) -> Iterator[Warung]:
    """Let a shop hear webhooks during the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take a webhook."""
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            warung.hear(json.loads(raw))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        warung.webhook_url = f"http://127.0.0.1:{server.server_port}/"
        yield warung
        server.shutdown()
