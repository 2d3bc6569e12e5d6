"""Every sum of a payment is between 0 and the authorised amount.

With any requests of a shop, no more money is given back than was captured.
"""

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

#: The amount of the payment in rupiah.
WHOLE: Final = 25_000

#: PspReferences of attempts, keys of calls, and pspReferences of changes. An empty text: none.
ATTEMPTS = ["", "PSP-A", "PSP-B"]
CALLS = ["", "kasir-pay_1", "kasir-chg-1", "kasir-chg-2"]
CHANGES = ["", "CHG-A", "CHG-B", "PSP-A"]
#: The `words` of facts. In old facts they contain the kind of a change, which `says` did not.
WORDS = ["", "captures", "cancels", "cancels_by_reference", "reversals", "refunds"]
#: Amounts of facts, some of them impossible.
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
    # Facts that differ in these parts have different keys, as in the database.
    return replace(fact, key=f"{fact.source}:{fact.key}:{draw(st.integers(0, 1))}")


known_facts = st.lists(any_fact(), max_size=14, unique_by=lambda fact: fact.key)
intents = st.builds(an_intent, captures_itself=st.booleans())
PAID = a_fact(Says.AUTHORISED, "PSP-A", amount=Money(IDR, WHOLE))


def change_fact(says: Says, value: int, name: str = "CHG-A") -> Fact:
    """A fact of a change of attempt PSP-A, with any value in rupiah."""
    return a_fact(says, "PSP-A", modification=name, amount=Money(IDR, value))


@settings(max_examples=500)
@given(intents, known_facts)
@example(an_intent(), [PAID, change_fact(Says.CAPTURE_FAILED, -WHOLE)])
@example(an_intent(), [PAID, change_fact(Says.REFUND_CONFIRMED, 10**18)])
@example(an_intent(), [PAID, change_fact(Says.CHARGED_BACK, -WHOLE)])
@example(an_intent(captures_itself=False), [PAID, change_fact(Says.CAPTURED, 2 * WHOLE)])
@example(an_intent(captures_itself=False), [change_fact(Says.CAPTURED, WHOLE)])
def test_every_sum_stays_between_zero_and_the_authorised_amount(
    intent: Any, facts: list[Fact]
) -> None:
    folded = payment(intent, facts)
    displayed, possible = shown(folded), range(WHOLE * len(paid_attempts(facts)) + 1)

    assert displayed.captured in possible
    assert displayed.refunded in possible
    assert displayed.charged_back in possible
    for refund in folded.summary.refunds:
        assert refund.amount.minor_units in range(WHOLE + 1)
    money = sums(intent, facts)
    refundable = [money.refundable(attempt).left.minor_units for attempt in paid_attempts(facts)]
    assert sum(refundable) <= displayed.captured
    for attempt in ATTEMPTS:
        assert money.refundable(attempt).left.minor_units in range(WHOLE + 1)
        assert money.capturable(attempt).left.minor_units in range(WHOLE + 1)
        if attempt not in paid_attempts(facts):
            assert money.refundable(attempt).left.minor_units == 0


@given(intents, known_facts, st.data())
def test_order_and_repetition_change_no_sum(
    intent: Any, facts: list[Fact], data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    reordered = data.draw(st.permutations(facts + repeated))

    assert fold(intent, reordered) == fold(intent, facts)
    for attempt in ATTEMPTS:
        sums_reordered, sums_in_order = sums(intent, reordered), sums(intent, facts)
        assert sums_reordered.refundable(attempt) == sums_in_order.refundable(attempt)
        assert sums_reordered.capturable(attempt) == sums_in_order.capturable(attempt)


#: The facts that the shop requested a change.
REQUESTS = (Says.REFUND_ASKED, Says.REVERSAL_ASKED, Says.CANCEL_ASKED, Says.CAPTURE_ASKED)


@given(intents, known_facts, any_fact(REQUESTS))
def test_a_new_change_never_increases_the_refundable_or_capturable_amount(
    intent: Any, facts: list[Fact], drawn: Fact
) -> None:
    # A call that none of the other facts is about, and that has no pspReference yet.
    request = replace(drawn, about="kasir-chg-9", modification="", key="asked:kasir-chg-9")
    before, after = sums(intent, facts), sums(intent, [*facts, request])

    for attempt in paid_attempts(facts):
        refundable_before = before.refundable(attempt).left.minor_units
        capturable_before = before.capturable(attempt).left.minor_units
        assert after.refundable(attempt).left.minor_units <= refundable_before
        assert after.capturable(attempt).left.minor_units <= capturable_before


class Trade:
    """A shop that requests any change, and a provider that refuses no amount.

    A change that Kasir accepts succeeds or fails at any later time. The provider reports the result
    late, in any order, several times, or not at all. All values are in rupiah.

    Attributes:
        known: The facts that Kasir has recorded.
        notifications: The facts that Kasir may still receive.
        never_received: The facts in answers that Kasir does not receive.
        open: The changes that have not ended: kind, value and pspReference.
        finished_refunds: PspReference and value of each refund that succeeded.
        request_count: The number of requested changes.
        given_back: The money that was refunded or cancelled.
        disputed: The money that disputes took from the shop.
        captured: The money that was captured.
        is_voided: Whether a cancel succeeded.
    """

    def __init__(self, *, captures_itself: bool) -> None:
        self.intent = an_intent(captures_itself=captures_itself)
        self.known = [PAID]
        self.notifications: list[Fact] = []
        self.never_received: list[Fact] = []
        self.open: list[tuple[Kind, int, str]] = []
        self.finished_refunds: list[tuple[str, int]] = []
        self.request_count = self.given_back = self.disputed = 0
        self.captured = WHOLE if captures_itself else 0
        self.is_voided = False

    def payment(self) -> Payment:
        """The payment according to the facts that Kasir has recorded."""
        return payment(self.intent, self.known)

    def request(self, kind: Kind, value: int, *, is_answered: bool) -> None:
        """The shop requests a change, and Kasir accepts or refuses it.

        The provider's answer to an accepted change comes later, or never if not `is_answered`.
        """
        self.request_count += 1
        psp_reference, key = f"CHG-{self.request_count}", f"kasir-chg-{self.request_count}"
        question = a_question(key=key, kind=kind)
        fields = {"amount": {"currency": "IDR", "value": value}}
        try:
            facts = changes._DECIDES[kind](question, "PSP-A", fields)(self.payment())  # noqa: SLF001
        except InvalidRequest:
            return
        self.known += facts
        self.open.append((kind, value, psp_reference))
        gives_back = kind in {Kind.REFUNDS, Kind.REVERSALS}
        says = Says.REFUND_RECEIVED if gives_back else Says.CHANGE_RECEIVED
        answer = a_fact(says, "PSP-A", about=key, modification=psp_reference)
        (self.notifications if is_answered else self.never_received).append(answer)

    def end(self, pick: int, *, succeeds: bool) -> None:
        """One open change succeeds or fails; `pick` chooses the change."""
        if not self.open:
            return
        kind, value, name = self.open.pop(pick % len(self.open))
        succeeds = succeeds and not self.is_voided
        if kind is Kind.CAPTURES:
            self._capture(value if succeeds else 0, name)
        elif kind is Kind.REFUNDS:
            self._give_back(value if succeeds else 0, name)
        elif kind is Kind.REVERSALS and (self.captured or not succeeds):
            self._give_back(self.captured if succeeds else 0, name)
        elif not succeeds:
            self._report(Says.CANCEL_REJECTED, 0, name)
        else:
            # The provider may cancel even a captured payment; then the money is given back.
            self.given_back, self.is_voided = self.given_back + self.captured, True
            self._report(Says.VOIDED, 0, name)

    def fail_refund(self, pick: int) -> None:
        """A finished refund fails, and the shop gets the money again."""
        if self.finished_refunds:
            name, value = self.finished_refunds.pop(pick % len(self.finished_refunds))
            self.given_back -= value
            self._report(Says.REFUND_FAILED, value, name)

    def dispute(self, pick: int, value: int) -> None:
        """The shopper disputes money that was not refunded; Kasir records the dispute at once.

        Nothing happens if open changes may still give the money back.
        """
        requested = sum(value for kind, value, _ in self.open if kind is Kind.REFUNDS)
        if any(kind in {Kind.REVERSALS, Kind.CANCELS} for kind, _, _ in self.open):
            requested = WHOLE
        name = f"D-{pick}"
        is_new = all(fact.modification != name for fact in self.known)
        if is_new and self.given_back + self.disputed + requested + value <= self.captured:
            self.disputed += value
            self.known.append(change_fact(Says.CHARGED_BACK, value, name))

    def receive(self, pick: int, *, is_repeated: bool) -> None:
        """Kasir records one notification. If it is repeated, Kasir may receive it again."""
        if self.notifications:
            fact = self.notifications[pick % len(self.notifications)]
            if not is_repeated:
                self.notifications.remove(fact)
            if fact not in self.known:
                self.known.append(fact)

    def settle(self) -> int:
        """Fail all open changes, record every fact, and return the refundable amount in rupiah."""
        while self.open:
            self.end(0, succeeds=False)
        facts = [*self.known, *self.notifications, *self.never_received]
        return sums(self.intent, facts).refundable("PSP-A").left.minor_units

    def _capture(self, value: int, name: str) -> None:
        """End a capture; 0 if it failed. `name` is the pspReference of the change."""
        if not self.intent.captures_itself:
            self.captured += value
        self._report(Says.CAPTURED if value else Says.CAPTURE_REJECTED, value, name)

    def _give_back(self, value: int, name: str) -> None:
        """End a refund or a reversal; 0 if it failed."""
        self.given_back += value
        if value:
            self.finished_refunds.append((name, value))
        self._report(Says.REFUND_CONFIRMED if value else Says.REFUND_REJECTED, value, name)

    def _report(self, says: Says, value: int, name: str) -> None:
        """Add the notification of a change's result."""
        self.notifications.append(change_fact(says, value, name))


#: Reversals and cancels are rare here, because they end the changes of a payment early.
KINDS = [*[Kind.CAPTURES] * 4, *[Kind.REFUNDS] * 5, Kind.REVERSALS, Kind.CANCELS]
ACTIONS = [
    *("request", "request", "request", "end", "end", "receive", "receive"),
    *("fail_refund", "dispute"),
]
#: The action, the kind and value of a change, the index of a pick, and the action's flag.
Step = tuple[str, Kind, int, int, bool]
steps = st.tuples(
    st.sampled_from(ACTIONS),
    st.sampled_from(KINDS),
    st.sampled_from([5_000, 10_000, 15_000, WHOLE]),
    st.integers(0, 5),
    st.sampled_from([True, True, True, False]),
)


def do(trade: Trade, step: Step) -> None:
    """Do one step."""
    action, kind, value, pick, flag = step
    match action:
        case "request":
            trade.request(kind, value, is_answered=flag)
        case "end":
            trade.end(pick, succeeds=flag)
        case "receive":
            trade.receive(pick, is_repeated=flag)
        case "fail_refund":
            trade.fail_refund(pick)
        case "dispute":
            trade.dispute(pick, value)


def full(kind: Kind) -> Step:
    """The step in which the shop requests a change of the whole amount, which is answered."""
    return "request", kind, WHOLE, 0, True


#: The steps in which the first open change succeeds, the last open change succeeds, and Kasir
#: receives a notification.
DONE: Final[Step] = ("end", Kind.CAPTURES, WHOLE, 0, True)
LAST_DONE: Final[Step] = ("end", Kind.CAPTURES, WHOLE, -1, True)
RECEIVED: Final[Step] = ("receive", Kind.CAPTURES, WHOLE, 1, False)
#: A capture of the whole amount that Kasir knows of, and a capture with an early reversal.
CAPTURED: Final = [full(Kind.CAPTURES), DONE, RECEIVED]
EARLY_REVERSAL: Final = [full(Kind.CAPTURES), full(Kind.REVERSALS), DONE, RECEIVED, RECEIVED]


@settings(max_examples=1_000)
@given(st.booleans(), st.lists(steps, min_size=8, max_size=30))
@example(captures_itself=False, steps_taken=[*EARLY_REVERSAL, full(Kind.REFUNDS), DONE, DONE])
@example(captures_itself=False, steps_taken=[full(Kind.CAPTURES), full(Kind.CAPTURES), DONE, DONE])
@example(
    captures_itself=False,
    steps_taken=[*CAPTURED, full(Kind.CANCELS), full(Kind.REFUNDS), LAST_DONE, DONE],
)
@example(
    captures_itself=False,
    steps_taken=[*CAPTURED, full(Kind.REFUNDS), full(Kind.CANCELS), DONE, DONE],
)
@example(captures_itself=True, steps_taken=[full(Kind.REFUNDS), full(Kind.REVERSALS), DONE, DONE])
@example(captures_itself=True, steps_taken=[full(Kind.REVERSALS), full(Kind.REFUNDS), DONE, DONE])
@example(captures_itself=True, steps_taken=[full(Kind.REFUNDS), DONE, full(Kind.REFUNDS), DONE])
def test_no_more_is_given_back_than_was_captured_with_any_requests_and_late_reports(
    captures_itself: bool,  # Hypothesis draws it.
    steps_taken: list[Step],
) -> None:
    trade = Trade(captures_itself=captures_itself)
    for step in steps_taken:
        do(trade, step)
        displayed = shown(trade.payment())

        assert trade.given_back + trade.disputed <= trade.captured <= WHOLE
        assert max(displayed.captured, displayed.refunded, displayed.charged_back) <= WHOLE
        assert min(displayed.captured, displayed.refunded, displayed.charged_back) >= 0

    refundable = trade.settle()
    assert refundable == (
        0 if trade.is_voided else trade.captured - trade.given_back - trade.disputed
    )
