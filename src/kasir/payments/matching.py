"""Which payment is a piece of news about? Decided by what the news says, never by when it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kasir.ids import PaymentId
from kasir.money import Money


@dataclass(frozen=True, slots=True)
class Candidate:
    """A payment that news could be about.

    Attributes:
        id: Our own id of it.
        amount: What it is to pay.
        names: The provider's names already known to be its own: attempts and changes.
        shares_reference: Whether the news bears its reference; else it was found by a name.
    """

    id: PaymentId
    amount: Money
    names: frozenset[str] = frozenset()
    shares_reference: bool = True


@dataclass(frozen=True, slots=True)
class News:
    """What news says of its payment.

    Attributes:
        names: The provider's names it carries: of the attempt first, then of the change.
        payment_id: Our own id, where what we sent along came back.
        amount: The payment's own amount, where the news gives that.
    """

    names: tuple[str, ...]
    payment_id: str = ""
    amount: Money | None = None


def match(news: News, candidates: Sequence[Candidate]) -> PaymentId | None:
    """Choose among payments that share a reference or a name; None where it cannot be told.

    A name stays with the payment it was first seen on, whatever reference the news bears: a change
    may come under its own. Else our own id decides, which comes back in what we sent along. Else
    the only payment of that reference there is. Two open payments of one reference and
    nothing to tell them apart are left alone: a later notification settles it. A payment of
    another amount is never meant, or a cheap payment could pass for a dear one.
    """
    candidates = [candidate for candidate in candidates if news.amount in (None, candidate.amount)]
    for name in news.names:
        for candidate in candidates:
            if name in candidate.names:
                return candidate.id
    for candidate in candidates:
        if news.payment_id == candidate.id:
            return candidate.id
    named_so = [candidate for candidate in candidates if candidate.shares_reference]
    return named_so[0].id if len(named_so) == 1 else None
