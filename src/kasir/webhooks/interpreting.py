"""From a notice in the inbox to what it tells: pure; the store does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kasir.adyen import token_notifications
from kasir.adyen.notifications import EventCode, item_from, parse
from kasir.adyen.texts import storable
from kasir.adyen.token_notifications import TokenEvent
from kasir.errors import KasirError, Unreadable
from kasir.gateway import meanings, token_meanings
from kasir.payments.facts import Fact
from kasir.payments.matching import Clues
from kasir.tokens.model import TokenNews
from kasir.webhooks.receiving import NoticeKind


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
    #: A change of an attempt that no payment of ours has claimed yet.
    WAITING = "waiting"
    #: It could not be read, or may be a payment's and nothing proves it; the reason is beside it.
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a notice tells.

    Attributes:
        state: Settled already, or READ where there is something to place.
        fact: What it says of a payment.
        clues: What it says of which payment; there where `fact` is.
        token: What it says of a token.
        error: Why it is held.
    """

    state: NoticeState
    fact: Fact | None = None
    clues: Clues | None = None
    token: TokenNews | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What an operator is shown of what a notice holds; empty where it does not say."""

    success: bool | None = None
    psp_reference: str = ""
    merchant_reference: str = ""


def told(kind: NoticeKind, raw: bytes) -> Told:
    """What a notice says of itself. Raises nothing: one that cannot be read tells nothing.

    A token is not shown: whoever has it can charge. RECURRING_CONTRACT has it where others have
    the name of the event.
    """
    try:
        if kind is NoticeKind.TOKENS:
            return Told(psp_reference=storable(token_notifications.envelope(raw).event_id))
        if kind is NoticeKind.RAW:
            return Told()
        item = item_from(raw).storable()
    except (KasirError, ValueError, RecursionError):
        return Told()
    is_contract = item.event_code == EventCode.RECURRING_CONTRACT
    return Told(item.success, "" if is_contract else item.psp_reference, item.merchant_reference)


def own_name(event_code: str, names: Sequence[str]) -> str:
    """The notice's own name, by the names that are kept beside it, once its words are no more."""
    if event_code == EventCode.RECURRING_CONTRACT or not names:
        return ""  # There the own one is a token, and never kept in the clear.
    return names[-1]


def misdirected(kind: NoticeKind, raw: bytes, said_live: bool | None, *, is_live: bool) -> str:
    """Say why a notice is of the other of Adyen's platforms; empty where it is not, or is mute.

    Money that is none in a live shop, and real money in a test, is never acted upon.

    Args:
        kind: Which webhook it came by.
        raw: What came; a token notification says itself where it is from.
        said_live: What the envelope of a standard one said.
        is_live: Whether this Kasir is for real money.
    """
    if kind is NoticeKind.TOKENS:
        try:
            said_live = token_notifications.envelope(raw).is_live
        except KasirError:
            return ""  # It cannot be read, which whoever reads it will say.
    if said_live is None or said_live == is_live:
        return ""
    its, ours = ("live", "test") if said_live else ("test", "live")
    return f"it is of Adyen's {its} platform, and this Kasir is for {ours}: see ADYEN_ENVIRONMENT"


def read(kind: NoticeKind, raw: bytes, merchant_account: str) -> Reading:
    """Read a notice. Raises nothing: what cannot be read is held with its error."""
    try:
        if kind is NoticeKind.TOKENS:
            return _token_reading(raw, merchant_account)
        if kind is NoticeKind.RAW:
            return Reading(NoticeState.HELD, error=_why_unread(raw))
        return _standard_reading(raw, merchant_account)
    except (KasirError, ValueError, RecursionError) as error:
        return Reading(NoticeState.HELD, error=storable(str(error)))


def _why_unread(raw: bytes) -> str:
    try:
        parse(raw)
    except Unreadable as error:
        return storable(f"{len(raw)} bytes came, and {error}")
    return f"{len(raw)} bytes came that no Kasir could read then, nor find the seals in"


def _standard_reading(raw: bytes, merchant_account: str) -> Reading:
    item = item_from(raw).storable()
    if item.merchant_account_code != merchant_account:
        return Reading(NoticeState.FOREIGN)
    fact = meanings.of_item(item) or token_meanings.not_saved(item)
    token = token_meanings.of_item(item)
    if fact is None and token is None:
        known = item.event_code in EventCode.__members__.values()
        return Reading(NoticeState.IGNORED if known else NoticeState.UNHEARD_OF)
    clues = meanings.clues_of(item, fact) if fact else None
    return Reading(NoticeState.READ, fact, clues, token)


def _token_reading(raw: bytes, merchant_account: str) -> Reading:
    if token_notifications.envelope(raw).type not in TokenEvent.__members__.values():
        return Reading(NoticeState.UNHEARD_OF)
    said = token_notifications.parse(raw)
    if said.merchant_account != merchant_account:
        return Reading(NoticeState.FOREIGN)
    return Reading(NoticeState.READ, token=token_meanings.of_notification(said))
