"""No sum leaves 0 ... authorised, and nothing that is let through makes more leave than came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fakes import NOW, a_fact, an_intent
from kasir.errors import InvalidRequest
from kasir.gateway import changes as guard
from kasir.money import IDR, Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.fold import fold, payment
from kasir.payments.payment import Payment
from kasir.payments.ports import Kind, Question
from kasir.payments.status import standing
from kasir.payments.sums import sums
from kasir.shop_events.shapes import shown

WHOLE: Final = 25_000

ATTEMPTS = ["", "PSP-A", "PSP-B"]
CALLS = ["", "kasir-pay_1", "kasir-chg-1", "kasir-chg-2"]
CHANGES = ["", "CHG-A", "CHG-B", "PSP-A"]
#: The words in which changes were asked for before there was a word of their own.
WORDS = ["", "captures", "cancels", "cancels_by_reference", "reversals", "refunds"]
VALUES = [0, 1, -1, 10_000, -WHOLE, WHOLE, WHOLE + 1, 10**18, -(10**18)]

amounts = st.one_of(
    st.none(),
    st.builds(Money, st.sampled_from([IDR, IDR, IDR, Currency("EUR")]), st.sampled_from(VALUES)),
)


@st.composite
def any_fact(draw: st.DrawFn, says: Sequence[Says] = tuple(Says)) -> Fact:
    """Any kind of fact, from anywhere, about anything, of any amount or none."""
    fact = a_fact(
        draw(st.sampled_from(says)),
        draw(st.sampled_from(ATTEMPTS)),
        about=draw(st.sampled_from(CALLS)),
        modification=draw(st.sampled_from(CHANGES)),
        amount=draw(amounts),
        source=draw(st.sampled_from(Source)),
        words=draw(st.sampled_from(WORDS)),
    )
    # One thing is told once; but an attempt or a change may be told of by several.
    return replace(fact, key=f"{fact.source}:{fact.key}:{draw(st.integers(0, 1))}")


known_facts = st.lists(any_fact(), max_size=14, unique_by=lambda fact: fact.key)
intents = st.builds(an_intent, captures_itself=st.booleans())
PAID = a_fact(Says.AUTHORISED, "PSP-A", amount=Money(IDR, WHOLE))


def wild(says: Says, value: int, name: str = "CHG-A") -> Fact:
    return a_fact(says, "PSP-A", modification=name, amount=Money(IDR, value))


@settings(max_examples=500)
@given(intents, known_facts)
@example(an_intent(), [PAID, wild(Says.CAPTURE_FAILED, -WHOLE)])
@example(an_intent(), [PAID, wild(Says.REFUND_CONFIRMED, 10**18)])
@example(an_intent(), [PAID, wild(Says.CHARGED_BACK, -WHOLE)])
@example(an_intent(captures_itself=False), [PAID, wild(Says.CAPTURED, 2 * WHOLE)])
@example(an_intent(captures_itself=False), [wild(Says.CAPTURED, WHOLE)])
def test_no_sum_leaves_nothing_to_authorised_whatever_comes(intent: Any, facts: list[Fact]) -> None:
    made = payment(intent, facts)
    seen, whole = shown(made), range(WHOLE * len(standing(facts)) + 1)

    assert (seen.captured in whole, seen.refunded in whole) == (True, True)
    assert seen.charged_back in whole
    for refund in made.standing.refunds:
        assert refund.amount.minor_units in range(WHOLE + 1)
    money = sums(intent, facts)
    left = [money.refundable(attempt).left.minor_units for attempt in standing(facts)]
    assert sum(left) <= seen.captured
    for attempt in ATTEMPTS:
        assert money.refundable(attempt).left.minor_units in range(WHOLE + 1)
        assert money.capturable(attempt).left.minor_units in range(WHOLE + 1)
        if attempt not in standing(facts):
            assert money.refundable(attempt).left.minor_units == 0


@given(intents, known_facts, st.data())
def test_order_and_repetition_change_no_sum(
    intent: Any, facts: list[Fact], data: st.DataObject
) -> None:
    more = data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    again = data.draw(st.permutations(facts + more))

    assert fold(intent, again) == fold(intent, facts)
    for attempt in ATTEMPTS:
        one, other = sums(intent, again), sums(intent, facts)
        assert one.refundable(attempt) == other.refundable(attempt)
        assert one.capturable(attempt) == other.capturable(attempt)


ASKING = (Says.REFUND_ASKED, Says.REVERSAL_ASKED, Says.CANCEL_ASKED, Says.CAPTURE_ASKED)


@given(intents, known_facts, any_fact(ASKING))
def test_what_is_asked_anew_takes_room_and_makes_none(
    intent: Any, facts: list[Fact], asked: Fact
) -> None:
    fresh = replace(asked, about="kasir-chg-9", modification="", key="asked:kasir-chg-9")
    before, after = sums(intent, facts), sums(intent, [*facts, fresh])

    for attempt in standing(facts):
        room, then = before.refundable(attempt).left, after.refundable(attempt).left
        assert then.minor_units <= room.minor_units
        room, then = before.capturable(attempt).left, after.capturable(attempt).left
        assert then.minor_units <= room.minor_units


class Trade(RuleBasedStateMachine):
    """A shop that asks for anything, and a provider that refuses nothing by its sum.

    What it did is told late, in any order and several times, or not at all. Whatever the guard
    lets through is done in full, or fails, whenever the provider likes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Fact] = []
        self.mail: list[Fact] = []
        self.unheard: list[Fact] = []
        self.open: list[tuple[Kind, int, str]] = []
        self.done: list[tuple[str, int]] = []
        self.asked = self.taken = self.out = self.lost = 0
        self.is_voided = False

    @initialize(by_itself=st.booleans())
    def begins(self, by_itself: bool) -> None:
        """The shopper has paid; the money is taken with it, or by a call."""
        self.intent = an_intent(captures_itself=by_itself)
        self.taken = WHOLE if by_itself else 0
        self.known = [PAID]

    @property
    def payment(self) -> Payment:
        """As Kasir has it."""
        return payment(self.intent, self.known)

    @rule(
        kind=st.sampled_from([Kind.CAPTURES, Kind.REFUNDS, Kind.REVERSALS, Kind.CANCELS]),
        value=st.sampled_from([1, 10_000, 15_000, WHOLE]),
        is_answered=st.booleans(),
    )
    def the_shop_asks(self, kind: Kind, value: int, is_answered: bool) -> None:
        """Whether it may is for the guard to say; the answer may be long in coming."""
        self.asked += 1
        question = Question(
            key=f"kasir-chg-{self.asked}",
            kind=kind,
            payment_id=self.intent.id,
            version=72,
            path="",
            body=b"",
            opened_at=NOW,
            asked_at=NOW,
        )
        fields = {"amount": {"currency": "IDR", "value": value}}
        try:
            facts = guard._DECIDES[kind](question, "PSP-A", fields)(self.payment)  # noqa: SLF001
        except InvalidRequest:
            return
        self.known += facts
        name = f"CHG-{self.asked}"
        self.open.append((kind, value, name))
        is_back = kind in {Kind.REFUNDS, Kind.REVERSALS}
        says = Says.REFUND_RECEIVED if is_back else Says.CHANGE_RECEIVED
        answer = a_fact(says, "PSP-A", about=question.key, modification=name)
        (self.mail if is_answered else self.unheard).append(answer)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), is_well=st.booleans())
    def the_provider_does_it(self, data: st.DataObject, is_well: bool) -> None:
        """One thing asked for ends, well or not."""
        kind, value, name = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        if kind is Kind.CAPTURES:
            self._capture(value, name, is_well=is_well and not self.is_voided)
        elif kind is Kind.REFUNDS:
            self._give_back(value, name, is_well=is_well and not self.is_voided)
        elif not is_well or self.is_voided:
            is_reversal = kind is Kind.REVERSALS
            self._tell(Says.REFUND_REJECTED if is_reversal else Says.CANCEL_REJECTED, 0, name)
        elif kind is Kind.REVERSALS and self.taken:
            self._give_back(self.taken, name, is_well=True)
        else:
            # Even what is captured may be cancelled: not every wallet is known to refuse that.
            self.out, self.is_voided = self.out + self.taken, True
            self._tell(Says.VOIDED, 0, name)

    def _capture(self, value: int, name: str, *, is_well: bool) -> None:
        if is_well and not self.intent.captures_itself:
            self.taken += value
        self._tell(Says.CAPTURED if is_well else Says.CAPTURE_REJECTED, value, name)

    def _give_back(self, value: int, name: str, *, is_well: bool) -> None:
        if is_well:
            self.out += value
            self.done.append((name, value))
        self._tell(Says.REFUND_CONFIRMED if is_well else Says.REFUND_REJECTED, value, name)

    def _tell(self, says: Says, value: int, name: str) -> None:
        self.mail.append(wild(says, value, name))

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def a_refund_bounces(self, data: st.DataObject) -> None:
        """Money that went back returns."""
        name, value = self.done.pop(data.draw(st.integers(0, len(self.done) - 1)))
        self.out -= value
        self._tell(Says.REFUND_FAILED, value, name)

    @rule(number=st.integers(1, 3), value=st.sampled_from([5_000, WHOLE]))
    def the_shopper_disputes(self, number: int, value: int) -> None:
        """Of what has not gone back yet, and the shop hears of it at once."""
        worst = sum(value for kind, value, _ in self.open if kind is Kind.REFUNDS)
        whole = any(kind in {Kind.REVERSALS, Kind.CANCELS} for kind, _, _ in self.open)
        if whole or self.out + self.lost + worst + value > self.taken:
            return
        if all(fact.modification != f"D-{number}" for fact in self.known):
            self.lost += value
            self.known.append(wild(Says.CHARGED_BACK, value, f"D-{number}"))

    @precondition(lambda self: self.mail)
    @rule(data=st.data(), is_kept=st.booleans())
    def news_arrives(self, data: st.DataObject, is_kept: bool) -> None:
        """One thing is heard of, perhaps not for the last time."""
        fact = data.draw(st.sampled_from(self.mail))
        if not is_kept:
            self.mail.remove(fact)
        if fact not in self.known:
            self.known.append(fact)

    @invariant()
    def no_more_leaves_than_came_in(self) -> None:
        """Refunds, reversals, cancels and disputes, against captures, against what was paid."""
        assert self.out + self.lost <= self.taken <= WHOLE

    @invariant()
    def what_is_shown_lies_within_what_was_authorised(self) -> None:
        """Whatever was heard of it by now."""
        seen = shown(self.payment)

        assert all(
            amount in range(WHOLE + 1)
            for amount in (seen.captured, seen.refunded, seen.charged_back)
        )

    def teardown(self) -> None:
        """Everything ends and is told: then all that came in and did not leave may be refunded."""
        while self.open:
            kind, value, name = self.open.pop()
            self._do_nothing(kind, value, name)
        every = [*self.known, *self.mail, *self.unheard]
        left = sums(self.intent, every).refundable("PSP-A").left.minor_units

        assert left == (0 if self.is_voided else self.taken - self.out - self.lost)

    def _do_nothing(self, kind: Kind, value: int, name: str) -> None:
        says = {
            Kind.CAPTURES: Says.CAPTURE_REJECTED,
            Kind.CANCELS: Says.CANCEL_REJECTED,
        }.get(kind, Says.REFUND_REJECTED)
        self._tell(says, value, name)


TestTrade = Trade.TestCase
TestTrade.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
