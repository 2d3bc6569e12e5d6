"""Maps rows of plans, subscriptions and renewals to values, and values to columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol

from kasir.ids import PaymentId
from kasir.money import Currency, Money
from kasir.payments.status import Status
from kasir.store.vault import Vault
from kasir.subscriptions.dunning import Reason
from kasir.subscriptions.plan import Interval, Plan, PlanId, Unit, WhenTakenBack, WhenUnpaid
from kasir.subscriptions.renewal import Attempt, Loss, Outcome, Renewal, TakenBack
from kasir.subscriptions.states import State
from kasir.subscriptions.subscription import Subscription, SubscriptionId


class WhyRefused(Protocol):
    """Finds why an attempt was refused; the store does not know the provider's texts."""

    def __call__(
        self, status: Status, answer: bytes | None, texts: Sequence[str], *, asked: bool
    ) -> Reason | None:
        """Return the reason; None if the attempt was not refused.

        Args:
            status: The status of the attempt's payment.
            answer: The body of the provider's answer; None if there is none.
            texts: The texts of all facts by which the payment was not paid.
            asked: Whether the attempt has a payment.
        """
        ...


def plan_of(row: Any) -> Plan:
    """A plan, from its row."""
    return _plan(row, row["id"], row["reference"], row["minor_units"], row["created_at"])


def subscription_of(row: Any) -> Subscription:
    """A subscription, from its row joined with the plan's row, without renewal and losses."""
    plan = _plan(
        row, row["plan_id"], row["plan_reference"], row["plan_minor_units"], row["plan_created_at"]
    )
    return Subscription(
        id=SubscriptionId(row["id"]),
        plan=plan,
        reference=row["reference"],
        shopper_reference=row["shopper_reference"],
        return_url=row["return_url"],
        amount=Money(Currency(row["currency"]), row["minor_units"]),
        created_at=row["created_at"],
        starts_at=row["starts_at"],
        state=State(row["state"]),
        begun_at=row["begun_at"],
        anchor=row["anchor"],
        anchor_period=row["anchor_period"],
        settled_period=row["settled_period"],
        announced_period=row["noticed"],
        cancel_at=row["cancel_at"],
        pause_at=row["pause_at"],
        resumes_at=row["resumes_at"],
        trial_left=row["trial_left"],
        behind_since=row["behind_since"],
        token_id=row["token_id"] or "",
        due_at=row["due_at"],
    )


def _plan(row: Any, plan_id: str, reference: str, minor_units: int, created_at: Any) -> Plan:
    """A plan, from a row. The values of columns that a subscription has too are arguments."""
    currency = Currency(row["currency"])
    return Plan(
        id=PlanId(plan_id),
        reference=reference,
        amount=Money(currency, minor_units),
        interval=Interval(Unit(row["unit"]), row["count"]),
        time_zone=row["time_zone"],
        trial_days=row["trial_days"],
        trial_amount=Money(currency, row["trial_minor_units"]),
        cycles=row["cycles"],
        when_unpaid=WhenUnpaid(row["when_unpaid"]),
        on_dispute=WhenTakenBack(row["on_dispute"]),
        on_full_refund=WhenTakenBack(row["on_full_refund"]),
        notice_days=row["notice_days"],
        created_at=created_at,
    )


@dataclass(frozen=True, slots=True)
class RenewalRows:
    """Maps rows to renewals with their attempts; each row is one attempt.

    Attributes:
        vault: Decrypts the provider's answers.
        why_refused: Finds why an attempt was refused.
    """

    vault: Vault
    why_refused: WhyRefused

    def renewals(self, rows: Sequence[Any]) -> list[Renewal]:
        """Renewals, from the rows of one subscription, which are sorted by period."""
        by_period = groupby(rows, key=lambda row: row["period"])
        return [self.renewal([*attempts]) for _, attempts in by_period]

    def renewal(self, rows: Sequence[Any]) -> Renewal:
        """A renewal, from the rows of its attempts."""
        attempts = tuple(self.attempt(row) for row in rows if row["number"] is not None)
        return replace(_bare_renewal(rows[0]), attempts=attempts)

    def attempt(self, row: Any) -> Attempt:
        """One attempt with the status of its payment."""
        status = Status(row["status"])
        answer = self.vault.open(row["answer"]) if row["answer"] else None
        payment_id = row["payment_id"]
        return Attempt(
            number=row["number"],
            at=row["at"],
            asked_at=row["asked_at"],
            status=status,
            reason=self.why_refused(status, answer, row["words"], asked=payment_id is not None),
            refusal_handled=row["refusal_handled"],
            paid_at=row["paid_at"],
            payment_id=PaymentId(payment_id) if payment_id else None,
            psp_reference=row["psp_reference"] or "",
            is_sent=not row["unasked"],
            is_overpaid=row["overpaid"],
        )


def _bare_renewal(row: Any) -> Renewal:
    """A renewal without its attempts."""
    return Renewal(
        period=row["period"],
        due_at=row["due_at"],
        amount=Money(Currency(row["currency"]), row["minor_units"]),
        reference=row["reference"],
        outcome=Outcome(row["outcome"]),
        next_try=row["next_try"],
        link_id=row["link_id"],
    )


def losses_of(rows: Sequence[Any]) -> tuple[Loss, ...]:
    """Disputes and full refunds of payments, from the rows of their attempts.

    A payment that was both disputed and refunded gives two losses.
    """
    return tuple(
        Loss(
            why=why,
            period=row["period"],
            number=row["number"],
            payment_id=PaymentId(row["payment_id"]),
            psp_reference=row["psp_reference"],
        )
        for row in rows
        for why, column in ((TakenBack.DISPUTED, "disputed"), (TakenBack.REFUNDED, "refunded"))
        if row[column]
    )


def plan_columns(plan: Plan) -> dict[str, Any]:
    """A plan, as the columns of its row."""
    return {
        "id": plan.id,
        "reference": plan.reference,
        "currency": plan.amount.currency,
        "minor_units": plan.amount.minor_units,
        "unit": plan.interval.unit,
        "count": plan.interval.count,
        "time_zone": plan.time_zone,
        "trial_days": plan.trial_days,
        "trial_minor_units": plan.trial_amount.minor_units,
        "cycles": plan.cycles,
        "when_unpaid": plan.when_unpaid,
        "on_dispute": plan.on_dispute,
        "on_full_refund": plan.on_full_refund,
        "notice_days": plan.notice_days,
        "created_at": plan.created_at,
    }


def subscription_columns(subscriptions: Sequence[Subscription]) -> dict[str, list[Any]]:
    """The fields of subscriptions that can change, as one array for each column."""
    return {
        "ids": [one.id for one in subscriptions],
        "states": [one.state for one in subscriptions],
        "prices": [one.amount.minor_units for one in subscriptions],
        "begun_ats": [one.begun_at for one in subscriptions],
        "anchors": [one.anchor for one in subscriptions],
        "anchor_periods": [one.anchor_period for one in subscriptions],
        "settled_periods": [one.settled_period for one in subscriptions],
        "noticeds": [one.announced_period for one in subscriptions],
        "cancel_ats": [one.cancel_at for one in subscriptions],
        "pause_ats": [one.pause_at for one in subscriptions],
        "resumes_ats": [one.resumes_at for one in subscriptions],
        "trial_lefts": [one.trial_left for one in subscriptions],
        "behind_sinces": [one.behind_since for one in subscriptions],
        "token_ids": [one.token_id or None for one in subscriptions],
        "due_ats": [one.due_at for one in subscriptions],
    }


def renewal_columns(
    renewals: Sequence[tuple[SubscriptionId, Renewal, str | None]],
) -> dict[str, list[Any]]:
    """Renewals with their attempts, as one array for each column.

    Args:
        renewals: Triples: the subscription's id, the renewal, and the idempotency key with which
            the payment of an attempt without a payment will be opened.
    """
    attempts = [
        (owner, renewal.period, attempt, None if attempt.payment_id else shop_key)
        for owner, renewal, shop_key in renewals
        for attempt in renewal.attempts
    ]
    return {
        "renewal_ids": [owner for owner, _, _ in renewals],
        "periods": [renewal.period for _, renewal, _ in renewals],
        "period_due_ats": [renewal.due_at for _, renewal, _ in renewals],
        "currencies": [renewal.amount.currency for _, renewal, _ in renewals],
        "amounts": [renewal.amount.minor_units for _, renewal, _ in renewals],
        "references_": [renewal.reference for _, renewal, _ in renewals],
        "outcomes": [renewal.outcome for _, renewal, _ in renewals],
        "next_tries": [renewal.next_try for _, renewal, _ in renewals],
        "link_ids": [renewal.link_id for _, renewal, _ in renewals],
        "attempt_ids": [owner for owner, _, _, _ in attempts],
        "attempt_periods": [period for _, period, _, _ in attempts],
        "numbers": [attempt.number for _, _, attempt, _ in attempts],
        "ats": [attempt.at for _, _, attempt, _ in attempts],
        "asked_ats": [attempt.asked_at for _, _, attempt, _ in attempts],
        "statuses": [attempt.status for _, _, attempt, _ in attempts],
        "refusals_handled": [attempt.refusal_handled for _, _, attempt, _ in attempts],
        "payment_ids": [attempt.payment_id for _, _, attempt, _ in attempts],
        "shop_keys": [shop_key for _, _, _, shop_key in attempts],
    }
