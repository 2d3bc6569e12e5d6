"""Whose news is it? By what it says, and never by when it came."""

from __future__ import annotations

from itertools import permutations

from kasir.ids import PaymentId
from kasir.money import IDR, Money
from kasir.payments.matching import Candidate, News, match

PRICE = Money(IDR, 25_000)
ONE, TWO = PaymentId("pay_1"), PaymentId("pay_2")


def candidate(payment_id: PaymentId, *names: str, amount: Money = PRICE) -> Candidate:
    return Candidate(payment_id, amount, frozenset(names))


def test_news_of_nobodys_reference_is_nobodys() -> None:
    assert match(News(("PSP",)), []) is None


def test_the_only_payment_there_is_is_meant() -> None:
    assert match(News(("PSP",)), [candidate(ONE)]) == ONE
    assert match(News(()), [candidate(ONE)]) == ONE


def test_a_name_stays_with_the_payment_it_was_first_seen_on() -> None:
    found = match(News(("PSP-B",)), [candidate(ONE, "PSP-A"), candidate(TWO, "PSP-B")])

    assert found == TWO


def test_a_name_decides_before_our_own_id_does() -> None:
    news = News(("PSP-B",), payment_id=ONE)

    assert match(news, [candidate(ONE), candidate(TWO, "PSP-B")]) == TWO


def test_the_attempts_name_decides_before_the_changes_name() -> None:
    news = News(("PSP-A", "CHG-B"))

    assert match(news, [candidate(ONE, "PSP-A"), candidate(TWO, "CHG-B")]) == ONE


def test_our_own_id_decides_where_no_name_does() -> None:
    assert match(News(("NEW",), payment_id=TWO), [candidate(ONE), candidate(TWO)]) == TWO


def test_what_cannot_be_told_apart_is_left_alone() -> None:
    both = [candidate(ONE), candidate(TWO)]

    assert match(News(("NEW",)), both) is None
    assert match(News(("NEW",), payment_id="pay_3"), both) is None


def test_a_payment_of_another_amount_is_never_meant() -> None:
    cheap, dear = Money(IDR, 1), PRICE

    assert match(News(("NEW",), amount=cheap), [candidate(ONE, amount=dear)]) is None
    assert match(News(("PSP-A",), amount=cheap), [candidate(ONE, "PSP-A")]) is None
    assert match(News(("NEW",), payment_id=ONE, amount=cheap), [candidate(ONE)]) is None


def test_an_amount_may_tell_two_payments_apart() -> None:
    other = Money(IDR, 1)
    two = [candidate(ONE), candidate(TWO, amount=other)]

    assert match(News(("NEW",), amount=other), two) == TWO


def test_the_order_of_the_candidates_does_not_matter() -> None:
    three = [candidate(ONE, "A"), candidate(TWO, "B"), candidate(PaymentId("pay_3"))]
    for news in (News(("A",)), News(("B", "A")), News((), payment_id=TWO), News(("NEW",))):
        found = {match(news, list(order)) for order in permutations(three)}

        assert len(found) == 1
