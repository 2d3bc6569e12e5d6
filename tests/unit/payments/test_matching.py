"""Which payment a message belongs to, by the table of docs/payment-status.md.

Every combination of the table's columns is tested. The expected result is from a second
implementation of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product, starmap
from typing import Final

import pytest

from kasir.ids import PaymentId
from kasir.money import IDR, Currency, Money
from kasir.payments.matching import Candidate, Clues, Match, Ruling, match

PRICE: Final = Money(IDR, 25_000)
GOPAY: Final = "gopay_wallet"
ONE, TWO, OTHER = PaymentId("pay_1"), PaymentId("pay_2"), PaymentId("pay_3")
REFERENCE: Final = "ORDER-1"


def candidate(payment_id: PaymentId, **changes: object) -> Candidate:
    fields: dict[str, object] = {
        "id": payment_id,
        "reference": REFERENCE,
        "amount": PRICE,
        "method": GOPAY,
    }
    return Candidate(**(fields | changes))  # type: ignore[arg-type]


def clues(**changes: object) -> Clues:
    fields: dict[str, object] = {
        "attempt": "PSP",
        "reference": REFERENCE,
        "method": GOPAY,
        "amount": PRICE,
        "pays": True,
    }
    return Clues(**(fields | changes))  # type: ignore[arg-type]


OPEN = candidate(ONE)
ALSO_OPEN = candidate(TWO)
CLOSED = candidate(ONE, is_open=False, has_attempt=True)
OPEN_WITH_ATTEMPT = candidate(ONE, has_attempt=True)
#: A payment of another reference, found only by a PSP reference or by Kasir's payment id.
ELSEWHERE = candidate(OTHER, reference="ORDER-2")


@dataclass(frozen=True)
class Case:
    """One message, and the payments that Kasir has. Each value is a key of the tables below.

    Attributes:
        echo: Kasir's payment id in the message.
        owner: The payments that own the message's PSP references.
        method: The message's payment method.
        amount: The message's amount.
        payments: The payments with the message's merchant reference.
        kind: What the message reports.
    """

    echo: str
    owner: str
    method: str
    amount: str
    payments: str
    kind: str


ECHOES: Final = {"none": "", "ours": ONE, "elsewhere": OTHER, "unknown": "pay_9"}
#: The payments that own the message's PSP references: the attempt's, the change's or both.
OWNERS: Final[dict[str, dict[str, PaymentId]]] = {
    "none": {},
    "ours": {"PSP": ONE},
    "elsewhere": {"PSP": OTHER},
    "change": {"CHG": ONE},
    "two": {"PSP": ONE, "CHG": OTHER},
}
METHODS: Final = {"ours": GOPAY, "absent": "", "visa": "visa"}
AMOUNTS: Final = {
    "same": PRICE,
    "one": Money(IDR, 1),
    "zero": Money(IDR, 0),
    "larger": Money(IDR, 900_000),
    "euro": Money(Currency("EUR"), 25_000),
    "absent": None,
}
#: The payments with the message's reference.
PAYMENTS: Final = {
    "none": (),
    "open": (OPEN,),
    "open twice": (OPEN, ALSO_OPEN),
    "open and of another amount": (OPEN, candidate(TWO, amount=Money(IDR, 1))),
    "open and closed": (candidate(TWO, is_open=False, has_attempt=True), OPEN),
    "closed": (CLOSED,),
    "open with an attempt": (OPEN_WITH_ATTEMPT,),
}
#: What the message reports. The rule is the same for notifications and for answers about a return.
CLUES: Final[dict[str, dict[str, object]]] = {
    "paid": {"pays": True},
    "not paid": {"pays": False},
    "change": {"pays": False, "is_change": True, "change": "CHG"},
}
CASES: Final = [
    case
    for case in starmap(Case, product(ECHOES, OWNERS, METHODS, AMOUNTS, PAYMENTS, CLUES))
    # Only a change has a second PSP reference that a payment can own.
    if case.kind == "change" or case.owner not in {"change", "two"}
]


def found_match(case: Case) -> Match:
    """The match that the code finds."""
    message = clues(
        payment_id=ECHOES[case.echo],
        method=METHODS[case.method],
        amount=AMOUNTS[case.amount],
        **CLUES[case.kind],
    )
    owners = OWNERS[case.owner]
    # The database finds candidates by reference, by Kasir's id and by PSP reference.
    candidates = {payment.id: payment for payment in PAYMENTS[case.payments]}
    for payment_id in (ECHOES[case.echo], *owners.values()):
        if payment_id in (ONE, OTHER):
            candidates.setdefault(PaymentId(payment_id), OPEN if payment_id == ONE else ELSEWHERE)
    return match(message, owners, list(candidates.values()))


def expected(case: Case) -> tuple[Ruling, PaymentId | None]:
    """The ruling and the payment of the table's row."""
    # The payments to which the message belongs, by its PSP references and by Kasir's payment id.
    proven = {
        "ours": {ONE},
        "elsewhere": {OTHER},
        "change": {ONE},
        "two": {ONE, OTHER},
        "none": set(),
    }[case.owner] | {"ours": {ONE}, "elsewhere": {OTHER}}.get(case.echo, set())
    if len(proven) == 2:
        return Ruling.HELD, None
    if proven == {OTHER} and case.owner == "none" and case.kind != "change":
        return Ruling.HELD, None  # Kasir's payment id came with the reference of another order.
    if proven:
        return _expected_proven(proven.pop(), case)
    if case.echo == "unknown":
        return Ruling.FOREIGN, None
    method_fits = case.method != "visa"
    if case.kind == "change":
        is_known = case.payments != "none" and method_fits
        return (Ruling.WAITING if is_known else Ruling.FOREIGN), None
    return _expected_unproven(case) if method_fits else (Ruling.FOREIGN, None)


def _expected_proven(payment_id: PaymentId, case: Case) -> tuple[Ruling, PaymentId | None]:
    if case.amount in {"same", "absent"}:
        return Ruling.OURS, payment_id
    if case.kind == "paid":
        return Ruling.MISMATCHED, payment_id
    return (Ruling.HELD, None) if case.amount == "euro" else (Ruling.OURS, payment_id)


def _expected_unproven(case: Case) -> tuple[Ruling, PaymentId | None]:
    if case.amount == "one" and case.payments == "open and of another amount":
        return Ruling.OURS, TWO
    if case.amount != "same" or case.payments == "none":
        return Ruling.FOREIGN, None
    if case.payments in {"open", "open and of another amount", "open and closed"}:
        return Ruling.OURS, ONE
    return Ruling.HELD, None


def test_every_message_is_matched_as_in_the_table() -> None:
    assert len(CASES) > 4_000
    wrong = [
        (case, found)
        for case in CASES
        if ((found := found_match(case)).ruling, found.payment_id) != expected(case)
    ]

    assert wrong == []


def test_a_paid_amount_is_matched_only_to_a_payment_of_that_amount() -> None:
    paid = [case for case in CASES if case.kind == "paid" and case.amount not in ("same", "absent")]
    ours = [case for case in paid if found_match(case).ruling is Ruling.OURS]

    # The only such match is a second payment of exactly that amount.
    assert {(case.amount, case.payments) for case in ours} == {
        ("one", "open and of another amount")
    }


def test_a_message_of_visa_is_never_matched_by_its_reference() -> None:
    foreign = [
        case
        for case in CASES
        if case.method == "visa" and case.echo == "none" and case.owner == "none"
    ]

    assert {found_match(case).ruling for case in foreign} == {Ruling.FOREIGN}


def test_a_change_is_never_claimed_by_its_reference() -> None:
    unproven = [
        case
        for case in CASES
        if case.kind == "change" and case.echo == "none" and case.owner == "none"
    ]

    assert {found_match(case).ruling for case in unproven} == {Ruling.WAITING, Ruling.FOREIGN}


def test_a_held_message_names_its_candidates_and_the_reason() -> None:
    held = [found for case in CASES if (found := found_match(case)).ruling is Ruling.HELD]

    assert held
    assert all(found.fits and found.why for found in held)


@pytest.mark.parametrize("kind", CLUES)
def test_the_order_of_the_candidates_does_not_matter(kind: str) -> None:
    three = [OPEN, candidate(TWO, is_open=False, has_attempt=True), ELSEWHERE]
    for owners in ({}, {"PSP": OTHER}, {"PSP": TWO}):
        message = clues(**CLUES[kind])
        found = {match(message, owners, list(order)).payment_id for order in permutations(three)}

        assert len(found) == 1
