"""The end of a capture, cancel or refund does not depend on the order of the facts."""

from __future__ import annotations

from itertools import permutations

import pytest

from fakes import a_fact, an_intent
from kasir.money import IDR, Money
from kasir.payments.endings import Ending
from kasir.payments.facts import Fact, Says, Source, unanswered_key
from kasir.payments.fold import fold

ASKED = {
    "capture": Says.CAPTURE_ASKED,
    "cancel": Says.CANCEL_ASKED,
    "refund": Says.REFUND_ASKED,
    "reversal": Says.REVERSAL_ASKED,
}
PAID = a_fact(Says.AUTHORISED, "PSP")


def asked(kind: str) -> Fact:
    """The shop's request for a change."""
    return a_fact(ASKED[kind], "PSP", about="chg", source=Source.SHOP, key=f"asked:{kind}")


def accepted() -> Fact:
    """Adyen's answer that the change MOD was received."""
    return a_fact(Says.CHANGE_RECEIVED, "PSP", about="chg", modification="MOD", source=Source.REPLY)


def fact_of(says: Says) -> Fact:
    """A notification of the change MOD."""
    return a_fact(says, "PSP", modification="MOD")


def refunded(value: int) -> Fact:
    amount = Money(IDR, value)
    return a_fact(Says.REFUND_CONFIRMED, "PSP", modification="MOD", amount=amount)


def no_answer() -> Fact:
    return a_fact(
        Says.NOTED,
        key=unanswered_key("chg"),
        about="chg",
        source=Source.KASIR,
        words="TimeoutError",
    )


def declined(says: Says) -> Fact:
    """Adyen's answer that rejects the request."""
    return a_fact(says, "PSP", about="chg", source=Source.REPLY, key="reply:chg")


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        ([asked("capture"), accepted(), fact_of(Says.CAPTURED)], Ending.CAPTURE_SUCCEEDED),
        ([asked("capture"), accepted(), fact_of(Says.CAPTURE_REJECTED)], Ending.CAPTURE_FAILED),
        ([fact_of(Says.CAPTURED), fact_of(Says.CAPTURE_FAILED)], Ending.CAPTURE_FAILED),
        ([asked("cancel"), accepted(), fact_of(Says.CANCEL_REJECTED)], Ending.CANCEL_FAILED),
        ([fact_of(Says.CANCEL_REJECTED)], Ending.CANCEL_FAILED),
    ],
    ids=["captured", "capture rejected", "failed later", "not cancelled", "requested elsewhere"],
)
def test_a_change_ends_the_same_way_in_any_order_of_facts(
    facts: list[Fact], ending: Ending
) -> None:
    endings = {
        fold(an_intent(captures_itself=False), [PAID, *order]).endings
        for order in permutations(facts)
    }

    assert endings == {(("MOD", ending),)}


@pytest.mark.parametrize(
    ("kind", "says", "ending"),
    [
        ("capture", Says.CHANGE_DECLINED, Ending.CAPTURE_FAILED),
        ("cancel", Says.CHANGE_DECLINED, Ending.CANCEL_FAILED),
        ("refund", Says.REFUND_DECLINED, Ending.REFUND_NEVER_TAKEN),
        ("reversal", Says.REFUND_DECLINED, Ending.REFUND_NEVER_TAKEN),
    ],
)
def test_a_rejected_request_is_an_ending_only_if_it_was_unanswered_before(
    kind: str, says: Says, ending: Ending
) -> None:
    at_once = fold(an_intent(), [PAID, asked(kind), declined(says)])
    later = fold(an_intent(), [PAID, asked(kind), no_answer(), declined(says)])
    still_open = fold(an_intent(), [PAID, asked(kind), no_answer()])

    assert (at_once.endings, still_open.endings) == ((), ())
    assert later.endings == (("chg", ending),)


@pytest.mark.parametrize(
    "facts",
    [
        [accepted(), fact_of(Says.CANCEL_REJECTED)],
        [no_answer(), declined(Says.CHANGE_DECLINED)],
        [asked("cancel"), accepted(), fact_of(Says.CANCEL_REJECTED), fact_of(Says.VOIDED)],
        [asked("capture"), accepted()],
    ],
    ids=["Kasir's own", "Kasir's own, rejected", "cancelled later", "open"],
)
def test_a_fact_that_ends_no_change_of_the_shop_is_no_ending(facts: list[Fact]) -> None:
    assert fold(an_intent(), [PAID, *facts]).endings == ()


@pytest.mark.parametrize(
    ("facts", "is_given_back"),
    [
        ([], False),
        ([PAID], False),
        ([fact_of(Says.VOIDED)], False),
        ([PAID, fact_of(Says.VOIDED)], True),
        ([PAID, refunded(25_000)], True),
        ([PAID, refunded(10_000)], False),
        ([PAID, refunded(25_000), fact_of(Says.REFUND_FAILED)], False),
    ],
    ids=["nothing", "paid", "never paid", "voided", "refunded", "in part", "refund failed"],
)
def test_a_payment_is_given_back_once_its_whole_amount_was_returned(
    facts: list[Fact], is_given_back: bool
) -> None:
    assert fold(an_intent(), facts).is_given_back is is_given_back
