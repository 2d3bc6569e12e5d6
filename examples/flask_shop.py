"""A shop in Flask beside Kasir: it calls `kasir serve` over HTTP, and imports nothing of Kasir.

    pip install flask requests gunicorn
    export KASIR_URL=http://127.0.0.1:8000 KASIR_API_KEY=...
    gunicorn --bind 127.0.0.1:8080 flask_shop:app

Any shop in any language does the same: docs/api.md.
"""

from __future__ import annotations

import os
from secrets import token_hex
from typing import Any

import requests
from flask import Flask, abort, redirect, request, url_for
from werkzeug.wrappers import Response

KASIR = os.environ["KASIR_URL"]
HEADERS = {"X-API-Key": os.environ["KASIR_API_KEY"]}

app = Flask(__name__)


@app.get("/")
def shop() -> str:
    """Make an order, before the shopper presses the button: a second press repeats it."""
    order = f"FLASK-{token_hex(4)}"
    return f'<form method="post" action="/buy/{order}"><button>Buy</button></form>'


@app.post("/buy/<order>")
def buy(order: str) -> Response:
    """Make the payment of an order, and send the shopper to GoPay; again if pressed again."""
    return_url = url_for("order_page", order=order, _external=True)
    payment: dict[str, Any] = {
        "reference": order,
        "amount": {"currency": "IDR", "value": 25_000},
        "paymentMethod": {"type": "gopay_wallet"},
        "channel": "Web",
        "browserInfo": {
            "userAgent": request.headers.get("User-Agent", "unknown"),
            "acceptHeader": "text/html",
            "language": "id-ID",
            "colorDepth": 24,
            "screenHeight": 800,
            "screenWidth": 360,
            "timeZoneOffset": -420,
            "javaEnabled": False,
        },
        "returnUrl": return_url,
    }
    answer = requests.post(
        f"{KASIR}/v72/payments",
        json=payment,
        headers={**HEADERS, "Idempotency-Key": order},
        timeout=60,
    )
    if answer.status_code in {409, 503}:
        # It is not known yet whether it is paid: the order's page shows it later.
        return redirect(return_url, 303)
    answer.raise_for_status()
    action = answer.json().get("action")
    return redirect(action["url"] if action else return_url, 303)


@app.get("/orders/<order>")
def order_page(order: str) -> str:
    """Show whether an order is paid; the shopper returns here."""
    if result := request.args.get("redirectResult"):
        details = {"details": {"redirectResult": result}}
        # Whatever the answer: the payment's status says what is known.
        requests.post(f"{KASIR}/v72/payments/details", json=details, headers=HEADERS, timeout=60)
    answer = requests.get(
        f"{KASIR}/api/payments", params={"reference": order}, headers=HEADERS, timeout=60
    )
    answer.raise_for_status()
    payments = answer.json()["payments"]
    if not payments:
        abort(404)
    return str(payments[0]["status"])
