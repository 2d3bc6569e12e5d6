"""A search by a text that PostgreSQL cannot store finds nothing."""

from __future__ import annotations

from typing import Final

import pytest

from fakes import NOW
from kasir.adyen.calls import OWN_VERSION
from kasir.errors import InvalidRequest, NotFound
from kasir.ids import PaymentId
from kasir.payments.question import Kind
from kasir.store.database import queries
from kasir.store.subscriptions import SubscriptionFilter
from kasir.wiring import Parts

ODD: Final = [pytest.param("x\0y", id="NUL"), pytest.param("x\ud83dy", id="half a surrogate pair")]


@pytest.mark.parametrize("odd", ODD)
async def test_a_search_by_an_unstorable_text_finds_nothing(kasir: Parts, odd: str) -> None:
    refund = b'{"amount": {"currency": "IDR", "value": 1}}'

    assert await kasir.payments.payment(PaymentId(odd)) is None
    assert await kasir.payments.payments_of(odd, 1) == []
    assert await kasir.subscriptions.plan(odd) is None
    assert await kasir.tokens.of(odd) == []
    for name in ("state", "shopper_reference", "plan_id", "reference"):
        assert await kasir.subscriptions.listed(SubscriptionFilter(**{name: odd}), 1, 1) == []
    with pytest.raises(NotFound):
        await kasir.links.find(odd)
    with pytest.raises(NotFound):
        await kasir.subscribing.cancel(odd)
    with pytest.raises(NotFound):
        await kasir.events.after(odd, 1)
    with pytest.raises(InvalidRequest) as refused:
        await kasir.changes.ask(Kind.REFUNDS, odd, refund, OWN_VERSION, None)
    assert [fault.field for fault in refused.value.faults] == ["paymentPspReference"]


@pytest.mark.parametrize("odd", ODD)
async def test_unstorable_characters_in_a_parameter_are_replaced(kasir: Parts, odd: str) -> None:
    watch, marks = queries("tokens").watch, queries("links").marks  # One writes, one reads.
    await watch(kasir.pool, shopper_reference=odd, compare_at=NOW)
    # U+FFFD is the replacement character.
    stored = await kasir.pool.fetchval(
        "SELECT count(*) FROM shopper WHERE shopper_reference = $1",
        "x\ufffdy",  # The replacement character.
    )

    assert stored == 1
    assert [row async for row in marks(kasir.pool, link_ids=[odd], payment_ids=[odd])] == []
