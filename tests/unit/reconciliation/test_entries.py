from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kasir.reconciliation.amounts import Decimals, RupiahDetector
from kasir.reconciliation.arithmetic import Batches, row_fault
from kasir.reconciliation.entries import Entry, ReportKind, Role
from kasir.reconciliation.reading import entries, kind_of, kind_of_name
from kasir.reconciliation.tables import Row, UnreadableReport, UnreadableRow
from kasir.reconciliation.times import moment
from kasir.report_settings import RupiahDecimals
from report_files import ACCOUNTING, SETTLEMENT, booked, of_account, payout, refunded, settled


def entry(values: Mapping[str, str], kind: ReportKind = ReportKind.SETTLEMENT) -> Entry:
    """The entry in a row."""
    (read,), faults = entries([Row(2, values)], kind)

    assert not faults
    return read


def figures(read: Entry) -> tuple[int, int, int]:
    """The gross amount, the fees and the net amount of an entry."""
    return int(read.gross), int(read.fees), int(read.net)


def test_a_kind_is_known_by_its_columns_whatever_the_file_is_called() -> None:
    assert kind_of("report.csv", SETTLEMENT) is ReportKind.SETTLEMENT
    assert kind_of("report.csv", ACCOUNTING) is ReportKind.ACCOUNTING
    assert kind_of_name("settlement_detail_report_batch_12.csv") is ReportKind.SETTLEMENT
    assert kind_of_name("payments_accounting_report_2026_11_23.csv") is ReportKind.ACCOUNTING
    assert kind_of_name("dispute_report_2026_11_23.csv") is None


def test_a_report_without_a_needed_column_is_refused_with_its_name() -> None:
    columns = [name for name in SETTLEMENT if name != "Batch Number"]
    with pytest.raises(UnreadableReport, match="no column 'Batch Number'"):
        kind_of("settlement_detail_report_batch_12.csv", columns)


def test_another_report_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(UnreadableReport, match="neither 'Settlement details' nor"):
        kind_of("invoices.csv", ["Invoice"])


def test_a_settled_row_has_signed_amounts_and_a_time_in_its_zone() -> None:
    read = entry(settled("PSP-1") | {"Markup (NC)": "50", "Net Credit (NC)": "24450"})

    assert figures(read) == (25_000, 550, 24_450)
    assert read.at == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert read.role is Role.SETTLED


def test_a_refund_is_negative() -> None:
    read = entry(refunded("PSP-1", "REF-1"))

    assert figures(read) == (-5_000, 0, -5_000)
    assert read.modification == "REF-1"


def test_payment_accounting_trusts_the_register_and_not_the_main_amount() -> None:
    values = {"Main Amount": "2500000", "Captured (PC)": "-25000", "Payable (SC)": "24500"}
    read = entry(
        booked("PSP-1", "Settled", **values, **{"Commission (SC)": "500"}), ReportKind.ACCOUNTING
    )

    assert figures(read) == (25_000, 500, 24_500)
    assert row_fault(read) == ""


@pytest.mark.parametrize("kind", ["Refunded", "Chargeback"])
def test_money_that_leaves_is_negative_in_payment_accounting(kind: str) -> None:
    read = entry(booked("PSP-1", kind), ReportKind.ACCOUNTING)

    assert read.gross == -25_000


def test_an_unknown_type_is_kept_and_has_no_role() -> None:
    read = entry(settled("PSP-1", Type="Teleported"))

    assert (read.type, read.role) == ("Teleported", None)


@pytest.mark.parametrize("text", ["25.000,00", "1e3", "NaN", "twenty", "--1", "1 000"])
def test_an_amount_that_is_no_number_is_a_fault_of_its_row_alone(text: str) -> None:
    bad, good = settled("PSP-1", **{"Commission (NC)": text}), settled("PSP-2")
    read, faults = entries([Row(2, bad), Row(3, good)], ReportKind.SETTLEMENT)

    assert [each.psp_reference for each in read] == ["PSP-2"]
    assert [(fault.line, "'Commission (NC)'" in fault.why) for fault in faults] == [(2, True)]


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("CET", 17), ("PST", 2), ("WIB", 11), ("UTC", 18), ("Asia/Jakarta", 11), ("SGT", 10)],
)
def test_a_zone_is_read_by_its_abbreviation_or_its_name(zone: str, hour: int) -> None:
    read = moment("2026-11-23 18:00:00", zone)

    assert read is not None
    assert read.astimezone(UTC).hour == hour


def test_a_summer_time_is_that_of_its_date_whichever_abbreviation_is_printed() -> None:
    summer = moment("2026-07-01 12:00:00", "CET")

    assert summer is not None
    assert summer.astimezone(UTC).hour == 10


@pytest.mark.parametrize(("text", "zone"), [("yesterday", "CET"), ("2026-11-23", "XYZ"), ("", "")])
def test_a_time_that_cannot_be_read_is_none(text: str, zone: str) -> None:
    assert moment(text, zone) is None


# Arithmetic -------------------------------------------------------------------------------------


def test_a_row_that_does_not_add_up_says_by_which_figures() -> None:
    assert row_fault(entry(settled("PSP-1"))) == ""

    fault = row_fault(entry(settled("PSP-1", **{"Net Credit (NC)": "24501"})))

    assert fault == (
        "25000 IDR times 1, less fees of 500, is 24500, and the net amount is 24501 IDR"
    )


def test_a_row_of_no_payment_may_have_a_net_amount_alone() -> None:
    empty = dict.fromkeys(("Gross Currency", "Gross Debit (GC)", "Exchange Rate"), "")
    read = entry(of_account("MerchantPayout", -24_500) | empty)

    assert read.net == -24_500
    assert row_fault(read) == ""


def test_an_exchanged_row_may_differ_by_the_rounding_of_its_printed_figures_alone() -> None:
    exchanged = {"Net Currency": "EUR", "Exchange Rate": "0.0000571", "Commission (NC)": "0.10"}
    right = settled("PSP-1", **exchanged, **{"Net Credit (NC)": "1.33"})
    wrong = right | {"Net Credit (NC)": "1.35"}

    assert row_fault(entry(right)) == ""
    assert "1.35 EUR" in row_fault(entry(wrong))


def test_a_batch_with_its_payout_comes_to_zero_and_says_what_was_paid_out() -> None:
    rows = [settled("PSP-1"), refunded("PSP-1", "REF-1"), of_account("Fee", -100)]
    batches = Batches()
    batches.add(entry(row) for row in (*rows, payout(rows)))
    (batch,) = batches.all.values()

    assert batch.is_balanced
    assert batch.paid_out == 24_500 - 5_000 - 100


def test_a_batch_without_one_of_its_rows_does_not_come_to_zero() -> None:
    rows = [settled("PSP-1"), settled("PSP-2")]
    batches = Batches()
    batches.add(entry(row) for row in (rows[0], payout(rows)))
    (batch,) = batches.all.values()

    assert not batch.is_balanced
    assert batch.net == -24_500


# Rupiah -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "decimals"), [("25000", 0), ("25000.00", 0), ("250.00", 2), ("250", 2)]
)
def test_how_rupiah_are_printed_is_found_by_the_ledger(printed: str, decimals: int) -> None:
    printing = RupiahDetector()
    printing.count(Decimal(printed), {25_000})
    found = printing.decimals(RupiahDecimals.DETECT)

    assert found == Decimals(decimals)
    assert found.whole(Decimal(printed), "IDR") == 25_000


def test_a_file_that_prints_rupiah_in_two_ways_is_said_to() -> None:
    printing = RupiahDetector()
    for printed in ("25000", "25000", "250.00"):
        printing.count(Decimal(printed), {25_000})

    assert printing.decimals(RupiahDecimals.DETECT) == Decimals(0)
    assert "two ways" in printing.note(RupiahDecimals.DETECT)


def test_the_setting_overrides_what_the_file_seems_to_print() -> None:
    printing = RupiahDetector()
    printing.count(Decimal(250), {25_000})

    assert printing.decimals(RupiahDecimals.NONE) == Decimals(0)
    assert RupiahDetector().decimals(RupiahDecimals.TWO) == Decimals(2)


def test_an_amount_that_is_no_whole_number_of_minor_units_is_refused() -> None:
    with pytest.raises(UnreadableRow, match=r"250\.5 IDR"):
        Decimals().whole(Decimal("250.5"), "IDR")


@pytest.mark.parametrize(
    ("currency", "expected"), [("IDR", 3145), ("JPY", 3145), ("EUR", 314_500), ("KWD", 3_145_000)]
)
def test_minor_units_have_adyens_decimals(currency: str, expected: Any) -> None:
    assert Decimals().whole(Decimal(3145), currency) == expected
