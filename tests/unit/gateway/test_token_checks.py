"""Adyen's list of tokens is read only before the charge of a token that Adyen has not confirmed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from fakes import NOW, FrozenClock, ScriptedProvider, a_question, an_answer
from kasir.gateway.token_checks import TokenCheckingProvider
from kasir.payments.question import Kind
from kasir.tokens.model import Token, TokenName, TokenState, TokenSummary

CHARGE: dict[str, Any] = {
    "merchantAccount": "TwinMerchant",
    "shopperReference": "shopper-1",
    "paymentMethod": {"storedPaymentMethodId": "TOKEN"},
}


@dataclass(frozen=True)
class UnconfirmedToken:
    """A ledger with one token of `shopper` that Adyen has not confirmed, or with no token."""

    shopper: str = ""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Return the token, or nothing without a shopper."""
        if not self.shopper:
            return []
        name = TokenName(
            merchant_account="TwinMerchant", shopper_reference=self.shopper, stored_id=stored_id
        )
        summary = TokenSummary(
            state=TokenState.ACTIVE, first_psp_reference="PSP", created_at=NOW, is_sure=False
        )
        return [Token(id="tok_1", name=name, method="gopay_wallet", summary=summary)]

    async def reconcile(self, shopper_reference: str) -> object | None:
        """Fail, because the list must not be read."""
        raise AssertionError(shopper_reference)


@pytest.mark.parametrize(
    ("changes", "body", "shopper"),
    [
        pytest.param({"kind": Kind.REFUNDS}, CHARGE, "shopper-1", id="a refund"),
        pytest.param({}, {"paymentMethod": {"type": "gopay_wallet"}}, "shopper-1", id="a payment"),
        pytest.param({}, CHARGE, "", id="a token that no notification reported"),
        pytest.param({}, CHARGE, "shopper-2", id="another shopper's token"),
    ],
)
async def test_adyens_list_is_not_read_before_any_other_call(
    changes: dict[str, Any], body: dict[str, Any], shopper: str
) -> None:
    provider = ScriptedProvider(lambda _: an_answer())
    ledger = UnconfirmedToken(shopper)
    question = a_question(body=json.dumps(body).encode(), **changes)
    checking = TokenCheckingProvider(
        provider=provider, tokens=ledger, listed=ledger, clock=FrozenClock(), wait_s=1
    )
    result = await checking.ask(question)

    assert provider.asked == [question]
    assert result.answer is not None


class Unanswered(UnconfirmedToken):
    """A ledger like the first one, which never gets Adyen's list."""

    async def reconcile(self, shopper_reference: str) -> object | None:
        """Never answer."""
        await asyncio.Event().wait()
        return None


async def test_a_token_is_not_charged_without_adyens_list_in_time() -> None:
    provider = ScriptedProvider(lambda _: an_answer())
    ledger = Unanswered("shopper-1")
    question = a_question(body=json.dumps(CHARGE).encode())
    checking = TokenCheckingProvider(
        provider=provider, tokens=ledger, listed=ledger, clock=FrozenClock(), wait_s=0.01
    )
    result = await checking.ask(question)

    assert provider.asked == []
    assert result.answer is None
