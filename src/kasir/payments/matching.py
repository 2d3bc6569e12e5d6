"""Decides which payment a message belongs to: one rule for answers and notifications.

A merchant reference proves nothing: other systems on the account may use the same one. Nor does a
visit of the return URL. A pspReference has one owner, the payment that claimed it first: it is the
primary key of the table `psp_reference`. A claim is proven by our own id, which the provider
echoes; by the answer to a call that we made for that payment; or by another pspReference in the
message that the payment owns already. Without proof a reference counts only where the method and
the amount are the same, and exactly one payment of that reference is open and has no attempt yet.

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

    #: It belongs to one payment of ours, which records the fact and owns the names in it.
    OURS = "ours"
    #: It belongs to one payment of ours, with another amount than was asked for: never paid.
    MISMATCHED = "mismatched"
    #: It may belong to a payment of ours and nothing proves to which: a person must look.
    HELD = "held"
    #: A change of an attempt that no payment has claimed yet. It is read again when one does.
    WAITING = "waiting"
    #: Not ours, as far as is known. It is read again if a payment of ours claims one of its names.
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What in a message tells which payment it is about.

    Attributes:
        attempt: The pspReference of the attempt; empty where the message has none.
        change: The pspReference of the capture, refund, cancel or dispute of that attempt.
        is_change: Whether it is about a change. A change is never claimed by its reference.
        payment_id: Our own id, where the provider echoed it or we made the call for it.
        reference: The shop's reference.
        method: The payment method, in the provider's word; empty where the message has none.
        amount: The money in it, if any.
        pays: Whether it says that the payment is authorised.
        by_reference: Whether the change was requested by a reference, which several payments may
            have: then the attempt decides whose it is, and not the change.
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
        """The provider's names in the message."""
        return tuple(name for name in (self.attempt, self.change) if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A payment that a message could be about, read under its row lock.

    Attributes:
        id: Our own id of it.
        reference: The shop's reference.
        amount: What is to be paid.
        method: The payment method.
        is_open: Whether its status is not final yet.
        has_attempt: Whether it owns an attempt at the provider.
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
        ruling: Whose it is.
        payment_id: The payment it belongs to (ours, mismatched).
        fits: The payments that it may belong to (held).
        why: The reason, for the operator; empty where there is nothing to explain.
    """

    ruling: Ruling
    payment_id: PaymentId | None = None
    fits: tuple[PaymentId, ...] = ()
    why: str = ""


_SEVERAL: Final = "{count} payments of {reference} are open and nothing tells which one is meant"
_ENDED: Final = "the payment of {reference} that it fits has ended, or has another pspReference"
_AT_ODDS: Final = "its names belong to different payments"
_OTHER_REFERENCE: Final = "it bears our id, and a reference that is not that payment's"
_OTHER_AMOUNT: Final = "it brings {paid}, and the payment is of {asked}"
_OTHER_CURRENCY: Final = "it speaks of {paid}, and the payment is in {asked}"
_NOT_OUR_ID: Final = "it bears the id of a payment that this Kasir does not have"


def match(clues: Clues, owners: Mapping[str, PaymentId], candidates: Sequence[Candidate]) -> Match:
    """Decide which payment a message belongs to.

    Args:
        clues: What it says.
        owners: The payment that owns each of the provider's names, as far as they are claimed.
        candidates: The owners, the payment of the echoed id, and those of the reference.
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
    """Whether an attempt has our id and a reference that is not the payment's.

    Adyen's signature covers the reference, and not the metadata with our id. A change may have a
    reference of its own.
    """
    is_attempt = not clues.is_change and clues.attempt not in owners
    return is_attempt and clues.reference not in ("", payment.reference)


def _of(payment: Candidate, clues: Clues) -> Match:
    """The match of a message that is proven to be a payment's."""
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
    """The match of a message that proves nothing, by its reference."""
    named_so = [
        candidate
        for candidate in candidates
        if candidate.reference == clues.reference and clues.method in ("", candidate.method)
    ]
    if clues.is_change:
        return Match(ruling=Ruling.WAITING if named_so else Ruling.FOREIGN)
    fits = [candidate for candidate in named_so if candidate.amount == clues.amount]
    free = [candidate for candidate in fits if candidate.is_open and not candidate.has_attempt]
    if len(free) == 1:
        return Match(ruling=Ruling.OURS, payment_id=free[0].id)
    if not fits:
        return Match(ruling=Ruling.FOREIGN)
    if free:
        why = _SEVERAL.format(count=len(free), reference=clues.reference)
        return Match(ruling=Ruling.HELD, fits=tuple(one.id for one in free), why=why)
    # They have all ended: the message is recorded at the newest, whose id sorts last.
    newest = max(one.id for one in fits)
    return Match(ruling=Ruling.HELD, fits=(newest,), why=_ENDED.format(reference=clues.reference))
