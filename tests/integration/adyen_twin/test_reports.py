"""Reports: when they come, who may fetch them, what they contain, and what can be wrong in them."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from adyen_twin.settlement import accounting, details
from twin_fixtures import Answer, RunningTwin, Shop, payment_body, serving, shop, twin
from twin_openapi import needs_openapi, webhook_faults

__all__ = ["shop", "twin"]

USER, PASSWORD = "report@Company.Twin", "report-password"
DAY_S = 24 * 3600
FEES = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")

Row = dict[str, str]


async def fetch(twin: RunningTwin, url: str, user: str = USER, password: str = PASSWORD) -> Answer:
    """Fetch a report file."""
    headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
    return await twin.call("GET", url, None, headers)


async def refund(twin: RunningTwin, psp_reference: str, value: int) -> None:
    """Refund a part of a payment, and wait for the outcome."""
    body = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": value}}
    await twin.api(f"/v72/payments/{psp_reference}/refunds", body | {"reference": "BACK, 1"})
    await twin.settle(2)


async def closed(twin: RunningTwin, **settings: Any) -> dict[str, list[Row]]:
    """Close the batch; return the rows of its reports by the kind of report."""
    await twin.control("PUT", "reports", {"delayS": 0} | settings)
    reports = (await twin.control("POST", "reports/close"))["reports"]
    await twin.settle()
    return {report["kind"]: rows_of((await fetch(twin, report["url"])).text) for report in reports}


def rows_of(text: str) -> list[Row]:
    """Return the rows of a file by the names of its columns."""
    return list(csv.DictReader(io.StringIO(text)))


def number(row: Row, name: str) -> Decimal:
    """Return an amount; an empty one is 0."""
    return Decimal(row[name] or "0")


def net(row: Row) -> Decimal:
    """Return the signed net amount of a row."""
    return number(row, "Net Credit (NC)") - number(row, "Net Debit (NC)")


def typed(row: Row) -> tuple[str, object]:
    """Return the type of a row and its signed net amount."""
    return row["Type"], net(row)


def is_consistent(row: Row) -> bool:
    """Return whether the net amount of a row is its gross amount less its fees."""
    gross = number(row, "Gross Credit (GC)") - number(row, "Gross Debit (GC)")
    fees = sum((number(row, name) for name in FEES), Decimal())
    return gross * number(row, "Exchange Rate") - fees == net(row)


def of_type(rows: list[Row], kind: str) -> list[Row]:
    """Return the rows of a type."""
    return [row for row in rows if row["Type"] == kind]


async def test_a_report_is_announced_and_can_be_fetched_two_hours_after_the_close(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.paid()
    await twin.settle()
    reports = (await twin.control("POST", "reports/close"))["reports"]
    await twin.settle(7_100)
    early = await fetch(twin, reports[0]["url"])
    listed = (await twin.control("GET", "reports"))["reports"]
    await twin.settle(200)
    answer = await fetch(twin, reports[0]["url"])

    name = "settlement_detail_report_batch_1.csv"
    url = f"{twin.url}/reports/download/MerchantAccount/TwinMerchant/{name}"
    _, item, _ = [webhook.item for webhook in shop.received]
    assert (reports[0]["kind"], reports[0]["name"]) == (
        "settlement_details",
        name,
    )
    assert (item["eventCode"], item["success"]) == ("REPORT_AVAILABLE", "true")
    assert (item["pspReference"], item["reason"]) == (name, url)
    assert (item["amount"]["value"], item["merchantReference"]) == (0, "")
    assert (early.status, listed[0]["available"]) == (404, False)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert tuple(answer.text.splitlines()[0].split(",")) == details.COLUMNS


async def test_only_the_report_user_can_fetch_a_report(twin: RunningTwin) -> None:
    await twin.paid()
    await closed(twin)
    (url, *_) = [report["url"] for report in (await twin.control("GET", "reports"))["reports"]]
    by_key = [await twin.api(url.removeprefix(twin.url), None, method="GET")]
    await twin.control("PUT", "reports", {"password": "changed", "apiKeyDownloads": True})
    by_key += [await twin.api(url.removeprefix(twin.url), None, method="GET")]
    answers = [
        await twin.call("GET", url),
        await twin.call("GET", url, None, {"Authorization": "Basic ?"}),
        await fetch(twin, url),
        await fetch(twin, url, "other@Company.Twin", "changed"),
        await fetch(twin, url, USER, "changed"),
        await fetch(twin, f"{url}.bak", USER, "changed"),
        await fetch(twin, url.replace("TwinMerchant", "Another"), USER, "changed"),
    ]

    assert [answer.status for answer in answers] == [401, 401, 401, 401, 200, 404, 404]
    assert answers[0].headers["WWW-Authenticate"] == 'Basic realm="reports"'
    assert [answer.status for answer in by_key] == [401, 200]


async def test_a_batch_closes_each_midnight_of_the_zone_on_which_there_was_a_movement(
    twin: RunningTwin, shop: Shop
) -> None:
    settings = {"closeEveryS": DAY_S, "timeZone": "WIB"}
    await twin.control("PUT", "reports", settings)
    await twin.paid()
    await twin.settle(3 * DAY_S)
    await twin.paid()
    await twin.control("POST", "reset")  # It forgets the payment, but not the settings.
    await twin.paid()
    await twin.settle(2 * DAY_S)
    listed = (await twin.control("GET", "reports"))["reports"]

    assert [report["batch"] for report in listed] == [1, None]
    assert {report["closedAt"][11:16] for report in listed} == {"17:00"}  # Midnight in Jakarta.
    announced = [item for item, _ in shop.events].count("REPORT_AVAILABLE")
    assert announced == 4


async def test_reports_no_longer_come_by_themselves_after_the_settings_are_reset(
    twin: RunningTwin,
) -> None:
    await twin.control("PUT", "reports", {"closeEveryS": 3600})
    settings = await twin.control("DELETE", "reports")
    await twin.paid()
    await twin.settle(DAY_S)

    assert settings["closeEveryS"] is None
    assert (await twin.control("GET", "reports")) == {"settings": settings, "reports": []}


async def test_the_settlement_details_have_every_movement_its_fees_and_the_payout(
    twin: RunningTwin,
) -> None:
    psp_reference = await twin.paid(metadata={"cart": "7, 8"})
    await twin.control(
        "POST", "foreign", {"reference": "CARD", "amount": {"currency": "EUR", "value": 1234}}
    )
    await refund(twin, psp_reference, 5_000)
    await twin.control(
        "POST", f"payments/{psp_reference}/disputes", {"event": "CHARGEBACK", "value": 7_000}
    )
    rows = (await closed(twin, addedColumns=True))["settlement_details"]

    assert [typed(row) for row in rows] == [
        ("Settled", 24_500),
        ("Settled", 195_467),
        ("Refunded", -5_000),
        ("Chargeback", -7_000),
        ("Fee", -700),
        ("MerchantPayout", -207_267),
    ]
    own, card, back, *_, payout = rows
    assert {row["Batch Number"] for row in rows} == {"1"}
    assert (own["Psp Reference"], own["Modification Reference"]) == (psp_reference, psp_reference)
    assert (own["Merchant Reference"], own["Modification Merchant Reference"]) == (
        "ORDER-1001",
        "<auto>",
    )
    assert (own["Gross Currency"], own["Gross Credit (GC)"], own["Commission (NC)"]) == (
        "IDR",
        "25000",
        "500",
    )
    assert json.loads(own["Metadata"]) == {"cart": "7, 8"}
    assert (card["Gross Credit (GC)"], card["Exchange Rate"]) == ("12.34", "16000")
    assert back["Modification Merchant Reference"] == "BACK, 1"
    assert payout["Modification Reference"] == "TX000000001XT batch 1, TwinMerchant"
    assert all(is_consistent(row) for row in rows if row["Psp Reference"])


async def test_the_payment_accounting_moves_each_amount_from_register_to_register(
    twin: RunningTwin,
) -> None:
    psp_reference = await twin.paid()
    await refund(twin, psp_reference, 5_000)
    await twin.shopper(await twin.pay(reference="NO"), "refuse")
    rows = (await closed(twin))["payment_accounting"]

    registers = ("Received (PC)", "Authorised (PC)", "Captured (PC)", "Payable (SC)")
    assert [(row["Record Type"], *(row[name] for name in registers)) for row in rows] == [
        ("Received", "25000", "", "", ""),
        ("Authorised", "-25000", "25000", "", ""),
        ("SentForSettle", "", "-25000", "25000", ""),
        ("SentForRefund", "", "", "-5000", ""),
        ("Received", "25000", "", "", ""),
        ("Refused", "-25000", "", "", ""),
        ("Settled", "", "", "-25000", "24500"),
        ("Refunded", "", "", "5000", "-5000"),
    ]
    for name in registers[:3]:
        assert sum(number(row, name) for row in rows) == 0
    assert tuple(rows[0]) == accounting.COLUMNS


async def test_what_fails_before_the_close_is_not_settled_and_later_it_is_reversed(
    twin: RunningTwin,
) -> None:
    faults = [
        {"fault": "capture_fails_later", "seconds": 60, "reference": "CAPTURE"},
        {"fault": "refund_fails_later", "seconds": 60, "reference": "REFUND"},
    ]
    batches = []
    for wait_s in (60, 0):
        await twin.control("PUT", "faults", faults)
        await twin.paid(reference="CAPTURE")
        await refund(twin, await twin.paid(reference="REFUND"), 5_000)
        await twin.settle(wait_s)
        batches.append((await closed(twin))["settlement_details"])
        await twin.settle(60)
    last = await closed(twin)

    first, second = [[row["Type"] for row in rows] for rows in batches]
    assert first == ["Settled", "Fee", "MerchantPayout"]
    assert second == ["Settled", "Settled", "Refunded", "Fee", "MerchantPayout"]
    reversed_rows = [typed(row) for row in last["settlement_details"]]
    assert reversed_rows == [
        ("SettledReversed", -25_000),
        ("RefundedReversed", 5_000),
        ("Balancetransfer", 20_000),
    ]


async def test_a_capture_by_hand_is_settled_and_its_rest_expires(twin: RunningTwin) -> None:
    await twin.control("PUT", "knobs", {"capture": "manual"})
    psp_reference = await twin.paid()
    cancelled = await twin.paid(reference="CANCELLED")
    body = {"merchantAccount": "TwinMerchant", "amount": {"currency": "IDR", "value": 9_000}}
    await twin.control("PUT", "knobs", {"severalCaptures": True})
    await twin.api(f"/v72/payments/{psp_reference}/captures", body | {"reference": "C-1"})
    await twin.api(f"/v72/payments/{cancelled}/cancels", {"merchantAccount": "TwinMerchant"})
    await twin.settle(30 * DAY_S)
    reports = await closed(twin)

    (row,) = of_type(reports["settlement_details"], "Settled")
    assert (row["Gross Credit (GC)"], row["Modification Merchant Reference"]) == ("9000", "C-1")
    assert row["Modification Reference"] != psp_reference
    ended = {"Cancelled", "Expired"}
    assert [
        (row["Record Type"], row["Authorised (PC)"])
        for row in reports["payment_accounting"]
        if row["Record Type"] in ended
    ] == [("Cancelled", "-25000"), ("Expired", "-16000")]


async def test_the_cancel_of_a_captured_payment_takes_it_out_of_the_batch(
    twin: RunningTwin,
) -> None:
    await twin.control("PUT", "knobs", {"cancelOfCaptured": "cancel"})
    psp_reference = await twin.paid()
    await twin.api(f"/v72/payments/{psp_reference}/cancels", {"merchantAccount": "TwinMerchant"})
    await twin.settle(2)
    reports = await closed(twin)

    assert reports.keys() == {"payment_accounting"}
    assert reports["payment_accounting"][-1]["Record Type"] == "CaptureFailed"


async def test_a_debt_is_carried_over_to_the_next_batch(twin: RunningTwin) -> None:
    psp_reference = await twin.paid()
    await closed(twin)
    await refund(twin, psp_reference, 20_000)
    debt = (await closed(twin))["settlement_details"]
    still_a_debt = (await closed(twin))["settlement_details"]
    await twin.paid()
    paid_out = (await closed(twin))["settlement_details"]

    assert [typed(row) for row in debt] == [
        ("Refunded", -20_000),
        ("Balancetransfer", 20_000),
    ]
    assert [typed(row) for row in still_a_debt] == [
        ("Balancetransfer", -20_000),
        ("Balancetransfer", 20_000),
    ]
    assert [row["Type"] for row in paid_out] == [
        "Balancetransfer",
        "Settled",
        "Fee",
        "MerchantPayout",
    ]
    assert net(paid_out[-1]) == -(24_500 - 350 - 20_000)
    assert [sum(map(net, rows)) for rows in (debt, still_a_debt, paid_out)] == [0, 0, 0]


async def test_two_accounts_have_their_own_batches_under_the_same_name() -> None:
    settings = Settings(more_merchant_accounts=("Second",))
    async with serving(Twin(settings, Knobs())) as served:
        await served.paid()
        await served.paid(merchantAccount="Second")
        reports = (await served.control("POST", "reports/close"))["reports"]

    found = [(r["account"], r["name"]) for r in reports if r["kind"] == "settlement_details"]
    name = "settlement_detail_report_batch_1.csv"
    assert found == [("TwinMerchant", name), ("Second", name)]


async def test_two_closes_on_one_day_have_different_names_of_their_accounting(
    twin: RunningTwin,
) -> None:
    await twin.paid()
    await closed(twin)
    await twin.paid()
    await closed(twin)
    listed = (await twin.control("GET", "reports"))["reports"]

    assert [r["batch"] for r in listed if r["batch"]] == [1, 2]
    first, second = [r["name"] for r in listed if r["kind"] == "payment_accounting"]
    assert first.startswith("payments_accounting_report_2")
    assert second.startswith("payments_accounting_report_filtered_2")


async def test_events_of_another_system_that_move_no_money_are_in_no_report(
    twin: RunningTwin,
) -> None:
    for event in (
        {"success": False},
        {"event": "CANCELLATION"},
        {"amount": 0},
        {"event": "REFUND", "amount": -5},
    ):
        await twin.control("POST", "foreign", {"reference": "R", "amount": 1_000} | event)
    reports = (await twin.control("POST", "reports/close"))["reports"]

    assert reports == []


async def test_another_systems_refund_chargeback_and_failed_capture_are_settled(
    twin: RunningTwin,
) -> None:
    foreign = {"reference": "CARD", "amount": 100_000}
    failed = (await twin.control("POST", "foreign", foreign))["pspReference"]
    for event in ("CAPTURE_FAILED", "REFUND", "CHARGEBACK"):
        more = {"event": event, "originalReference": failed}
        await twin.control("POST", "foreign", foreign | more)
    rows = (await closed(twin))["settlement_details"]
    await twin.control("POST", "foreign", foreign | {"event": "CAPTURE_FAILED"})
    later = (await closed(twin))["settlement_details"]

    assert [row["Type"] for row in rows] == ["Refunded", "Chargeback", "Balancetransfer"]
    assert {row["Psp Reference"] for row in rows[:2]} == {failed}
    assert "SettledReversed" in [row["Type"] for row in later]


async def test_a_month_of_mixed_life_adds_up_to_zero_in_every_batch(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.control("PUT", "reports", {"closeEveryS": DAY_S})
    disputes = ("CHARGEBACK", "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK")
    for day in range(30):
        amount = {"currency": "IDR", "value": 10_001 + 777 * day}
        psp_reference = await twin.paid(reference=f"ORDER, {day}", amount=amount)
        if day % 3 == 0:
            await refund(twin, psp_reference, 5_000 + day)
        if day % 4 == 0:
            dispute = {"event": disputes[day % 3]}
            await twin.control("POST", f"payments/{psp_reference}/disputes", dispute)
        if day % 2 == 0:
            euros = {"currency": "EUR", "value": 1_999 + day}
            event = "REFUND" if day % 10 == 0 else "AUTHORISATION"
            foreign = {"reference": f"CARD-{day}", "amount": euros, "event": event}
            await twin.control("POST", "foreign", foreign)
        await twin.settle(DAY_S)
    await twin.settle(DAY_S)
    listed = (await twin.control("GET", "reports"))["reports"]
    batches = [report for report in listed if report["kind"] == "settlement_details"]
    files = [rows_of((await fetch(twin, report["url"])).text) for report in batches]

    rows = [row for file in files for row in file]
    assert [report["batch"] for report in batches] == list(range(1, 31))
    assert [sum(map(net, file)) for file in files] == [0] * 30
    assert all(is_consistent(row) for row in rows if row["Psp Reference"])
    assert {row["Type"] for row in rows} >= {
        *("Settled", "Refunded", "Chargeback", "ChargebackReversed", "SecondChargeback"),
        *("Fee", "MerchantPayout", "Balancetransfer"),
    }
    assert len(of_type(rows, "Settled")) == 30 + 12
    assert sum(report["payout"] for report in batches) == -sum(
        map(net, of_type(rows, "MerchantPayout"))
    )
    announced = [item["pspReference"] for item in map(_item, shop.received) if _is_report(item)]
    assert sorted(announced) == sorted(report["name"] for report in listed)


def _item(webhook: Any) -> Any:
    return webhook.item


def _is_report(item: Any) -> bool:
    return bool(item["eventCode"] == "REPORT_AVAILABLE")


#: A mistake -> the types of the rows then, and the payout.
MISTAKES: list[tuple[dict[str, Any], list[str], int]] = [
    ({"mistake": "row_missing", "reference": "B"}, ["Settled", "Refunded"], 19_150),
    ({"mistake": "refund_missing"}, ["Settled", "Settled"], 48_300),
    ({"mistake": "amount_off", "reference": "A"}, ["Settled", "Settled", "Refunded"], 44_300),
    ({"mistake": "amount_off", "type": "Refunded"}, ["Settled", "Settled", "Refunded"], 42_300),
    ({"mistake": "settled_twice"}, ["Settled", "Settled", "Settled", "Refunded"], 67_450),
    ({"mistake": "unknown_type", "name": "New"}, ["New", "Settled", "Refunded"], 43_650),
    ({"mistake": "fee_odd", "by": 100}, ["Settled", "Settled", "Refunded"], 43_200),
    ({"mistake": "row_arithmetic"}, ["Settled", "Settled", "Refunded"], 43_301),
    ({"mistake": "batch_arithmetic"}, ["Settled", "Settled", "Refunded"], 43_301),
]


@pytest.mark.parametrize(("mistake", "types", "payout"), MISTAKES, ids=str)
async def test_a_planned_mistake_is_made_once(
    twin: RunningTwin, mistake: dict[str, Any], types: list[str], payout: int
) -> None:
    await twin.paid(reference="A")
    await refund(twin, await twin.paid(reference="B"), 5_000)
    rows = (await closed(twin, mistakes=[mistake]))["settlement_details"]
    await twin.paid(reference="A")
    next_rows = (await closed(twin))["settlement_details"]

    fees = [net(row) for row in of_type(rows, "Fee")]
    assert [row["Type"] for row in rows if row["Psp Reference"]] == types
    assert -net(rows[-1]) == payout
    assert fees == [-350 * types.count("Settled")]
    is_broken = mistake["mistake"] == "batch_arithmetic"
    assert sum(map(net, rows)) == (-1 if is_broken else 0)
    is_row_broken = mistake["mistake"] == "row_arithmetic"
    consistent = [is_consistent(row) for row in rows if row["Psp Reference"]]
    assert consistent == [not is_row_broken, *[True] * (len(types) - 1)]
    # The mistake is used up.
    assert [row["Type"] for row in next_rows] == ["Settled", "Fee", "MerchantPayout"]
    assert -net(next_rows[-1]) == 24_150
    assert (await twin.control("GET", "reports"))["settings"]["mistakes"] == []


@pytest.mark.parametrize(
    ("mistake", "first", "second"),
    [
        ({"mistake": "row_missing", "later": True}, ["B"], ["A"]),
        ({"mistake": "settled_twice", "later": True}, ["A", "B"], ["A"]),
        ({"mistake": "row_missing", "later": True, "times": 2}, [], ["A", "B"]),
    ],
    ids=str,
)
async def test_a_row_can_come_in_the_next_batch(
    twin: RunningTwin, mistake: dict[str, Any], first: list[str], second: list[str]
) -> None:
    await twin.paid(reference="A")
    await twin.paid(reference="B")
    rows = (await closed(twin, mistakes=[mistake]))["settlement_details"]
    next_rows = (await closed(twin))["settlement_details"]

    assert [row["Merchant Reference"] for row in of_type(rows, "Settled")] == first
    assert [row["Merchant Reference"] for row in of_type(next_rows, "Settled")] == second


async def test_a_mistake_waits_for_its_row_and_is_counted(twin: RunningTwin) -> None:
    await twin.paid(reference="A")
    mistake = {"mistake": "fee_odd", "reference": "B", "times": 3}
    await closed(twin, mistakes=[mistake])
    waiting = (await twin.control("GET", "reports"))["settings"]["mistakes"]
    await twin.paid(reference="B")
    await closed(twin)
    used_once = (await twin.control("GET", "reports"))["settings"]["mistakes"]

    assert [one["times"] for one in waiting + used_once] == [3, 2]


async def test_a_report_comes_late(twin: RunningTwin, shop: Shop) -> None:
    await twin.paid()
    mistake = {"mistake": "late_report", "seconds": DAY_S}
    await closed(twin, mistakes=[mistake])
    before = len(shop.received)
    await twin.settle(DAY_S)

    assert (before, len(shop.received)) == (1, 3)


@pytest.mark.parametrize("is_corrected", [False, True])
async def test_a_report_comes_again_under_the_same_name(
    twin: RunningTwin, shop: Shop, is_corrected: bool
) -> None:
    await twin.paid()
    mistakes = [
        {"mistake": "amount_off"},
        {"mistake": "same_name_again", "seconds": 600, "corrected": is_corrected},
    ]
    rows = (await closed(twin, mistakes=mistakes))["settlement_details"]
    await twin.settle(600)
    url = shop.received[1].item["reason"]
    again = rows_of((await fetch(twin, url)).text)

    announced = [webhook.item["pspReference"] for webhook in shop.received[1:]]
    assert announced.count("settlement_detail_report_batch_1.csv") == 2
    assert rows[0]["Gross Credit (GC)"] == "26000"
    assert again[0]["Gross Credit (GC)"] == ("25000" if is_corrected else "26000")


@pytest.mark.parametrize(
    ("idr", "gross", "commission", "rate"),
    [
        ("whole", "25000", "500", "16000"),
        ("hundredths", "250.00", "5.00", "160"),
        ("decimals", "25000.00", "500.00", "16000"),
    ],
)
async def test_rupiah_are_printed_as_the_setting_says(
    twin: RunningTwin, idr: str, gross: str, commission: str, rate: str
) -> None:
    await twin.paid()
    euros = {"currency": "EUR", "value": 1_230}
    await twin.control("POST", "foreign", {"reference": "CARD", "amount": euros})
    reports = await closed(twin, idr=idr)
    own, card, *_ = rows = reports["settlement_details"]

    assert (own["Gross Credit (GC)"], own["Commission (NC)"]) == (gross, commission)
    assert (card["Gross Credit (GC)"], card["Exchange Rate"]) == ("12.3", rate)
    assert reports["payment_accounting"][0]["Main Amount"] == gross
    assert sum(map(net, rows)) == 0
    assert all(is_consistent(row) for row in (own, card))


async def test_columns_can_be_in_another_order_added_missing_or_twice(twin: RunningTwin) -> None:
    await twin.paid()
    settings = {
        "columnOrder": "shuffled",
        "addedColumns": True,
        "duplicateHeader": True,
        "missingColumns": ["Markup (NC)", "Markup (SC)"],
        "quoting": "all",
    }
    await closed(twin, **settings)
    files = [
        (await fetch(twin, report["url"])).text
        for report in (await twin.control("GET", "reports"))["reports"]
    ]
    headers = [next(csv.reader(io.StringIO(text))) for text in files]

    expected = [
        [*details.COLUMNS, *details.ADDED_COLUMNS],
        [*accounting.COLUMNS, *accounting.ADDED_COLUMNS, "Settlement Currency"],
    ]
    for columns, missing in zip(expected, ("Markup (NC)", "Markup (SC)"), strict=True):
        columns.remove(missing)
    assert [sorted(header) for header in headers] == [sorted(columns) for columns in expected]
    assert headers != expected
    assert all(text.startswith('"') for text in files)
    (row, *_) = rows_of(files[0])
    assert (row["Type"], row["Gross Credit (GC)"]) == ("Settled", "25000")


async def test_an_automatic_capture_can_have_its_own_reference(twin: RunningTwin) -> None:
    await twin.control("PUT", "reports", {"captureReference": "own"})
    psp_reference = await twin.paid()
    (row, *_) = (await closed(twin))["settlement_details"]

    assert row["Psp Reference"] == psp_reference
    assert row["Modification Reference"] not in ("", psp_reference)


@pytest.mark.parametrize("zone", ["CET", "PST"])
async def test_dates_are_in_the_zone_that_stands_beside_them(twin: RunningTwin, zone: str) -> None:
    await twin.paid()
    await twin.control("PUT", "reports", {"timeZone": zone})
    now = (await twin.control("GET", "clock"))["now"]
    (row, *_) = (await closed(twin))["settlement_details"]

    hours = {"CET": 1, "PST": -8}[zone]
    hour = int(row["Creation Date"][11:13])
    assert row["TimeZone"] == zone
    assert (hour - hours) % 24 in (int(now[11:13]), (int(now[11:13]) - 1) % 24)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"closeEveryS": 1}, "closeEveryS"),
        ({"timeZone": "JST"}, "timeZone"),
        ({"idr": "thousands"}, "idr"),
        ({"user": "a:b"}, "user"),
        ({"exchangeRate": 150}, "exchangeRate"),
        ({"missingColumns": ["No Such"]}, "missingColumns"),
        ({"mistakes": [{"mistake": "none_such"}]}, "mistakes.[0].mistake"),
        ({"mistakes": [{"mistake": "fee_odd", "times": 0}]}, "mistakes.[0].times"),
        ({"mistakes": [{"mistake": "fee_odd", "much": 1}]}, "mistakes.[0].much"),
        ({"delay": 5}, "delay"),
    ],
    ids=str,
)
async def test_the_answer_to_an_invalid_setting_names_it_and_changes_nothing(
    twin: RunningTwin, body: dict[str, Any], field: str
) -> None:
    before = await twin.control("GET", "reports")
    answer = await twin.call("PUT", "/twin/reports", body)

    assert (answer.status, answer.body["field"].replace("[0]", ".[0]").replace("..", ".")) == (
        422,
        field,
    ), answer.text
    assert await twin.control("GET", "reports") == before


@needs_openapi
async def test_the_announcement_of_a_report_matches_adyens_schema(
    twin: RunningTwin, shop: Shop
) -> None:
    await twin.api("/v72/payments", payment_body())
    await twin.paid()
    await closed(twin)

    faults = [webhook_faults(webhook.body) for webhook in shop.received]
    assert [code for code, _ in shop.events].count("REPORT_AVAILABLE") == 2
    assert faults == [[]] * len(faults)
