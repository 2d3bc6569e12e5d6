"""Which payment is a piece of news about? Decided by what the news says, never by when it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kasir.ids import PaymentId


@dataclass(frozen=True, slots=True)
class Candidate:
    """A payment that news with this reference could be about.

    `names` are the provider's names already known to be its own: attempts and changes.
    """

    id: PaymentId
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class News:
    """What news says of its payment.

    Attributes:
        names: The provider's names it carries: of the attempt first, then of the change.
        payment_id: Our own id, where what we sent along came back.
    """

    names: tuple[str, ...]
    payment_id: str = ""


def match(news: News, candidates: Sequence[Candidate]) -> PaymentId | None:
    """Choose among payments that share a reference; None where it cannot be told.

    A name stays with the payment it was first seen on. Else our own id decides, which comes back
    in what we sent along. Else the only payment there is. Two open payments of one reference and
    nothing to tell them apart are left alone: a later notification settles it.
    """
    for name in news.names:
        for candidate in candidates:
            if name in candidate.names:
                return candidate.id
    for candidate in candidates:
        if news.payment_id == candidate.id:
            return candidate.id
    return candidates[0].id if len(candidates) == 1 else None
