"""Reading sends as many statements for a hundred notices as for one."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import pytest_asyncio

from adyen_twin.protocol import signing
from fakes import (
    KEY,
    NOW,
    OTHER_KEY,
    a_fact,
    a_question,
    an_answer,
    an_intent,
    envelope,
    notification_item,
)
from kasir.adyen.signing import key_from_hex
from kasir.ids import PaymentId
from kasir.payments.facts import Says
from kasir.payments.question import Kind
from kasir.webhooks.receiving import receive, receive_token
from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on
from statements import counted_statements

MANY: Final = 100


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    """Kasir that also accepts token notifications."""
    async with (
        a_database(postgres_dsn) as database,
        kasir_on(database, ADYEN_TOKEN_HMAC_KEY=OTHER_KEY) as opened,
    ):
        yield opened


def new_psp() -> str:
    return secrets.token_hex(8).upper()


async def open_payment(kasir: Parts, psp: str) -> PaymentId:
    """Open a payment whose shopper was redirected to the wallet."""
    intent = an_intent(
        f"pay_{psp}",
        reference=f"ORDER-{psp}",
        shopper_reference=f"shopper-{psp}",
        created_at=datetime.now(UTC),
    )
    question = a_question(intent.id)
    await kasir.payments.open(intent, question, None)
    redirected = an_answer(a_fact(Says.AWAITING_SHOPPER, about=question.key))
    await kasir.payments.record(question, redirected, None)
    return intent.id


async def receive_items(kasir: Parts, items: Sequence[dict[str, Any]]) -> None:
    keys = [key_from_hex(KEY)]
    body = envelope(*items)
    await receive(body, is_form=False, keys=keys, inbox=kasir.inbox, received_at=NOW)


async def store_ours(kasir: Parts, count: int) -> None:
    """Store authorisations of payments that Kasir opened."""
    psps = [new_psp() for _ in range(count)]
    for psp in psps:
        await open_payment(kasir, psp)
    await receive_items(
        kasir,
        [notification_item(pspReference=psp, merchantReference=f"ORDER-{psp}") for psp in psps],
    )


async def store_foreign(kasir: Parts, count: int) -> None:
    """Store authorisations of payments that Kasir does not know."""
    psps = [new_psp() for _ in range(count)]
    await receive_items(
        kasir, [notification_item(pspReference=psp, merchantReference=psp) for psp in psps]
    )


async def store_early_refunds(kasir: Parts, count: int) -> None:
    """Store refunds of payments that have no attempt yet."""
    psps = [new_psp() for _ in range(count)]
    for psp in psps:
        await open_payment(kasir, psp)
    await receive_items(
        kasir,
        [
            notification_item(
                eventCode="REFUND",
                pspReference=f"{psp}R",
                originalReference=psp,
                merchantReference=f"ORDER-{psp}",
            )
            for psp in psps
        ],
    )


async def store_unreadable(kasir: Parts, count: int) -> None:
    """Store items that have a field of a wrong type."""
    psps = [new_psp() for _ in range(count)]
    await receive_items(
        kasir, [notification_item(pspReference=psp, eventDate="yesterday") for psp in psps]
    )


async def store_token_notices(kasir: Parts, count: int) -> None:
    """Store notifications of new tokens, each of another shopper."""
    for _ in range(count):
        psp = new_psp()
        data = {
            "merchantAccount": "TwinMerchant",
            "storedPaymentMethodId": psp,
            "type": "gopay_wallet",
            "operation": "created",
            "shopperReference": f"shopper-{psp}",
        }
        body = json.dumps(
            {
                "createdAt": NOW.isoformat(),
                "eventId": psp,
                "environment": "test",
                "type": "recurring.token.created",
                "data": data,
            }
        ).encode()
        await receive_token(
            body,
            signature=signing.sign_bytes(body, OTHER_KEY),
            keys=[key_from_hex(OTHER_KEY)],
            inbox=kasir.inbox,
            received_at=NOW,
        )


async def statements_of_reading(kasir: Parts, count: int) -> Counter[str]:
    """Read all unread notices, and count the statements; `count` notices must be unread."""
    with counted_statements() as counted:
        assert await kasir.reader.read_all() == count
    return counted


@pytest.mark.parametrize(
    "store_notices",
    [store_ours, store_foreign, store_early_refunds, store_unreadable, store_token_notices],
)
async def test_reading_many_notices_sends_as_many_statements_as_reading_one(
    kasir: Parts, store_notices: Any
) -> None:
    await store_notices(kasir, 1)
    for_one = await statements_of_reading(kasir, 1)
    await store_notices(kasir, MANY)
    for_many = await statements_of_reading(kasir, MANY)

    assert for_one == for_many
    assert for_one["inbox.settle"] == 1
    assert for_one.total() < 25


async def test_attributing_many_answers_sends_as_many_statements_as_one_answer(
    kasir: Parts,
) -> None:
    counts = []
    for count in (1, MANY):
        psps = [new_psp() for _ in range(count)]
        for psp in psps:
            await open_payment(kasir, psp)
            question = a_question(
                psp,
                key=f"details_{psp}",
                kind=Kind.DETAILS,
                payment_id=None,
                path="/payments/details",
            )
            await kasir.payments.open_question(question)
            body = {
                "resultCode": "Authorised",
                "pspReference": psp,
                "merchantReference": "of another system",
                "amount": {"currency": "IDR", "value": 25_000},
            }
            answer = an_answer(body=json.dumps(body).encode())
            await kasir.payments.record(question, answer, None)
        # The key is "details_" and the pspReference.
        await kasir.pool.execute(
            "UPDATE question SET psp_reference = substr(key, 9) WHERE payment_id IS NULL"
        )
        await receive_items(
            kasir,
            [notification_item(pspReference=psp, merchantReference=f"ORDER-{psp}") for psp in psps],
        )
        counts.append(await statements_of_reading(kasir, count))

    assert counts[0] == counts[1]
    assert counts[0]["questions.assign_answers"] == 1
