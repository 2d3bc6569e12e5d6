"""Why a renewal was refused, and when it is retried.

After `NO_BALANCE`, the charge is retried on later days, at an hour at which the shopper may have
topped up the wallet. After `TOKEN_GONE`, only the shopper can help, so the shopper gets a payment
link. After `TECHNICAL`, the charge is retried soon; after `FRAUD`, never. An attempt whose outcome
is unknown never counts as refused: Kasir waits for its outcome.

The reason is found by Adyen's code and by Adyen's text. For redirect wallets the code is often "0",
and the text is in capitals. GUESS: which reasons a wallet gives in which case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kasir.subscriptions.calendar import at_hour


class Reason(StrEnum):
    """Why a renewal was refused: the kinds of reasons after which Kasir acts differently."""

    #: The wallet cannot pay this now. A refusal without a known reason counts as this.
    NO_BALANCE = "no_balance"
    #: The token cannot be charged any more: unlinked, disabled, revoked or unknown.
    TOKEN_GONE = "token_gone"  # A reason, not a secret.
    #: A system failed; the shopper is not the cause.
    TECHNICAL = "technical"
    #: Fraud is suspected.
    FRAUD = "fraud"


#: If a refusal has several reasons, the first of these counts.
_BY_WEIGHT: Final = (Reason.FRAUD, Reason.TOKEN_GONE, Reason.TECHNICAL, Reason.NO_BALANCE)

#: The reason by Adyen's refusalReasonCode or, for errors, errorCode.
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

#: The reason by a part of the refusal's text, in lower case.
_BY_TEXT: Final = (
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
        days: On which days after the due date the renewal is retried.
        hour: The hour of the day, in the plan's time zone.
        soon: The waits after the first, the second and later technical failures. After more
            technical failures than there are waits, `days` apply.
    """

    days: tuple[int, ...] = (1, 3, 5, 7)
    hour: int = 10
    soon: tuple[timedelta, ...] = (
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=4),
    )


def reason_of(code: str, texts: Iterable[str], default: Reason = Reason.NO_BALANCE) -> Reason:
    """The reason of a refusal, from Adyen's code and texts.

    Args:
        code: Adyen's refusalReasonCode or errorCode; empty if there is none.
        texts: The texts of every answer and notification about the refusal.
        default: The reason if neither the code nor a text is known.
    """
    found = {_BY_CODE[code]} if code in _BY_CODE else set()
    for text in texts:
        lowered = text.lower()
        found |= {reason for part, reason in _BY_TEXT if part in lowered}
    return next((reason for reason in _BY_WEIGHT if reason in found), default)


def next_try(
    reason: Reason,
    *,
    due_at: datetime,
    tried_at: datetime,
    failures: int,
    zone: str,
    timetable: Timetable,
) -> datetime | None:
    """When a refused renewal is retried; None if it is not retried.

    Args:
        reason: Why the renewal was last refused.
        due_at: When the renewal was due.
        tried_at: When the renewal was last charged.
        failures: How often the renewal was refused for technical reasons, including the last time.
        zone: The plan's time zone (IANA name).
        timetable: The days, the hour and the waits of retries.
    """
    if reason in {Reason.FRAUD, Reason.TOKEN_GONE}:
        return None
    if reason is Reason.TECHNICAL and failures <= len(timetable.soon):
        return tried_at + timetable.soon[failures - 1]
    slots = (at_hour(days, due_at, timetable.hour, zone) for days in timetable.days)
    return next((slot for slot in slots if slot > tried_at), None)


def give_up_at(due_at: datetime, zone: str, timetable: Timetable) -> datetime:
    """When a renewal that only the shopper can pay is given up."""
    return at_hour(timetable.days[-1], due_at, timetable.hour, zone)
