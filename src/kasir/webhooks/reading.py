"""From a notice in the inbox to what it tells: pure; the store does the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kasir.adyen.notifications import EventCode, item_from
from kasir.errors import KasirError
from kasir.gateway import meanings
from kasir.payments.facts import Fact
from kasir.payments.matching import News


class NoticeState(StrEnum):
    """What became of a notice. None is ever dropped."""

    #: To be read.
    UNREAD = "unread"
    #: Understood: it is a fact of a payment now.
    READ = "read"
    #: Kept on purpose without effect.
    IGNORED = "ignored"
    #: Its event code is not in Adyen's schema as we know it.
    UNHEARD_OF = "unheard_of"
    #: Of no payment of ours.
    FOREIGN = "foreign"
    #: Of one of several payments of ours, and it cannot be told yet of which.
    WAITING = "waiting"
    #: It could not be read; the error stands beside it.
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a notice tells.

    Attributes:
        state: Settled already, or READ where there is a fact to place.
        fact: What it says of a payment.
        reference: The shop's reference it names.
        news: What it says of which payment.
        error: Why it could not be read.
    """

    state: NoticeState
    fact: Fact | None = None
    reference: str = ""
    news: News | None = None
    error: str = ""


def read(raw: bytes, merchant_account: str) -> Reading:
    """Read a notice. Raises nothing: what cannot be read is held with its error."""
    try:
        item = item_from(raw)
        if item.merchant_account_code != merchant_account:
            return Reading(NoticeState.FOREIGN)
        fact = meanings.of_item(item)
    except (KasirError, ValueError, RecursionError) as error:
        return Reading(NoticeState.HELD, error=str(error))
    if fact is None:
        known = item.event_code in EventCode.__members__.values()
        return Reading(NoticeState.IGNORED if known else NoticeState.UNHEARD_OF)
    return Reading(NoticeState.READ, fact, item.merchant_reference, meanings.news_of(item))
