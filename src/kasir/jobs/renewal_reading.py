"""Locks subscriptions for their turns, and reads all rows that the turns depend on.

First, payments that shoppers opened since the last turn become attempts. The number of statements
does not depend on the number of subscriptions. The rows that were read do not change until the
transaction ends, because a change needs one of the locks that this transaction has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from kasir.clock import Clock
from kasir.ids import PaymentId
from kasir.ledger.renewal_payments import RenewalPayments
from kasir.payments.status import FINAL, Status
from kasir.store.database import Connection, queries
from kasir.store.subscription_rows import RenewalRows, losses_of, subscription_of
from kasir.store.tokens import token_of
from kasir.store.vault import Vault
from kasir.subscriptions.overpaying import PaidAttempt, overpaid
from kasir.subscriptions.plan import WhenTakenBack
from kasir.subscriptions.renewal import Loss, Outcome, Renewal, TakenBack
from kasir.subscriptions.states import OVER
from kasir.subscriptions.subscription import Permission, Subscription, SubscriptionId
from kasir.tokens.model import Token, TokenState

SQL: Final = queries("subscriptions")


class DecidedMeanwhileError(Exception):
    """Another turn stored a charge after this turn locked the unsent payments: begin it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The values on which the decision of one subscription's turn depends.

    Attributes:
        stored: The subscription from its row, without renewal, losses and permission.
        subscription: The same subscription with renewal, losses and permission.
        token: The token that is charged; None if there is no active token.
        overpaid: The attempts that are overpaid and not marked as overpaid yet. Each attempt is in
            a renewal without other attempts.
    """

    stored: Subscription
    subscription: Subscription
    token: Token | None = None
    overpaid: tuple[Renewal, ...] = ()


@dataclass(slots=True)
class Locked:
    """The rows of one locked subscription, not interpreted yet.

    Attributes:
        row: The subscription with its plan.
        renewal: The newest renewal, one row for each attempt.
        paid: All paid attempts, if one of them may be overpaid; else empty.
        losses: Disputes and full refunds, if the plan acts on them; else empty.
        token: The row of the subscription's token. If that token is not active, the row of a token
            that one of the subscription's payments created, if there is one. None if there is none.
        is_sent: Whether a charge that is unsent in `renewal` was sent after `renewal` was read.
    """

    row: Any
    renewal: list[Any] = field(default_factory=list)
    paid: list[Any] = field(default_factory=list)
    losses: list[Any] = field(default_factory=list)
    token: Any = None
    is_sent: bool = False

    @property
    def id(self) -> SubscriptionId:
        """The subscription's id."""
        return SubscriptionId(self.row["id"])

    @property
    def shopper_reference(self) -> str:
        """The shop's id of the subscription's shopper."""
        return str(self.row["shopper_reference"])

    @property
    def is_over(self) -> bool:
        """Whether the subscription is cancelled or ended."""
        return self.row["state"] in OVER

    @property
    def may_have_payments(self) -> bool:
        """Whether the shopper may have opened payments that are not attempts yet."""
        return any(
            row["link_id"] or (row["payment_id"] is None and row["status"] == Status.CREATED)
            for row in self.renewal
        )

    @property
    def may_be_overpaid(self) -> bool:
        """Whether an attempt may be overpaid and not marked as overpaid yet."""
        return bool(self.renewal) and self.renewal[0]["may_be_overpaid"]

    @property
    def acts_on_losses(self) -> bool:
        """Whether the plan acts on disputes or full refunds."""
        wanted = {self.row["on_dispute"], self.row["on_full_refund"]}
        return wanted != {WhenTakenBack.CONTINUE}

    @property
    def unsent(self) -> list[PaymentId]:
        """The ids of the renewal's payments that were not sent when the rows were read."""
        return [
            row["payment_id"]
            for row in self.renewal
            if row["payment_id"] and row["unasked"] and row["status"] not in FINAL
        ]

    @property
    def has_active_token(self) -> bool:
        """Whether the subscription's token can be charged."""
        return self.token is not None and self.token["state"] == TokenState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalReading:
    """Locks and reads subscriptions, in the caller's transaction.

    Attributes:
        rows: Maps rows of renewals to values.
        payments: Locks the payments of renewals.
        vault: Decrypts tokens.
        clock: Kasir's clock.
        no_payment_for: How long an attempt may be without a payment before it is dropped.
        merchant_account: The merchant account whose tokens are charged.
    """

    rows: RenewalRows
    payments: RenewalPayments
    vault: Vault
    clock: Clock
    no_payment_for: timedelta
    merchant_account: str

    async def lock(self, connection: Connection, ids: Sequence[SubscriptionId]) -> list[Locked]:
        """Lock subscriptions in the order of their ids, and read all rows their turns depend on.

        Ids that do not exist are left out.

        Raises:
            DecidedMeanwhileError: Another turn stored a charge before this turn had its locks.
        """
        unsent = SQL.lock_unsent(connection, subscription_ids=ids)
        locked_payments = {row["id"] async for row in unsent}
        rows = SQL.lock_subscriptions(connection, ids=ids)
        locked = {row["id"]: Locked(row) async for row in rows}
        await self._read_renewals(connection, locked)
        await self._adopt_payments(connection, locked)
        await self._read_paid(connection, locked)
        not_over = _matching(locked, lambda one: not one.is_over)
        await self._read_losses(connection, not_over)
        await self._lock_unsent_charges(connection, not_over, locked_payments)
        await self._read_tokens(connection, not_over)
        return list(locked.values())

    async def _read_renewals(
        self, connection: Connection, locked: Mapping[SubscriptionId, Locked]
    ) -> None:
        if locked:
            rows = SQL.last_renewals(connection, subscription_ids=list(locked))
            for owner, owned in _by_owner([row async for row in rows]):
                locked[owner].renewal = owned

    async def _adopt_payments(
        self, connection: Connection, locked: Mapping[SubscriptionId, Locked]
    ) -> None:
        """Add payments that shoppers opened as attempts; drop old attempts without a payment."""
        chosen = _matching(locked, lambda one: one.may_have_payments)
        if chosen:
            now = self.clock.now()
            ids, asked_until = list(chosen), now - self.no_payment_for
            await SQL.drop_unopened(
                connection, subscription_ids=ids, asked_until=asked_until, now=now
            )
            await SQL.adopt_sign_ups(connection, subscription_ids=ids)
            await SQL.adopt_from_links(connection, subscription_ids=ids)
            await self._read_renewals(connection, chosen)

    async def _read_paid(
        self, connection: Connection, locked: Mapping[SubscriptionId, Locked]
    ) -> None:
        chosen = _matching(locked, lambda one: one.may_be_overpaid)
        if chosen:
            rows = SQL.paid_attempts(connection, subscription_ids=list(chosen))
            for owner, owned in _by_owner([row async for row in rows]):
                locked[owner].paid = owned

    async def _read_losses(
        self, connection: Connection, locked: Mapping[SubscriptionId, Locked]
    ) -> None:
        chosen = _matching(locked, lambda one: one.acts_on_losses)
        if chosen:
            shoppers = [one.shopper_reference for one in chosen.values()]
            rows = SQL.losses(
                connection, subscription_ids=list(chosen), shopper_references=shoppers
            )
            for owner, owned in _by_owner([row async for row in rows]):
                locked[owner].losses = owned

    async def _lock_unsent_charges(
        self,
        connection: Connection,
        locked: Mapping[SubscriptionId, Locked],
        locked_payments: Collection[str],
    ) -> None:
        """Find the charges that were not sent, and lock them until the transaction ends.

        A sender marks a charge before it sends the charge. So a charge without a mark was not sent,
        and a sender must wait for this lock.
        """
        unsent = [payment_id for one in locked.values() for payment_id in one.unsent]
        if not unsent:
            return
        if not set(unsent) <= set(locked_payments):
            raise DecidedMeanwhileError
        unasked = await self.payments.lock_unasked(connection, unsent)
        for one in locked.values():
            one.is_sent = not unasked.issuperset(one.unsent)

    async def _read_tokens(
        self, connection: Connection, locked: Mapping[SubscriptionId, Locked]
    ) -> None:
        """Read the tokens. If a token is not active, read one that a payment created, if any."""
        token_ids = [one.row["token_id"] for one in locked.values() if one.row["token_id"]]
        if token_ids:
            tokens = {row["id"]: row async for row in SQL.tokens(connection, ids=token_ids)}
            for one in locked.values():
                one.token = tokens.get(one.row["token_id"])
        chosen = _matching(locked, lambda one: not one.has_active_token)
        if chosen:
            rows = SQL.tokens_of_payments(
                connection,
                subscription_ids=list(chosen),
                shopper_references=[one.shopper_reference for one in chosen.values()],
                merchant_account=self.merchant_account,
            )
            async for row in rows:
                locked[row["subscription_id"]].token = row

    def found(self, locked: Locked) -> Found:
        """Interpret a subscription's rows, without I/O.

        Raises:
            Exception: One of the rows cannot be mapped to a value.
        """
        stored = subscription_of(locked.row)
        newly_overpaid = self._newly_overpaid(locked, stored)
        if locked.is_over:
            return Found(stored=stored, subscription=stored, overpaid=newly_overpaid)
        subscription = replace(stored, losses=_losses(locked, newly_overpaid))
        if locked.renewal:
            renewal = _with_overpaid(self.rows.renewal(locked.renewal), newly_overpaid)
            renewal = _with_all_sent(renewal) if locked.is_sent else renewal
            subscription = subscription.with_newest(renewal)
        subscription, token = self._with_token(subscription, locked)
        return Found(stored=stored, subscription=subscription, token=token, overpaid=newly_overpaid)

    def _newly_overpaid(self, locked: Locked, stored: Subscription) -> tuple[Renewal, ...]:
        """The newly overpaid attempts, as in `Found.overpaid`."""
        rows = {_paid_attempt(row): row for row in locked.paid}
        attempts = overpaid(list(rows), stored.settled_period, stored.state)
        return tuple(_with_all_overpaid(self.rows.renewal([rows[one]])) for one in attempts)

    def _with_token(
        self, subscription: Subscription, locked: Locked
    ) -> tuple[Subscription, Token | None]:
        """The subscription with the permission of its token, and the token if it is active."""
        if locked.has_active_token:
            token = token_of(locked.token, self.vault)
            return replace(subscription, token_id=token.id, permission=Permission.GIVEN), token
        # A payment may have created a token that was disabled before the subscription had the
        # token's id. Then the permission is withdrawn, not missing.
        token_id = subscription.token_id or (locked.token["id"] if locked.token else "")
        permission = Permission.WITHDRAWN if token_id else Permission.MISSING
        return replace(subscription, token_id=token_id, permission=permission), None


def _matching(
    locked: Mapping[SubscriptionId, Locked], is_chosen: Callable[[Locked], bool]
) -> dict[SubscriptionId, Locked]:
    return {name: one for name, one in locked.items() if is_chosen(one)}


def _by_owner(rows: Sequence[Any]) -> list[tuple[SubscriptionId, list[Any]]]:
    """Rows grouped by subscription. The rows must be sorted by subscription."""
    owned = groupby(rows, key=lambda row: row["subscription_id"])
    return [(SubscriptionId(owner), [*group]) for owner, group in owned]


def _paid_attempt(row: Any) -> PaidAttempt:
    return PaidAttempt(
        period=row["period"],
        number=row["number"],
        outcome=Outcome(row["outcome"]),
        is_settled=row["is_settled"],
        is_overpaid=row["overpaid"],
    )


def _losses(locked: Locked, newly_overpaid: Sequence[Renewal]) -> tuple[Loss, ...]:
    """The subscription's losses, without refunds of newly overpaid attempts.

    Such a refund leaves no period unpaid. The statement that read the losses leaves out only
    attempts that are already marked as overpaid in the database.
    """
    attempts = {(one.period, attempt.number) for one in newly_overpaid for attempt in one.attempts}
    return tuple(
        loss
        for loss in losses_of(locked.losses)
        if loss.why is not TakenBack.REFUNDED or (loss.period, loss.number) not in attempts
    )


def _with_all_overpaid(renewal: Renewal) -> Renewal:
    attempts = tuple(replace(one, is_overpaid=True) for one in renewal.attempts)
    return replace(renewal, attempts=attempts)


def _with_overpaid(renewal: Renewal, newly_overpaid: Sequence[Renewal]) -> Renewal:
    """The renewal, with its attempts in `newly_overpaid` marked as overpaid."""
    numbers = {
        attempt.number
        for one in newly_overpaid
        if one.period == renewal.period
        for attempt in one.attempts
    }
    attempts = tuple(
        replace(one, is_overpaid=True) if one.number in numbers else one for one in renewal.attempts
    )
    return replace(renewal, attempts=attempts)


def _with_all_sent(renewal: Renewal) -> Renewal:
    attempts = tuple(replace(one, is_sent=True) for one in renewal.attempts)
    return replace(renewal, attempts=attempts)
