"""Reading the inbox into the book: early, late, twice, foreign, poisoned, and told apart."""

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
from kasir.wiring import Kasir


class Desk:
    """A payment or several of one reference, and what Adyen sends about them."""

    def __init__(self, kasir: Kasir) -> None:
        self.kasir = kasir
        self.reference = f"ORDER-{secrets.token_hex(6)}"
        self.psp = secrets.token_hex(8).upper()

    async def opens(self, number: int = 1) -> PaymentId:
        """A payment is asked for, and the shopper sent to the wallet."""
        name = f"pay_{self.psp}_{number}"
        intent = an_intent(name, reference=self.reference, created_at=datetime.now(UTC))
        question = a_question(name)
        await self.kasir.payments.open(intent, question, None)
        redirected = an_answer(a_fact(Says.AWAITING_SHOPPER, about=question.key))
        await self.kasir.payments.hear(question, redirected, None)
        return intent.id

    def item(self, **changes: Any) -> dict[str, Any]:
        """A notification of this reference and attempt."""
        named = {"merchantReference": self.reference, "pspReference": self.psp}
        return notification_item(**(named | changes))

    async def hears(self, *items: dict[str, Any]) -> None:
        """Adyen posts items in one envelope."""
        await receive(
            envelope(*items),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=self.kasir.inbox,
            received_at=NOW,
        )

    async def reads(self) -> None:
        """A worker reads whatever is there."""
        await self.kasir.reader.read_all()

    async def payment(self, number: int = 1) -> Payment:
        """Give a payment as it stands."""
        found = await self.kasir.payments.payment(PaymentId(f"pay_{self.psp}_{number}"))
        assert found is not None
        return found

    async def states(self, psp: str = "") -> list[str]:
        """Give the states of the notices that bear a name, in the order they came."""
        rows = await self.kasir.pool.fetch(
            "SELECT state FROM notice WHERE $1 = ANY (names) ORDER BY id", psp or self.psp
        )
        return [row["state"] for row in rows]


@pytest.fixture
def desk(kasir: Kasir) -> Desk:
    return Desk(kasir)


def mine(payment_id: PaymentId) -> dict[str, str]:
    """The additional data by which our own id comes back."""
    return {"metadata.kasirPaymentId": payment_id}


async def test_a_notice_becomes_a_fact_and_the_payment_is_paid(desk: Desk) -> None:
    await desk.opens()
    await desk.hears(desk.item())
    await desk.reads()
    payment = await desk.payment()

    assert payment.status == Status.AUTHORISED
    assert payment.standing.psp_reference == desk.psp
    assert [fact.says for fact in payment.facts] == [Says.AWAITING_SHOPPER, Says.AUTHORISED]
    assert await desk.states() == ["read"]


async def test_a_notice_that_came_twice_with_another_date_is_one_fact(desk: Desk) -> None:
    await desk.opens()
    await desk.hears(desk.item(), desk.item(eventDate="2026-05-05T09:09:09+02:00"))
    await desk.reads()
    await desk.hears(desk.item(eventDate="2026-05-06T09:09:09+02:00"))
    await desk.reads()
    payment = await desk.payment()

    assert payment.standing.captured.minor_units == 25_000
    assert len(payment.facts) == 2
    assert await desk.states() == ["read"] * 3


async def test_reading_again_changes_nothing(desk: Desk) -> None:
    await desk.opens()
    await desk.hears(desk.item())
    await desk.reads()
    before = await desk.payment()
    await desk.reads()

    assert await desk.payment() == before


async def test_several_readers_at_once_read_everything_once(desk: Desk) -> None:
    for number in range(10):
        await desk.opens(number)
    await desk.hears(
        *(
            desk.item(
                pspReference=f"{desk.psp}{number}",
                additionalData=mine(PaymentId(f"pay_{desk.psp}_{number}")),
            )
            for number in range(10)
        )
    )
    await asyncio.gather(*(desk.kasir.reader.read_all() for _ in range(5)))
    ended = [await desk.payment(number) for number in range(10)]

    assert {payment.status for payment in ended} == {Status.AUTHORISED}
    assert {len(payment.facts) for payment in ended} == {2}


async def test_foreign_and_unheard_of_notices_are_kept_and_marked(desk: Desk) -> None:
    await desk.hears(
        desk.item(pspReference=f"{desk.psp}A"),  # Of no payment of ours.
        desk.item(pspReference=f"{desk.psp}B", merchantAccountCode="Another"),
        desk.item(pspReference=f"{desk.psp}C", eventCode="SOMETHING_NEW"),
        desk.item(pspReference=f"{desk.psp}D", eventCode="REPORT_AVAILABLE"),
    )
    await desk.reads()
    found = [await desk.states(desk.psp + letter) for letter in "ABCD"]

    assert found == [["foreign"], ["foreign"], ["unheard_of"], ["ignored"]]


async def test_poison_is_held_with_its_error_and_blocks_nobody(desk: Desk) -> None:
    await desk.opens()
    await desk.hears(
        desk.item(pspReference=f"{desk.psp}X", eventDate="the day before yesterday"),
        desk.item(pspReference=f"{desk.psp}Z", amount={"currency": "IDR", "value": 2**70}),
        desk.item(),
    )
    await desk.reads()
    payment = await desk.payment()
    held = await desk.kasir.pool.fetch(
        "SELECT error FROM notice WHERE state = 'held' AND names && $1::text[]",
        [desk.psp + letter for letter in "XZ"],
    )

    assert payment.status == Status.AUTHORISED
    assert desk.psp in {fact.psp_reference for fact in payment.facts}
    assert await desk.states() == ["read"]
    assert await desk.states(f"{desk.psp}X") == ["held"]
    assert await desk.states(f"{desk.psp}Z") == ["held"]
    assert [row for row in held if not row["error"]] == []
    # Nothing is left to be tried again and again.
    assert await desk.kasir.reader.read_all() == 0


async def test_a_notice_of_another_currency_is_held(desk: Desk) -> None:
    name = await desk.opens()
    euros = {"currency": "EUR", "value": 25_000}
    await desk.hears(desk.item(amount=euros, additionalData=mine(name)))
    refund = desk.item(
        eventCode="REFUND", pspReference=f"{desk.psp}R", originalReference=desk.psp, amount=euros
    )
    await desk.hears(refund)
    await desk.reads()
    payment = await desk.payment()

    assert (payment.status, payment.standing.captured.minor_units) == (Status.PENDING, 0)
    assert payment.standing.refunds == ()
    assert await desk.states() == ["held", "held"]


# Told apart.


async def test_our_own_id_tells_two_payments_of_one_reference_apart(desk: Desk) -> None:
    await desk.opens(1)
    second = await desk.opens(2)
    await desk.hears(desk.item(additionalData=mine(second)))
    await desk.reads()

    assert (await desk.payment(1)).status == Status.AWAITING_SHOPPER
    assert (await desk.payment(2)).status == Status.AUTHORISED


async def test_what_cannot_be_told_apart_waits_and_is_adopted_when_it_can_be(desk: Desk) -> None:
    await desk.opens(1)
    second = await desk.opens(2)
    nameless = desk.item(success="false", reason="Refused")
    await desk.hears(nameless)
    await desk.reads()
    waiting = await desk.states()
    await desk.hears(desk.item(additionalData=mine(second)))
    await desk.reads()

    assert waiting == ["held"]
    assert await desk.states() == ["read", "read"]
    says = {fact.says for fact in (await desk.payment(2)).facts}
    assert {Says.REFUSED, Says.AUTHORISED} <= says
    assert (await desk.payment(2)).status == Status.AUTHORISED
    assert (await desk.payment(1)).status == Status.AWAITING_SHOPPER


async def test_what_waits_is_adopted_when_both_come_in_one_batch(desk: Desk) -> None:
    await desk.opens(1)
    second = await desk.opens(2)
    refund = desk.item(
        eventCode="REFUND",
        pspReference=f"{desk.psp}R",
        originalReference=desk.psp,
        amount={"currency": "IDR", "value": 10_000},
    )
    await desk.hears(refund, desk.item(additionalData=mine(second)))
    await desk.reads()

    assert await desk.states() == ["read", "read"]
    assert (await desk.payment(2)).standing.refunded.minor_units == 10_000


async def test_what_waits_is_not_forgotten_when_its_name_is_learnt_beside(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.opens(1)
    second = await desk.opens(2)
    looked, go_on = asyncio.Event(), asyncio.Event()
    looks = attribution.lock_candidates

    async def slow(*given: Any) -> Any:
        found = await looks(*given)
        if not looked.is_set():
            looked.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(reading, "lock_candidates", slow)
    # It bears a reference of its own, so no payment is locked for it.
    refund = desk.item(
        eventCode="REFUND",
        merchantReference=f"{desk.reference}-REFUND",
        pspReference=f"{desk.psp}R",
        originalReference=desk.psp,
    )
    await desk.hears(refund)
    puts_aside = asyncio.create_task(desk.kasir.reader.read_all())
    await looked.wait()
    await desk.hears(desk.item(additionalData=mine(second)))
    await desk.reads()  # Whose the name is: and nothing waits yet that it could wake.
    go_on.set()
    await puts_aside
    before = await desk.states()
    for _ in range(2):  # Who ran beside is noted, then it is looked at once more.
        await desk.reads()

    assert before == ["foreign", "read"]
    assert await desk.states() == ["read", "read"]
    assert (await desk.payment(2)).standing.refunded.minor_units == 25_000


async def test_what_came_before_the_first_answer_named_its_payment_is_placed_then(
    desk: Desk,
) -> None:
    await desk.opens(1)
    name = f"pay_{desk.psp}_2"
    intent = an_intent(name, reference=desk.reference, created_at=NOW)
    question = a_question(name)
    await desk.kasir.payments.open(intent, question, None)
    await desk.hears(desk.item())
    await desk.reads()
    before = await desk.states()
    heard = an_answer(a_fact(Says.AWAITING_SHOPPER, desk.psp, about=question.key))
    named = replace(heard, clues=Clues(attempt=desk.psp, payment_id=intent.id))
    await desk.kasir.payments.hear(question, named, None, intent)
    await desk.reads()

    assert before == ["held"]
    assert await desk.states() == ["read"]
    assert (await desk.payment(2)).status == Status.AUTHORISED


async def test_what_nobody_can_place_is_looked_at_once_more_and_no_more(desk: Desk) -> None:
    await desk.hears(desk.item(), desk.item(merchantAccountCode="Another", pspReference="X"))
    counts = [await desk.kasir.reader.read_all() for _ in range(4)]
    left = await desk.kasir.pool.fetchval(
        "SELECT count(*) FROM notice WHERE look_after IS NOT NULL AND names && $1", [desk.psp, "X"]
    )

    assert counts == [2, 0, 0, 0]
    assert left == 0
    assert await desk.states() == ["foreign"]


async def test_a_change_under_its_own_reference_finds_its_payment(desk: Desk) -> None:
    await desk.opens()
    refund = desk.item(
        eventCode="REFUND",
        merchantReference=f"{desk.reference}-REFUND",
        pspReference=f"{desk.psp}R",
        originalReference=desk.psp,
        amount={"currency": "IDR", "value": 10_000},
    )
    failed = desk.item(  # It names the refund only.
        eventCode="REFUND_FAILED",
        merchantReference=f"{desk.reference}-REFUND",
        pspReference=f"{desk.psp}R",
        originalReference=f"{desk.psp}R",
        amount={"currency": "IDR", "value": 10_000},
    )
    await desk.hears(refund)
    await desk.reads()
    early = await desk.states()
    await desk.hears(desk.item())
    await desk.reads()
    refunded = (await desk.payment()).standing.refunded.minor_units
    await desk.hears(failed)
    await desk.reads()

    assert early == ["foreign"]
    assert await desk.states() == ["read", "read"]
    assert await desk.states(f"{desk.psp}R") == ["read", "read"]
    assert refunded == 10_000
    assert (await desk.payment()).standing.refunded.minor_units == 0


async def test_details_that_could_not_be_told_apart_are_adopted_later(desk: Desk) -> None:
    await desk.opens(1)
    second = await desk.opens(2)
    key = f"kasir-det-{desk.psp}"
    question = a_question(key=key, kind=Kind.DETAILS, payment_id=None)
    body = (
        f'{{"resultCode":"Authorised","pspReference":"{desk.psp}",'
        f'"merchantReference":"{desk.reference}","amount":{{"currency":"IDR","value":25000}}}}'
    ).encode()
    fact = a_fact(Says.AUTHORISED, desk.psp, about=key)
    clues = Clues(attempt=desk.psp, reference=desk.reference, amount=Money(IDR, 25_000))
    heard = replace(an_answer(fact, body=body), clues=clues)
    await desk.kasir.payments.open_question(question)
    await desk.kasir.payments.hear(question, heard, None)
    before = [(await desk.payment(number)).status for number in (1, 2)]
    # A notification of that attempt, and with our id, comes afterwards.
    await desk.hears(
        desk.item(
            eventCode="CAPTURE",
            originalReference=desk.psp,
            pspReference=f"{desk.psp}C",
            additionalData=mine(second),
        )
    )
    await desk.reads()

    assert before == [Status.AWAITING_SHOPPER] * 2
    assert (await desk.payment(2)).status == Status.AUTHORISED
    assert (await desk.payment(1)).status == Status.AWAITING_SHOPPER
    found, kept = await desk.kasir.payments.question(key)
    assert (found.payment_id, kept) == (second, heard.answer)


async def test_news_before_the_reply_is_kept_and_the_payment_is_paid(desk: Desk) -> None:
    name = f"pay_{desk.psp}_1"
    intent = an_intent(name, reference=desk.reference, created_at=NOW + timedelta(seconds=1))
    await desk.kasir.payments.open(intent, a_question(name), None)
    await desk.hears(desk.item())
    await desk.reads()
    early = await desk.payment()
    await desk.kasir.payments.hear(
        a_question(name), an_answer(a_fact(Says.AWAITING_SHOPPER, about=f"kasir-{name}")), None
    )

    assert early.status == Status.AUTHORISED
    assert (await desk.payment()).status == Status.AUTHORISED
