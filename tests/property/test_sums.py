"""Every sum stays in 0 ... authorised, and no accepted call lets more money out than came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes import a_fact, a_question, an_intent
from kasir.errors import InvalidRequest
from kasir.money import IDR, Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.fold import fold, payment
from kasir.payments.payment import Payment
from kasir.payments.question import Kind
from kasir.payments.status import paid_attempts
from kasir.payments.sums import sums
from kasir.requests import changes
from kasir.shop_events.shapes import shown

WHOLE: Final = 25_000

ATTEMPTS = ["", "PSP-A", "PSP-B"]
CALLS = ["", "kasir-pay_1", "kasir-chg-1", "kasir-chg-2"]
CHANGES = ["", "CHG-A", "CHG-B", "PSP-A"]
#: The words of changes in facts from before each kind of change had its own `says`.
WORDS = ["", "captures", "cancels", "cancels_by_reference", "reversals", "refunds"]
VALUES = [0, 1, -1, 10_000, -WHOLE, WHOLE, WHOLE + 1, 10**18, -(10**18)]

amounts = st.one_of(
    st.none(),
    st.builds(Money, st.sampled_from([IDR, IDR, IDR, Currency("EUR")]), st.sampled_from(VALUES)),
)


@st.composite
def any_fact(draw: st.DrawFn, says: Sequence[Says] = tuple(Says)) -> Fact:
    """Any kind of fact, from any source, about any attempt, with any amount or none."""
    fact = a_fact(
        draw(st.sampled_from(says)),
        draw(st.sampled_from(ATTEMPTS)),
        about=draw(st.sampled_from(CALLS)),
        modification=draw(st.sampled_from(CHANGES)),
        amount=draw(amounts),
        source=draw(st.sampled_from(Source)),
        words=draw(st.sampled_from(WORDS)),
    )
    # Each fact has its own key; several facts may be about one attempt or change.
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
def test_every_sum_stays_between_zero_and_the_authorised_amount(
    intent: Any, facts: list[Fact]
) -> None:
    made = payment(intent, facts)
    seen, whole = shown(made), range(WHOLE * len(paid_attempts(facts)) + 1)

    assert (seen.captured in whole, seen.refunded in whole) == (True, True)
    assert seen.charged_back in whole
    for refund in made.summary.refunds:
        assert refund.amount.minor_units in range(WHOLE + 1)
    money = sums(intent, facts)
    left = [money.refundable(attempt).left.minor_units for attempt in paid_attempts(facts)]
    assert sum(left) <= seen.captured
    for attempt in ATTEMPTS:
        assert money.refundable(attempt).left.minor_units in range(WHOLE + 1)
        assert money.capturable(attempt).left.minor_units in range(WHOLE + 1)
        if attempt not in paid_attempts(facts):
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
def test_a_new_change_never_increases_what_is_left(
    intent: Any, facts: list[Fact], asked: Fact
) -> None:
    new = replace(asked, about="kasir-chg-9", modification="", key="asked:kasir-chg-9")
    before, after = sums(intent, facts), sums(intent, [*facts, new])

    for attempt in paid_attempts(facts):
        left, then = before.refundable(attempt).left, after.refundable(attempt).left
        assert then.minor_units <= left.minor_units
        left, then = before.capturable(attempt).left, after.capturable(attempt).left
        assert then.minor_units <= left.minor_units


class Trade:
    """A shop that requests any change, and a provider that refuses no amount.

    The provider reports late, in any order and several times, or not at all. A change that Kasir's
    check accepts is done in full, or fails, at any later time.
    """

    def __init__(self, *, captures_itself: bool) -> None:
        self.intent = an_intent(captures_itself=captures_itself)
        self.known = [PAID]
        self.notifications: list[Fact] = []
        self.never_received: list[Fact] = []
        self.open: list[tuple[Kind, int, str]] = []
        self.done: list[tuple[str, int]] = []
        self.asked = self.out = self.lost = 0
        self.taken = WHOLE if captures_itself else 0
        self.is_voided = False

    def payment(self) -> Payment:
        """The payment as Kasir has it."""
        return payment(self.intent, self.known)

    def asks(self, kind: Kind, value: int, *, is_answered: bool) -> None:
        """The shop requests a change; Kasir's check decides. The answer may come late, or never."""
        self.asked += 1
        name, key = f"CHG-{self.asked}", f"kasir-chg-{self.asked}"
        question = a_question(key=key, kind=kind)
        fields = {"amount": {"currency": "IDR", "value": value}}
        try:
            facts = changes._DECIDES[kind](question, "PSP-A", fields)(self.payment())  # noqa: SLF001
        except InvalidRequest:
            return
        self.known += facts
        self.open.append((kind, value, name))
        is_back = kind in {Kind.REFUNDS, Kind.REVERSALS}
        says = Says.REFUND_RECEIVED if is_back else Says.CHANGE_RECEIVED
        answer = a_fact(says, "PSP-A", about=key, modification=name)
        (self.notifications if is_answered else self.never_received).append(answer)

    def ends(self, pick: int, *, is_well: bool) -> None:
        """One requested change is done, or fails."""
        if not self.open:
            return
        kind, value, name = self.open.pop(pick % len(self.open))
        is_well = is_well and not self.is_voided
        if kind is Kind.CAPTURES:
            self._capture(value if is_well else 0, name)
        elif kind is Kind.REFUNDS:
            self._give_back(value if is_well else 0, name)
        elif kind is Kind.REVERSALS and (self.taken or not is_well):
            self._give_back(self.taken if is_well else 0, name)
        elif not is_well:
            self._report(Says.CANCEL_REJECTED, 0, name)
        else:
            # Even a captured payment may be cancelled: perhaps not every wallet refuses that.
            self.out, self.is_voided = self.out + self.taken, True
            self._report(Says.VOIDED, 0, name)

    def bounces(self, pick: int) -> None:
        """A refund fails after it was done, and its money returns."""
        if self.done:
            name, value = self.done.pop(pick % len(self.done))
            self.out -= value
            self._report(Says.REFUND_FAILED, value, name)

    def disputes(self, pick: int, value: int) -> None:
        """The shopper disputes money that was not refunded; Kasir records it at once."""
        worst = sum(value for kind, value, _ in self.open if kind is Kind.REFUNDS)
        if any(kind in {Kind.REVERSALS, Kind.CANCELS} for kind, _, _ in self.open):
            worst = WHOLE
        name = f"D-{pick}"
        is_new = all(fact.modification != name for fact in self.known)
        if is_new and self.out + self.lost + worst + value <= self.taken:
            self.lost += value
            self.known.append(wild(Says.CHARGED_BACK, value, name))

    def receives(self, pick: int, *, is_kept: bool) -> None:
        """Kasir records one notification; if it is kept, it may come again."""
        if self.notifications:
            fact = self.notifications[pick % len(self.notifications)]
            if not is_kept:
                self.notifications.remove(fact)
            if fact not in self.known:
                self.known.append(fact)

    def settles(self) -> int:
        """End all changes, record every fact, and return the amount that may still be refunded."""
        while self.open:
            self.ends(0, is_well=False)
        every = [*self.known, *self.notifications, *self.never_received]
        return sums(self.intent, every).refundable("PSP-A").left.minor_units

    def _capture(self, value: int, name: str) -> None:
        if not self.intent.captures_itself:
            self.taken += value
        self._report(Says.CAPTURED if value else Says.CAPTURE_REJECTED, value, name)

    def _give_back(self, value: int, name: str) -> None:
        self.out += value
        if value:
            self.done.append((name, value))
        self._report(Says.REFUND_CONFIRMED if value else Says.REFUND_REJECTED, value, name)

    def _report(self, says: Says, value: int, name: str) -> None:
        self.notifications.append(wild(says, value, name))


#: Reversals and cancels end a trade early, and so are rare.
KINDS = [*[Kind.CAPTURES] * 4, *[Kind.REFUNDS] * 5, Kind.REVERSALS, Kind.CANCELS]
WHATS = ["asks", "asks", "asks", "ends", "ends", "receives", "receives", "bounces", "disputes"]
Step = tuple[str, Kind, int, int, bool]
steps = st.tuples(
    st.sampled_from(WHATS),
    st.sampled_from(KINDS),
    st.sampled_from([5_000, 10_000, 15_000, WHOLE]),
    st.integers(0, 5),
    st.sampled_from([True, True, True, False]),
)


def do(trade: Trade, step: Step) -> None:
    """Do one step."""
    what, kind, value, pick, is_so = step
    match what:
        case "asks":
            trade.asks(kind, value, is_answered=is_so)
        case "ends":
            trade.ends(pick, is_well=is_so)
        case "receives":
            trade.receives(pick, is_kept=is_so)
        case "bounces":
            trade.bounces(pick)
        case "disputes":
            trade.disputes(pick, value)


def asks(kind: Kind) -> Step:
    """The shop requests the whole amount, and gets its answer."""
    return "asks", kind, WHOLE, 0, True


ENDS: Final[Step] = ("ends", Kind.CAPTURES, WHOLE, 0, True)
LAST: Final[Step] = ("ends", Kind.CAPTURES, WHOLE, -1, True)
RECEIVES: Final[Step] = ("receives", Kind.CAPTURES, WHOLE, 1, False)
CAPTURED: Final = [asks(Kind.CAPTURES), ENDS, RECEIVES]
EARLY_REVERSAL: Final = [asks(Kind.CAPTURES), asks(Kind.REVERSALS), ENDS, RECEIVES, RECEIVES]


@settings(max_examples=1_000)
@given(st.booleans(), st.lists(steps, min_size=8, max_size=30))
@example(captures_itself=False, happens=[*EARLY_REVERSAL, asks(Kind.REFUNDS), ENDS, ENDS])
@example(captures_itself=False, happens=[asks(Kind.CAPTURES), asks(Kind.CAPTURES), ENDS, ENDS])
@example(
    captures_itself=False, happens=[*CAPTURED, asks(Kind.CANCELS), asks(Kind.REFUNDS), LAST, ENDS]
)
@example(
    captures_itself=False, happens=[*CAPTURED, asks(Kind.REFUNDS), asks(Kind.CANCELS), ENDS, ENDS]
)
@example(captures_itself=True, happens=[asks(Kind.REFUNDS), asks(Kind.REVERSALS), ENDS, ENDS])
@example(captures_itself=True, happens=[asks(Kind.REVERSALS), asks(Kind.REFUNDS), ENDS, ENDS])
@example(captures_itself=True, happens=[asks(Kind.REFUNDS), ENDS, asks(Kind.REFUNDS), ENDS])
def test_no_more_money_leaves_than_came_in_whatever_is_requested_and_however_late_it_is_reported(
    captures_itself: bool,  # Drawn.
    happens: list[Step],
) -> None:
    trade = Trade(captures_itself=captures_itself)
    for step in happens:
        do(trade, step)
        seen = shown(trade.payment())

        assert trade.out + trade.lost <= trade.taken <= WHOLE
        assert max(seen.captured, seen.refunded, seen.charged_back) <= WHOLE
        assert min(seen.captured, seen.refunded, seen.charged_back) >= 0

    left = trade.settles()
    assert left == (0 if trade.is_voided else trade.taken - trade.out - trade.lost)
