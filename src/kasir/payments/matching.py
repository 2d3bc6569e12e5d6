"""Whose is a message of the provider's? One rule, for answers and notifications alike.

Anybody can write a merchant reference, and anybody can visit a return address: neither proves
anything. A pspReference has one owner, the payment that claimed it first, and `psp_reference` (the
table) has it as primary key. A claim is proven by our own id, which the provider echoes; by the
answer to a call that we made for that payment; or by a name of the same message that is owned
already. Without proof a reference counts only where the method is ours, the amount is the same, and
exactly one payment of that reference is open and has no attempt yet.

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
    """Whose a message is."""

    #: It belongs to one payment of ours, which learns the fact and owns the names in it.
    OURS = "ours"
    #: It belongs to one payment of ours, but brings another amount than was asked: never paid.
    MISMATCHED = "mismatched"
    #: It may belong to a payment of ours and nothing proves to which: a person must look.
    HELD = "held"
    #: A change of an attempt that nobody has claimed yet. It is read again when somebody does.
    WAITING = "waiting"
    #: Not ours, as far as is known. It is read again should one of its names become ours.
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What a message says of which payment it is about.

    Attributes:
        attempt: The provider's name for the attempt at paying; empty where the message has none.
        change: The provider's name for the capture, refund, cancel or dispute of that attempt.
        is_change: Whether it tells of a change. A change is never claimed by its reference.
        payment_id: Our own id, where the provider echoed it or we made the call for it.
        reference: The shop's reference.
        method: The payment method, in the provider's word; empty where the message has none.
        amount: The money it speaks of, if any.
        pays: Whether it says that the payment is authorised.
        by_reference: Whether the change was asked for by a reference, which may mean several
            payments: then the attempt it names says whose it is, and not the change.
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
    """A payment that a message could be about, as it stands under its row lock.

    Attributes:
        id: Our own id of it.
        reference: The shop's reference.
        amount: What it is to pay.
        method: The payment method it was asked for with.
        is_open: Whether its end is not known yet.
        has_attempt: Whether it owns an attempt at the provider already.
    """

    id: PaymentId
    reference: str
    amount: Money
    method: str
    is_open: bool = True
    has_attempt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The ruling on a message.

    Attributes:
        ruling: Whose it is.
        payment_id: The payment it belongs to (ours, mismatched).
        fits: The payments that it may belong to (held).
        why: In words, for the operator; empty where there is nothing to explain.
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
    """Rule on a message.

    Args:
        clues: What it says.
        owners: Whose the provider's names are, as far as they are claimed.
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
    """Whether an attempt bears our id and a reference that is not the payment's.

    Adyen's seal covers the reference, and not what we sent along. A change may bear its own.
    """
    is_attempt = not clues.is_change and clues.attempt not in owners
    return is_attempt and clues.reference not in ("", payment.reference)


def _of(payment: Candidate, clues: Clues) -> Match:
    """The ruling on a message that is proven to be a payment's."""
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
    """The ruling on a message that proves nothing."""
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
    # Of those that have ended the newest stands for all: its id sorts last.
    newest = max(one.id for one in fits)
    return Match(ruling=Ruling.HELD, fits=(newest,), why=_ENDED.format(reference=clues.reference))
