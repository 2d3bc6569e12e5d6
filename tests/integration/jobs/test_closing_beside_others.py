"""When attempts end beside other payments or on a busy account, and when they must not end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from aiohttp import web

from integration.jobs.test_closing import DAY, HOUR, MINUTE, ClosingShop, closing_shop, metadata_of
from kasir.payments.status import Status


@pytest.fixture
async def shop(fresh_database: str) -> AsyncIterator[ClosingShop]:
    async with closing_shop(fresh_database) as opened:
        yield opened


async def test_no_cancel_is_sent_if_a_payment_older_than_the_newest_hundred_is_paid(
    shop: ClosingShop,
) -> None:
    paid_attempt = await shop.attempt()
    await shop.notify("AUTHORISATION", "PSP1", additionalData=metadata_of(paid_attempt))
    for number in range(100):
        shop.clock.at += timedelta(seconds=1)
        refused_attempt = await shop.attempt()
        await shop.notify(
            "AUTHORISATION",
            f"NO{number}",
            success="false",
            additionalData=metadata_of(refused_attempt),
        )
    shop.clock.at += timedelta(seconds=1)
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=HOUR)
    assert shop.cancels == []


async def test_a_cancel_without_an_answer_beside_a_newer_attempt_is_due_only_once(
    shop: ClosingShop,
) -> None:
    attempt = await shop.attempt()
    shop.answer = (500, {})
    await shop.try_to_close(attempt, after=HOUR)
    (unanswered,) = shop.cancels[:1]
    other = await shop.attempt()
    await shop.notify("AUTHORISATION", "PSP2", additionalData=metadata_of(other))
    was_due = []
    for _ in range(10):
        shop.clock.at += 30 * DAY
        due_at = await shop.kasir.pool.fetchval(
            "SELECT ask_again_at FROM question WHERE key = $1", unanswered
        )
        was_due.append(due_at is not None and due_at <= shop.clock.at)
        if was_due[-1]:
            await shop.kasir.closing.ask_again(unanswered)

    assert was_due == [True, *[False] * 9]


async def test_a_payment_of_another_system_reported_before_the_upgrade_is_not_cancelled(
    shop: ClosingShop,
) -> None:
    amount = {"currency": "IDR", "value": 70000}
    await shop.notify("AUTHORISATION", "THEIRS", paymentMethod="visa", amount=amount)
    # Migration 0015 leaves notices in this state, and Kasir reads them again.
    await shop.kasir.pool.execute("UPDATE notice SET paid_reference = NULL, state = 'unread'")
    await shop.kasir.reader.read_all()
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=HOUR)
    assert shop.cancels == []


async def test_an_attempt_with_an_empty_session_validity_ends_as_one_without(
    shop: ClosingShop,
) -> None:
    """The shopper may pay it for as long as the wallet allows, so Kasir waits longer."""
    attempt = await shop.attempt(sessionValidity="")
    other = await shop.attempt()
    await shop.notify("AUTHORISATION", "PSP2", additionalData=metadata_of(other))
    shop.clock.at += 5 * HOUR
    refund = {"originalReference": "PSP2", "amount": {"currency": "IDR", "value": 1}}
    await shop.notify("REFUND", "REFUND1", **refund)
    await shop.try_to_close(attempt, after=MINUTE)
    statuses = [(await shop.payment(attempt)).status]
    shop.clock.at += 2 * DAY
    await shop.notify("REFUND", "REFUND2", **refund)
    await shop.try_to_close(attempt, after=MINUTE)
    statuses.append((await shop.payment(attempt)).status)
    assert statuses == [Status.AWAITING_SHOPPER, Status.EXPIRED]


async def test_an_attempt_ends_although_most_notifications_are_for_other_systems(
    shop: ClosingShop,
) -> None:
    validity = (shop.clock.at + HOUR).isoformat()
    attempt = await shop.attempt(sessionValidity=validity)
    other = await shop.attempt()
    await shop.notify("AUTHORISATION", "PSP2", additionalData=metadata_of(other))
    shop.clock.at += 5 * HOUR
    for day in range(3):
        shop.clock.at += DAY
        await shop.notify(
            "REFUND",
            f"REFUND{day}",
            originalReference="PSP2",
            amount={"currency": "IDR", "value": 1},
        )
        # The columns key and names of notifications of other systems' payments.
        rows = [(f"{day}-{n}".encode(), f"V{day}-{n}") for n in range(1000)]
        await shop.kasir.pool.executemany(
            "INSERT INTO notice (key, kind, item, received_at, event_date, event_code, names,"
            " state)"
            " VALUES ($1, 'standard', '', $3, $3, 'AUTHORISATION', ARRAY[$2], 'foreign')",
            [(*row, shop.clock.at) for row in rows],
        )
        await shop.try_to_close(attempt, after=MINUTE)
    status = (await shop.payment(attempt)).status
    assert status is Status.EXPIRED


async def test_a_payment_whose_notification_is_held_is_not_reported_as_expired(
    shop: ClosingShop,
) -> None:
    """Both attempts of one order are open, one is paid, and Adyen echoes no payment id."""
    validity = (shop.clock.at + HOUR).isoformat()
    attempts = [await shop.attempt(sessionValidity=validity) for _ in range(2)]
    await shop.notify("AUTHORISATION", "PAID")
    for _ in range(4):
        shop.clock.at += 12 * HOUR
        # The notification of a newer payment shows that Adyen's are not late.
        newer = await shop.attempt(f"ORDER-{shop.clock.at}")
        psp_reference = f"P{shop.clock.at:%d%H}"
        await shop.notify("AUTHORISATION", psp_reference, additionalData=metadata_of(newer))
        for attempt in attempts:
            await shop.try_to_close(attempt, after=MINUTE)
    events_before = [await shop.events(attempt) for attempt in attempts]
    # Then a notification of the paid attempt echoes our payment id.
    await shop.notify(
        "CAPTURE",
        "CAP",
        originalReference="PAID",
        additionalData=metadata_of(attempts[1]),
    )
    await shop.kasir.reader.read_all()
    assert "payment.authorised" in await shop.events(attempts[1])
    assert "payment.expired" not in events_before[1]


async def test_a_payment_shown_as_paid_to_the_returning_shopper_is_not_cancelled(
    shop: ClosingShop,
) -> None:
    """Adyen answers as in its published example, and its notifications are late."""
    attempt = await shop.attempt(additionalData={"manualCapture": "true"})
    default_handler = shop.fake_server.handler

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/payments/details"):
            return web.json_response({"resultCode": "Authorised", "pspReference": "PAID"})
        assert default_handler is not None
        return await default_handler(request)

    shop.fake_server.handler = answer
    body = msgspec.json.encode({"details": {"redirectResult": "R1"}})
    await shop.kasir.checkout.details(body, 72)
    await shop.try_to_close(attempt, after=HOUR + MINUTE)
    # Adyen processes the cancel, if any, and then sends its queued notifications.
    cancels = list(shop.cancels)
    await shop.notify("AUTHORISATION", "PAID", ago=HOUR, additionalData=metadata_of(attempt))
    if cancels:
        await shop.notify("TECHNICAL_CANCEL", "CANCEL1", originalReference="PAID")
    assert cancels == []
