"""Two accounts with the same references: each payment and notification has one account."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from fakes import KEY, OTHER_KEY, envelope, notification_item
from kasir.jobs.account_worker import work_for_all
from opened_kasir import until
from two_accounts import FIRST, SECOND, Shops


async def notify(shops: Shops, *items: dict[str, Any]) -> httpx.Response:
    """Post items to the webhook, which is one for all accounts."""
    return await shops.http.post("/webhooks/adyen", content=envelope(*items))


def item(account: str, psp_reference: str, key: str) -> dict[str, Any]:
    """A notification that an account's payment of ORDER-1001 is paid."""
    return notification_item(key=key, merchantAccountCode=account, pspReference=psp_reference)


async def test_a_payment_of_each_account_is_paid_and_seen_by_its_own_shop(shops: Shops) -> None:
    for account in (FIRST, SECOND):
        assert (await shops.pay(account))["resultCode"] == "RedirectShopper"
    answer = await notify(shops, item(SECOND, "QFQTPCQ8HXSKGK82", OTHER_KEY))
    stop = asyncio.Event()
    working = asyncio.create_task(work_for_all(shops.accounts.default, shops.accounts, stop))

    async def is_paid() -> bool:
        (payment,) = await shops.payments(SECOND)
        return str(payment["status"]) == "authorised"

    await until(is_paid)
    (of_first,), (of_second,) = [await shops.payments(account) for account in (FIRST, SECOND)]
    stop.set()
    await working

    assert answer.status_code == 202
    assert of_first["status"] == "awaiting_shopper"
    assert of_second["pspReference"] == "QFQTPCQ8HXSKGK82"


async def test_a_merchant_account_of_another_shop_is_refused(shops: Shops) -> None:
    answer = await shops.call(
        SECOND, "POST", "/v72/payments", {"merchantAccount": FIRST, "reference": "ORDER-1001"}
    )

    assert answer.status_code == 403
    assert answer.json()["errorCode"] == "901"


async def test_the_key_of_one_account_signs_nothing_for_another(shops: Shops) -> None:
    answer = await notify(shops, item(SECOND, "QFQTPCQ8HXSKGK82", KEY))

    assert answer.status_code == 401
