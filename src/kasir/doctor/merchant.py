"""Compares the merchant account at Adyen with what Kasir assumes of it."""

from __future__ import annotations

from kasir.config import Settings
from kasir.gateway.account_checks import Finding
from kasir.gateway.management import Management, Refusal
from kasir.gateway.wire import Wire
from kasir.setup import lines
from kasir.setup.model import State


async def merchant_findings(wire: Wire, settings: Settings) -> list[Finding]:
    """Check how the account captures, and its live prefix.

    They are not known without a role of the Management API, which payments do not need; that is
    said, and is no fault.
    """
    merchant = await Management(wire, settings.merchant_account).merchant()
    prefix = settings.environ.get("ADYEN_LIVE_PREFIX", "")
    is_known = not isinstance(merchant, Refusal)
    return [
        Finding(
            line.what,
            is_well=not is_known or line.state is not State.FAULT,
            says=line.says if is_known else f"not known, {line.says}",
        )
        for line in lines.of_merchant(merchant, prefix, is_live=settings.is_live)
    ]
