"""Decides which payment a message belongs to: one rule for answers and notifications.

A merchant reference is no proof, because other systems on the merchant account may use the same
reference. A visit of the return URL is no proof either. A pspReference has one owner, the payment
that claimed it first: the pspReference is the primary key of the table `psp_reference`. A message
is proven to belong to a payment by one of these:

- Kasir's own id in the message, which the provider repeats;
- the message is the answer to a call that Kasir made for that payment;
- the payment already owns another pspReference in the message.

Without proof a message belongs to a payment only if merchant reference, method and amount are the
same, and no other such payment is open and has no attempt yet.

The rule as a table: docs/payment-status.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kasir.ids import PaymentId
from kasir.money import Money


class Ruling(StrEnum):
    """Which payment a message belongs to."""

    #: The message belongs to one payment of Kasir's, which records its facts and owns its
    #: pspReferences.
    OURS = "ours"
    #: The message belongs to one payment of Kasir's, but has another amount. The payment does not
    #: count as paid.
    MISMATCHED = "mismatched"
    #: The message may belong to a payment of Kasir's, but nothing proves it. A person must decide.
    HELD = "held"
    #: The message is about a change of an attempt that no payment has claimed yet. It is read again
    #: after a claim.
    WAITING = "waiting"
    #: The message belongs to no known payment. It is read again if a payment claims one of its
    #: pspReferences.
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """The parts of a message that show which payment it belongs to.

    Attributes:
        attempt: The pspReference of the attempt; empty if the message has none.
        change: The pspReference of the capture, refund, cancel or dispute of that attempt.
        is_change: Whether the message is about a change. Without proof, no payment claims a change.
        payment_id: Kasir's id of the payment, if the provider repeated that id or the message
            answers a call for that payment; else empty.
        reference: The merchant reference.
        method: The provider's name of the payment method; empty if the message has none.
        amount: The money in the message, if any.
        pays: Whether the message reports that the payment is authorised.
        by_reference: Whether the shop requested the change with a merchant reference, which several
            payments may have, and not with a pspReference. Then the owner of `attempt` decides, and
            the owner of `change` does not count.
    """

    attempt: str = ""
    change: str = ""
    is_change: bool = False
    payment_id: str = ""
    reference: str = ""
    method: str = ""
    amount: Money | None = None
    pays: bool = False
    by_reference: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The pspReferences in the message."""
        return tuple(name for name in (self.attempt, self.change) if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A payment that a message may belong to, read while its row is locked.

    Attributes:
        id: Kasir's id of the payment.
        reference: The merchant reference.
        amount: The amount of the payment.
        method: The payment method.
        is_open: Whether the payment's status is not final yet.
        has_attempt: Whether the payment owns the pspReference of an attempt.
    """

    id: PaymentId
    reference: str
    amount: Money
    method: str
    is_open: bool = True
    has_attempt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which payment a message belongs to.

    Attributes:
        ruling: The decision.
        payment_id: The payment that the message belongs to, for `OURS` and `MISMATCHED`.
        fits: The payments that the message may belong to, for `HELD`.
        why: The reason, for the operator; may be empty.
    """

    ruling: Ruling
    payment_id: PaymentId | None = None
    fits: tuple[PaymentId, ...] = ()
    why: str = ""


_SEVERAL: Final = "{count} payments of {reference} are open, and it may belong to any of them"
_ENDED: Final = "it fits a payment of {reference}, which has ended or has another pspReference"
_AT_ODDS: Final = "its pspReferences belong to different payments"
_OTHER_REFERENCE: Final = "it has a payment's id, but not that payment's reference"
_OTHER_AMOUNT: Final = "its amount is {paid}, but the payment's amount is {asked}"
_OTHER_CURRENCY: Final = "its currency is {paid}, but the payment's currency is {asked}"
_NOT_OUR_ID: Final = "it has the id of a payment that this Kasir does not have"


def match(clues: Clues, owners: Mapping[str, PaymentId], candidates: Sequence[Candidate]) -> Match:
    """Decide which payment a message belongs to.

    Args:
        clues: The message's clues.
        owners: The payment that owns each pspReference; without pspReferences that nobody owns.
        candidates: These payments, the payment whose id is in the message, and the payments with
            the same merchant reference.
    """
    known = {candidate.id: candidate for candidate in candidates}
    proven = {owners[name] for name in clues.names if name in owners}
    if clues.by_reference and clues.attempt in owners:
        proven = {owners[clues.attempt]}
    proven |= {one for one in known if one == clues.payment_id}
    if len(proven) > 1:
        return Match(ruling=Ruling.HELD, fits=tuple(sorted(proven)), why=_AT_ODDS)
    for payment_id in proven:
        if _is_of_another_order(clues, known[payment_id], owners):
            return Match(ruling=Ruling.HELD, fits=(payment_id,), why=_OTHER_REFERENCE)
        return _of(known[payment_id], clues)
    if clues.payment_id:
        return Match(ruling=Ruling.FOREIGN, why=_NOT_OUR_ID)
    return _by_reference(clues, candidates)


def _is_of_another_order(clues: Clues, payment: Candidate, owners: Mapping[str, PaymentId]) -> bool:
    """Whether the message has this payment's id, but the merchant reference of another order.

    Adyen's signature covers the merchant reference, but not the metadata with Kasir's id. A message
    about a change is not checked, because a change may have a merchant reference of its own.
    """
    is_attempt = not clues.is_change and clues.attempt not in owners
    return is_attempt and clues.reference not in ("", payment.reference)


def _of(payment: Candidate, clues: Clues) -> Match:
    """The match of a message that is proven to belong to a payment."""
    money = clues.amount
    if money is None or money == payment.amount:
        return Match(ruling=Ruling.OURS, payment_id=payment.id)
    if clues.pays:
        why = _OTHER_AMOUNT.format(paid=money, asked=payment.amount)
        return Match(ruling=Ruling.MISMATCHED, payment_id=payment.id, why=why)
    if money.currency != payment.amount.currency:
        why = _OTHER_CURRENCY.format(paid=money.currency, asked=payment.amount.currency)
        return Match(ruling=Ruling.HELD, fits=(payment.id,), why=why)
    return Match(ruling=Ruling.OURS, payment_id=payment.id)


def _by_reference(clues: Clues, candidates: Sequence[Candidate]) -> Match:
    """The match of a message without proof, by its merchant reference."""
    same_reference = [
        candidate
        for candidate in candidates
        if candidate.reference == clues.reference and clues.method in ("", candidate.method)
    ]
    if clues.is_change:
        return Match(ruling=Ruling.WAITING if same_reference else Ruling.FOREIGN)
    fits = [candidate for candidate in same_reference if candidate.amount == clues.amount]
    free = [candidate for candidate in fits if candidate.is_open and not candidate.has_attempt]
    if len(free) == 1:
        return Match(ruling=Ruling.OURS, payment_id=free[0].id)
    if not fits:
        return Match(ruling=Ruling.FOREIGN)
    if free:
        why = _SEVERAL.format(count=len(free), reference=clues.reference)
        return Match(ruling=Ruling.HELD, fits=tuple(one.id for one in free), why=why)
    # Each payment has ended or has an attempt. The newest payment is shown; its id sorts last.
    newest = max(one.id for one in fits)
    return Match(ruling=Ruling.HELD, fits=(newest,), why=_ENDED.format(reference=clues.reference))
