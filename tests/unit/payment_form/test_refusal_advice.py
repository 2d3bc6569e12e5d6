"""Advice is given for the two refusals that a shopper can resolve."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from kasir.payment_form.refusal_advice import advice_of
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.payment import Payment


@pytest.mark.parametrize(
    ("says", "words", "advice"),
    [
        (Says.REFUSED, "Not enough balance", "balance"),
        (Says.REFUSED, "NOT_ENOUGH_BALANCE", "balance"),
        (Says.REFUSED, "12 : Not enough balance", "balance"),
        (Says.REFUSED, "Withdrawal amount exceeded", "limit"),
        (Says.FAILED, "Invalid amount specified", "limit"),
        (Says.REFUSED, "FRAUD", ""),
        (Says.NOTED, "Not enough balance", ""),
        (Says.REFUSED, "", ""),
    ],
)
def test_advice_is_given_only_for_refusals_that_the_shopper_can_resolve(
    says: Says, words: str, advice: str
) -> None:
    fact = Fact("a", says, Source.DETAILS, datetime(2026, 11, 26, tzinfo=UTC), words=words)
    payment = SimpleNamespace(facts=(fact,))

    assert advice_of(cast("Payment", payment)) == advice
