"""An attempt at a payment link: how long it lasts, when the next one may start, and its end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from browser import desktop, phone, picture
from form_shop import Reply, Shop, assert_fits
from kasir.demo.client import JourneyClient, until
from kasir.demo.processes import RunningDemo

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
#: The heading of a payment that is being closed, by the browser's locale.
CLOSING: Final = {"id-ID": "Waktu di GoPay habis", "en-GB": "The time in GoPay ran out"}


@pytest_asyncio.fixture(loop_scope="session")
async def shop(system: RunningDemo) -> AsyncIterator[Shop]:
    """A shop that receives no notification of closed offers, which is the default at Adyen."""
    async with aiohttp.ClientSession() as http:
        shop = Shop(system, http)
        await shop.twin("PUT", "knobs", {"extraEvents": [], "paymentExpiryS": 10 * HOUR})
        yield shop
        await shop.twin("DELETE", "knobs")


@asynccontextmanager
async def notifications_refused(journey_client: JourneyClient) -> AsyncIterator[None]:
    """Refuse Adyen's notifications while the context lasts, so that Adyen delivers them later."""
    key = journey_client.made.environment["ADYEN_HMAC_KEY"].split(",")[0]
    url = f"{journey_client.made.kasir_url}/webhooks/adyen"
    await journey_client.twin(
        "PUT", "/twin/webhooks/standard", {"url": f"{url}/shut", "hmacKey": key}
    )
    try:
        yield
    finally:
        await journey_client.twin("PUT", "/twin/webhooks/standard", {"url": url, "hmacKey": key})


async def statuses_at_the_twin(shop: Shop, link: dict[str, Any]) -> list[str]:
    """The statuses of a link's payments at the twin, oldest first."""
    listed = await shop.twin("GET", f"payments?reference={link['reference']}")
    return [payment["status"] for payment in listed["payments"]]


async def until_statuses(shop: Shop, link: dict[str, Any], *expected: str) -> None:
    """Wait until a link's payments have these statuses at Kasir, newest first."""

    async def read() -> list[str]:
        return [payment["status"] for payment in await shop.payments(link)]

    await until(read, lambda statuses: statuses == [*expected], f"payments that are {expected}")


async def in_three_days(journey_client: JourneyClient) -> str:
    """The twin's time in three days, as a link's `expiresAt`."""
    now = datetime.fromisoformat((await journey_client.twin("GET", "/twin/clock"))["now"])
    return (now + timedelta(days=3)).isoformat(timespec="seconds")


async def test_a_link_reopened_the_next_day_leads_to_a_usable_wallet_page(
    shop: Shop, journey_client: JourneyClient
) -> None:
    link = await shop.link(expiresAt=await in_three_days(journey_client))
    first = await shop.start(link)
    await journey_client.advance(DAY)
    await until(lambda: shop.visit(link["url"]), lambda page: page.status == 200, "a fresh form")
    second = await shop.start(link)
    await shop.shopper(second, "approve_without_return")
    await until_statuses(shop, link, "authorised", "awaiting_shopper")
    # Kasir checks the first attempt again some hours later.
    await journey_client.advance(DAY)

    assert second != first
    await until_statuses(shop, link, "authorised", "expired")


async def test_an_attempt_at_a_link_cannot_be_paid_after_an_hour(
    shop: Shop, journey_client: JourneyClient
) -> None:
    link = await shop.link()
    await shop.start(link)
    listed = await shop.twin("GET", f"payments?reference={link['reference']}")
    (payment,) = listed["payments"]
    payable_s = _seconds(payment["expiresAt"]) - _seconds(payment["createdAt"])

    assert HOUR - 5 < payable_s <= HOUR


async def test_a_link_never_has_two_attempts_that_can_be_paid(
    shop: Shop, journey_client: JourneyClient
) -> None:
    link = await shop.link(expiresAt=await in_three_days(journey_client))
    await shop.start(link)
    open_at_once_max = 0
    # An attempt ends after an hour, so the steps are short near each hour.
    for minutes in (20, 39, 1, 1, 1, 1, 30, 28, 1, 1, 1, 1, 60):
        await journey_client.advance(minutes * MINUTE)
        form = await shop.visit(link["url"])
        if form.status == 200 and (
            field := re.search(r'name="attempt" value="([^"]+)"', form.text)
        ):
            await shop.submit(link["url"], attempt=field[1])
        await shop.submit(link["url"], attempt="another page's")
        open_count = (await statuses_at_the_twin(shop, link)).count("awaiting")
        open_at_once_max = max(open_at_once_max, open_count)

    assert open_at_once_max == 1
    assert len(await shop.payments(link)) >= 3


async def test_withdrawing_a_link_closes_its_attempt_at_adyen(
    shop: Shop, journey_client: JourneyClient
) -> None:
    link = await shop.link()
    wallet = await shop.start(link)
    await shop.withdraw(link)
    await journey_client.advance(5)

    assert await statuses_at_the_twin(shop, link) == ["cancelled"]
    await until_statuses(shop, link, "cancelled")
    (payment,) = await shop.payments(link)
    answer = await shop.submit(f"{link['url']}/payments/{payment['id']}")
    assert answer.location != wallet


async def test_a_withdrawal_that_did_not_reach_adyen_is_retried(
    shop: Shop, journey_client: JourneyClient
) -> None:
    link = await shop.link()
    await shop.start(link)
    async with shop.faults({"fault": "lose_reply_before", "call": "cancels"}):
        await shop.withdraw(link)
        before = await statuses_at_the_twin(shop, link)
    await journey_client.advance(MINUTE)
    await until_statuses(shop, link, "cancelled")

    assert before == ["awaiting"]
    assert await statuses_at_the_twin(shop, link) == ["cancelled"]


async def test_two_attempts_at_a_withdrawn_link_end_after_an_hour(
    shop: Shop, journey_client: JourneyClient
) -> None:
    link = await shop.link(reusable=True)
    for _ in range(2):
        await shop.start(link)
    await shop.withdraw(link)
    # Kasir cancels neither attempt: `/cancels` takes a reference, which is the same for both.
    before = await statuses_at_the_twin(shop, link)
    await journey_client.advance(HOUR)

    assert before == ["awaiting", "awaiting"]
    assert await statuses_at_the_twin(shop, link) == ["expired", "expired"]


@pytest.mark.parametrize("locale", ["id-ID", "en-GB"])
async def test_while_adyens_queue_is_delayed_no_second_attempt_is_possible(
    browser: Browser, shop: Shop, journey_client: JourneyClient, locale: str
) -> None:
    link = await shop.link(expiresAt=await in_three_days(journey_client))
    wallet = await shop.start(link)
    (payment,) = await shop.payments(link)
    async with notifications_refused(journey_client):
        await shop.shopper(wallet, "approve_without_return")
        await journey_client.advance(HOUR + 3 * MINUTE)
        answers = [await shop.visit(link["url"]), await shop.submit(link["url"], attempt="x")]
        async with phone(browser, locale=locale) as page:
            await page.goto(link["url"])
            heading = page.get_by_role("heading", level=1)
            await expect(heading).to_contain_text(CLOSING[locale])
            await expect(page.get_by_role("button")).to_have_count(0)
            await assert_fits(page)
            await picture(page, f"closing-phone-{locale}")
        async with desktop(browser, locale=locale) as page:
            await page.goto(link["url"])
            await picture(page, f"closing-desktop-{locale}")
    await journey_client.advance(9 * HOUR)
    await until_statuses(shop, link, "authorised")

    assert {_redirect_location(answer) for answer in answers} == {
        f"/pay/{link['id']}/payments/{payment['id']}"
    }
    assert await shop.twin_payment_count(link) == 1


async def test_without_adyens_notification_the_shopper_can_retry_after_a_warning(
    browser: Browser, shop: Shop, journey_client: JourneyClient
) -> None:
    link = await shop.link(expiresAt=await in_three_days(journey_client))
    first_url = await shop.start(link)
    lost = {"fault": "lose_notice", "reference": link["reference"], "eventCode": "TECHNICAL_CANCEL"}
    async with shop.faults(lost):
        await journey_client.advance(HOUR + 3 * MINUTE)
        (payment,) = await shop.payments(link)
        early = await shop.visit(link["url"])
        await journey_client.advance(8 * HOUR)
        for name, device in {"phone": phone, "desktop": desktop}.items():
            async with device(browser, locale="en-GB") as page:
                await page.goto(f"{link['url']}/payments/{payment['id']}")
                await expect(page.get_by_role("status")).to_contain_text("do not pay again")
                await expect(page.get_by_role("link", name="Try again")).to_be_visible()
                await assert_fits(page)
                await picture(page, f"closing-again-{name}")
        second_url = await shop.start(link)

    assert _redirect_location(early) == f"/pay/{link['id']}/payments/{payment['id']}"
    assert second_url not in ("", first_url)


def _redirect_location(answer: Reply) -> str:
    """The URL of a redirect; empty for any other answer."""
    return answer.location if answer.status == 303 else ""


def _seconds(text: str) -> float:
    """A time in ISO 8601 as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
