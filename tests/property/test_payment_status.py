"""The status of a payment does not depend on the order or the repetition of its facts."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from fakes import a_fact, an_intent
from kasir.money import IDR, Money
from kasir.payments.changes import changes
from kasir.payments.facts import Fact, Says
from kasir.payments.fold import fold
from kasir.payments.status import Status, status

#: Few values, so that several facts are about the same attempt, call or change.
ATTEMPTS = ["", "PSP-A", "PSP-B"]
CALLS = ["", "kasir-pay_1", "kasir-det-1", "kasir-chg-1", "kasir-chg-2"]
CHANGES = ["", "CHG-A", "CHG-B"]

any_fact = st.builds(
    a_fact,
    st.sampled_from(Says),
    st.sampled_from(ATTEMPTS),
    about=st.sampled_from(CALLS),
    modification=st.sampled_from(CHANGES),
    amount=st.one_of(
        st.none(), st.builds(Money, st.just(IDR), st.sampled_from([1, 10_000, 25_000]))
    ),
)
#: Lists of facts as they are stored: one fact per key.
known_facts = st.lists(any_fact, max_size=12, unique_by=lambda fact: fact.key)
intents = st.builds(an_intent, captures_itself=st.booleans())


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """Facts, and the same facts in another order, some of them several times."""
    facts = draw(known_facts)
    more = draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    return facts, draw(st.permutations(facts + more))


ONE_CHANGE_WITH_TWO_REFERENCES = [
    a_fact(Says.REFUND_RECEIVED, "PSP-A", about="kasir-chg-1", modification="CHG-A"),
    a_fact(Says.REFUND_RECEIVED, "PSP-A", about="kasir-chg-1", modification="CHG-B"),
    a_fact(Says.REFUND_ASKED, about="kasir-chg-1", amount=Money(IDR, 1)),
]


@given(intents, shuffled())
@example(an_intent(), (ONE_CHANGE_WITH_TWO_REFERENCES, ONE_CHANGE_WITH_TWO_REFERENCES[::-1]))
def test_order_and_repetition_change_nothing(
    intent: Any, pair: tuple[list[Fact], list[Fact]]
) -> None:
    facts, again = pair

    assert fold(intent, again) == fold(intent, facts)
    assert status(again) == status(facts)
    # Lists are compared, because the order of the changes must be the same too.
    assert changes(again, ATTEMPTS, IDR) == changes(facts, ATTEMPTS, IDR)


@given(known_facts, any_fact)
def test_only_a_voided_or_mismatched_attempt_makes_a_paid_payment_unpaid(
    facts: list[Fact], new: Fact
) -> None:
    before, after = status(facts), status([*facts, new])

    if before is Status.AUTHORISED and after is not Status.AUTHORISED:
        paid = {fact.psp_reference for fact in facts if fact.says is Says.AUTHORISED}

        # AMOUNT_MISMATCH: the amount of an answer without one becomes known, and is another one.
        assert new.says in {Says.VOIDED, Says.AMOUNT_MISMATCH}
        assert new.psp_reference in paid


@given(known_facts, st.sampled_from(["PSP-A", "PSP-B"]))
def test_an_authorised_attempt_that_was_not_voided_always_makes_the_payment_authorised(
    facts: list[Fact], attempt: str
) -> None:
    voided = {fact.psp_reference for fact in facts if fact.says is Says.VOIDED}
    after = status([*facts, a_fact(Says.AUTHORISED, attempt, amount=Money(IDR, 25_000))])

    assert attempt in voided or after is Status.AUTHORISED


@given(known_facts)
def test_a_noted_fact_changes_no_status_unless_it_answers_an_unknown_call(
    facts: list[Fact],
) -> None:
    relevant = [fact for fact in facts if fact.says is not Says.NOTED or fact.about]
    without = [fact for fact in relevant if fact.says is not Says.NOTED]
    answered = {fact.about for fact in relevant if fact.says is Says.NOTED}
    unknown = {fact.about for fact in relevant if fact.says is Says.UNKNOWN}

    if not answered & unknown:
        assert status(relevant) == status(without)


def disputed(says: Says, dispute: str) -> Fact:
    """A fact of a dispute about 2,500 rupiah, a tenth of the payment."""
    return a_fact(says, "PSP-A", modification=dispute, amount=Money(IDR, 2_500))


DISPUTES = ["D-A", "D-B"]
DISPUTED = [Says.CHARGED_BACK, Says.CHARGEBACK_REVERSED, Says.SECOND_CHARGEBACK]
dispute_facts = st.builds(disputed, st.sampled_from(DISPUTED), st.sampled_from(DISPUTES))


@given(st.sets(dispute_facts), st.randoms(use_true_random=False))
def test_a_dispute_is_lost_if_its_last_fact_is_a_chargeback_in_any_order(
    facts: set[Fact], chance: Any
) -> None:
    order = [a_fact(Says.AUTHORISED, "PSP-A"), *facts]
    chance.shuffle(order)
    reported = {
        name: {fact.says for fact in facts if fact.modification == name} for name in DISPUTES
    }
    lost = [
        name
        for name, kinds in reported.items()
        if Says.SECOND_CHARGEBACK in kinds or kinds == {Says.CHARGED_BACK}
    ]

    assert fold(an_intent(), order).charged_back == Money(IDR, 2_500 * len(lost))


@given(intents, known_facts)
def test_the_psp_reference_of_a_payment_is_that_of_one_of_its_facts(
    intent: Any, facts: list[Fact]
) -> None:
    of_facts = {fact.psp_reference for fact in facts} | {""}

    assert fold(intent, facts).psp_reference in of_facts
