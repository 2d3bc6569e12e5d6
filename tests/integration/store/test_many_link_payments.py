"""A payment can decide the status of its link although many newer payments follow."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from fakes import FrozenClock, a_fact, a_question, an_intent
from kasir.ids import LinkId, PaymentId
from kasir.payments.facts import Says
from kasir.wiring import Parts
from opened_kasir import kasir_on

REQUEST: Final[dict[str, Any]] = {
    "reference": "ORDER-1001",
    "amount": {"currency": "IDR", "value": 25_000},
    "returnUrl": "https://shop.example/",
}
ATTEMPT_COUNT: Final = 25
FIRST_PAYMENT: Final = PaymentId("pay_00")


@pytest.fixture
async def kasir(fresh_database: str) -> AsyncIterator[Parts]:
    async with kasir_on(fresh_database, clock=FrozenClock()) as opened:
        yield opened


async def link_with_attempts(kasir: Parts, **changes: Any) -> str:
    """Create a link with many payments; the first is open and every later one refused."""
    answer = await kasir.links.create(json.dumps(REQUEST | changes).encode())
    link_id = LinkId(answer.json()["id"])
    now = kasir.clock.now()
    for number in range(ATTEMPT_COUNT):
        name = f"pay_{number:02}"
        at = now + timedelta(seconds=number)
        intent = an_intent(name, link_id=link_id, created_at=at)
        await kasir.payments.open(intent, a_question(name), shop_key=None)
        if number:
            await kasir.payments.add_facts(intent.id, [a_fact(Says.REFUSED, f"PSP-{number}")])
    return link_id


async def test_a_first_attempt_that_is_paid_late_completes_the_link(kasir: Parts) -> None:
    link_id = await link_with_attempts(kasir)
    paid = a_fact(Says.AUTHORISED, "PSP-0", amount=an_intent().amount)
    await kasir.payments.add_facts(FIRST_PAYMENT, [paid])
    open_link = await kasir.links.find(link_id)

    assert open_link.status == "completed"
    assert open_link.payments[-1].intent.id == FIRST_PAYMENT


@pytest.mark.parametrize("says", [Says.PENDING, Says.UNKNOWN])
async def test_a_first_attempt_that_may_still_be_paid_keeps_the_link_pending(
    kasir: Parts, says: Says
) -> None:
    link_id = await link_with_attempts(kasir)
    await kasir.payments.add_facts(FIRST_PAYMENT, [a_fact(says)])
    open_link = await kasir.links.find(link_id)

    assert open_link.status == "paymentPending"
    assert open_link.under_way is not None
    assert open_link.under_way.intent.id == FIRST_PAYMENT


async def test_the_name_of_the_next_attempt_does_not_depend_on_the_first_outcome(
    kasir: Parts,
) -> None:
    link_id = await link_with_attempts(kasir)
    before = kasir.links.attempt(await kasir.links.find(link_id))
    await kasir.payments.add_facts(FIRST_PAYMENT, [a_fact(Says.REFUSED)])

    assert kasir.links.attempt(await kasir.links.find(link_id)) == before


async def test_a_reusable_link_loads_only_some_of_its_payments(
    kasir: Parts,
) -> None:
    link_id = await link_with_attempts(kasir, reusable=True)
    open_link = await kasir.links.find(link_id)

    assert open_link.status == "active"
    assert len(open_link.payments) == 21  # The newest 20, and the first, which may be paid.
