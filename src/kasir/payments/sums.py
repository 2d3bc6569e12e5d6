"""What was taken and what went back, and what may still be asked for.

Everything is counted per attempt, as the provider does: what one attempt has left is no other's to
give back. No sum leaves 0 ... authorised, whatever is heard. What is not known is counted so that
less may leave: a change that is open holds all it could take, and one whose sum was never told
may have been of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kasir.money import Money
from kasir.payments.changes import Change, changes
from kasir.payments.facts import Fact, Says
from kasir.payments.payment import Intent
from kasir.payments.refunds import Refund, RefundStatus, refunds
from kasir.payments.status import paid_attempts


class Why(StrEnum):
    """Why a part of an attempt's money cannot be asked for, in the words of an error."""

    #: A refund, or a reversal that came to one, went well: what was told of it.
    REFUNDED = "were refunded"
    #: A refund is open: what was asked for.
    REFUND_OPEN = "are held by a refund whose end is not known yet"
    #: A reversal is open: the whole that was authorised, however much is captured by then.
    REVERSAL_OPEN = "are held by a reversal whose end is not known yet"
    #: A cancel is open: the whole that was authorised.
    CANCEL_OPEN = "are held by a cancel whose end is not known yet"
    #: The shopper's side took it back, and did not return it.
    CHARGED_BACK = "were charged back"
    #: A dispute was announced: what it is about, until it is charged back or returned.
    DISPUTE_OPEN = "are held by a dispute that was announced"
    #: A refund or a dispute whose sum was never told: the whole that was authorised.
    SUM_UNKNOWN = "are held by a refund or a dispute whose sum is not known"
    #: A capture was done: what was told of it, less what failed afterwards.
    CAPTURED = "were captured"
    #: A capture is open: what was asked for.
    CAPTURE_OPEN = "are held by a capture whose end is not known yet"


#: What ends a capture without money; `noted` is the older word for the first.
_NOT_CAPTURED: Final = frozenset(
    {Says.CAPTURE_REJECTED, Says.CAPTURE_FAILED, Says.CHANGE_DECLINED, Says.NOTED}
)
#: What ends a cancel without effect, by the cancel's own name; the last is an older word.
_NOT_CANCELLED: Final = frozenset({Says.CHANGE_DECLINED, Says.NOTED})
#: What takes money in a dispute, the last word first.
_DISPUTES: Final = (Says.SECOND_CHARGEBACK, Says.CHARGED_BACK, Says.DISPUTE_ANNOUNCED)


@dataclass(frozen=True, slots=True)
class Remaining:
    """What may still be asked for: the whole, less what is held.

    Attributes:
        whole: All there is to ask for.
        held: How many minor units of it are not free, and why.
    """

    whole: Money
    held: Mapping[Why, int]

    @property
    def left(self) -> Money:
        """What is free; never less than nothing."""
        return Money(self.whole.currency, _within(self.whole.minor_units - sum(self.held.values())))

    def __str__(self) -> str:
        """Say what holds how much of it; empty where nothing does."""
        reasons = [f"{held} {why}" for why, held in self.held.items()]
        return f"of {self.whole.minor_units}, {', '.join(reasons)}" if reasons else ""


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of a payment.

    Attributes:
        intent: What is to be paid.
        authorised: Each attempt that was paid, and what of it stands.
        changes: What was done to them.
        refunds: Those changes that are refunds.
    """

    intent: Intent
    authorised: Mapping[str, int]
    changes: tuple[Change, ...]
    refunds: tuple[Refund, ...]

    @property
    def captured(self) -> Money:
        """Money taken, of every attempt that stands."""
        return self._money(sum(self._captured(attempt) for attempt in self.authorised))

    @property
    def refunded(self) -> Money:
        """Money that went back by refunds and reversals, and stayed there."""
        back = (one.amount for one in self.refunds if one.status is RefundStatus.SUCCEEDED)
        return self._money(sum(amount.minor_units for amount in back))

    @property
    def charged_back(self) -> Money:
        """Money the shopper's side took, and did not return."""
        return self._money(sum(_charged_back(change) for change in self.changes))

    def refundable(self, attempt: str) -> Remaining:
        """What may still go back of an attempt: captured, less all that leaves or may leave."""
        held: Counter[Why] = Counter()
        for why, amount in self._leaving(attempt):
            held[why] += amount or self._whole(attempt)
        return self._remaining(self._captured(attempt), held)

    def capturable(self, attempt: str) -> Remaining:
        """What may still be taken of an attempt: authorised, less what was taken or may be.

        What the provider takes by itself is not in it: to ask for that again does no harm.
        """
        held: Counter[Why] = Counter()
        for why, amount in (*self._taking(attempt), *self._undoing(attempt)):
            held[why] += amount or self._whole(attempt)
        return self._remaining(self._whole(attempt), held)

    def _leaving(self, attempt: str) -> Iterator[tuple[Why, int]]:
        """What leaves an attempt or may leave it; 0 is all there is."""
        yield from self._undoing(attempt)
        for refund in self.refunds:
            told = refund.amount.minor_units
            if not _is_of(refund, attempt):
                continue
            if refund.status is RefundStatus.SUCCEEDED:
                yield Why.REFUNDED if told else Why.SUM_UNKNOWN, told
            elif refund.status is RefundStatus.REQUESTED and not refund.is_reversal:
                yield Why.REFUND_OPEN, told
        for change in self._of(attempt):
            yield from _disputed(change)

    def _undoing(self, attempt: str) -> Iterator[tuple[Why, int]]:
        """What may undo the whole of an attempt."""
        for refund in self.refunds:
            is_open = refund.is_reversal and refund.status is RefundStatus.REQUESTED
            if is_open and _is_of(refund, attempt):
                yield Why.REVERSAL_OPEN, 0
        own = list(self._of(attempt))
        # One by reference is told an end for each attempt, and a single one bears our name for it.
        strays = sum(1 for change in own if _is_end_of_cancel(change, of_ours=False))
        if sum(1 for change in own if _is_open_cancel(change)) > strays:
            yield Why.CANCEL_OPEN, 0

    def _taking(self, attempt: str) -> Iterator[tuple[Why, int]]:
        """What was taken of an attempt or may be; 0 is all there is."""
        for change in self._of(attempt):
            told = change.money(Says.CAPTURED, Says.CAPTURE_ASKED) or self._whole(attempt)
            if Says.CAPTURED in change.said:
                yield from _unless_none(Why.CAPTURED, told - _lost(change, told))
            elif _is_open_capture(change):
                yield Why.CAPTURE_OPEN, change.money(Says.CAPTURE_ASKED)

    def _captured(self, attempt: str) -> int:
        whole = self.authorised.get(attempt, 0)
        own = [change for change in self.changes if change.attempt == attempt]
        taken = sum(
            change.money(Says.CAPTURED, Says.CAPTURE_ASKED)
            for change in own
            if Says.CAPTURED in change.said
        )
        if self.intent.captures_itself:
            taken = whole
        lost = sum(_lost(change, whole) for change in self._of(attempt))
        return _within(taken - lost, whole)

    def _of(self, attempt: str) -> Iterator[Change]:
        return (change for change in self.changes if _is_of(change, attempt))

    def _whole(self, attempt: str) -> int:
        """What was authorised; what is to be paid, as long as that is not heard of."""
        return self.authorised.get(attempt, self.intent.amount.minor_units)

    def _remaining(self, whole: int, held: Mapping[Why, int]) -> Remaining:
        found = {why: held[why] for why in Why if held.get(why)}
        return Remaining(Money(self.intent.amount.currency, whole), found)

    def _money(self, minor_units: int) -> Money:
        most = sum(self.authorised.values())
        return Money(self.intent.amount.currency, _within(minor_units, most))


def sums(intent: Intent, facts: Iterable[Fact]) -> Sums:
    """The sums that facts come to. The same set gives the same, in any order."""
    known = frozenset(facts)
    authorised = _authorised(intent, known)
    currency = intent.amount.currency
    found = changes(known, authorised, currency)

    def whole_of(attempt: str | None) -> Money:
        if attempt is None:
            return intent.amount
        return Money(currency, authorised.get(attempt, intent.amount.minor_units))

    return Sums(intent, authorised, found, refunds(found, whole_of))


def _authorised(intent: Intent, facts: frozenset[Fact]) -> dict[str, int]:
    """What each attempt was paid with, as far as that was asked for; nothing where it is undone."""
    most = intent.amount.minor_units
    stands = paid_attempts(facts)
    found: dict[str, int] = {}
    for fact in facts:
        if fact.says is Says.AUTHORISED:
            name, told = fact.psp_reference, _told(fact, intent.amount)
            found[name] = min(found.get(name, most), told) if name in stands else 0
    return found


def _told(fact: Fact, unless_told: Money) -> int:
    amount = unless_told if fact.amount is None else fact.amount
    return _within(amount.minor_units) if amount.currency == unless_told.currency else 0


def _lost(change: Change, whole: int) -> int:
    """What could not be taken after all: no more than that very capture, where it is known."""
    if Says.CAPTURE_FAILED not in change.said:
        return 0
    taken = change.money(Says.CAPTURED, Says.CAPTURE_ASKED)
    most = taken if Says.CAPTURED in change.said and taken else whole
    return min(change.money(Says.CAPTURE_FAILED) or most, most)


def _charged_back(change: Change) -> int:
    """Money lost to one dispute: less what was returned, and again where it was taken anew.

    Which of them is the last word follows from what a dispute can go through, not from the order
    in which it was told.
    """
    if Says.SECOND_CHARGEBACK in change.said:
        return change.money(Says.SECOND_CHARGEBACK, Says.CHARGED_BACK)
    return _within(change.money(Says.CHARGED_BACK) - change.money(Says.CHARGEBACK_REVERSED))


def _disputed(change: Change) -> Iterator[tuple[Why, int]]:
    """What a dispute took or may take; 0 is all there is."""
    said, at_stake = change.said, change.money(*_DISPUTES)
    yield from _unless_none(Why.CHARGED_BACK, _charged_back(change))
    if not said.keys().isdisjoint(_DISPUTES) and not at_stake:
        if Says.SECOND_CHARGEBACK in said or Says.CHARGEBACK_REVERSED not in said:
            yield Why.SUM_UNKNOWN, 0
    elif Says.SECOND_CHARGEBACK not in said and Says.CHARGED_BACK not in said:
        yield from _unless_none(Why.DISPUTE_OPEN, at_stake - change.money(Says.CHARGEBACK_REVERSED))


def _unless_none(why: Why, amount: int) -> Iterator[tuple[Why, int]]:
    if amount > 0:
        yield why, amount


def _is_of(change: Change | Refund, attempt: str) -> bool:
    """Whether it changes this attempt, or may."""
    return change.attempt in {attempt, None}


def _is_open_capture(change: Change) -> bool:
    return Says.CAPTURE_ASKED in change.said and change.said.keys().isdisjoint(_NOT_CAPTURED)


def _is_open_cancel(change: Change) -> bool:
    is_ended = _is_end_of_cancel(change, of_ours=True)
    is_idle = not change.said.keys().isdisjoint(_NOT_CANCELLED)
    return Says.CANCEL_ASKED in change.said and not is_ended and not is_idle


def _is_end_of_cancel(change: Change, *, of_ours: bool) -> bool:
    is_end = Says.VOIDED in change.said or Says.CANCEL_REJECTED in change.said
    return is_end and of_ours is (Says.CANCEL_ASKED in change.said)


def _within(amount: int, most: int | None = None) -> int:
    """This amount, no less than nothing and no more than the most there can be."""
    return max(0, amount if most is None else min(amount, most))
