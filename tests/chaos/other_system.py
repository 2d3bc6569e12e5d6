"""A second system on the same merchant account. It makes payments under our references."""

from __future__ import annotations

import random
from typing import Any, Final

from kasir.demo.client import JourneyClient

#: The actions of the second system: event code, success, payment method and amount in rupiah.
ACTIONS: Final[tuple[tuple[str, bool, str, int], ...]] = (
    ("AUTHORISATION", True, "visa", 25_000),
    ("AUTHORISATION", True, "visa", 1),
    ("AUTHORISATION", True, "gopay_wallet", 99_000),
    ("AUTHORISATION", False, "visa", 25_000),
    ("REFUND", True, "visa", 25_000),
    ("CHARGEBACK", True, "visa", 25_000),
    ("CAPTURE_FAILED", True, "visa", 25_000),
    ("CANCELLATION", True, "visa", 0),
)


async def act_as_other_system(
    journey_client: JourneyClient, reference: str, chance: random.Random
) -> None:
    """Do one or two of the other system's actions under a reference of ours."""
    for event, success, method, value in chance.choices(ACTIONS, k=chance.choice((1, 1, 2))):
        more: dict[str, Any] = {"event": event, "success": success, "paymentMethod": method}
        await journey_client.foreign(reference, amount={"currency": "IDR", "value": value}, **more)
