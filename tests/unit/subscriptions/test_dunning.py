"""The reason of a refusal, and when the charge is retried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kasir.gateway.renewal_messages import why_refused
from kasir.payments.status import Status
from kasir.subscriptions.dunning import Reason, Timetable, next_try, reason_of

JAKARTA = "Asia/Jakarta"
DUE = datetime(2026, 3, 10, 20, tzinfo=UTC)  # Three in the morning of the 11th in Jakarta.


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("12", "Not enough balance", Reason.NO_BALANCE),
        ("28", "Withdrawal amount exceeded", Reason.NO_BALANCE),
        ("0", "REFUSED", Reason.NO_BALANCE),
        ("", "", Reason.NO_BALANCE),
        ("26", "Revocation Of Auth", Reason.TOKEN_GONE),
        ("0", "REVOCATION OF AUTH", Reason.TOKEN_GONE),
        ("23", "Transaction Not Permitted", Reason.TOKEN_GONE),
        ("800", "Contract not found", Reason.TOKEN_GONE),
        ("803", "PaymentDetail not found", Reason.TOKEN_GONE),
        ("4", "Acquirer Error", Reason.TECHNICAL),
        ("9", "Issuer Unavailable", Reason.TECHNICAL),
        ("20", "FRAUD", Reason.FRAUD),
        ("0", "FRAUD-CANCELLED", Reason.FRAUD),
        ("31", "Issuer Suspected Fraud", Reason.FRAUD),
    ],
)
def test_the_reason_of_a_refusal_follows_from_its_code_or_its_text(
    code: str, text: str, reason: Reason
) -> None:
    assert reason_of(code, [text]) is reason


def test_the_more_serious_reason_counts_in_any_order() -> None:
    texts = ["Not enough balance", "FRAUD"]

    assert reason_of("12", texts) is reason_of("12", texts[::-1]) is Reason.FRAUD


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.PENDING, Status.AUTHORISED])
def test_a_charge_that_is_not_refused_has_no_reason(status: Status) -> None:
    assert why_refused(status, None, ["Not enough balance"], asked=True) is None


def test_a_request_that_adyen_rejects_is_a_technical_failure() -> None:
    answer = b'{"status": 403, "errorCode": "010", "message": "Not allowed"}'

    assert why_refused(Status.FAILED, answer, ["Not allowed"], asked=True) is Reason.TECHNICAL


def test_the_reason_of_an_answer_without_json_follows_from_the_text_alone() -> None:
    assert why_refused(Status.REFUSED, b"<html>", ["FRAUD"], asked=True) is Reason.FRAUD


def tries(reason: Reason) -> list[str]:
    """The day and time of each retry, in the shopper's time zone, if every try is refused."""
    found: list[str] = []
    at = DUE
    for failures in range(1, 20):
        again = next_try(
            reason,
            due_at=DUE,
            tried_at=at,
            failures=failures,
            zone=JAKARTA,
            timetable=Timetable(),
        )
        if again is None:
            return found
        found.append(f"{again + timedelta(hours=7):%d %H:%M}")  # Jakarta is seven hours ahead.
        at = again
    return found


def test_a_charge_without_balance_is_retried_on_later_days_at_ten() -> None:
    assert tries(Reason.NO_BALANCE) == ["12 10:00", "14 10:00", "16 10:00", "18 10:00"]


def test_a_technical_failure_is_retried_soon_and_then_on_later_days() -> None:
    assert tries(Reason.TECHNICAL) == [
        "11 03:15",
        "11 04:15",
        "11 08:15",
        "12 10:00",
        "14 10:00",
        "16 10:00",
        "18 10:00",
    ]


@pytest.mark.parametrize("reason", [Reason.FRAUD, Reason.TOKEN_GONE])
def test_fraud_and_a_token_that_is_gone_are_not_retried(reason: Reason) -> None:
    assert tries(reason) == []
