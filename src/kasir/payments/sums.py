"""The sums of a payment: captured, refunded, charged back, and what may still be requested.

Sums are computed per attempt, as at the provider, so the money of one attempt cannot be refunded
from another attempt. Every sum is between 0 and the authorised amount. Money is *held* if another
change has taken the money or may take it; held money cannot be requested. An open change holds the
most that it could take, and a change without a known amount holds the whole authorised amount.
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
    """Why a part of an attempt's money cannot be requested, as a text for an error message."""

    #: A refund succeeded, or a reversal became a refund: the refunded amount.
    REFUNDED = "were refunded"
    #: A refund is open: the requested amount.
    REFUND_OPEN = "are held by a refund whose end is not known yet"
    #: A reversal is open: the whole authorised amount, however much is captured.
    REVERSAL_OPEN = "are held by a reversal whose end is not known yet"
    #: A cancel is open: the whole authorised amount.
    CANCEL_OPEN = "are held by a cancel whose end is not known yet"
    #: A dispute took money that did not return: the lost amount.
    CHARGED_BACK = "were charged back"
    #: A dispute was announced: the disputed amount, until it is charged back or returned.
    DISPUTE_OPEN = "are held by a dispute that was announced"
    #: A refund or a dispute has no known amount: the whole authorised amount.
    SUM_UNKNOWN = "are held by a refund or a dispute whose sum is not known"
    #: A capture succeeded: the captured amount, less the amount that failed afterwards.
    CAPTURED = "were captured"
    #: A capture is open: the requested amount.
    CAPTURE_OPEN = "are held by a capture whose end is not known yet"


#: Meanings that end a capture without money. Earlier versions recorded a rejection as `noted`.
_NOT_CAPTURED: Final = frozenset(
    {Says.CAPTURE_REJECTED, Says.CAPTURE_FAILED, Says.CHANGE_DECLINED, Says.NOTED}
)
#: Meanings that end a cancel without effect. Earlier versions recorded such an end as `noted`.
_NOT_CANCELLED: Final = frozenset({Says.CHANGE_DECLINED, Says.NOTED})
#: The stages of a dispute that take money, the last stage first.
_DISPUTES: Final = (Says.SECOND_CHARGEBACK, Says.CHARGED_BACK, Says.DISPUTE_ANNOUNCED)


@dataclass(frozen=True, slots=True)
class Remaining:
    """The money of an attempt that may still be requested: `whole` less `held`.

    Attributes:
        whole: The most that can be requested if nothing is held.
        held: The held amounts in minor units, by reason.
    """

    whole: Money
    held: Mapping[Why, int]

    @property
    def left(self) -> Money:
        """The amount that may still be requested; never below zero."""
        return Money(self.whole.currency, _within(self.whole.minor_units - sum(self.held.values())))

    def __str__(self) -> str:
        """The whole amount and the held amounts with their reasons; empty if nothing is held."""
        reasons = [f"{held} {why}" for why, held in self.held.items()]
        return f"of {self.whole.minor_units}, {', '.join(reasons)}" if reasons else ""


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of a payment.

    Attributes:
        intent: The intent of the payment.
        authorised: The paid amount of each attempt, in minor units; 0 if it was voided.
        changes: The changes of the attempts.
        refunds: The refunds among the changes.
    """

    intent: Intent
    authorised: Mapping[str, int]
    changes: tuple[Change, ...]
    refunds: tuple[Refund, ...]

    @property
    def captured(self) -> Money:
        """Money captured, of all paid attempts."""
        return self._money(sum(self._captured(attempt) for attempt in self.authorised))

    @property
    def refunded(self) -> Money:
        """Money refunded by refunds and reversals, without refunds that returned to the shop."""
        succeeded = (each for each in self.refunds if each.status is RefundStatus.SUCCEEDED)
        return self._money(sum(refund.amount.minor_units for refund in succeeded))

    @property
    def charged_back(self) -> Money:
        """Money that disputes took, without money that returned to the shop."""
        return self._money(sum(_charged_back(change) for change in self.changes))

    def refundable(self, attempt: str) -> Remaining:
        """The captured money of an attempt, less the money that was or may be undone.

        Money is undone by refunds, cancels, reversals and disputes.
        """
        held: Counter[Why] = Counter()
        for why, amount in self._taken_back(attempt):
            held[why] += amount or self._whole(attempt)
        return self._remaining(self._captured(attempt), held)

    def capturable(self, attempt: str) -> Remaining:
        """The authorised money of an attempt, less the money that was or may be captured.

        Money that is captured automatically is not deducted, because requesting its capture again
        does no harm.
        """
        held: Counter[Why] = Counter()
        for why, amount in (*self._captures(attempt), *self._undoing(attempt)):
            held[why] += amount or self._whole(attempt)
        return self._remaining(self._whole(attempt), held)

    def _taken_back(self, attempt: str) -> Iterator[tuple[Why, int]]:
        """The amounts that were or may be undone, with the reason; 0 means the whole amount."""
        yield from self._undoing(attempt)
        for refund in self.refunds:
            amount = refund.amount.minor_units
            if not _is_of(refund, attempt):
                continue
            if refund.status is RefundStatus.SUCCEEDED:
                yield Why.REFUNDED if amount else Why.SUM_UNKNOWN, amount
            elif refund.status is RefundStatus.REQUESTED and not refund.is_reversal:
                yield Why.REFUND_OPEN, amount
        for change in self._of(attempt):
            yield from _disputed(change)

    def _undoing(self, attempt: str) -> Iterator[tuple[Why, int]]:
        """The open reversals and cancels of an attempt, as reasons; 0 means the whole amount."""
        for refund in self.refunds:
            is_open = refund.is_reversal and refund.status is RefundStatus.REQUESTED
            if is_open and _is_of(refund, attempt):
                yield Why.REVERSAL_OPEN, 0
        known = list(self._of(attempt))
        # A cancel by reference has one result per attempt, and only one of these results has the
        # idempotency key of Kasir's call. Each of the other results ends one open cancel.
        without_key = sum(1 for change in known if _is_end_of_cancel(change, of_ours=False))
        if sum(1 for change in known if _is_open_cancel(change)) > without_key:
            yield Why.CANCEL_OPEN, 0

    def _captures(self, attempt: str) -> Iterator[tuple[Why, int]]:
        """The amounts that were or may be captured, with the reason; 0 means the whole amount."""
        for change in self._of(attempt):
            captured = change.money(Says.CAPTURED, Says.CAPTURE_ASKED) or self._whole(attempt)
            if Says.CAPTURED in change.meanings:
                yield from _if_positive(Why.CAPTURED, captured - _lost(change, captured))
            elif _is_open_capture(change):
                yield Why.CAPTURE_OPEN, change.money(Says.CAPTURE_ASKED)

    def _captured(self, attempt: str) -> int:
        """The captured amount of an attempt, in minor units."""
        whole = self.authorised.get(attempt, 0)
        captured = sum(
            change.money(Says.CAPTURED, Says.CAPTURE_ASKED)
            for change in self.changes
            if change.attempt == attempt and Says.CAPTURED in change.meanings
        )
        if self.intent.captures_itself:
            captured = whole
        lost = sum(_lost(change, whole) for change in self._of(attempt))
        return _within(captured - lost, whole)

    def _of(self, attempt: str) -> Iterator[Change]:
        """The changes that belong to this attempt, or may belong to it."""
        return (change for change in self.changes if _is_of(change, attempt))

    def _whole(self, attempt: str) -> int:
        """The authorised amount of an attempt in minor units; the requested one if not known."""
        return self.authorised.get(attempt, self.intent.amount.minor_units)

    def _remaining(self, whole: int, held: Mapping[Why, int]) -> Remaining:
        """This whole and these held amounts, in the order of `Why`, without zeros."""
        ordered = {why: held[why] for why in Why if held.get(why)}
        return Remaining(Money(self.intent.amount.currency, whole), ordered)

    def _money(self, minor_units: int) -> Money:
        """This amount as money, between zero and the whole paid amount."""
        most = sum(self.authorised.values())
        return Money(self.intent.amount.currency, _within(minor_units, most))


def sums(intent: Intent, facts: Iterable[Fact]) -> Sums:
    """The sums of these facts. The same set of facts gives the same sums, in any order."""
    known = frozenset(facts)
    authorised = _authorised(intent, known)
    currency = intent.amount.currency
    known_changes = changes(known, authorised, currency)

    def whole_of(attempt: str | None) -> Money:
        if attempt is None:
            return intent.amount
        return Money(currency, authorised.get(attempt, intent.amount.minor_units))

    return Sums(intent, authorised, known_changes, refunds(known_changes, whole_of))


def _authorised(intent: Intent, facts: frozenset[Fact]) -> dict[str, int]:
    """The paid amount of each attempt, at most the requested amount; 0 if not paid (any more)."""
    most = intent.amount.minor_units
    paid = paid_attempts(facts)
    amounts: dict[str, int] = {}
    for fact in facts:
        if fact.says is Says.AUTHORISED:
            attempt, amount = fact.psp_reference, _amount_of(fact, intent.amount)
            amounts[attempt] = min(amounts.get(attempt, most), amount) if attempt in paid else 0
    return amounts


def _amount_of(fact: Fact, default: Money) -> int:
    """The amount of a fact in minor units, or else `default`; 0 if the currencies differ."""
    amount = default if fact.amount is None else fact.amount
    return _within(amount.minor_units) if amount.currency == default.currency else 0


def _lost(change: Change, whole: int) -> int:
    """The part of a capture that failed afterwards, in minor units; at most the captured amount.

    If the captured amount is not known, `whole` is the limit.
    """
    if Says.CAPTURE_FAILED not in change.meanings:
        return 0
    captured = change.money(Says.CAPTURED, Says.CAPTURE_ASKED)
    most = captured if Says.CAPTURED in change.meanings and captured else whole
    return min(change.money(Says.CAPTURE_FAILED) or most, most)


def _charged_back(change: Change) -> int:
    """The money that one dispute took, in minor units.

    After a second chargeback this is the whole disputed amount. Otherwise it is the amount that was
    charged back, less the amount that returned. The order of the facts does not matter.
    """
    if Says.SECOND_CHARGEBACK in change.meanings:
        return change.money(Says.SECOND_CHARGEBACK, Says.CHARGED_BACK)
    return _within(change.money(Says.CHARGED_BACK) - change.money(Says.CHARGEBACK_REVERSED))


def _disputed(change: Change) -> Iterator[tuple[Why, int]]:
    """The amounts that a dispute took or may take, with the reason; 0 means the whole amount."""
    meanings, disputed = change.meanings, change.money(*_DISPUTES)
    yield from _if_positive(Why.CHARGED_BACK, _charged_back(change))
    if not meanings.keys().isdisjoint(_DISPUTES) and not disputed:
        if Says.SECOND_CHARGEBACK in meanings or Says.CHARGEBACK_REVERSED not in meanings:
            yield Why.SUM_UNKNOWN, 0
    elif Says.SECOND_CHARGEBACK not in meanings and Says.CHARGED_BACK not in meanings:
        yield from _if_positive(Why.DISPUTE_OPEN, disputed - change.money(Says.CHARGEBACK_REVERSED))


def _if_positive(why: Why, amount: int) -> Iterator[tuple[Why, int]]:
    if amount > 0:
        yield why, amount


def _is_of(change: Change | Refund, attempt: str) -> bool:
    """Whether the change belongs to this attempt, or may belong to it."""
    return change.attempt in {attempt, None}


def _is_open_capture(change: Change) -> bool:
    return Says.CAPTURE_ASKED in change.meanings and change.meanings.keys().isdisjoint(
        _NOT_CAPTURED
    )


def _is_open_cancel(change: Change) -> bool:
    is_ended = _is_end_of_cancel(change, of_ours=True)
    had_no_effect = not change.meanings.keys().isdisjoint(_NOT_CANCELLED)
    return Says.CANCEL_ASKED in change.meanings and not is_ended and not had_no_effect


def _is_end_of_cancel(change: Change, *, of_ours: bool) -> bool:
    """Whether a change is a cancel with a result.

    With `of_ours`, only a cancel whose request is known counts; without it, only the other cancels.
    """
    is_end = Says.VOIDED in change.meanings or Says.CANCEL_REJECTED in change.meanings
    return is_end and of_ours is (Says.CANCEL_ASKED in change.meanings)


def _within(amount: int, most: int | None = None) -> int:
    """This amount, but not below zero and not above `most`."""
    return max(0, amount if most is None else min(amount, most))
