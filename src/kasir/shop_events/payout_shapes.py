"""Payouts and cases in the shapes of the API.

Adyen may print fees with more digits than the minor unit; amounts are rounded to it here.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from kasir.reconciliation.entries import ReportKind
from kasir.shop_events.shapes import AmountOut, Moment, PaymentOut
from kasir.store.cases import Case
from kasir.store.payouts import PaidRow, PayoutRow


class PaidRowOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A row of a report about a payment: what was settled, refunded or charged back.

    `gross` is in the payment's currency, `fees` and `net` in the settlement currency. Money that
    leaves the shop is negative.
    """

    type: str
    gross: AmountOut
    fees: AmountOut
    net: AmountOut
    psp_reference: str
    modification: str = ""
    at: Moment | None = None
    batch: str = ""
    report: str = ""


class PaymentPayoutOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """When a payment was paid out, and for how much after fees, by Adyen's latest reports.

    `net` is the sum of all rows: what was settled, less refunds and chargebacks. Without
    `paidOutAt`, the reports do not say when; payment accounting alone never does.
    """

    net: AmountOut
    fees: AmountOut
    batch: str = ""
    paid_out_at: Moment | None = None
    rows: list[PaidRowOut]


class PaymentWithPayoutOut(PaymentOut, rename="camel", omit_defaults=True, kw_only=True):
    """A payment: its status, its sums, all its facts, and its payout if a report has it."""

    payout: PaymentPayoutOut | None = None


class PayoutOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A batch of Adyen's in one settlement currency.

    `paidOut` is what went to the bank, for all systems on the account. `payments` and `net` are
    Kasir's share: how many were settled, and what all their rows come to after fees. `addsUp` is
    false if the amounts of the batch do not come to 0; there is a case then.
    """

    id: int
    batch: str
    paid_out: AmountOut
    payments: int
    net: AmountOut
    adds_up: bool
    report: str
    paid_out_at: Moment | None = None


class PayoutsOut(msgspec.Struct):
    """A page of payouts, the latest first; `next` is the `after` of the following page."""

    payouts: list[PayoutOut]
    next: int | None


class PaidPaymentOut(PaidRowOut, rename="camel", omit_defaults=True, kw_only=True):
    """A row of a payout, with its payment."""

    payment_id: str
    reference: str


class PayoutPaymentsOut(msgspec.Struct):
    """A batch, and a page of its rows of Kasir's payments; `next` is the `after` of the next."""

    payouts: list[PayoutOut]
    payments: list[PaidPaymentOut]
    next: str | None


class CaseOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A difference between a report and itself, or between a report and the payments in Kasir.

    A closed case has `closedBy` and `why` if a person closed it; without them, a later report has
    disproved it.
    """

    id: int
    kind: str
    state: str
    reason: str
    opened_at: Moment
    payment_id: str = ""
    psp_reference: str = ""
    batch: str = ""
    report: str = ""
    line: int | None = None
    closed_at: Moment | None = None
    closed_by: str = ""
    why: str = ""


class CasesOut(msgspec.Struct):
    """A page of cases, newest first; `next` is the `after` of the following page."""

    cases: list[CaseOut]
    next: int | None


class CloseCaseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why a case is closed: what was found out, for those who look at it later."""

    why: str


def amount(minor_units: Decimal, currency: str) -> AmountOut:
    """An amount in whole minor units."""
    return AmountOut(currency, int(minor_units.to_integral_value(ROUND_HALF_EVEN)))


def payment_payout(rows: Sequence[PaidRow]) -> PaymentPayoutOut | None:
    """The payout of a payment; None if no report has it.

    Settlement details, which have batches, count before payment accounting.
    """
    rows = [each for each in rows if each.kind == ReportKind.SETTLEMENT] or rows
    settled = [each for each in rows if each.row.type == "Settled"]
    if not settled:
        return None
    currency = settled[-1].row.net_currency
    same = [each.row for each in rows if each.row.net_currency == currency]
    return PaymentPayoutOut(
        net=amount(sum((row.net for row in same), Decimal(0)), currency),
        fees=amount(sum((row.fees for row in same), Decimal(0)), currency),
        batch=settled[-1].row.batch,
        paid_out_at=settled[-1].paid_out_at,
        rows=[_row(each) for each in rows],
    )


def paid_payment(paid: PaidRow) -> PaidPaymentOut:
    """A row of a payout."""
    row = msgspec.structs.asdict(_row(paid))
    return PaidPaymentOut(**row, payment_id=paid.row.payment_id, reference=paid.reference)


def shown_payout(row: PayoutRow) -> PayoutOut:
    """A batch in the shape of the API."""
    return PayoutOut(
        id=row.id,
        batch=row.batch,
        paid_out=amount(row.paid_out, row.currency),
        payments=row.payments,
        net=amount(row.own_net, row.currency),
        adds_up=row.is_balanced,
        report=row.report,
        paid_out_at=row.paid_out_at,
    )


def shown_case(case: Case) -> CaseOut:
    """A case in the shape of the API."""
    return CaseOut(
        id=case.id,
        kind=case.kind,
        state=case.state,
        reason=case.reason,
        opened_at=case.opened_at,
        payment_id=case.payment_id or "",
        psp_reference=case.psp_reference,
        batch=case.batch,
        report=case.report,
        line=case.line,
        closed_at=case.closed_at,
        closed_by=case.closed_by,
        why=case.closed_why,
    )


def _row(paid: PaidRow) -> PaidRowOut:
    row = paid.row
    return PaidRowOut(
        type=row.type,
        gross=amount(row.gross, row.currency),
        fees=amount(row.fees, row.net_currency),
        net=amount(row.net, row.net_currency),
        psp_reference=row.psp_reference,
        modification=row.modification,
        at=row.at,
        batch=row.batch,
        report=paid.report,
    )
