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

#: Few values, so that several facts are about the same attempt, call or change. An empty text means
#: that a fact is about none.
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
    repeated = draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    return facts, draw(st.permutations(facts + repeated))


#: The facts of one call (`kasir-chg-1`) to which Adyen gave two pspReferences.
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
    facts, reordered = pair

    assert fold(intent, reordered) == fold(intent, facts)
    assert status(reordered) == status(facts)
    # Lists are compared, because the order of the changes must be the same too.
    assert changes(reordered, ATTEMPTS, IDR) == changes(facts, ATTEMPTS, IDR)


@given(known_facts, any_fact)
def test_only_a_voided_or_mismatched_attempt_makes_a_paid_payment_unpaid(
    facts: list[Fact], new: Fact
) -> None:
    before, after = status(facts), status([*facts, new])

    if before is Status.AUTHORISED and after is not Status.AUTHORISED:
        paid_attempts = {fact.psp_reference for fact in facts if fact.says is Says.AUTHORISED}

        # AMOUNT_MISMATCH: an answer had no amount, and the amount that becomes known is wrong.
        assert new.says in {Says.VOIDED, Says.AMOUNT_MISMATCH}
        assert new.psp_reference in paid_attempts


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
    # Without the noted facts that are about no call.
    relevant = [fact for fact in facts if fact.says is not Says.NOTED or fact.about]
    without_noted = [fact for fact in relevant if fact.says is not Says.NOTED]
    answered_calls = {fact.about for fact in relevant if fact.says is Says.NOTED}
    unknown_calls = {fact.about for fact in relevant if fact.says is Says.UNKNOWN}

    if not answered_calls & unknown_calls:
        assert status(relevant) == status(without_noted)


def disputed(says: Says, dispute: str) -> Fact:
    """A fact of a dispute about 2,500 rupiah, a tenth of the payment."""
    return a_fact(says, "PSP-A", modification=dispute, amount=Money(IDR, 2_500))


#: The ids of two disputes, and the kinds of their facts.
DISPUTES = ["D-A", "D-B"]
DISPUTED = [Says.CHARGED_BACK, Says.CHARGEBACK_REVERSED, Says.SECOND_CHARGEBACK]
dispute_facts = st.builds(disputed, st.sampled_from(DISPUTED), st.sampled_from(DISPUTES))


@given(st.sets(dispute_facts), st.randoms(use_true_random=False))
def test_in_any_order_a_dispute_is_lost_after_an_unreversed_or_a_second_chargeback(
    facts: set[Fact], chance: Any
) -> None:
    order = [a_fact(Says.AUTHORISED, "PSP-A"), *facts]
    chance.shuffle(order)
    reported = {
        name: {fact.says for fact in facts if fact.modification == name} for name in DISPUTES
    }
    lost_disputes = [
        name
        for name, kinds in reported.items()
        if Says.SECOND_CHARGEBACK in kinds or kinds == {Says.CHARGED_BACK}
    ]

    assert fold(an_intent(), order).charged_back == Money(IDR, 2_500 * len(lost_disputes))


@given(intents, known_facts)
def test_the_psp_reference_of_a_payment_is_that_of_one_of_its_facts(
    intent: Any, facts: list[Fact]
) -> None:
    references = {fact.psp_reference for fact in facts} | {""}

    assert fold(intent, facts).psp_reference in references
