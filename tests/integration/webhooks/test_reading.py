"""Reads notices that are early, late, duplicate, foreign, unreadable or ambiguous."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes import (
    KEY,
    NOW,
    a_fact,
    a_question,
    an_answer,
    an_intent,
    envelope,
    notification_item,
)
from kasir.adyen.signing import key_from_hex
from kasir.ids import PaymentId
from kasir.ledger import attribution
from kasir.money import IDR, Money
from kasir.payments.facts import Says
from kasir.payments.matching import Clues
from kasir.payments.payment import Payment
from kasir.payments.question import Kind
from kasir.payments.status import Status
from kasir.webhooks import reading
from kasir.webhooks.receiving import receive
from kasir.wiring import Parts


class Order:
    """The payments of one merchant reference, and Adyen's notifications about them.

    The payments are numbered. The default pspReference of a notification is `psp`.
    """

    def __init__(self, kasir: Parts) -> None:
        self.kasir = kasir
        self.reference = f"ORDER-{secrets.token_hex(6)}"
        self.psp = secrets.token_hex(8).upper()

    async def open_payment(self, number: int = 1) -> PaymentId:
        """Open a payment whose shopper was redirected to the wallet."""
        payment_id = f"pay_{self.psp}_{number}"
        intent = an_intent(payment_id, reference=self.reference, created_at=datetime.now(UTC))
        question = a_question(payment_id)
        await self.kasir.payments.open(intent, question, None)
        redirected = an_answer(a_fact(Says.AWAITING_SHOPPER, about=question.key))
        await self.kasir.payments.record(question, redirected, None)
        return intent.id

    def item(self, **changes: Any) -> dict[str, Any]:
        """A notification with this merchant reference and pspReference, and these changes."""
        references = {"merchantReference": self.reference, "pspReference": self.psp}
        return notification_item(**(references | changes))

    async def post(self, *items: dict[str, Any]) -> None:
        """Adyen posts items in one envelope."""
        await receive(
            envelope(*items),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=self.kasir.inbox,
            received_at=NOW,
        )

    async def read(self) -> None:
        """Read all unread notices, as a worker does."""
        await self.kasir.reader.read_all()

    async def payment(self, number: int = 1) -> Payment:
        """The payment with this number."""
        payment = await self.kasir.payments.payment(PaymentId(f"pay_{self.psp}_{number}"))
        assert payment is not None
        return payment

    async def states(self, psp: str = "") -> list[str]:
        """The states of the notices with a pspReference, in the order in which they arrived."""
        rows = await self.kasir.pool.fetch(
            "SELECT state FROM notice WHERE $1 = ANY (names) ORDER BY id", psp or self.psp
        )
        return [row["state"] for row in rows]


@pytest.fixture
def order(kasir: Parts) -> Order:
    return Order(kasir)


def echo_of(payment_id: PaymentId) -> dict[str, str]:
    """The additional data in which Adyen returns Kasir's payment id."""
    return {"metadata.kasirPaymentId": payment_id}


async def test_a_notice_becomes_a_fact_and_the_payment_is_paid(order: Order) -> None:
    await order.open_payment()
    await order.post(order.item())
    await order.read()
    payment = await order.payment()

    assert payment.status == Status.AUTHORISED
    assert payment.summary.psp_reference == order.psp
    assert [fact.says for fact in payment.facts] == [Says.AWAITING_SHOPPER, Says.AUTHORISED]
    assert await order.states() == ["read"]


async def test_notices_that_differ_only_in_their_date_are_one_fact(order: Order) -> None:
    await order.open_payment()
    await order.post(order.item(), order.item(eventDate="2026-05-05T09:09:09+02:00"))
    await order.read()
    await order.post(order.item(eventDate="2026-05-06T09:09:09+02:00"))
    await order.read()
    payment = await order.payment()

    assert payment.summary.captured.minor_units == 25_000
    assert len(payment.facts) == 2
    assert await order.states() == ["read"] * 3


async def test_reading_again_changes_nothing(order: Order) -> None:
    await order.open_payment()
    await order.post(order.item())
    await order.read()
    before = await order.payment()
    await order.read()

    assert await order.payment() == before


async def test_concurrent_readers_read_every_notice_once(order: Order) -> None:
    for number in range(10):
        await order.open_payment(number)
    await order.post(
        *(
            order.item(
                pspReference=f"{order.psp}{number}",
                additionalData=echo_of(PaymentId(f"pay_{order.psp}_{number}")),
            )
            for number in range(10)
        )
    )
    await asyncio.gather(*(order.kasir.reader.read_all() for _ in range(5)))
    payments = [await order.payment(number) for number in range(10)]

    assert {payment.status for payment in payments} == {Status.AUTHORISED}
    assert {len(payment.facts) for payment in payments} == {2}


async def test_foreign_and_unknown_notices_are_stored_and_marked(order: Order) -> None:
    await order.post(
        order.item(pspReference=f"{order.psp}A"),  # Kasir has no such payment.
        order.item(pspReference=f"{order.psp}B", merchantAccountCode="Another"),
        order.item(pspReference=f"{order.psp}C", eventCode="SOMETHING_NEW"),
        order.item(pspReference=f"{order.psp}D", eventCode="ORDER_OPENED"),
    )
    await order.read()
    states = [await order.states(order.psp + letter) for letter in "ABCD"]

    assert states == [["foreign"], ["foreign"], ["unheard_of"], ["ignored"]]


async def test_an_unreadable_notice_is_held_with_its_error_and_does_not_block_others(
    order: Order,
) -> None:
    await order.open_payment()
    await order.post(
        order.item(pspReference=f"{order.psp}X", eventDate="the day before yesterday"),
        order.item(pspReference=f"{order.psp}Z", amount={"currency": "IDR", "value": 2**70}),
        order.item(),
    )
    await order.read()
    payment = await order.payment()
    held = await order.kasir.pool.fetch(
        "SELECT error FROM notice WHERE state = 'held' AND names && $1::text[]",
        [order.psp + letter for letter in "XZ"],
    )

    assert payment.status == Status.AUTHORISED
    assert order.psp in {fact.psp_reference for fact in payment.facts}
    assert await order.states() == ["read"]
    assert await order.states(f"{order.psp}X") == ["held"]
    assert await order.states(f"{order.psp}Z") == ["held"]
    assert [row for row in held if not row["error"]] == []
    # No notice is left to be retried.
    assert await order.kasir.reader.read_all() == 0


async def test_a_notice_of_another_currency_is_held(order: Order) -> None:
    payment_id = await order.open_payment()
    euros = {"currency": "EUR", "value": 25_000}
    await order.post(order.item(amount=euros, additionalData=echo_of(payment_id)))
    refund = order.item(
        eventCode="REFUND", pspReference=f"{order.psp}R", originalReference=order.psp, amount=euros
    )
    await order.post(refund)
    await order.read()
    payment = await order.payment()

    assert (payment.status, payment.summary.captured.minor_units) == (Status.PENDING, 0)
    assert payment.summary.refunds == ()
    assert await order.states() == ["held", "held"]


# Two payments of one reference.


async def test_kasirs_payment_id_distinguishes_two_payments_of_one_reference(order: Order) -> None:
    await order.open_payment(1)
    second = await order.open_payment(2)
    await order.post(order.item(additionalData=echo_of(second)))
    await order.read()

    assert (await order.payment(1)).status == Status.AWAITING_SHOPPER
    assert (await order.payment(2)).status == Status.AUTHORISED


async def test_an_ambiguous_notice_is_held_until_its_payment_is_known(order: Order) -> None:
    await order.open_payment(1)
    second = await order.open_payment(2)
    without_id = order.item(success="false", reason="Refused")
    await order.post(without_id)
    await order.read()
    waiting = await order.states()
    await order.post(order.item(additionalData=echo_of(second)))
    await order.read()

    assert waiting == ["held"]
    assert await order.states() == ["read", "read"]
    kinds = {fact.says for fact in (await order.payment(2)).facts}
    assert {Says.REFUSED, Says.AUTHORISED} <= kinds
    assert (await order.payment(2)).status == Status.AUTHORISED
    assert (await order.payment(1)).status == Status.AWAITING_SHOPPER


async def test_a_waiting_notice_is_attributed_by_another_notice_of_its_batch(order: Order) -> None:
    await order.open_payment(1)
    second = await order.open_payment(2)
    refund = order.item(
        eventCode="REFUND",
        pspReference=f"{order.psp}R",
        originalReference=order.psp,
        amount={"currency": "IDR", "value": 10_000},
    )
    await order.post(refund, order.item(additionalData=echo_of(second)))
    await order.read()

    assert await order.states() == ["read", "read"]
    assert (await order.payment(2)).summary.refunded.minor_units == 10_000


async def test_a_notice_is_attributed_although_its_psp_reference_is_claimed_while_it_is_read(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    await order.open_payment(1)
    second = await order.open_payment(2)
    has_locked, may_continue = asyncio.Event(), asyncio.Event()
    lock_candidates = attribution.lock_candidates

    async def lock_and_wait(*given: Any) -> Any:
        candidates = await lock_candidates(*given)
        if not has_locked.is_set():  # Only the first reading waits.
            has_locked.set()
            await may_continue.wait()
        return candidates

    monkeypatch.setattr(reading, "lock_candidates", lock_and_wait)
    # The refund has another reference, so that no payment is locked for it.
    refund = order.item(
        eventCode="REFUND",
        merchantReference=f"{order.reference}-REFUND",
        pspReference=f"{order.psp}R",
        originalReference=order.psp,
    )
    await order.post(refund)
    first_reading = asyncio.create_task(order.kasir.reader.read_all())
    await has_locked.wait()
    await order.post(order.item(additionalData=echo_of(second)))
    await order.read()  # Claims the pspReference before the first reading ends.
    may_continue.set()
    await first_reading
    before = await order.states()
    for _ in range(2):  # The second of these readings checks the refund again.
        await order.read()

    assert before == ["foreign", "read"]
    assert await order.states() == ["read", "read"]
    assert (await order.payment(2)).summary.refunded.minor_units == 25_000


async def test_a_notice_that_came_before_the_first_answer_is_attributed_by_that_answer(
    order: Order,
) -> None:
    await order.open_payment(1)
    payment_id = f"pay_{order.psp}_2"
    intent = an_intent(payment_id, reference=order.reference, created_at=NOW)
    question = a_question(payment_id)
    await order.kasir.payments.open(intent, question, None)
    await order.post(order.item())
    await order.read()
    before = await order.states()
    result = an_answer(a_fact(Says.AWAITING_SHOPPER, order.psp, about=question.key))
    with_clues = replace(result, clues=Clues(attempt=order.psp, payment_id=intent.id))
    await order.kasir.payments.record(question, with_clues, None, intent)
    await order.read()

    assert before == ["held"]
    assert await order.states() == ["read"]
    assert (await order.payment(2)).status == Status.AUTHORISED


async def test_a_notice_of_no_payment_is_checked_exactly_once_more(order: Order) -> None:
    await order.post(order.item(), order.item(merchantAccountCode="Another", pspReference="X"))
    counts = [await order.kasir.reader.read_all() for _ in range(4)]
    to_be_checked = await order.kasir.pool.fetchval(
        "SELECT count(*) FROM notice WHERE look_after IS NOT NULL AND names && $1", [order.psp, "X"]
    )

    assert counts == [2, 0, 0, 0]
    assert to_be_checked == 0
    assert await order.states() == ["foreign"]


async def test_a_change_with_another_merchant_reference_is_attributed_to_its_payment(
    order: Order,
) -> None:
    await order.open_payment()
    refund = order.item(
        eventCode="REFUND",
        merchantReference=f"{order.reference}-REFUND",
        pspReference=f"{order.psp}R",
        originalReference=order.psp,
        amount={"currency": "IDR", "value": 10_000},
    )
    failed = order.item(  # Both references of this event are the refund's.
        eventCode="REFUND_FAILED",
        merchantReference=f"{order.reference}-REFUND",
        pspReference=f"{order.psp}R",
        originalReference=f"{order.psp}R",
        amount={"currency": "IDR", "value": 10_000},
    )
    await order.post(refund)
    await order.read()
    states_before = await order.states()
    await order.post(order.item())
    await order.read()
    refunded = (await order.payment()).summary.refunded.minor_units
    await order.post(failed)
    await order.read()

    assert states_before == ["foreign"]
    assert await order.states() == ["read", "read"]
    assert await order.states(f"{order.psp}R") == ["read", "read"]
    assert refunded == 10_000
    assert (await order.payment()).summary.refunded.minor_units == 0


async def test_an_expiry_without_an_original_reference_is_noted_on_the_payment_it_names(
    order: Order,
) -> None:
    await order.open_payment()
    await order.post(order.item())
    await order.post(order.item(eventCode="EXPIRE", originalReference=None))
    await order.read()
    payment = await order.payment()

    assert (payment.status, payment.summary.psp_reference) == (Status.AUTHORISED, order.psp)
    assert [fact.says for fact in payment.facts][-1] is Says.NOTED
    assert await order.states() == ["read", "read"]


async def test_an_expiry_that_comes_before_its_authorisation_waits_for_it(order: Order) -> None:
    await order.open_payment()
    await order.post(order.item(eventCode="EXPIRE", originalReference=None))
    await order.read()
    before = await order.states()
    await order.post(order.item())
    await order.read()
    await order.read()

    assert before == ["waiting"]
    assert (await order.payment()).status == Status.AUTHORISED
    assert await order.states() == ["read", "read"]


async def test_an_ambiguous_answer_to_details_is_attributed_later(order: Order) -> None:
    await order.open_payment(1)
    second = await order.open_payment(2)
    key = f"kasir-det-{order.psp}"
    question = a_question(key=key, kind=Kind.DETAILS, payment_id=None)
    body = (
        f'{{"resultCode":"Authorised","pspReference":"{order.psp}",'
        f'"merchantReference":"{order.reference}","amount":{{"currency":"IDR","value":25000}}}}'
    ).encode()
    fact = a_fact(Says.AUTHORISED, order.psp, about=key)
    clues = Clues(attempt=order.psp, reference=order.reference, amount=Money(IDR, 25_000))
    result = replace(an_answer(fact, body=body), clues=clues)
    await order.kasir.payments.open_question(question)
    await order.kasir.payments.record(question, result, None)
    before = [(await order.payment(number)).status for number in (1, 2)]
    # Then a notification of this attempt arrives, with Kasir's payment id.
    await order.post(
        order.item(
            eventCode="CAPTURE",
            originalReference=order.psp,
            pspReference=f"{order.psp}C",
            additionalData=echo_of(second),
        )
    )
    await order.read()

    assert before == [Status.AWAITING_SHOPPER] * 2
    assert (await order.payment(2)).status == Status.AUTHORISED
    assert (await order.payment(1)).status == Status.AWAITING_SHOPPER
    stored_question, stored_answer = await order.kasir.payments.question(key)
    assert (stored_question.payment_id, stored_answer) == (second, result.answer)


async def test_a_notice_before_the_answer_makes_the_payment_paid_before_and_after_it(
    order: Order,
) -> None:
    payment_id = f"pay_{order.psp}_1"
    created_at = NOW + timedelta(seconds=1)
    intent = an_intent(payment_id, reference=order.reference, created_at=created_at)
    question = a_question(payment_id)
    await order.kasir.payments.open(intent, question, None)
    await order.post(order.item())
    await order.read()
    before = await order.payment()
    redirected = an_answer(a_fact(Says.AWAITING_SHOPPER, about=question.key))
    await order.kasir.payments.record(question, redirected, None)

    assert before.status == Status.AUTHORISED
    assert (await order.payment()).status == Status.AUTHORISED
