"""Two merchant accounts of one twin: a modification finds only payments of its own account."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from twin_fixtures import RunningTwin, Shop, serving, shop

__all__ = ["shop"]

SECOND = "SecondMerchant"


@pytest.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    """A new twin with two merchant accounts."""
    settings = Settings(more_merchant_accounts=(SECOND,))
    async with serving(Twin(settings, Knobs(capture="manual"))) as running_twin:
        yield running_twin


@pytest.mark.parametrize("path", ["captures", "refunds", "cancels", "reversals"])
async def test_a_modification_of_another_accounts_payment_is_refused(
    twin: RunningTwin, path: str
) -> None:
    psp_reference = await twin.paid()
    amount = {"currency": "IDR", "value": 1_000} if path in {"captures", "refunds"} else None
    body = {"merchantAccount": SECOND, **({"amount": amount} if amount else {})}

    answer = await twin.api(f"/v72/payments/{psp_reference}/{path}", body)

    assert (answer.status, answer.body["errorCode"]) == (422, "167")
    assert (await twin.control("GET", f"payments/{psp_reference}"))["modifications"] == []


async def test_a_cancel_by_reference_cancels_only_payments_of_its_account(
    twin: RunningTwin, shop: Shop
) -> None:
    first = await twin.paid(reference="ORDER-1")
    second = await twin.paid(reference="ORDER-1", merchantAccount=SECOND)

    await twin.api("/v72/cancels", {"merchantAccount": SECOND, "paymentReference": "ORDER-1"})
    await twin.settle(2)

    assert (await twin.control("GET", f"payments/{first}"))["modifications"] == []
    assert (await twin.control("GET", f"payments/{second}"))["status"] == "cancelled"
    assert shop.received[-1].item["merchantAccountCode"] == SECOND


async def test_a_cancel_of_a_reference_that_only_another_account_has_fails(
    twin: RunningTwin, shop: Shop
) -> None:
    first = await twin.paid(reference="ORDER-1")

    await twin.api("/v72/cancels", {"merchantAccount": SECOND, "paymentReference": "ORDER-1"})
    await twin.settle(2)

    item = shop.received[-1].item
    assert (item["eventCode"], item["success"]) == ("TECHNICAL_CANCEL", "false")
    assert item["merchantAccountCode"] == SECOND
    assert (await twin.control("GET", f"payments/{first}"))["modifications"] == []
