"""What follows from a refused renewal: its reason, and when it is retried.

No balance: retry on later days, at an hour when a shopper may have topped up. Token gone: only the
shopper can help, so they are asked to pay by link. Technical: retry soon. Fraud: stop. An attempt
whose outcome is unknown is never treated as refused: it is resolved first.

The reasons are Adyen's refusal reasons by code and by text; for redirect wallets the code is often
"0" and the text in capitals, so both are read. GUESS: which of them a wallet gives when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kasir.subscriptions.calendar import at_hour


class Reason(StrEnum):
    """Why a renewal was refused, as far as it decides what is done next."""

    #: The wallet cannot pay this now. A refusal without a reason counts as this.
    NO_BALANCE = "no_balance"
    #: The token cannot be charged any more: unlinked, disabled, revoked or unknown.
    TOKEN_GONE = "token_gone"  # A reason, not a secret.
    #: A fault of a system; the shopper has nothing to do with it.
    TECHNICAL = "technical"
    #: Fraud is suspected.
    FRAUD = "fraud"


#: The most serious reason counts where a refusal gives several.
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

#: Words in a refusal's text, in lower case.
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
    """When a refused renewal is retried.

    Attributes:
        days: Days after it fell due.
        hour: The hour of those days, in the shopper's time zone.
        soon: How long to wait after each technical failure; after the last of these, `days` apply.
    """

    days: tuple[int, ...] = (1, 3, 5, 7)
    hour: int = 10
    soon: tuple[timedelta, ...] = (
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=4),
    )


def reason_of(code: str, texts: Iterable[str], unless_said: Reason = Reason.NO_BALANCE) -> Reason:
    """The reason of a refusal, from Adyen's code and every text about it, in any order.

    Args:
        code: Adyen's refusalReasonCode or errorCode; empty where there is none.
        texts: The texts of every answer and notification about it.
        unless_said: The reason where neither code nor texts give one.
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
    """When a refused renewal is retried; None if it is not.

    Args:
        reason: Why it was refused last.
        due_at: When it fell due.
        tried_at: When it was last charged.
        failures: How often it was refused for technical reasons, the last time included.
        zone: The shopper's time zone.
        timetable: When to retry.
    """
    if reason in {Reason.FRAUD, Reason.TOKEN_GONE}:
        return None
    if reason is Reason.TECHNICAL and failures <= len(timetable.soon):
        return tried_at + timetable.soon[failures - 1]
    slots = (at_hour(days, due_at, timetable.hour, zone) for days in timetable.days)
    return next((slot for slot in slots if slot > tried_at), None)


def give_up_at(due_at: datetime, zone: str, timetable: Timetable) -> datetime:
    """When a renewal that waits for its shopper is given up."""
    return at_hour(timetable.days[-1], due_at, timetable.hour, zone)
