"""The status of facts does not depend on their order, nor on how often each was received."""

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

#: Few names, so that several facts are about the same attempt, call or change.
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
#: As they are stored: one fact per key.
known_facts = st.lists(any_fact, max_size=12, unique_by=lambda fact: fact.key)
intents = st.builds(an_intent, captures_itself=st.booleans())


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """Facts, and the same facts in another order, some of them several times."""
    facts = draw(known_facts)
    more = draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    return facts, draw(st.permutations(facts + more))


ASKED_ONCE_NAMED_TWICE = [
    a_fact(Says.REFUND_RECEIVED, "PSP-A", about="kasir-chg-1", modification="CHG-A"),
    a_fact(Says.REFUND_RECEIVED, "PSP-A", about="kasir-chg-1", modification="CHG-B"),
    a_fact(Says.REFUND_ASKED, about="kasir-chg-1", amount=Money(IDR, 1)),
]


@given(intents, shuffled())
@example(an_intent(), (ASKED_ONCE_NAMED_TWICE, ASKED_ONCE_NAMED_TWICE[::-1]))
def test_order_and_repetition_change_nothing(
    intent: Any, pair: tuple[list[Fact], list[Fact]]
) -> None:
    facts, again = pair

    assert fold(intent, again) == fold(intent, facts)
    assert status(again) == status(facts)
    # Compared as lists: the order must be the same, too, also in another process.
    assert changes(again, ATTEMPTS, IDR) == changes(facts, ATTEMPTS, IDR)


@given(known_facts, any_fact)
def test_only_a_voiding_of_the_same_attempt_makes_a_paid_payment_unpaid(
    facts: list[Fact], new: Fact
) -> None:
    before, after = status(facts), status([*facts, new])

    if before is Status.AUTHORISED and after is not Status.AUTHORISED:
        paid = {fact.psp_reference for fact in facts if fact.says is Says.AUTHORISED}

        # Or it reports that an answer without an amount was of another amount.
        assert new.says in {Says.VOIDED, Says.AMOUNT_MISMATCH}
        assert new.psp_reference in paid


@given(known_facts, st.sampled_from(["PSP-A", "PSP-B"]))
def test_an_authorisation_of_an_attempt_that_was_not_voided_always_pays(
    facts: list[Fact], attempt: str
) -> None:
    voided = {fact.psp_reference for fact in facts if fact.says is Says.VOIDED}
    now = status([*facts, a_fact(Says.AUTHORISED, attempt, amount=Money(IDR, 25_000))])

    assert attempt in voided or now is Status.AUTHORISED


@given(known_facts)
def test_a_fact_that_is_only_noted_changes_no_status(facts: list[Fact]) -> None:
    relevant = [fact for fact in facts if fact.says is not Says.NOTED or fact.about]
    without = [fact for fact in relevant if fact.says is not Says.NOTED]
    lifted = {fact.about for fact in relevant if fact.says is Says.NOTED}
    waiting = {fact.about for fact in relevant if fact.says is Says.UNKNOWN}

    if not lifted & waiting:  # An answer without a result is still an answer.
        assert status(relevant) == status(without)


def disputed(says: Says, dispute: str) -> Fact:
    """A fact of a dispute about a tenth of the payment."""
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
def test_the_fold_names_an_attempt_of_its_facts(intent: Any, facts: list[Fact]) -> None:
    named = {fact.psp_reference for fact in facts} | {""}

    assert fold(intent, facts).psp_reference in named
