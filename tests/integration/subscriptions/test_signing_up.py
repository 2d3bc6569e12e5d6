"""A paid sign-up becomes active, in whatever order Adyen's messages about it arrive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import permutations
from typing import Final, TypeAlias

import pytest

from fakes import a_fact
from integration.subscriptions.shop import Shop
from kasir.ids import PaymentId
from kasir.payments.facts import Says, Source
from kasir.subscriptions.states import State
from kasir.tokens.model import BY_WEBHOOK, TokenFact, TokenName, TokenReport, TokenSays

#: Adyen's answer to a sign-up. Its pspReference is not that of the authorisation.
SENT_TO_THE_WALLET = {
    "resultCode": "RedirectShopper",
    "action": {"type": "redirect", "method": "GET", "url": "https://wallet.example/1"},
}
#: The authorisation's pspReference. Answers to `/payments/details` may lack it, as Adyen's example.
PAID = "PAIDPSPREFERENCE"

#: Stores one of Adyen's messages about the payment.
Arrive: TypeAlias = Callable[[Shop, PaymentId], Awaitable[None]]


async def answer_details(shop: Shop, payment_id: PaymentId) -> None:
    """Record that `/payments/details` was answered `Authorised`, without a pspReference."""
    answered = a_fact(Says.AUTHORISED, source=Source.DETAILS)
    await shop.kasir.payments.add_facts(payment_id, [answered])


async def read_token(shop: Shop, _: PaymentId) -> None:
    """Record the token that the payment created, as its notification reports it."""
    account = shop.kasir.settings.merchant_account
    name = TokenName(merchant_account=account, shopper_reference="shopper-SUB", stored_id="TOKEN")
    fact = TokenFact(
        key="created",
        says=TokenSays.CREATED,
        source=BY_WEBHOOK,
        at=shop.clock.now(),
        psp_reference=PAID,
    )
    await shop.kasir.tokens.record([TokenReport(name=name, method="gopay_wallet", fact=fact)])


async def read_authorisation(shop: Shop, payment_id: PaymentId) -> None:
    """Receive and read the AUTHORISATION."""
    await shop.post_notification(
        pspReference=PAID,
        merchantReference="SUB",
        amount={"currency": "IDR", "value": 50_000},
        additionalData={"metadata.kasirPaymentId": payment_id},
    )
    await shop.kasir.reader.read_all()


MESSAGES: Final[tuple[Arrive, ...]] = (answer_details, read_token, read_authorisation)


@pytest.mark.parametrize(
    "messages",
    [*permutations(MESSAGES)],
    ids=lambda messages: "-".join(one.__name__ for one in messages),
)
async def test_a_sign_up_is_active_in_whatever_order_its_messages_arrive(
    shop: Shop, messages: tuple[Arrive, ...]
) -> None:
    shop.adyen.answers["SUB"] = [SENT_TO_THE_WALLET]
    subscription_id = await shop.sign_up(await shop.create_plan(), "SUB")
    (payment,) = await shop.kasir.payments.payments_of("SUB", 10)
    await shop.work()
    assert (await shop.find(subscription_id)).state is State.INCOMPLETE

    for arrive in messages:
        await arrive(shop, payment.intent.id)
        await shop.work()  # A worker that finds nothing due takes no turn.

    assert (await shop.find(subscription_id)).state is State.ACTIVE
