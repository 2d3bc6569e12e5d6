"""Attacks on whose money it is."""

from __future__ import annotations

import json
import secrets

import pytest

from integration.store.test_whose_money import PRICE, Account
from kasir.payments.status import Status
from kasir.wiring import Kasir


@pytest.fixture
def account(kasir: Kasir) -> Account:
    return Account(kasir)


WRONG = {"currency": "IDR", "value": 1}


async def test_another_amount_then_the_shopper_returns(account: Account) -> None:
    ours = await account.opens()
    psp = account.psp()
    await account.hears(psp, echo=ours.id, amount=WRONG)
    before = await account.status(ours)
    await account.returns(psp)
    payment = await account.payment(ours)
    told = await account.told(ours)
    print(before, payment.status, payment.standing, told)
    assert (before, payment.status) == (Status.PENDING, Status.PENDING)
    assert "payment.authorised" not in told


async def test_the_shopper_returns_then_another_amount(account: Account) -> None:
    ours = await account.opens()
    psp = account.psp()
    await account.returns(psp)
    await account.hears(psp, echo=ours.id, amount=WRONG)
    payment = await account.payment(ours)
    told = await account.told(ours)
    print(payment.status, payment.standing.captured, told)
    assert payment.status is Status.PENDING
    assert "payment.authorised" not in told


async def test_a_failed_cancel_by_reference_of_another_is_not_read_for_ever(
    account: Account,
) -> None:
    ours = await account.opens()
    psp, cancel = account.psp(), account.psp()
    await account.hears(psp, echo=ours.id)
    await account.hears(
        cancel, eventCode="TECHNICAL_CANCEL", success="false", originalReference=psp
    )
    reads = []
    for _ in range(12):
        before = await account.kasir.pool.fetchval(
            "SELECT read_at::text || xmin::text FROM notice WHERE $1 = ANY (names)", cancel
        )
        await account.kasir.reader.read_all()
        after = await account.kasir.pool.fetchval(
            "SELECT read_at::text || xmin::text FROM notice WHERE $1 = ANY (names)", cancel
        )
        reads.append(before != after)
    print(reads, await account.notice(cancel))
    assert reads[6:] == [False] * 6


async def test_a_second_open_payment_beyond_the_newest_hundred(account: Account) -> None:
    old = await account.opens()
    for _ in range(99):
        closed = await account.opens()
        await account.hears(account.psp(), echo=closed.id, success="false", reason="Refused")
    new = await account.opens()
    psp = account.psp()  # The old one's shopper pays; Adyen echoes nothing.
    await account.hears(psp)
    print(await account.status(old), await account.status(new), await account.notice(psp))
    assert await account.status(new) is Status.AWAITING_SHOPPER
    assert (await account.notice(psp))[0] == "held"


@pytest.mark.parametrize("newer", ["refused", "open"])
async def test_a_shops_cancel_by_reference_ends_what_adyen_says_it_ended(
    account: Account, newer: str
) -> None:
    paid = await account.opens()
    psp = account.psp()
    await account.hears(psp, echo=paid.id)
    other = await account.opens()
    if newer == "refused":
        await account.hears(account.psp(), echo=other.id, success="false", reason="Refused")
    body = json.dumps({"paymentReference": account.reference}).encode()
    kasir = account.kasir
    asked = await kasir.changes.cancel_by_reference(body, 72, None)  # Adyen is away: kept.
    print(asked.status)
    row = await kasir.pool.fetchrow(
        "SELECT key, payment_id FROM question WHERE kind = 'cancels_by_reference' "
        "AND payment_id = ANY ($1)",
        [paid.id, other.id],
    )
    print("the cancel is of", "paid" if row["payment_id"] == paid.id else "other")
    from kasir.adyen.replies import Answer

    question, _ = await kasir.payments.question(row["key"])
    cancel = account.psp()
    said = json.dumps(
        {"status": "received", "pspReference": cancel, "paymentReference": account.reference}
    ).encode()
    await account.answers(question, Answer(201, said))
    await account.hears(
        cancel, echo=paid.id, eventCode="TECHNICAL_CANCEL", originalReference=psp
    )
    print(await account.notice(cancel), await account.status(paid), await account.told(paid))
    assert await account.status(paid) is Status.CANCELLED
