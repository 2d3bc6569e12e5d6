"""What the library returns: snapshots, made from what Kasir has stored at that moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from kasir.ids import PaymentId
from kasir.money import Money
from kasir.python_api.enums import (
    DisputeStatus,
    PaymentStatus,
    RecurringModel,
    RefundStatus,
    ResultCode,
    SubscriptionStatus,
)
from kasir.subscriptions.plan import PlanId
from kasir.subscriptions.subscription import SubscriptionId

if TYPE_CHECKING:
    from kasir.payments import disputes, payment, refunds
    from kasir.subscriptions import subscription as subscriptions
    from kasir.tokens import model as tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund of a payment; `reference` is its pspReference, or Kasir's own name until then."""

    reference: str
    amount: Money
    status: RefundStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One dispute of a payment; a text that Adyen did not send is empty."""

    psp_reference: str
    amount: Money
    status: DisputeStatus
    opened_at: datetime
    reason: str
    deadline: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment at one moment.

    Attributes:
        id: Kasir's own id.
        reference: The shop's reference.
        status: The status.
        amount: The requested amount.
        captured: Money captured.
        refunded: Money refunded, without refunds that returned to the shop.
        charged_back: Money lost in disputes.
        psp_reference: Adyen's name for the attempt that counts; empty until Adyen gave one.
        shopper_reference: The shop's name for the shopper; empty if it gave none.
        created_at: When it was stored.
        refunds: Every refund.
        disputes: Every dispute, oldest first.
    """

    id: PaymentId
    reference: str
    status: PaymentStatus
    amount: Money
    captured: Money
    refunded: Money
    charged_back: Money
    psp_reference: str
    shopper_reference: str
    created_at: datetime
    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedPayment:
    """A payment that Adyen has accepted, and the address to which the shopper is to be redirected.

    `redirect_url` is None where the shopper has nothing to do: the wallet was charged, or refused.
    """

    payment: Payment
    redirect_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedShopper:
    """Adyen's answer about a shopper who returned from the wallet.

    It proves nothing about an order, because a shopper may bring the result of another payment. The
    payment's status does, and a notification sets it.
    """

    result_code: ResultCode
    psp_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedChange:
    """A capture, refund or cancel that Adyen has received; a notification brings its result.

    `psp_reference` is Adyen's name for the change.
    """

    payment_id: PaymentId
    psp_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A shopper's saved wallet. Anybody with its `stored_id` can charge it: `repr` leaves it out.

    Attributes:
        id: Kasir's own id, safe to show.
        shopper_reference: The shop's name for the shopper.
        is_active: Whether it can be charged.
        model: What it was saved for; None where Kasir does not know that.
        created_at: When it was first reported.
        stored_id: Adyen's `storedPaymentMethodId`.
    """

    id: str
    shopper_reference: str
    is_active: bool
    model: RecurringModel | None
    created_at: datetime
    stored_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan, which never changes."""

    id: PlanId
    reference: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription at one moment.

    Attributes:
        id: Kasir's own id.
        plan: The plan's id.
        reference: The shop's name for it.
        shopper_reference: The shop's name for the shopper.
        status: The status.
        amount: What the next period costs.
        paid_until: When the paid time or the trial ends; None where nothing is paid.
        cancel_at: When it is to be cancelled; None if that is not planned.
        pause_at: When it is to be paused; None if that is not planned.
        resumes_at: When it is to be resumed; None if that is not planned.
        created_at: When the shopper signed up.
    """

    id: SubscriptionId
    plan: PlanId
    reference: str
    shopper_reference: str
    status: SubscriptionStatus
    amount: Money
    paid_until: datetime | None
    cancel_at: datetime | None
    pause_at: datetime | None
    resumes_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSubscription:
    """A new subscription, and the address at which its shopper makes the first payment.

    `redirect_url` is None where the first payment was refused.
    """

    subscription: Subscription
    redirect_url: str | None


def payment_of(stored: payment.Payment) -> Payment:
    """A stored payment as the library returns it."""
    intent, summary = stored.intent, stored.summary
    return Payment(
        id=intent.id,
        reference=intent.reference,
        status=PaymentStatus(summary.status.value),
        amount=intent.amount,
        captured=summary.captured,
        refunded=summary.refunded,
        charged_back=summary.charged_back,
        psp_reference=summary.psp_reference,
        shopper_reference=intent.shopper_reference,
        created_at=intent.created_at,
        refunds=tuple(_refund_of(refund) for refund in summary.refunds),
        disputes=tuple(_dispute_of(dispute) for dispute in summary.disputes),
    )


def token_of(stored: tokens.Token) -> Token:
    """A stored token as the library returns it."""
    known = {model.value: model for model in RecurringModel}
    return Token(
        id=stored.id,
        shopper_reference=stored.name.shopper_reference,
        is_active=stored.is_active,
        model=known.get(stored.model),
        created_at=stored.summary.created_at,
        stored_id=stored.name.stored_id,
    )


def subscription_of(stored: subscriptions.Subscription) -> Subscription:
    """A stored subscription as the library returns it."""
    return Subscription(
        id=stored.id,
        plan=stored.plan.id,
        reference=stored.reference,
        shopper_reference=stored.shopper_reference,
        status=SubscriptionStatus(stored.state.value),
        amount=stored.amount,
        paid_until=stored.paid_until,
        cancel_at=stored.cancel_at,
        pause_at=stored.pause_at,
        resumes_at=stored.resumes_at,
        created_at=stored.created_at,
    )


def _refund_of(refund: refunds.Refund) -> Refund:
    return Refund(
        reference=refund.name, amount=refund.amount, status=RefundStatus(refund.status.value)
    )


def _dispute_of(dispute: disputes.Dispute) -> Dispute:
    return Dispute(
        psp_reference=dispute.name,
        amount=dispute.amount,
        status=DisputeStatus(dispute.status.value),
        opened_at=dispute.opened_at,
        reason=dispute.reason,
        deadline=dispute.deadline,
    )
