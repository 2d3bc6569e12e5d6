"""The rows of a settlement batch and how reports print them."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adyen_twin.core.books import Entry, Record
from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.settlement import printing, registers
from adyen_twin.settlement.lines import CREDITS, batch_of, fee_line, in_rupiah, line_of

SETTLED = [
    Record.SETTLED,
    Record.REFUNDED,
    Record.CHARGEBACK,
    Record.CHARGEBACK_REVERSED,
    Record.SECOND_CHARGEBACK,
    Record.REFUNDED_REVERSED,
    Record.SETTLED_REVERSED,
]


def entry(record: Record, value: int, currency: str = "IDR", method: str = "gopay_wallet") -> Entry:
    """Return a record of a payment."""
    return Entry(
        at=0.0,
        record=record,
        psp_reference="PSP",
        reference="ORDER",
        method=method,
        currency=currency,
        value=value,
        created_at=0.0,
    )


entries = st.builds(
    entry,
    st.sampled_from(SETTLED),
    st.integers(1, 10**12),
    st.sampled_from(["IDR", "EUR", "JPY"]),
    st.sampled_from(["gopay_wallet", "visa"]),
)


@given(entries, st.integers(0, 10_000))
def test_each_row_is_its_gross_amount_less_its_fees(one: Entry, commission_bps: int) -> None:
    line = line_of(one, ReportSettings(commission_bps=commission_bps))

    assert line.net == in_rupiah(line.gross, one.currency, line.rate) - line.fees.total
    assert (line.gross > 0) is (one.record in CREDITS)
    assert line.fees.total == 0 or one.record is Record.SETTLED


@given(st.lists(entries, max_size=30), st.integers(-(10**9), 0))
def test_the_rows_of_a_batch_add_up_to_zero(listed: list[Entry], carried: int) -> None:
    settings = ReportSettings()
    lines = [line_of(one, settings) for one in listed]
    rows = [*lines, *fee_line(lines, 0.0, settings)]
    batch = batch_of(rows, number=2, account="TwinMerchant", carried=carried, at=0.0)

    assert sum(line.net for line in batch.lines) == 0
    assert batch.payout + batch.carried == carried + sum(line.net for line in rows)
    assert batch.payout >= 0 >= batch.carried


def test_every_record_has_its_movements() -> None:
    assert registers.SIGNS.keys() == set(Record)


@pytest.mark.parametrize(
    "life",
    [
        [Record.RECEIVED, Record.REFUSED],
        [Record.RECEIVED, Record.AUTHORISED, Record.CANCELLED],
        [Record.RECEIVED, Record.AUTHORISED, Record.EXPIRED],
        [Record.RECEIVED, Record.AUTHORISED, Record.SENT_FOR_SETTLE, Record.CAPTURE_FAILED],
        [Record.RECEIVED, Record.AUTHORISED, Record.SENT_FOR_SETTLE, Record.SETTLED],
        [Record.SENT_FOR_REFUND, Record.REFUNDED],
        [Record.SENT_FOR_REFUND, Record.REFUND_FAILED],
    ],
    ids=lambda life: life[-1],
)
def test_a_whole_life_leaves_nothing_in_the_registers(life: list[Record]) -> None:
    moved = [registers.movements(record, 25_000) for record in life]

    assert [sum(column) for column in zip(*moved, strict=True)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("value", "currency", "idr", "expected"),
    [
        (25_000, "IDR", "whole", "25000"),
        (-25_000, "IDR", "hundredths", "-250.00"),
        (25_000, "IDR", "decimals", "25000.00"),
        (3_145, "EUR", "hundredths", "31.45"),
        (7_500, "EUR", "whole", "75"),
        (9_690, "EUR", "whole", "96.9"),
        (5, "EUR", "whole", "0.05"),
        (1_000, "JPY", "whole", "1000"),
        (0, "IDR", "decimals", ""),
    ],
)
def test_an_amount_is_printed_in_major_units(
    value: int, currency: str, idr: str, expected: str
) -> None:
    settings = printing_settings(idr)

    assert printing.amount(value, currency, settings) == expected


def printing_settings(idr: str) -> ReportSettings:
    """Return settings with a way to print rupiah."""
    settings = ReportSettings()
    settings.idr = idr  # type: ignore[assignment]  # The test gives valid values.
    return settings


def test_a_file_with_commas_quotes_and_line_breaks_reads_back_unchanged() -> None:
    row = ["a, b", 'say "no"', "two\nlines", "ü"]
    text = printing.table(["A", "B", "C", "D"], [row], ReportSettings(), seed="")

    assert list(csv.reader(io.StringIO(text)))[1] == row
