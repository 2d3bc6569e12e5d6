"""What to do about a renewal that was refused: sort the refusal, then look at its timetable.

No balance: ask again on later days, at an hour when a shopper may have topped up. Token gone: only
the shopper can help, so they are asked to. Technical: ask again soon. Fraud: stop. An outcome that
is not known never comes here: it is resolved first.

The reasons are Adyen's refusal reasons by code and by word; for redirect wallets the code is often
"0" and the word in capitals, so both are read. GUESS: which of them a wallet gives when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kasir.subscriptions.calendar import at_hour


class Reason(StrEnum):
    """Why a renewal was refused, as far as it matters for what is done next."""

    #: The wallet cannot pay this now. What is refused without a reason is taken for this.
    NO_BALANCE = "no_balance"
    #: The token charges nothing any more: unlinked, disabled, revoked, unknown.
    TOKEN_GONE = "token_gone"  # A reason, not a secret.
    #: Somebody's machines; the shopper has nothing to do with it.
    TECHNICAL = "technical"
    #: Somebody suspects fraud.
    FRAUD = "fraud"


#: The graver outranks the lighter where a payment was refused in several words.
_BY_WEIGHT: Final = (Reason.FRAUD, Reason.TOKEN_GONE, Reason.TECHNICAL, Reason.NO_BALANCE)

#: Adyen's refusalReasonCode, and of errors the errorCode.
_BY_CODE: Final[Mapping[str, Reason]] = {
    "4": Reason.TECHNICAL,  # Acquirer Error
    "9": Reason.TECHNICAL,  # Issuer Unavailable
    "12": Reason.NO_BALANCE,  # Not enough balance
    "14": Reason.FRAUD,  # Acquirer Fraud
    "20": Reason.FRAUD,  # FRAUD
    "21": Reason.TECHNICAL,  # Not Submitted
    "22": Reason.FRAUD,  # FRAUD-CANCELLED
    "23": Reason.TOKEN_GONE,  # Transaction Not Permitted
    "26": Reason.TOKEN_GONE,  # Revocation Of Auth
    "28": Reason.NO_BALANCE,  # Withdrawal amount exceeded
    "29": Reason.NO_BALANCE,  # Withdrawal count exceeded
    "31": Reason.FRAUD,  # Issuer Suspected Fraud
    "800": Reason.TOKEN_GONE,  # Contract not found
    "803": Reason.TOKEN_GONE,  # PaymentDetail not found
    "901": Reason.TECHNICAL,  # Invalid Merchant Account
    "905": Reason.TECHNICAL,  # Payment details are not supported
}

#: Words in a refusal's text, in small letters.
_BY_WORD: Final = (
    ("fraud", Reason.FRAUD),
    ("revocation", Reason.TOKEN_GONE),
    ("revoked", Reason.TOKEN_GONE),
    ("unlinked", Reason.TOKEN_GONE),
    ("not permitted", Reason.TOKEN_GONE),
    ("disabled", Reason.TOKEN_GONE),
    ("contract not found", Reason.TOKEN_GONE),
    ("paymentdetail not found", Reason.TOKEN_GONE),
    ("acquirer error", Reason.TECHNICAL),
    ("unavailable", Reason.TECHNICAL),
    ("not submitted", Reason.TECHNICAL),
    ("timeout", Reason.TECHNICAL),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """When a refused renewal is asked for again.

    Attributes:
        days: Days after it fell due.
        hour: The hour of those days, by the shopper's wall clock.
        soon: What to wait after each technical failure, before the days are left to.
    """

    days: tuple[int, ...] = (1, 3, 5, 7)
    hour: int = 10
    soon: tuple[timedelta, ...] = (
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=4),
    )


def reason_of(code: str, texts: Iterable[str], unless_said: Reason = Reason.NO_BALANCE) -> Reason:
    """Sort a refusal by Adyen's code and by every text it was told in, in any order.

    Args:
        code: Adyen's refusalReasonCode or errorCode; empty where there is none.
        texts: All that was said of it.
        unless_said: What it is taken for where neither tells.
    """
    found = {_BY_CODE[code]} if code in _BY_CODE else set()
    for text in texts:
        small = text.lower()
        found |= {reason for word, reason in _BY_WORD if word in small}
    return next((reason for reason in _BY_WEIGHT if reason in found), unless_said)


def next_try(
    reason: Reason,
    *,
    due_at: datetime,
    tried_at: datetime,
    failures: int,
    zone: str,
    timetable: Timetable,
) -> datetime | None:
    """When a refused renewal is asked for again; None if not again by itself.

    Args:
        reason: Why it was refused last.
        due_at: When it first fell due.
        tried_at: When it was last asked for.
        failures: How often it was refused for technical reasons, this time counted.
        zone: The shopper's time zone.
        timetable: When to ask.
    """
    if reason in {Reason.FRAUD, Reason.TOKEN_GONE}:
        return None
    if reason is Reason.TECHNICAL and failures <= len(timetable.soon):
        return tried_at + timetable.soon[failures - 1]
    slots = (at_hour(days, due_at, timetable.hour, zone) for days in timetable.days)
    return next((slot for slot in slots if slot > tried_at), None)


def give_up_at(due_at: datetime, zone: str, timetable: Timetable) -> datetime:
    """When a renewal that only the shopper can help is no longer waited for."""
    return at_hour(timetable.days[-1], due_at, timetable.hour, zone)
