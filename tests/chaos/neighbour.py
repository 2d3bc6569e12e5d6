"""A second system on the merchant account, which pays under our references whatever it likes."""

from __future__ import annotations

import random
from typing import Any, Final

from kasir.demo.client import JourneyClient

#: What it does: the event, whether that went well, the method, and of how much.
DEEDS: Final[tuple[tuple[str, bool, str, int], ...]] = (
    ("AUTHORISATION", True, "visa", 25_000),
    ("AUTHORISATION", True, "visa", 1),
    ("AUTHORISATION", True, "gopay_wallet", 99_000),
    ("AUTHORISATION", False, "visa", 25_000),
    ("REFUND", True, "visa", 25_000),
    ("CHARGEBACK", True, "visa", 25_000),
    ("CAPTURE_FAILED", True, "visa", 25_000),
    ("CANCELLATION", True, "visa", 0),
)


async def neighbour(walker: JourneyClient, reference: str, chance: random.Random) -> None:
    """Do one or two of these things under a reference of ours."""
    for event, success, method, value in chance.choices(DEEDS, k=chance.choice((1, 1, 2))):
        more: dict[str, Any] = {"event": event, "success": success, "paymentMethod": method}
        await walker.foreign(reference, amount={"currency": "IDR", "value": value}, **more)
