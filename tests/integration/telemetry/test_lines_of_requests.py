"""Log lines of real requests name the request and the payment, and show no secret."""

from __future__ import annotations

import io
import json
from typing import Any, Final

from app_client import app_client
from fake_server import plain, serving
from fakes import KEY, OTHER_KEY, envelope, notification_item
from kasir.telemetry import logs
from kasir.wiring import open_parts
from opened_kasir import settings_on
from twin_fixtures import payment_body

SECRETS: Final = {
    "ADYEN_API_KEY": "AQE-planted-key-of-adyen",
    "ADYEN_HMAC_KEY": KEY,
    "KASIR_API_KEY": "planted-key-of-the-shop",
    "KASIR_SECRET_KEY": "planted-secret-of-at-least-32-letters",
    "KASIR_WEBHOOK_PASSWORD": "planted-password-of-webhooks",
    "KASIR_EVENTS_SECRET": "whsec_" + "cGxhbnRl" * 4,
    "KASIR_METRICS_KEY": "planted-key-of-metrics",
}
SHOPPER: Final = {
    "shopperEmail": "budi.santoso@example.com",
    "telephoneNumber": "+6281234567890",
    "shopperName": {"firstName": "Budi", "lastName": "Santoso-Wijaya"},
    "shopperIP": "203.0.113.77",
}


def planted() -> list[str]:
    """The texts that no line may show."""
    return [*SECRETS.values(), "budi.santoso@example.com", "+6281234567890", "Wijaya", "203.0.113"]


async def test_lines_name_the_request_and_the_payment_and_show_no_secret(
    fresh_database: str,
) -> None:
    output = io.StringIO()
    logs.configure(SECRETS, output)
    async with serving() as adyen:
        adyen.handler = plain(401, b"{}")
        environ = SECRETS | {
            "ADYEN_TWIN_URL": adyen.url,
            "KASIR_WEBHOOK_USER": "adyen",
            "KASIR_EVENTS_URL": "http://127.0.0.1:9/events",
        }
        async with (
            open_parts(settings_on(fresh_database, **environ)) as kasir,
            app_client(kasir, X_API_Key=SECRETS["KASIR_API_KEY"]) as http,
        ):
            refused = await http.post(
                "/v72/payments",
                json=payment_body(**SHOPPER),
                headers={"X-Request-Id": "REQ-1", "Idempotency-Key": "IDEM-1"},
            )
            forged = await http.post(
                "/webhooks/adyen",
                content=envelope(notification_item(key=OTHER_KEY)),
                headers={"X-Request-Id": "REQ-2"},
                auth=("adyen", SECRETS["KASIR_WEBHOOK_PASSWORD"]),
            )
            await kasir.pool.execute("ALTER TABLE plan RENAME TO plan_of_somebody")
            failed = await http.get("/api/plans", headers={"X-Request-Id": "REQ-3"})
            payment_id = await kasir.pool.fetchval("SELECT id FROM payment")
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.getvalue().splitlines()]
    by_request = {line["request"]: line for line in lines}

    assert (refused.status_code, forged.status_code, failed.status_code) == (401, 401, 500)
    assert by_request["REQ-1"]["event"] == "Adyen refused our key"
    assert by_request["REQ-1"]["payment"] == payment_id
    assert by_request["REQ-2"]["event"] == "not authentic"
    assert by_request["REQ-3"]["event"] == "unexpected"
    assert "payment" not in by_request["REQ-3"]
    assert [text for text in planted() if text in output.getvalue()] == []
