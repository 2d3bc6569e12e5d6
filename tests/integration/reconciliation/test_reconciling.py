from __future__ import annotations

import pytest

from integration.reconciliation.reconciliation_setup import Reconciler
from ledger_rows import add_paid, add_refund, amount_of, id_of
from report_files import ACCOUNTING, booked, csv_of, of_account, refunded, settled
from statements import counted_statements


def row(number: int, **changes: str) -> dict[str, str]:
    """The row of payment `number`, as it should be."""
    amount = amount_of(number)
    return settled(f"PSP-{number}", amount, amount // 50, **changes)


async def test_a_batch_of_our_payments_has_no_case(reconciler: Reconciler) -> None:
    await add_paid(reconciler.kasir.pool, 1, 20)
    await add_refund(reconciler.kasir.pool, 3, "REF-3", 5_000)
    rows = [row(number) for number in range(1, 21)]
    report = await reconciler.give_batch([*rows, refunded("PSP-3", "REF-3")])

    assert await reconciler.open_cases() == []
    assert (report.state, report.kind) == ("reconciled", "settlement_details")
    assert (report.rows, report.own_rows, report.foreign_rows) == (22, 21, 0)


async def test_each_difference_is_a_case_of_its_kind_and_nothing_else_is(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 60)
    await add_refund(reconciler.kasir.pool, 3, "REF-3", 5_000)
    rows = {number: row(number) for number in range(1, 61) if number != 30}
    rows[10] |= {"Gross Credit (GC)": "26000", "Net Credit (NC)": str(26_000 - 700)}
    rows[11] |= {"Net Credit (NC)": "1"}
    rows[12] |= {"Commission (NC)": "9000", "Net Credit (NC)": str(amount_of(12) - 9000)}
    rows[13] |= {"Type": "Teleported"}
    rows[14] |= {"Psp Reference": "PSP-NOBODY", "Modification Reference": "PSP-NOBODY"}
    rows[15] |= {"Markup (NC)": "five"}
    more = [row(16), refunded("PSP-3", "REF-3", 4_000), refunded("PSP-17", "REF-17")]
    await reconciler.give_batch([*rows.values(), *more])

    assert sorted(await reconciler.kinds()) == [
        ("amount", "PSP-10"),
        ("fee", "PSP-12"),
        ("missing_here", "PSP-NOBODY"),
        ("missing_there", "PSP-14"),
        ("missing_there", "PSP-30"),
        ("refund", "PSP-17"),
        ("refund", "PSP-3"),
        ("row_arithmetic", "PSP-11"),
        ("settled_twice", "PSP-16"),
        ("unknown_type", "PSP-13"),
        ("unreadable_row", "PSP-15"),
    ]


async def test_a_batch_that_does_not_come_to_zero_is_a_case(reconciler: Reconciler) -> None:
    await add_paid(reconciler.kasir.pool, 1, 2)
    await reconciler.give_batch(
        [row(1), row(2), of_account("MerchantPayout", -1)], is_paid_out=False
    )
    (case,) = await reconciler.open_cases()

    assert (case.kind, case.batch) == ("batch_arithmetic", "12")
    assert "not to 0" in case.reason


async def test_rows_of_others_on_the_account_are_counted_and_no_cases(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 1)
    await reconciler.kasir.pool.execute(
        "INSERT INTO notice (key, kind, item, received_at, event_code, names, state)"
        " VALUES ('x', 'standard', 'x', now(), 'AUTHORISATION', '{OTHER-1}', 'foreign')"
    )
    theirs = settled("OTHER-1"), settled("VISA-1", **{"Payment Method": "visa"})
    elsewhere = settled("PSP-7", **{"Merchant Account": "AnotherECOM"})
    rows = [row(1), *theirs]
    report = await reconciler.give_batch(rows)
    others = await reconciler.give("monthly.csv", csv_of([elsewhere]))

    assert await reconciler.open_cases() == []
    assert (report.own_rows, report.foreign_rows) == (1, 2)
    assert (others.own_rows, others.foreign_rows) == (0, 1)


async def test_a_case_is_opened_once_and_closed_by_the_file_that_explains_it(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 3)
    wrong = row(2) | {"Gross Credit (GC)": "1000", "Net Credit (NC)": str(1000 - 540)}
    for _ in range(2):
        await reconciler.give_batch([row(1), wrong, row(3)])
    first = await reconciler.open_cases()
    await reconciler.give_batch([row(1), row(2), row(3)])

    assert [case.kind for case in first] == ["amount"]
    assert await reconciler.open_cases() == []
    assert reconciler.reports[0] == reconciler.reports[1] != reconciler.reports[2]


async def test_cases_of_rows_close_when_another_file_of_the_name_has_the_rows_right(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 3)
    unknown, unreadable = row(1) | {"Type": "Teleported"}, row(2) | {"Commission (NC)": "much"}
    nobody = row(4)
    await reconciler.give_batch([unknown, unreadable, row(3), nobody], 12)
    wrong = await reconciler.kinds()
    await reconciler.give_batch([row(1), row(2), row(3)], 13)
    other_file = await reconciler.kinds()
    await reconciler.give_batch([row(1), row(2), row(3)], 12)

    assert sorted(wrong) == [
        ("missing_here", "PSP-4"),
        ("unknown_type", "PSP-1"),
        ("unreadable_row", "PSP-2"),
    ]
    # Batch 13 settles the payments, and what batch 12 says of them is as wrong as before.
    assert set(wrong) < set(other_file)
    assert not set(wrong) & set(await reconciler.kinds())


async def test_payment_accounting_does_not_hide_that_a_batch_lacks_a_payment(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 3)
    await add_refund(reconciler.kasir.pool, 1, "REF-1", 5_000)
    amount = amount_of(2)
    paid = {"Captured (PC)": str(-amount), "Payable (SC)": str(amount)}
    back = {"Captured (PC)": "5000", "Payable (SC)": "-5000", "Main Amount": "5000"}
    rows = [
        booked("PSP-2", "Settled", **paid),
        booked("PSP-1", "Refunded", **back, **{"Modification Psp Reference": "REF-1"}),
    ]
    await reconciler.give("payments_accounting_report_2026_11_23.csv", csv_of(rows, ACCOUNTING))
    await reconciler.give_batch([row(1), row(3)], 12)
    before = sorted(await reconciler.kinds())
    await reconciler.give("payments_accounting_report_2026_11_24.csv", csv_of(rows, ACCOUNTING))

    assert before == [("missing_there", "PSP-2"), ("refund", "PSP-1")]
    assert sorted(await reconciler.kinds()) == before


async def test_a_payment_that_is_in_a_later_batch_after_all_closes_its_case(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 3)
    await reconciler.give_batch([row(1), row(3)], 12)
    missing = await reconciler.kinds()
    await reconciler.give_batch([row(2)], 13)

    assert missing == [("missing_there", "PSP-2")]
    assert await reconciler.open_cases() == []


async def test_nothing_is_missing_there_while_a_batch_in_between_has_not_come(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 4)
    await reconciler.give_batch([row(1)], 12)
    await reconciler.give_batch([row(4)], 14)
    before = await reconciler.open_cases()
    await reconciler.give_batch([row(2)], 13)

    assert before == []
    assert await reconciler.kinds() == [("missing_there", "PSP-3")]


async def test_a_batch_in_a_second_file_is_not_settled_twice(reconciler: Reconciler) -> None:
    await add_paid(reconciler.kasir.pool, 1, 2)
    rows = [row(1), row(2)]
    await reconciler.give_batch(rows, 12)
    await reconciler.give_batch([*rows, of_account("Fee", -7)], 12)
    once = await reconciler.open_cases()
    await reconciler.give_batch([row(2)], 13)

    assert once == []
    assert await reconciler.kinds() == [("settled_twice", "PSP-2")]


async def test_a_payment_that_waits_too_long_after_the_last_batch_is_aged(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 2)
    await reconciler.give_batch([row(1)])
    await reconciler.kasir.reports.run(b"")
    before = await reconciler.open_cases()
    reconciler.clock.advance(reconciler.kasir.reports.reconciling.search.within * 2)
    await reconciler.kasir.reports.run(b"")

    assert before == []
    assert await reconciler.kinds() == [("aged_unsettled", "PSP-2")]


async def test_a_succeeded_refund_that_no_report_has_is_a_case_until_one_has(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 3)
    await add_refund(reconciler.kasir.pool, 2, "REF-2", 5_000)
    await reconciler.give_batch([row(1), row(2), row(3)], 12)
    missing = await reconciler.kinds()
    await reconciler.give_batch([refunded("PSP-2", "REF-2")], 13)

    assert missing == [("refund", "PSP-2")]
    assert await reconciler.open_cases() == []


async def test_fees_that_change_for_all_payments_are_one_case(reconciler: Reconciler) -> None:
    await add_paid(reconciler.kasir.pool, 1, 60)
    await reconciler.give_batch([row(number) for number in range(1, 31)], 12)
    dearer = [
        settled(f"PSP-{number}", amount_of(number), amount_of(number) // 25)
        for number in range(31, 61)
    ]
    await reconciler.give_batch(dearer, 13)
    (case,) = await reconciler.open_cases()

    assert case.kind == "fee"
    assert "changed from 0 + 2.00 % to 0 + 4.00 %" in case.reason


@pytest.mark.parametrize("printed", ["{}.{:02}", "{}"])
async def test_rupiah_may_be_printed_either_way(reconciler: Reconciler, printed: str) -> None:
    await add_paid(reconciler.kasir.pool, 1, 5)
    names = ("Gross Credit (GC)", "Net Credit (NC)", "Commission (NC)")
    rows = []
    for number in range(1, 6):
        values = row(number)
        for name in names:
            amount = int(values[name])
            parts = (amount // 100, amount % 100) if "." in printed else (amount,)
            values[name] = printed.format(*parts)
        rows.append(values)
    report = await reconciler.give("settlement_detail_report_batch_1.csv", csv_of(rows))
    payouts = await reconciler.kasir.pool.fetchval("SELECT own_net FROM payout")

    assert {kind for kind, _ in await reconciler.kinds()} == {"batch_arithmetic"}
    assert ("two decimals" in report.note) == ("." in printed)
    assert payouts == sum(amount_of(number) * 49 // 50 for number in range(1, 6))


async def test_payment_accounting_is_compared_too(reconciler: Reconciler) -> None:
    await add_paid(reconciler.kasir.pool, 1, 3)
    rows = []
    for number in range(1, 4):
        amount = amount_of(number)
        name, values = f"PSP-{number}", {"Main Amount": str(amount)}
        moved = {"Authorised (PC)": str(-amount), "Captured (PC)": str(amount)}
        paid = {"Captured (PC)": str(-amount), "Payable (SC)": str(amount - 500)}
        rows += [
            booked(name, "SentForSettle", **values, **moved),
            booked(name, "Settled", **values, **paid, **{"Commission (SC)": "500"}),
        ]
    rows[3] |= {"Captured (PC)": "-1000", "Payable (SC)": "500"}
    report = await reconciler.give(
        "payments_accounting_report_2026_11_23.csv", csv_of(rows, ACCOUNTING)
    )

    assert await reconciler.kinds() == [("amount", "PSP-2")]
    assert (report.kind, report.own_rows) == ("payment_accounting", 6)


async def test_a_row_that_stands_twice_in_payment_accounting_is_settled_twice(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 2)
    amount = amount_of(1)
    paid = {"Captured (PC)": str(-amount), "Payable (SC)": str(amount)}
    rows = [booked("PSP-1", "Settled", **paid)]
    await reconciler.give("payments_accounting_report_2026_11_23.csv", csv_of(rows, ACCOUNTING))
    once = await reconciler.open_cases()
    await reconciler.give("payments_accounting_report_2026_11_24.csv", csv_of(rows * 2, ACCOUNTING))

    assert once == []
    assert await reconciler.kinds() == [("settled_twice", "PSP-1")]


async def test_a_transaction_of_a_thousand_rows_sends_as_many_statements_as_one_of_ten(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 1_000)
    counts = []
    # The first batch leaves a case open, as the others do.
    for number, first, last in ((1, 1, 5), (2, 6, 15), (3, 16, 1_000)):
        rows = [row(each) for each in range(first, last + 1)]
        rows[3] |= {"Type": "Teleported"}
        with counted_statements() as sent:
            await reconciler.give_batch(rows, number, is_paid_out=False)
        # Transactions are left out: the first reading compares amounts until it knows their form.
        counts.append({name: count for name, count in sent.items() if "." in name})

    assert counts[1] == counts[2]
    assert counts[1]["payouts.add_rows"] == 1


async def test_a_report_that_cannot_be_read_is_kept_with_its_reason(reconciler: Reconciler) -> None:
    report = await reconciler.give("settlement_detail_report_batch_3.csv", b"Type,Batch Number\n")
    parts = await reconciler.kasir.pool.fetchval("SELECT count(*) FROM report_part")

    assert (report.state, parts) == ("unreadable", 1)
    assert "'Merchant Account'" in report.error


async def test_a_payment_settled_that_kasir_does_not_have_as_paid_is_a_case(
    reconciler: Reconciler,
) -> None:
    await add_paid(reconciler.kasir.pool, 1, 1)
    await reconciler.kasir.pool.execute("UPDATE fact SET says = 'refused'")
    await reconciler.give_batch([row(1)])
    (case,) = await reconciler.open_cases()

    assert (case.kind, case.payment_id) == ("missing_here", id_of(1))
    assert case.reason.endswith("in Kasir the payment is refused")
