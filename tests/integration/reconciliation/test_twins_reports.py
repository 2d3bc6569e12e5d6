"""Kasir fetches the reports of a twin that has its payments, and compares them."""

from __future__ import annotations

from integration.reconciliation.twin_and_kasir import REPORTED_S, USER, twin_and_kasir
from kasir.doctor.reports import check_reports


async def test_payments_and_a_refund_reconcile_to_zero_and_are_paid_out(
    fresh_database: str,
) -> None:
    async with twin_and_kasir(fresh_database) as run:
        for number in (1, 2, 3):
            await run.paid(f"ORDER-{number}", 10_000 * number)
        await run.change("ORDER-2", "refunds", 5_000)
        refunded = await run.until("ORDER-2", refunded=5_000)
        await run.close()
        reports = [(report["kind"], report["state"]) for report in await run.reports()]
        (payout,) = await run.payouts()
        payment = await run.call("GET", f"/api/payments/{refunded['id']}")

        assert await run.cases() == []
        assert sorted(reports) == [
            ("payment_accounting", "reconciled"),
            ("settlement_details", "reconciled"),
        ]
        # The commission is 2 %, and the account pays 350 rupiah for each of the three payments.
        assert (payout["batch"], payout["payments"], payout["addsUp"]) == ("1", 3, True)
        assert payout["net"]["value"] == 60_000 * 98 // 100 - 5_000
        assert payout["paidOut"]["value"] == payout["net"]["value"] - 3 * 350
        assert payment["payout"]["net"]["value"] == 20_000 * 98 // 100 - 5_000
        assert payment["payout"]["paidOutAt"] == payout["paidOutAt"]


async def test_how_rupiah_are_printed_is_found_in_reports_of_refunds_alone(
    fresh_database: str,
) -> None:
    async with twin_and_kasir(fresh_database) as run:
        await run.settings(idr="hundredths")
        await run.paid("ORDER-1")
        await run.close()
        for value in (5_000, 6_000):
            await run.change("ORDER-1", "refunds", value)
        await run.until("ORDER-1", refunded=11_000)
        await run.close()

        assert [report["state"] for report in await run.reports()] == ["reconciled"] * 4
        assert await run.cases() == []


async def test_a_wrong_password_is_found_by_the_doctor_and_the_report_comes_once_it_is_right(
    fresh_database: str,
) -> None:
    async with twin_and_kasir(fresh_database) as run:
        await run.paid("ORDER-1")
        await run.settings(password="another")
        await run.twin.control("POST", "reports/close")
        await run.twin.settle(REPORTED_S)

        async def is_tried() -> bool:
            return [report["tries"] for report in await run.reports()] == [1, 1]

        await run.waiting(is_tried, "a try of both reports")
        (fetched, _) = await check_reports(run.kasir)
        await run.settings(password=USER["KASIR_REPORT_PASSWORD"])
        await run.twin.settle(3_600)
        await run.reconciled()

        assert not fetched.is_well
        assert "HTTP 401: check KASIR_REPORT_USER and KASIR_REPORT_PASSWORD" in fetched.says
        assert (await check_reports(run.kasir))[0].is_well
        assert await run.cases() == []


async def test_a_report_without_a_needed_column_is_unreadable_and_the_doctor_names_the_column(
    fresh_database: str,
) -> None:
    async with twin_and_kasir(fresh_database) as run:
        await run.paid("ORDER-1")
        await run.settings(missingColumns=["Batch Number"])
        await run.close()
        states = {report["kind"]: report["state"] for report in await run.reports()}
        (fetched, _) = await check_reports(run.kasir)

        assert sorted(states.values()) == ["reconciled", "unreadable"]
        assert "it has no column 'Batch Number'; add it in Customer Area, Reports" in fetched.says
        assert await run.cases() == []
