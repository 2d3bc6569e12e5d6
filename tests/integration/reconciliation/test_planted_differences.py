"""Differences planted in a report of 100,000 payments: each is found, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from integration.reconciliation.reconciliation_setup import Reconciler
from kasir.store import cases, reports
from kasir.store.cases import Case
from ledger_rows import add_paid, add_refund, amount_of
from report_files import csv_of, payout, refunded, settled

COUNT: Final = 100_000
#: Every hundredth payment is refunded in part.
REFUND: Final = 5_000
#: The payments whose rows are changed, by the kind of the case that each gives.
PLANTED: Final = {
    "amount": (500, 41_003),
    "row_arithmetic": (777, 50_001),
    "fee": (1_234, 77_777),
    "unknown_type": (3_333, 88_881),
    "unreadable_row": (4_444,),
    "settled_twice": (5_555, 99_998),
    "missing_there": (6_666, 60_606),
    "missing_here": (1, 2),
    "refund": (7_000, 7_100, 9_999),
}


def planted(number: int, kind: str | None) -> list[dict[str, str]]:
    """The rows of a payment, with a planted difference of this kind."""
    amount = amount_of(number)
    row = settled(f"PSP-{number}", amount, amount // 50)
    more = {"Gross Credit (GC)": str(amount + 1), "Net Credit (NC)": str(amount + 1)}
    changes = {
        "amount": more | {"Commission (NC)": "0"},
        "row_arithmetic": {"Net Credit (NC)": "7"},
        "fee": settled(f"PSP-{number}", amount, amount // 10),
        "unknown_type": {"Type": "Teleported"},
        "unreadable_row": {"Exchange Rate": "one"},
    }
    times = {"settled_twice": 2, "missing_there": 0}
    return [row | changes.get(kind or "", {})] * times.get(kind or "", 1)


def rows() -> Iterator[dict[str, str]]:
    """The rows of the report, with the planted differences."""
    of = {number: kind for kind, numbers in PLANTED.items() for number in numbers if number > 2}
    for number in range(1, COUNT + 1):
        yield from planted(number, of.get(number))
        if number % 100 == 0 and number != 7_000:
            off = 1 if number == 7_100 else 0
            yield refunded(f"PSP-{number}", f"REF-{number}", REFUND + off)
    yield refunded("PSP-9999", "REF-UNKNOWN", REFUND)
    yield settled("NOBODY-1")
    yield settled("NOBODY-2")
    for number in range(1_000):
        yield settled(f"VISA-{number}", **{"Payment Method": "visa"})


async def open_cases(reconciler: Reconciler, report_id: int) -> AsyncIterator[Case]:
    for case in await cases.open_of_reports(reconciler.kasir.pool, [report_id], 1000):
        yield case


@pytest.mark.long
async def test_each_planted_difference_is_found_and_nothing_else(reconciler: Reconciler) -> None:
    pool = reconciler.kasir.pool
    await add_paid(pool, 1, COUNT)
    for number in range(100, COUNT + 1, 100):
        await add_refund(pool, number, f"REF-{number}", REFUND)
    await pool.execute("ANALYZE")
    written = [*rows()]
    written.append(payout(row for row in written if row.get("Exchange Rate") != "one"))
    report = await reconciler.give("settlement_detail_report_batch_1.csv", csv_of(written))
    expected = sorted(
        (kind, f"NOBODY-{number}" if kind == "missing_here" else f"PSP-{number}")
        for kind, numbers in PLANTED.items()
        for number in numbers
    )
    found = [each async for each in open_cases(reconciler, report.id)]

    assert sorted((case.kind.value, case.psp_reference) for case in found) == expected
    assert (report.rows, report.foreign_rows) == (len(written), 1_000)
    assert (await reports.figures(pool, 1)).open_cases == len(expected)
