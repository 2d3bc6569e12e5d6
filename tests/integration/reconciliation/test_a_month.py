"""A month of every kind of payment, whose reports agree with Kasir: no case stays open.

A batch closes each midnight. What happens on a day is a method of `Month`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from integration.reconciliation.twin_and_kasir import DAY_S, TwinAndKasir, twin_and_kasir
from twin_fixtures import BROWSER, charge_body

DAYS: Final = 30
MANUAL: Final = {"additionalData": {"manualCapture": "true"}}
#: Every way in which the reports may look otherwise.
OTHERWISE: Final = {
    "idr": "hundredths",
    "columnOrder": "shuffled",
    "addedColumns": True,
    "duplicateHeader": True,
    "quoting": "all",
    "timeZone": "WIB",
    "captureReference": "own",
}
#: The types of the rows of Kasir's payments, in both reports.
ALL_TYPES: Final = {
    *("Received", "Authorised", "Refused", "Cancelled", "Expired", "SentForSettle", "Settled"),
    *("SettledReversed", "SentForRefund", "Refunded", "RefundFailed", "RefundedReversed"),
    *("Chargeback", "ChargebackReversed", "SecondChargeback"),
}


@dataclass
class Month:
    """What happens in a month, by the number of the day."""

    run: TwinAndKasir
    subscription: dict[str, Any] = field(default_factory=dict)
    token: str = ""

    async def sign_up(self) -> None:
        """Subscribe for 50,000 rupiah a week, and save another wallet."""
        run = self.run
        plan = {
            "reference": "WEEKLY",
            "amount": {"currency": "IDR", "value": 50_000},
            "interval": {"unit": "week", "count": 1},
            "noticeDays": 0,
        }
        body = {
            "plan": (await run.call("POST", "/api/plans", plan))["id"],
            "reference": "SUBSCRIBED",
            "shopperReference": "shopper-weekly",
            "returnUrl": "https://shop.example/",
            "channel": "Web",
            "browserInfo": BROWSER,
        }
        self.subscription = await run.call("POST", "/api/subscriptions", body)
        await run.act(self.subscription["payment"]["action"]["url"])
        saved = {
            "storePaymentMethod": True,
            "shopperReference": "shopper-1",
            "recurringProcessingModel": "CardOnFile",
        }
        await run.paid("SAVED", **saved)
        await run.twin.settle(60)
        tokens = await run.twin.control("GET", "tokens?shopperReference=shopper-1")
        self.token = tokens["tokens"][0]["storedPaymentMethodId"]

    async def renewed(self, times: int) -> None:
        """Wait until the subscription has been charged so often."""
        path = f"/api/subscriptions/{self.subscription['id']}"

        async def is_so() -> bool:
            renewals = (await self.run.call("GET", path)).get("renewals", [])
            return [each["status"] for each in renewals] == ["authorised"] * times

        await self.run.waiting(is_so, f"renewal {times}")

    async def not_paid(self, day: int) -> None:
        """Three shoppers refuse, cancel and never come."""
        await self.run.act(await self.run.pay(f"REFUSED-{day}"), "refuse")
        await self.run.act(await self.run.pay(f"CANCELLED-{day}"), "cancel")
        await self.run.pay(f"NEVER-{day}")

    async def refunded(self, day: int) -> None:
        """One payment is refunded whole, one in two parts, and one refund is refused."""
        whole, parts, refused = (f"{name}-{day}" for name in ("WHOLE", "PARTS", "NO-REFUND"))
        for order in (whole, parts, refused):
            await self.run.paid(order, 20_000 + day)
        await self.run.change(whole, "refunds", 20_000 + day)
        await self.run.change(parts, "refunds", 4_000)
        await self.run.change(parts, "refunds", 6_000)
        await self.run.until(whole, refunded=20_000 + day)
        await self.run.until(parts, refunded=10_000)
        await self.faulty({"fault": "refund_refused"}, refused, "failed")

    async def refund_undone(self, day: int) -> None:
        """Two refunds succeed; one fails before its batch closes, one a day after."""
        early, late = f"FAILED-{day}", f"REVERSED-{day}"
        for order in (early, late):
            await self.run.paid(order)
        await self.faulty({"fault": "refund_fails_later", "seconds": 60}, early, "succeeded")
        event = {"seconds": DAY_S + 60, "eventCode": "REFUNDED_REVERSED"}
        await self.faulty({"fault": "refund_fails_later"} | event, late, "succeeded")

    async def faulty(self, fault: dict[str, Any], order: str, status: str) -> None:
        """Refund 3,000 rupiah, with a fault of the twin."""
        run = self.run
        await run.twin.control("PUT", "faults", [fault | {"reference": order}])
        await run.change(order, "refunds", 3_000)

        async def is_so() -> bool:
            return [each["status"] for each in (await run.payment(order))["refunds"]] == [status]

        await run.waiting(is_so, f"the refund of {order}")
        await run.twin.control("DELETE", "faults")

    async def capture_undone(self, day: int) -> None:
        """A capture fails a day later, when it was settled."""
        order = f"NOT-CAPTURED-{day}"
        fault = {"fault": "capture_fails_later", "seconds": DAY_S + 60, "reference": order}
        await self.run.twin.control("PUT", "faults", [fault])
        await self.run.paid(order)
        await self.run.twin.control("DELETE", "faults")

    async def by_hand(self, day: int) -> None:
        """Of four authorised payments one is captured in part, one cancelled, one expires."""
        # The authorisation of LATE is longer than until its capture.
        await self.run.twin.control("PUT", "knobs", {"capture": "manual", "authorisationDays": 5})
        for order in (f"PART-{day}", f"LATE-{day}", f"VOID-{day}", f"EXPIRES-{day}"):
            await self.run.paid(order, 40_000, **MANUAL)
        await self.run.twin.control("DELETE", "knobs")
        await self.run.change(f"VOID-{day}", "cancels")
        await self.run.until(f"VOID-{day}", status="cancelled")
        await self.run.change(f"PART-{day}", "captures", 15_000)
        await self.run.until(f"PART-{day}", captured=15_000)

    async def captured_late(self, day: int) -> None:
        """The payment that was authorised three days ago is captured."""
        order = f"LATE-{day - 3}"
        await self.run.change(order, "captures", 40_000)
        await self.run.until(order, captured=40_000)

    async def charged(self, day: int) -> None:
        """A shopper pays with the saved wallet."""
        order = f"CHARGED-{day}"
        body = charge_body(self.token, "CardOnFile", reference=order)
        await self.run.act((await self.run.call("POST", "/v72/payments", body))["action"]["url"])
        await self.run.until(order, captured=25_000)

    async def disputed(self, day: int) -> None:
        """A chargeback is reversed; another one is lost for good."""
        for order, events in {
            f"WON-{day}": ("CHARGEBACK", "CHARGEBACK_REVERSED"),
            f"LOST-{day}": ("CHARGEBACK", "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK"),
        }.items():
            psp_reference = (await self.run.paid(order))["pspReference"]
            for event in events:
                path = f"payments/{psp_reference}/disputes"
                await self.run.twin.control("POST", path, {"event": event})

    async def of_others(self, day: int) -> None:
        """Other systems on the account take cards and GoPay, with the references of our orders."""
        card = {"reference": f"ORDER-{day}", "amount": {"currency": "EUR", "value": 1_999 + day}}
        gopay = {"reference": f"ORDER-{day}", "amount": 7_000, "paymentMethod": "gopay_wallet"}
        for body in (card, gopay):
            psp_reference = (await self.run.twin.control("POST", "foreign", body))["pspReference"]
            refund = {"event": "REFUND", "originalReference": psp_reference}
            await self.run.twin.control("POST", "foreign", body | refund)

    async def day(self, day: int) -> None:
        """Do what happens on a day, until the same time of the next one."""
        await self.renewed((day - 1) // 7)
        for number in (1, 2):
            await self.run.paid(f"ORDER-{day}" if number == 1 else f"MORE-{day}", 10_000 + 77 * day)
        days: Mapping[int, Callable[[int], Awaitable[None]]] = {
            1: self.not_paid,
            2: self.refunded,
            3: self.refund_undone,
            4: self.capture_undone,
            5: self.by_hand,
            6: self.of_others,
            7: self.charged,
            8: self.captured_late,
            9: self.disputed,
        }
        if happens := days.get(day % 10):
            await happens(day)
        await self.run.twin.settle(DAY_S)


@pytest.mark.long
@pytest.mark.parametrize("looks", [{}, OTHERWISE], ids=["as by default", "otherwise"])
async def test_a_month_of_mixed_life_reconciles_to_zero(
    fresh_database: str, looks: dict[str, Any]
) -> None:
    async with twin_and_kasir(fresh_database) as run:
        await run.settings(closeEveryS=DAY_S, **looks)
        month = Month(run)
        await month.sign_up()
        for day in range(1, DAYS + 1):
            if day == 12:
                # The batches of the next days come first.
                await run.settings(mistakes=[{"mistake": "late_report"}])
            await month.day(day)
        await run.twin.settle(5 * DAY_S)
        await run.reconciled()
        reports = await run.reports()
        types = await run.kasir.pool.fetch("SELECT DISTINCT type FROM report_row")
        batches = [
            report
            for report in (await run.twin.control("GET", "reports"))["reports"]
            if report["kind"] == "settlement_details"
        ]
        payouts = {each["batch"]: each["paidOut"]["value"] for each in await run.payouts()}

        assert await run.cases() == []
        assert await run.cases("closed") == []
        assert {report["state"] for report in reports} == {"reconciled"}
        assert {row["type"] for row in types} == ALL_TYPES
        assert payouts == {str(batch["batch"]): batch["payout"] for batch in batches}
        assert len(batches) == DAYS
