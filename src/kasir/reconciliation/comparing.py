"""Compares a row of a report with the payment in Kasir."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kasir.payments.disputes import Dispute
from kasir.payments.facts import Says
from kasir.payments.payment import Payment
from kasir.payments.refunds import Refund, RefundStatus
from kasir.payments.sums import sums
from kasir.reconciliation.amounts import Decimals
from kasir.reconciliation.arithmetic import row_fault
from kasir.reconciliation.cases import CaseKind, Finding
from kasir.reconciliation.entries import Entry, ReportKind, Role
from kasir.reconciliation.fees import FeeModel
from kasir.reconciliation.tables import UnreadableRow

#: Statuses of a refund whose money is with the shop again.
_UNDONE: Final = frozenset({RefundStatus.FAILED, RefundStatus.REVERSED})


class Belongs(StrEnum):
    """Whose a row is."""

    #: A payment of Kasir's.
    OURS = "ours"
    #: No payment: a fee of the account, a payout.
    ACCOUNT = "account"
    #: Another system's on the same account, another method, or another merchant account.
    FOREIGN = "foreign"
    #: A payment that Kasir should have and has not.
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result for one row.

    Attributes:
        belongs: Whose the row is.
        findings: What is wrong with it.
        disproved: The keys of cases that the row shows to be no longer true.
    """

    belongs: Belongs
    findings: tuple[Finding, ...]
    disproved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """The kind and reason of a difference, without the references of its row."""

    kind: CaseKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What rows of one report are compared with, beside the payments.

    Attributes:
        merchant_account: Kasir's merchant account.
        methods: The payment methods that Kasir takes, as Adyen names them.
        decimals: How the report prints amounts.
        fees: The fees that were seen, by method and settlement currency.
    """

    merchant_account: str
    methods: frozenset[str]
    decimals: Decimals
    fees: Mapping[tuple[str, str], FeeModel]


def is_of_account(entry: Entry, merchant_account: str) -> bool:
    """Whether a row is of this merchant account, as is one that names no account."""
    return entry.merchant_account in {"", merchant_account}


def compared(
    entry: Entry, payment: Payment | None, context: Context, *, is_foreign: bool
) -> Comparison:
    """Compare a row with the payment that it names.

    Args:
        entry: The row.
        payment: The payment in Kasir; None if Kasir has none of that name.
        context: What the report is compared with.
        is_foreign: Whether Kasir knows the payment as another system's, by its notification.
    """
    belongs = _belongs(entry, payment, context, is_foreign=is_foreign)
    row = _row_fault(entry)
    ledger = _ledger_fault(entry, payment, context) if payment else None
    faults = {
        "row": row,
        "type": _type_fault(entry, belongs),
        "missing": _missing_fault(entry, belongs),
        "ledger": ledger,
        # The fees of a wrong amount mean nothing.
        "fee": _fee_fault(entry, context) if payment and not row and not ledger else None,
    }
    findings, disproved = [], []
    for check, fault in faults.items():
        key = _key(check, entry)
        if fault is None:
            disproved.append(key)
            continue
        findings.append(
            Finding(
                key=key,
                kind=fault.kind,
                reason=fault.reason,
                line=entry.line,
                payment_id=payment.intent.id if payment else None,
                psp_reference=entry.psp_reference,
                batch=entry.batch,
            )
        )
    if payment and entry.kind is ReportKind.SETTLEMENT:
        disproved += _paid_out_keys(entry, payment)
    return Comparison(belongs, tuple(findings), tuple(disproved))


def _paid_out_keys(entry: Entry, payment: Payment) -> list[str]:
    """The cases that a payment, or a refund, is in no settlement details, which the row is."""
    if entry.role is Role.SETTLED:
        return [unsettled_key(payment.intent.id)]
    if entry.role is Role.REFUNDED:
        return [unrefunded_key(payment.intent.id, entry.modification)]
    return []


def unsettled_key(payment_id: str) -> str:
    """The key of the case for a payment that is in no report."""
    return f"unsettled:{payment_id}"


def unrefunded_key(payment_id: str, refund: str) -> str:
    """The key of the case for a refund, by its pspReference, that is in no report."""
    return f"unrefunded:{payment_id}:{refund}"


def captured(entry: Entry, payment: Payment) -> int | None:
    """The captured amount that a settled row should have, in minor units; None if none is known."""
    known = [
        fact.amount.minor_units
        for fact in payment.facts
        if fact.says is Says.CAPTURED and fact.amount and fact.modification == entry.modification
    ]
    if known:
        return max(known)
    if payment.intent.captures_itself:
        authorised = sums(payment.intent, payment.facts).authorised
        return authorised.get(entry.psp_reference) or payment.summary.captured.minor_units or None
    return payment.summary.captured.minor_units or None


def known_amounts(entry: Entry, payment: Payment) -> set[int]:
    """The amounts that a row may have by the ledger, in minor units; empty if none is known.

    They are several if a payment has several refunds and the report does not name them.
    """
    match entry.role:
        case Role.SETTLED:
            amount = captured(entry, payment)
            return {amount} if amount else set()
        case Role.REFUNDED:
            name = entry.modification
            refunds = payment.summary.refunds
            return {each.amount.minor_units for each in refunds if name in {"", each.name}}
        case Role.CHARGED_BACK:
            dispute = _dispute(payment.summary.disputes, entry.modification)
            return {dispute.amount.minor_units} if dispute else set()
        case _:
            return set()


def _key(check: str, entry: Entry) -> str:
    """The key of what a check finds in a row."""
    if check == "type" and not entry.psp_reference:
        return f"type:{entry.kind}:{entry.type}"
    batch = f"{entry.batch}:" if check == "row" else ""
    return f"{check}:{entry.kind}:{batch}{entry.name}"


def _belongs(
    entry: Entry, payment: Payment | None, context: Context, *, is_foreign: bool
) -> Belongs:
    if payment:
        return Belongs.OURS
    if not entry.psp_reference:
        return Belongs.ACCOUNT
    if is_foreign or entry.method not in context.methods:
        return Belongs.FOREIGN
    return Belongs.MISSING


def _row_fault(entry: Entry) -> Fault | None:
    reason = row_fault(entry)
    return Fault(CaseKind.ROW_ARITHMETIC, reason) if reason else None


def _type_fault(entry: Entry, belongs: Belongs) -> Fault | None:
    if entry.role is not None or belongs is Belongs.FOREIGN:
        return None
    reason = f"its type is {entry.type!r}, which Kasir does not know; {_figures(entry)}"
    return Fault(CaseKind.UNKNOWN_TYPE, reason)


def _missing_fault(entry: Entry, belongs: Belongs) -> Fault | None:
    if belongs is not Belongs.MISSING or entry.role is Role.OTHER:
        return None
    reason = (
        f"{entry.type} of {entry.psp_reference} ({entry.merchant_reference}): Kasir has no such "
        f"payment, and no notification of it came; {_figures(entry)}"
    )
    return Fault(CaseKind.MISSING_HERE, reason)


def _ledger_fault(entry: Entry, payment: Payment, context: Context) -> Fault | None:
    check = _CHECKS.get(entry.role) if entry.role else None
    if check is None:
        return None
    currency = payment.intent.amount.currency
    if entry.gross_currency != currency:
        reason = f"it is in {entry.gross_currency}, and the payment is in {currency}"
        return Fault(CaseKind.AMOUNT, reason)
    try:
        amount = context.decimals.whole(entry.gross, currency)
    except UnreadableRow as error:
        return Fault(CaseKind.UNREADABLE_ROW, str(error))
    return check(entry, payment, amount)


def _settled_fault(entry: Entry, payment: Payment, amount: int) -> Fault | None:
    expected = captured(entry, payment)
    if expected is None:
        reason = f"Adyen settled {amount}, and in Kasir the payment is {payment.status}"
        return Fault(CaseKind.MISSING_HERE, reason)
    return _amount_fault("Adyen settled", amount, "captured", expected)


def _refund_fault(entry: Entry, payment: Payment, amount: int) -> Fault | None:
    refund = _refund(payment.summary.refunds, entry.modification, -amount)
    if refund is None:
        reason = f"Adyen refunded {-amount} ({entry.modification}), and Kasir has no such refund"
        return Fault(CaseKind.REFUND, reason)
    if refund.amount.minor_units != -amount:
        reason = f"Adyen refunded {-amount}, and Kasir has {refund.amount.minor_units}"
        return Fault(CaseKind.REFUND, reason)
    if refund.status is RefundStatus.FAILED:
        return Fault(CaseKind.REFUND, f"Adyen refunded {-amount}, and in Kasir the refund failed")
    return None


def _refund_undone_fault(entry: Entry, payment: Payment, amount: int) -> Fault | None:
    refund = _refund(payment.summary.refunds, entry.modification, abs(amount))
    if refund and refund.status in _UNDONE:
        return None
    status = refund.status if refund else "not known"
    return Fault(CaseKind.REFUND, f"at Adyen the refund was undone, and in Kasir it is {status}")


def _chargeback_fault(entry: Entry, payment: Payment, amount: int) -> Fault | None:
    dispute = _dispute(payment.summary.disputes, entry.modification)
    if dispute is None:
        reason = f"{entry.type} of {abs(amount)}, and no notification of a dispute came"
        return Fault(CaseKind.MISSING_HERE, reason)
    if not dispute.amount.minor_units:  # Adyen's notification need not name it.
        return None
    return _amount_fault(
        f"{entry.type} is of", abs(amount), "has a dispute of", dispute.amount.minor_units
    )


def _amount_fault(theirs: str, amount: int, ours: str, expected: int) -> Fault | None:
    if amount == expected:
        return None
    return Fault(CaseKind.AMOUNT, f"{theirs} {amount}, and Kasir {ours} {expected}")


def _fee_fault(entry: Entry, context: Context) -> Fault | None:
    model = context.fees.get((entry.method, entry.net_currency))
    if model is None or entry.role is not Role.SETTLED or entry.rate is None:
        return None
    base = entry.gross * entry.rate
    if model.is_usual(base, entry.fees):
        return None
    fees = f"{entry.fees} {entry.net_currency} for a payment of {base.normalize():f}"
    reason = f"the fees are {fees}; the usual ones are {model}"
    return Fault(CaseKind.FEE, reason)


def _refund(refunds: Sequence[Refund], name: str, amount: int) -> Refund | None:
    """The refund of this name; the first of this amount if the report has no names of refunds."""
    if name:
        return next((each for each in refunds if each.name == name), None)
    return next((each for each in refunds if each.amount.minor_units == amount), None)


def _dispute(disputes: Sequence[Dispute], name: str) -> Dispute | None:
    """The dispute with this name; if none has it and there is only one dispute, that one."""
    named = next((each for each in disputes if each.name == name), None)
    return named or (disputes[0] if len(disputes) == 1 else None)


def _figures(entry: Entry) -> str:
    gross, net = f"{entry.gross} {entry.gross_currency}", f"{entry.net} {entry.net_currency}"
    return f"gross {gross}, net {net}"


#: The check of each role of a row.
_CHECKS: Final[Mapping[Role, Callable[[Entry, Payment, int], Fault | None]]] = {
    Role.SETTLED: _settled_fault,
    Role.REFUNDED: _refund_fault,
    Role.REFUND_UNDONE: _refund_undone_fault,
    Role.CHARGED_BACK: _chargeback_fault,
    Role.CHARGEBACK_UNDONE: _chargeback_fault,
}
