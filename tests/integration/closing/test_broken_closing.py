"""Attacks on how an attempt ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from fakes import payment_body
from integration.closing.test_closing import HOUR, MINUTE, DAY, Closed, _open
from kasir.payments.status import Status


@pytest.fixture
async def shop(fresh_database: str) -> AsyncIterator[Closed]:
    async with _open(fresh_database) as made:
        yield made


async def test_a_cancel_hits_no_payment_older_than_the_newest_hundred(shop: Closed) -> None:
    paid = await shop.attempt()
    echoed = {"metadata.kasirPaymentId": paid}
    await shop.hear("AUTHORISATION", "PSP1", additionalData=echoed)
    for number in range(100):
        shop.clock.at += timedelta(seconds=1)
        one = await shop.attempt()
        await shop.hear(
            "AUTHORISATION",
            f"NO{number}",
            success="false",
            additionalData={"metadata.kasirPaymentId": one},
        )
    shop.clock.at += timedelta(seconds=1)
    attempt = await shop.attempt()
    await shop.look(attempt, HOUR)
    print((await shop.payment(paid)).status, shop.cancels)
    assert shop.cancels == []


async def test_a_lost_cancel_beside_a_newer_attempt_is_not_due_for_ever(shop: Closed) -> None:
    attempt = await shop.attempt()
    shop.answer = (500, {})
    await shop.look(attempt, HOUR)
    (lost,) = shop.cancels[:1]
    other = await shop.attempt()
    await shop.hear("AUTHORISATION", "PSP2", additionalData={"metadata.kasirPaymentId": other})
    due = []
    for _ in range(10):
        shop.clock.at += 30 * DAY
        row = await shop.kasir.pool.fetchrow(
            "SELECT ask_again_at, tries FROM question WHERE key = $1", lost
        )
        is_due = row["ask_again_at"] is not None and row["ask_again_at"] <= shop.clock.at
        due.append((is_due, row["tries"]))
        if is_due:
            await shop.kasir.closing.ask_again(lost)
    print(due, (await shop.payment(attempt)).status)
    assert not due[-1][0]


@pytest.mark.parametrize("when", ["before its time", "after it"])
async def test_money_of_another_amount_ends_and_can_go_back(shop: Closed, when: str) -> None:
    attempt = await shop.attempt()
    echoed = {"metadata.kasirPaymentId": attempt}
    amount = {"currency": "IDR", "value": 24000}
    await shop.hear("AUTHORISATION", "PSP1", additionalData=echoed, amount=amount)
    payment = await shop.look(attempt, 300 * DAY)
    body = msgspec.json.encode({"amount": amount})
    said: object
    try:
        from kasir.gateway.changes import Kind

        said = await shop.kasir.changes.ask(Kind.REFUNDS, "PSP1", body, 72, None)
    except Exception as error:  # noqa: BLE001
        said = str(error)
    print(payment.status, said, await shop.told(attempt))
    assert "at most 0" not in str(said)


async def test_a_refund_that_never_reached_adyen_can_be_asked_for_again_one_day(
    shop: Closed,
) -> None:
    from kasir.gateway.changes import Kind

    attempt = await shop.attempt()
    await shop.hear("AUTHORISATION", "PSP1", additionalData={"metadata.kasirPaymentId": attempt})
    far = shop._far  # noqa: SLF001
    async def down(_: object) -> object:
        raise ConnectionResetError

    good, far.handler = far.handler, down
    body = msgspec.json.encode({"amount": {"currency": "IDR", "value": 25000}})
    first = await shop.kasir.changes.ask(Kind.REFUNDS, "PSP1", body, 72, "key-1")
    far.handler = good
    shop.clock.at += 60 * DAY
    again = await shop.kasir.changes.ask(Kind.REFUNDS, "PSP1", body, 72, "key-1")
    said: object
    try:
        said = (await shop.kasir.changes.ask(Kind.REFUNDS, "PSP1", body, 72, "key-2")).status
    except Exception as error:  # noqa: BLE001
        said = str(error)
    print(first.status, again.status, said)
    print(await shop.told(attempt), (await shop.payment(attempt)).standing.refunds)
    assert said == 201


async def test_another_systems_money_that_was_heard_of_before_the_upgrade_is_not_cancelled(
    shop: Closed,
) -> None:
    amount = {"currency": "IDR", "value": 70000}
    await shop.hear("AUTHORISATION", "THEIRS", paymentMethod="visa", amount=amount)
    # As 0014 left it: the column did not exist.
    await shop.kasir.pool.execute("UPDATE notice SET paid_reference = NULL")
    attempt = await shop.attempt()
    await shop.look(attempt, HOUR)
    print(shop.cancels)
    assert shop.cancels == []


async def test_an_attempt_beside_another_ends_on_an_account_that_is_mostly_others(
    shop: Closed,
) -> None:
    validity = (shop.clock.at + HOUR).isoformat()
    attempt = await shop.attempt(sessionValidity=validity)
    other = await shop.attempt()
    await shop.hear("AUTHORISATION", "PSP2", additionalData={"metadata.kasirPaymentId": other})
    shop.clock.at += 5 * HOUR
    for day in range(3):
        shop.clock.at += DAY
        await shop.hear("REFUND", f"REFUND{day}", originalReference="PSP2", amount={"currency": "IDR", "value": 1})
        known = await shop.kasir.due.deliveries()
        before = known.told_until
        rows = [(f"{day}-{n}".encode(), f"V{day}-{n}") for n in range(1000)]
        await shop.kasir.pool.executemany(
            "INSERT INTO notice (key, kind, item, received_at, event_date, event_code, names, state)"
            " VALUES ($1, 'standard', '', $3, $3, 'AUTHORISATION', ARRAY[$2], 'foreign')",
            [(*row, shop.clock.at) for row in rows],
        )
        await shop.look(attempt, MINUTE)
    known = await shop.kasir.due.deliveries()
    status = (await shop.payment(attempt)).status
    print(before, known.told_until, status)
    assert status is Status.EXPIRED


async def test_a_link_has_one_payable_attempt_after_another_systems_refusal(shop: Closed) -> None:
    from fakes import BROWSER
    from kasir.gateway.links import Try
    from integration.api.test_payment_links import link_body

    links = shop.kasir.links
    made = (await links.create(msgspec.json.encode(link_body(reference="ORDER-1001")))).json()

    async def press() -> object:
        found = await links.find(made["id"])
        if found.under_way:
            return "goes on"
        tried = Try(name=links.attempt(found), browser_info=BROWSER)
        answer, _ = await links.pay(found.link, tried, lambda one: f"https://k.example/{one}")
        return answer.json()["action"]["url"]

    first = await press()
    # GoPay taken elsewhere on the account, of the same order and sum, refused.
    await shop.hear("AUTHORISATION", "THEIRS", success="false", reason="Refused")
    second = await press()
    found = await links.find(made["id"])
    ours = [one.intent.id for one in found.payments]
    for number, one in enumerate(ours):
        await shop.hear("AUTHORISATION", f"OURS{number}", additionalData={"metadata.kasirPaymentId": one})
    found = await links.find(made["id"])
    print(first, second, [one.status.value for one in found.payments])
    assert second == "goes on"


async def test_a_payment_whose_money_is_held_is_not_told_to_have_expired(shop: Closed) -> None:
    """Both tries of one order are open, one is paid, and Adyen echoes nothing."""
    validity = (shop.clock.at + HOUR).isoformat()
    both = [await shop.attempt(sessionValidity=validity) for _ in range(2)]
    await shop.hear("AUTHORISATION", "PAID")
    for _ in range(4):
        shop.clock.at += 12 * HOUR
        one = await shop.attempt(f"ORDER-{shop.clock.at}")
        await shop.hear(
            "AUTHORISATION", f"P{shop.clock.at}", additionalData={"metadata.kasirPaymentId": one}
        )
        for attempt in both:
            await shop.look(attempt, MINUTE)
    ended = [await shop.told(attempt) for attempt in both]
    # Then something of it comes that does echo our id.
    await shop.hear(
        "CAPTURE", "CAP", originalReference="PAID",
        additionalData={"metadata.kasirPaymentId": both[1]},
    )
    await shop.kasir.reader.read_all()
    after = await shop.told(both[1])
    print(ended, after, (await shop.payment(both[1])).status)
    assert "payment.expired" not in ended[1]


async def test_what_a_returning_shopper_was_told_is_paid_is_not_cancelled(shop: Closed) -> None:
    """Adyen's answer is its published example, and its notifications are three hours behind."""
    from aiohttp import web

    attempt = await shop.attempt(additionalData={"manualCapture": "true"})
    before = shop._far.handler  # noqa: SLF001

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/payments/details"):
            return web.json_response({"resultCode": "Authorised", "pspReference": "PAID"})
        return await before(request)

    shop._far.handler = answer  # noqa: SLF001
    body = msgspec.json.encode({"details": {"redirectResult": "R1"}})
    said = await shop.kasir.checkout.details(body, 72)
    await shop.look(attempt, HOUR + MINUTE)
    # Adyen does as it is told; then its queue empties.
    cancels = list(shop.cancels)
    await shop.hear(
        "AUTHORISATION", "PAID", ago=HOUR, additionalData={"metadata.kasirPaymentId": attempt}
    )
    if cancels:
        await shop.hear("TECHNICAL_CANCEL", "CANCEL1", originalReference="PAID")
    print(said.json(), cancels, (await shop.payment(attempt)).status, await shop.told(attempt))
    assert cancels == []


async def test_an_attempt_of_an_older_kasir_does_not_lead_to_its_dead_wallet_page_for_weeks(
    shop: Closed,
) -> None:
    """Opened before the upgrade, when an attempt lived as long as its link: 30 days."""
    from fakes import BROWSER
    from integration.api.test_payment_links import link_body
    from kasir.gateway.links import Try

    links, pool = shop.kasir.links, shop.kasir.pool
    ends = (shop.clock.at + 30 * DAY).isoformat()
    made = (await links.create(msgspec.json.encode(link_body(expiresAt=ends)))).json()
    found = await links.find(made["id"])
    tried = Try(name=links.attempt(found), browser_info=BROWSER)
    _, attempt = await links.pay(found.link, tried, lambda one: f"https://k.example/{one}")
    # As the older code left it, and migration 0014 after that.
    await pool.execute("UPDATE payment SET close_at = created_at + interval '30 days'")
    await pool.execute("UPDATE payment SET close_due_at = created_at + interval '1 hour'")
    # Two days later the wallet's page is long dead, and Adyen has nothing to cancel.
    await shop.look(attempt, 2 * DAY)
    await shop.could_not()
    leads = []
    for _ in range(20):
        await shop.look(attempt, DAY)
        found = await links.find(made["id"])
        leads.append(found.under_way is not None and attempt not in found.stale)
    print(len(shop.cancels), (await shop.payment(attempt)).status, leads.count(True), "days")
    assert leads.count(True) <= 2
