"""Examples of the requests and answers about payouts and cases, in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

_TIME: Final = "2026-11-23T07:07:14.887399Z"
_PSP_REFERENCE: Final = "410T6EPARTZ6ENQ2"
_PAYMENT_ID: Final = "pay_01M83KNY27JYB87A54MGEZYHQ8"
_AMOUNT: Final = {"currency": "IDR", "value": 25_000}
_PAID_ROW: Final = {
    "type": "Settled",
    "gross": _AMOUNT,
    "fees": {"currency": "IDR", "value": 500},
    "net": {"currency": "IDR", "value": 24_500},
    "pspReference": _PSP_REFERENCE,
    "modification": _PSP_REFERENCE,
    "at": _TIME,
    "batch": "12",
    "report": "settlement_detail_report_batch_12.csv",
}
_PAYOUT: Final = {
    "id": 7,
    "batch": "12",
    "paidOut": {"currency": "IDR", "value": 2_450_000},
    "payments": 100,
    "net": {"currency": "IDR", "value": 2_450_000},
    "addsUp": True,
    "report": "settlement_detail_report_batch_12.csv",
    "paidOutAt": _TIME,
}
_CASE: Final = {
    "id": 3,
    "kind": "amount",
    "state": "open",
    "reason": "Adyen settled 2500, and Kasir captured 25000",
    "openedAt": _TIME,
    "paymentId": _PAYMENT_ID,
    "pspReference": _PSP_REFERENCE,
    "batch": "12",
    "report": "settlement_detail_report_batch_12.csv",
    "line": 17,
}
#: The payout of the payment that other examples show.
PAYOUT_OF_PAYMENT: Final = {
    "net": {"currency": "IDR", "value": 24_500},
    "fees": {"currency": "IDR", "value": 500},
    "batch": "12",
    "paidOutAt": _TIME,
    "rows": [_PAID_ROW],
}
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "post_case_close": {"why": "The bank returned it; Adyen pays it with batch 14."},
}
ANSWERS: Final[dict[str, Any]] = {
    "get_payouts": {"payouts": [_PAYOUT], "next": None},
    "get_payout": {
        "payouts": [_PAYOUT],
        "payments": [{**_PAID_ROW, "paymentId": _PAYMENT_ID, "reference": "ORDER-1001"}],
        "next": None,
    },
    "get_cases": {"cases": [_CASE], "next": None},
    "get_case": _CASE,
    "post_case_close": {
        **_CASE,
        "state": "closed",
        "closedAt": _TIME,
        "closedBy": "API",
        "why": "The bank returned it; Adyen pays it with batch 14.",
    },
}
