"""A payment that is made over Kasir's HTTP API and paid at the twin."""

from __future__ import annotations

import secrets

from fakes import payment_body
from kasir.demo.client import JourneyClient
from raw_http import Caller


async def paid_payment(
    caller: Caller, journey_client: JourneyClient, prefix: str
) -> tuple[str, str]:
    """Pay 25,000 rupiah under a new reference that starts with `prefix`.

    Returns the reference and the pspReference.
    """
    reference = f"{prefix}-{secrets.token_hex(6)}"
    started = await caller.post("/v72/payments", payment_body(reference=reference))
    await journey_client.shopper(started.json["action"], "approve_without_return")
    payment = await journey_client.status(reference, "authorised")
    return reference, str(payment["pspReference"])
