"""REPORT_AVAILABLE, which announces a report file.

Source: Adyen's page on downloading reports: the pspReference is the name of the file, the
reason is its address. GUESS: the currency of the amount, which is 0.
"""

from __future__ import annotations

from adyen_twin.core.clock import format_adyen
from adyen_twin.core.state import STANDARD
from adyen_twin.core.twin import Twin
from adyen_twin.webhooks import outbox, payment_notifications

EVENT_CODE = "REPORT_AVAILABLE"


def report_available(twin: Twin, *, account: str, name: str, url: str) -> None:
    """Announce a report file at an address."""
    item = {
        "amount": {"currency": "EUR", "value": 0},
        "eventCode": EVENT_CODE,
        "eventDate": format_adyen(twin.now()),
        "merchantAccountCode": account,
        "merchantReference": "",
        "pspReference": name,
        "reason": url,
        "success": "true",
    }
    subject = outbox.Subject(event_code=EVENT_CODE, psp_reference=name, reference="")
    outbox.send(twin, STANDARD, subject, lambda key: payment_notifications.message(item, {}, key))
