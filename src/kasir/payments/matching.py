"""Which payment is a piece of news about? Decided by what the news says, never by when it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kasir.ids import PaymentId


@dataclass(frozen=True, slots=True)
class Candidate:
    """A payment that news with this reference could be about.

    `psp_references` are the attempts already known to be its own.
    """

    id: PaymentId
    psp_references: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class News:
    """What news says of its payment: the attempt, and our own id where it carries it."""

    psp_reference: str
    payment_id: str = ""


def match(news: News, candidates: Sequence[Candidate]) -> PaymentId | None:
    """Choose among payments that share a reference; None where it cannot be told.

    An attempt stays with the payment it was first seen on. Else our own id decides, which comes
    back in what we sent along. Else the only payment there is. Two open payments of one reference
    and no id to tell them apart are left alone: a later notification settles it.
    """
    for candidate in candidates:
        if news.psp_reference and news.psp_reference in candidate.psp_references:
            return candidate.id
    for candidate in candidates:
        if news.payment_id == candidate.id:
            return candidate.id
    return candidates[0].id if len(candidates) == 1 else None
