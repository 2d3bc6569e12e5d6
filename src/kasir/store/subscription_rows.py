"""Rows of plans, subscriptions and renewals, as values and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from kasir.gateway.renewal_messages import why_refused
from kasir.ids import PaymentId
from kasir.money import Currency, Money
from kasir.payments.status import Status
from kasir.store.vault import Vault
from kasir.subscriptions.plan import Interval, Plan, PlanId, Unit, WhenTakenBack, WhenUnpaid
from kasir.subscriptions.renewal import Attempt, Loss, Outcome, Renewal, TakenBack
from kasir.subscriptions.states import ALIVE, State
from kasir.subscriptions.subscription import Subscription, SubscriptionId


def plan_of(row: Any) -> Plan:
    """A plan, from a row of its own."""
    return _plan(row, row["id"], row["reference"], row["minor_units"], row["created_at"])


def subscription_of(row: Any) -> Subscription:
    """A subscription, from its row with its plan's; its renewal and token are yet to be added."""
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
        dealt=row["dealt"],
        noticed=row["noticed"],
        cancel_at=row["cancel_at"],
        pause_at=row["pause_at"],
        resumes_at=row["resumes_at"],
        trial_left=row["trial_left"],
        behind_since=row["behind_since"],
        token_id=row["token_id"] or "",
        due_at=row["due_at"],
    )


def _plan(row: Any, name: str, reference: str, minor_units: int, created_at: Any) -> Plan:
    currency = Currency(row["currency"])
    return Plan(
        id=PlanId(name),
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


def with_renewal(it: Subscription, rows: Sequence[Any], vault: Vault) -> Subscription:
    """A subscription with the renewal that is being asked for, if one is.

    One that was given up and paid all the same counts as open again, so that the good news is
    heard; but never behind a period that was dealt with since.
    """
    if not rows:
        return it
    renewal = renewal_of(rows, vault)
    if renewal.outcome is Outcome.OPEN:
        return replace(it, renewal=renewal)
    gave_up = renewal.outcome is Outcome.UNPAID and renewal.period == it.dealt
    if gave_up and renewal.paid and it.state in ALIVE:
        return replace(it, renewal=replace(renewal, outcome=Outcome.OPEN), dealt=it.dealt - 1)
    return it


def renewal_of(rows: Sequence[Any], vault: Vault) -> Renewal:
    """A renewal, from the rows of its attempts."""
    attempts = tuple(attempt_of(row, vault) for row in rows if row["number"] is not None)
    return replace(bare_renewal(rows[0]), attempts=attempts)


def bare_renewal(row: Any) -> Renewal:
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


def attempt_of(row: Any, vault: Vault) -> Attempt:
    """One attempt as its payment stands."""
    status = Status(row["status"])
    answer = vault.open(row["answer"]) if row["answer"] else None
    payment_id = row["payment_id"]
    return Attempt(
        number=row["number"],
        at=row["at"],
        asked_at=row["asked_at"],
        status=status,
        reason=why_refused(status, answer, row["words"], asked=payment_id is not None),
        told=row["told"],
        paid_at=row["paid_at"],
        payment_id=PaymentId(payment_id) if payment_id else None,
        psp_reference=row["psp_reference"] or "",
        is_sent=not row["unasked"],
        is_surplus=row["surplus"],
    )


def losses_of(rows: Sequence[Any]) -> tuple[Loss, ...]:
    """Payments that were taken back, from the rows of their attempts; one of each kind for each."""
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


def renewals_of(rows: Sequence[Any], vault: Vault) -> list[Renewal]:
    """Renewals, from the rows of their attempts, in order of their periods."""
    by_period = groupby(rows, key=lambda row: row["period"])
    return [renewal_of([*attempts], vault) for _, attempts in by_period]


def subscription_columns(it: Subscription) -> dict[str, Any]:
    """What changes of a subscription, as columns."""
    return {
        "id": it.id,
        "state": it.state,
        "minor_units": it.amount.minor_units,
        "begun_at": it.begun_at,
        "anchor": it.anchor,
        "anchor_period": it.anchor_period,
        "dealt": it.dealt,
        "noticed": it.noticed,
        "cancel_at": it.cancel_at,
        "pause_at": it.pause_at,
        "resumes_at": it.resumes_at,
        "trial_left": it.trial_left,
        "behind_since": it.behind_since,
        "token_id": it.token_id or None,
        "due_at": it.due_at,
    }


def renewal_columns(subscription_id: SubscriptionId, renewal: Renewal) -> dict[str, Any]:
    """A renewal, as the columns of its row."""
    return {
        "subscription_id": subscription_id,
        "period": renewal.period,
        "due_at": renewal.due_at,
        "currency": renewal.amount.currency,
        "minor_units": renewal.amount.minor_units,
        "reference": renewal.reference,
        "outcome": renewal.outcome,
        "next_try": renewal.next_try,
        "link_id": renewal.link_id,
    }


def attempt_columns(
    subscription_id: SubscriptionId, period: int, attempt: Attempt, shop_key: str | None = None
) -> dict[str, Any]:
    """An attempt, as the columns of its row."""
    return {
        "subscription_id": subscription_id,
        "period": period,
        "number": attempt.number,
        "at": attempt.at,
        "asked_at": attempt.asked_at,
        "status": attempt.status,
        "told": attempt.told,
        "payment_id": attempt.payment_id,
        "shop_key": shop_key,
    }


def renewals_columns(renewals: Sequence[Renewal]) -> dict[str, Any]:
    """Renewals with their attempts, as the columns that one statement takes."""
    attempts = [(renewal.period, one) for renewal in renewals for one in renewal.attempts]
    return {
        "periods": [renewal.period for renewal in renewals],
        "due_ats": [renewal.due_at for renewal in renewals],
        "currencies": [renewal.amount.currency for renewal in renewals],
        "amounts": [renewal.amount.minor_units for renewal in renewals],
        "references_": [renewal.reference for renewal in renewals],
        "outcomes": [renewal.outcome for renewal in renewals],
        "next_tries": [renewal.next_try for renewal in renewals],
        "link_ids": [renewal.link_id for renewal in renewals],
        "of_periods": [period for period, _ in attempts],
        "numbers": [one.number for _, one in attempts],
        "ats": [one.at for _, one in attempts],
        "asked_ats": [one.asked_at for _, one in attempts],
        "statuses": [one.status for _, one in attempts],
        "tolds": [one.told for _, one in attempts],
        "payment_ids": [one.payment_id for _, one in attempts],
    }
