"""A notice becomes read, ignored, foreign, unknown, or held with its error."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from fakes import notification_item
from kasir.payments.facts import Says
from kasir.store.inbox import NoticeKind, NoticeState
from kasir.store.reports import Announced, ReportState
from kasir.webhooks.interpreting import Reading, misdirected, read


def reading(**changes: Any) -> Reading:
    raw = json.dumps(notification_item(**changes)).encode()
    return read(NoticeKind.STANDARD, raw, "TwinMerchant")


def test_a_notice_of_a_payment_gives_a_fact_and_clues() -> None:
    outcome = reading(pspReference="PSP-A", merchantReference="ORDER-1")

    assert outcome.state == NoticeState.READ
    assert outcome.fact is not None
    assert outcome.fact.says == Says.AUTHORISED
    assert outcome.clues is not None
    assert outcome.clues.reference == "ORDER-1"
    assert outcome.clues.names == ("PSP-A",)


def test_a_notice_of_another_merchant_account_is_foreign_whatever_it_contains() -> None:
    assert reading(merchantAccountCode="Another").state == NoticeState.FOREIGN
    assert reading(merchantAccountCode="Another", eventDate="garbage").state == NoticeState.FOREIGN


@pytest.mark.parametrize("code", ["ORDER_OPENED", "PAYOUT_DECLINE"])
def test_an_event_code_that_is_not_about_a_payment_is_ignored(code: str) -> None:
    assert reading(eventCode=code).state == NoticeState.IGNORED


@pytest.mark.parametrize(
    ("name", "kind", "state"),
    [
        ("settlement_detail_report_batch_1.csv", "settlement_details", ReportState.ANNOUNCED),
        ("received_payments_report.csv", "", ReportState.OTHER),
    ],
)
def test_a_notice_of_a_report_announces_it(name: str, kind: str, state: ReportState) -> None:
    url = f"https://ca-test.adyen.com/reports/download/MerchantAccount/TwinMerchant/{name}"
    outcome = reading(eventCode="REPORT_AVAILABLE", pspReference=name, reason=url)

    assert (outcome.state, outcome.fact) == (NoticeState.READ, None)
    assert outcome.report == Announced(name, url, kind, state)


def test_a_report_that_was_not_made_is_ignored() -> None:
    outcome = reading(eventCode="REPORT_AVAILABLE", success="false")

    assert (outcome.state, outcome.report) == (NoticeState.IGNORED, None)


@pytest.mark.parametrize("code", ["SOMETHING_NEW", ""])
def test_an_unknown_event_code_is_marked_as_unknown(code: str) -> None:
    assert reading(eventCode=code).state == NoticeState.UNHEARD_OF


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"eventDate": "yesterday"}, "yesterday"),
        ({"amount": {"currency": "IDR", "value": "much"}}, "amount.value"),
    ],
)
def test_an_unreadable_notice_is_held_with_its_error(
    changes: dict[str, Any], expected: str
) -> None:
    outcome = reading(**changes)

    assert (outcome.state, outcome.fact) == (NoticeState.HELD, None)
    assert expected in outcome.error


#: Deeper than Python can parse: 3.13 parses about ten thousand levels, 3.11 a thousand.
TOO_DEEP: Final = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", TOO_DEEP])
def test_a_notice_that_is_not_an_item_is_held_and_raises_nothing(raw: bytes) -> None:
    outcome = read(NoticeKind.STANDARD, raw, "TwinMerchant")

    assert outcome.state == NoticeState.HELD
    assert outcome.error != ""


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"environment":{}}', b'{"environment":7}', b"{}"])
@pytest.mark.parametrize("is_live", [True, False])
def test_a_token_notice_without_a_platform_is_not_misdirected(raw: bytes, *, is_live: bool) -> None:
    assert misdirected(NoticeKind.TOKENS, raw, None, is_live=is_live) == ""
