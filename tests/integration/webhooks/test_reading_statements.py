"""Reading sends as many statements for a hundred notices as for one."""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from fakes import KEY, NOW, a_fact, a_question, an_answer, an_intent, envelope, notification_item
from kasir.adyen.signing import key_from_hex
from kasir.payments.facts import Says
from kasir.webhooks.receiving import receive
from kasir.wiring import Kasir
from statements import counted_statements

MANY = 100


async def ours(kasir: Kasir, count: int) -> list[dict[str, Any]]:
    """Give an authorisation of each of so many payments that Kasir opened."""
    items = []
    for _ in range(count):
        psp = secrets.token_hex(8).upper()
        intent = an_intent(f"pay_{psp}", reference=f"ORDER-{psp}", created_at=datetime.now(UTC))
        question = a_question(intent.id)
        await kasir.payments.open(intent, question, None)
        redirected = an_answer(a_fact(Says.AWAITING_SHOPPER, about=question.key))
        await kasir.payments.hear(question, redirected, None)
        items.append(notification_item(pspReference=psp, merchantReference=intent.reference))
    return items


async def foreign(kasir: Kasir, count: int) -> list[dict[str, Any]]:
    """Give authorisations of payments that Kasir knows nothing of."""
    names = [secrets.token_hex(8).upper() for _ in range(count)]
    return [notification_item(pspReference=name, merchantReference=name) for name in names]


async def statements_of_reading(kasir: Kasir, items: list[dict[str, Any]]) -> Counter[str]:
    """Keep these notices, and count what reading them sends."""
    keys = [key_from_hex(KEY)]
    await receive(envelope(*items), is_form=False, keys=keys, inbox=kasir.inbox, received_at=NOW)
    with counted_statements() as counted:
        assert await kasir.reader.read_all() == len(items)
    return counted


@pytest.mark.parametrize("kind", [ours, foreign])
async def test_as_many_statements_for_many_notices_as_for_one(kasir: Kasir, kind: Any) -> None:
    of_one = await statements_of_reading(kasir, await kind(kasir, 1))
    of_many = await statements_of_reading(kasir, await kind(kasir, MANY))

    assert of_one == of_many
