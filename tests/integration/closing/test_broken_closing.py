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
