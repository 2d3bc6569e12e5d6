"""Data for the unit tests of the payment form: a payment link, and a call that never returns."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from kasir.adyen.replies import Answer
from kasir.ids import LinkId
from kasir.payments.links import Link


async def hang(*_: object) -> Answer:
    """Never return."""
    await asyncio.Event().wait()
    raise AssertionError


def payment_link(**more: object) -> Link:
    """A link to pay 25,000 rupiah; `more` is added to the fields of its request."""
    now = datetime.now(UTC)
    request = {
        "amount": {"currency": "IDR", "value": 25000},
        "reference": "ORDER-1",
        "returnUrl": "https://shop.example/back",
        **more,
    }
    return Link(
        id=LinkId("PL_1"), request=request, created_at=now, expires_at=now + timedelta(hours=1)
    )
