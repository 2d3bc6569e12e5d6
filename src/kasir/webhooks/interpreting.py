"""Interprets a notice: finds its fact about a payment or a token, without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kasir.adyen import token_notifications
from kasir.adyen.notifications import EventCode, Item, item_from, parse
from kasir.adyen.texts import storable
from kasir.adyen.token_notifications import TokenEvent
from kasir.errors import KasirError, Unreadable
from kasir.gateway import meanings, token_meanings
from kasir.payments.facts import Fact
from kasir.payments.matching import Clues
from kasir.reconciliation.reading import kind_of_name
from kasir.store.inbox import NoticeKind, NoticeState
from kasir.store.reports import Announced, ReportState
from kasir.tokens.model import TokenReport


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a notice.

    Attributes:
        state: The state that the notice gets; READ if there is a fact to record. If `fact` is set,
            the match with a payment may change the state.
        fact: The fact about a payment, if any.
        clues: The parts that show which payment `fact` belongs to; None without `fact`.
        token: The fact about a token, if any.
        report: The report that is announced, if any.
        error: Why the notice is held; empty if it is not held.
    """

    state: NoticeState
    fact: Fact | None = None
    clues: Clues | None = None
    token: TokenReport | None = None
    report: Announced | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """The fields of a notice that an operator sees; a missing field is None or empty."""

    success: bool | None = None
    psp_reference: str = ""
    merchant_reference: str = ""


def contents(kind: NoticeKind, raw: bytes) -> Contents:
    """The fields of a notice that an operator sees; empty if the notice cannot be read.

    A token is not shown, because with it the wallet can be charged. RECURRING_CONTRACT has a token
    in its field pspReference.
    """
    try:
        if kind is NoticeKind.TOKENS:
            return Contents(psp_reference=storable(token_notifications.envelope(raw).event_id))
        if kind is NoticeKind.RAW:
            return Contents()
        item = item_from(raw).storable()
    except (KasirError, ValueError, RecursionError):
        return Contents()
    is_contract = item.event_code == EventCode.RECURRING_CONTRACT
    psp_reference = "" if is_contract else item.psp_reference
    return Contents(item.success, psp_reference, item.merchant_reference)


def own_name(event_code: str, names: Sequence[str]) -> str:
    """The pspReference of a notice whose body was deleted.

    `names` are the unencrypted pspReferences of the notice; the last one is that of the notice.
    """
    if event_code == EventCode.RECURRING_CONTRACT or not names:
        return ""  # The field pspReference has a token, which is never stored unencrypted.
    return names[-1]


def misdirected(kind: NoticeKind, raw: bytes, from_live: bool | None, *, is_live: bool) -> str:
    """An error if a notice is from Adyen's other platform; empty if it is not, or if not known.

    Test payments have no effect in a live shop, and live payments have no effect in a test.

    Args:
        kind: The webhook that received the notice.
        raw: The bytes of the notice. A token notification contains its platform.
        from_live: Whether a standard notification was from the live platform, by its envelope; None
            if that is not known.
        is_live: Whether this Kasir is live.
    """
    if kind is NoticeKind.TOKENS:
        try:
            from_live = token_notifications.envelope(raw).is_live
        except KasirError:
            return ""  # The notice cannot be read; `read` returns the reason.
    if from_live is None or from_live == is_live:
        return ""
    platform, ours = ("live", "test") if from_live else ("test", "live")
    return (
        f"it is of Adyen's {platform} platform, and this Kasir is for {ours}: see ADYEN_ENVIRONMENT"
    )


def read(kind: NoticeKind, raw: bytes, merchant_account: str) -> Reading:
    """Read a notice, and return its content. An unreadable notice gets the state HELD, no raise."""
    try:
        if kind is NoticeKind.TOKENS:
            return _token_reading(raw, merchant_account)
        if kind is NoticeKind.RAW:
            return Reading(NoticeState.HELD, error=_why_unread(raw))
        return _standard_reading(raw, merchant_account)
    except (KasirError, ValueError, RecursionError) as error:
        return Reading(NoticeState.HELD, error=storable(str(error)))


def _why_unread(raw: bytes) -> str:
    """Why a body could not be parsed when it was received."""
    try:
        parse(raw)
    except Unreadable as error:
        return storable(f"{len(raw)} bytes came, and {error}")
    return f"{len(raw)} bytes came that no Kasir could read then, nor find the signatures in"


def _standard_reading(raw: bytes, merchant_account: str) -> Reading:
    item = item_from(raw).storable()
    if item.merchant_account_code != merchant_account:
        return Reading(NoticeState.FOREIGN)
    if item.event_code == EventCode.REPORT_AVAILABLE and item.success:
        return Reading(NoticeState.READ, report=_announced(item))
    fact = meanings.of_item(item) or token_meanings.not_saved(item)
    token = token_meanings.of_item(item)
    if fact is None and token is None:
        known = item.event_code in EventCode.__members__.values()
        return Reading(NoticeState.IGNORED if known else NoticeState.UNHEARD_OF)
    clues = meanings.clues_of(item, fact) if fact else None
    return Reading(NoticeState.READ, fact, clues, token)


def _announced(item: Item) -> Announced:
    """The report of REPORT_AVAILABLE: its name is signed, and its address is not."""
    kind = kind_of_name(item.psp_reference)
    state = ReportState.ANNOUNCED if kind else ReportState.OTHER
    return Announced(item.psp_reference, item.reason, kind or "", state)


def _token_reading(raw: bytes, merchant_account: str) -> Reading:
    if token_notifications.envelope(raw).type not in TokenEvent.__members__.values():
        return Reading(NoticeState.UNHEARD_OF)
    notification = token_notifications.parse(raw)
    if notification.merchant_account != merchant_account:
        return Reading(NoticeState.FOREIGN)
    return Reading(NoticeState.READ, token=token_meanings.of_notification(notification))
