"""The use cases of plans and subscriptions: check the fields, store them, then pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from kasir.adyen import checks
from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import Fault
from kasir.gateway.methods import GOPAY
from kasir.gateway.renewal_messages import SUBSCRIPTION
from kasir.ids import LINK, Ids
from kasir.ledger.tokens import Tokens
from kasir.money import Money
from kasir.payments.question import ShopKey
from kasir.payments.status import Status
from kasir.requests import subscription_commands
from kasir.requests.fields import (
    Fields,
    account_faults,
    key_faults,
    refuse,
    reject,
    shop_key_of,
)
from kasir.requests.payments import PaymentRequests
from kasir.requests.subscription_commands import Command
from kasir.requests.subscription_fields import (
    SHARED,
    amount_faults,
    own_fields,
    plan_faults,
    sign_up_faults,
    unknown,
)
from kasir.subscriptions import commands
from kasir.subscriptions.plan import (
    HOME_ZONE,
    Interval,
    Plan,
    PlanId,
    Unit,
    WhenTakenBack,
    WhenUnpaid,
)
from kasir.subscriptions.renewal import Attempt, Renewal, reference_of
from kasir.subscriptions.states import IllegalMove, State
from kasir.subscriptions.subscription import (
    Subscription,
    SubscriptionId,
    first_amount,
    first_period,
)
from kasir.subscriptions.turn import Turn
from kasir.tokens.model import Token


class Plans(Protocol):
    """Stores plans. Every method is one commit."""

    async def add_plan(self, plan: Plan) -> None:
        """Store a plan."""
        ...

    async def plan(self, plan_id: str) -> Plan | None:
        """Return a plan; None where no plan has this id."""
        ...


class Turns(Protocol):
    """Changes subscriptions, each under its lock. Every method is one commit."""

    async def sign_up(
        self, subscription: Subscription, pay_key: str, shop_key: ShopKey | None
    ) -> SubscriptionId:
        """Store a subscription, once per shop key, and return the id of the stored one.

        Raises:
            KeyReused: The shop key was used before with another body.
        """
        ...

    async def command(self, subscription_id: str, command: Command) -> None:
        """Execute a command under the subscription's lock.

        Raises:
            NotFound: No subscription has that id.
            Exception: Whatever the command raises; then nothing is written.
        """
        ...

    async def add_attempt(
        self, subscription_id: str, attempt_of: Callable[[Subscription], Renewal], shop_key: str
    ) -> Subscription:
        """Store an attempt that the shopper will pay, and return the subscription with it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRequests:
    """The requests of a shop about plans and subscriptions."""

    plans: Plans
    turns: Turns
    payments: PaymentRequests
    tokens: Tokens
    ids: Ids
    clock: Clock
    merchant_account: str

    async def make_plan(self, body: bytes) -> Plan:
        """Make a plan: `POST /api/plans`.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was stored.
        """
        fields = own_fields(body)
        refuse(plan_faults(fields))
        interval, amount = fields["interval"], _money(fields["amount"])
        plan = Plan(
            id=PlanId(self.ids.new("pln")),
            reference=fields["reference"],
            amount=amount,
            interval=Interval(Unit(interval["unit"]), interval.get("count", 1)),
            time_zone=fields.get("timeZone") or HOME_ZONE,
            trial_days=fields.get("trialDays") or 0,
            trial_amount=(
                _money(fields["trialAmount"])
                if fields.get("trialAmount")
                else Money(amount.currency, 1)
            ),
            cycles=fields.get("cycles"),
            when_unpaid=WhenUnpaid(fields.get("whenUnpaid") or WhenUnpaid.CANCEL),
            on_dispute=WhenTakenBack(fields.get("onDispute") or WhenTakenBack.CONTINUE),
            on_full_refund=WhenTakenBack(fields.get("onFullRefund") or WhenTakenBack.CONTINUE),
            notice_days=fields.get("noticeDays", 3),
            created_at=self.clock.now(),
        )
        await self.plans.add_plan(plan)
        return plan

    async def sign_up(
        self, body: bytes, key: str | None, *, is_typed: bool = False
    ) -> tuple[SubscriptionId, Answer | None]:
        """Sign a shopper up: `POST /api/subscriptions`, once per shop key.

        With `is_typed` it is a typed call of the library; see `shop_key_of`.

        Returns:
            The subscription, and Adyen's answer to the first payment; None instead of the answer
            where the shopper pays by link.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was stored or sent.
            KeyReused: The key was used before with another body.
            StillRunning: The first request with this key has no answer yet.
        """
        fields = own_fields(body)
        plan_id = fields.get("plan")
        plan = await self.plans.plan(plan_id) if isinstance(plan_id, str) else None
        refuse(
            key_faults(key),
            account_faults(fields, self.merchant_account),
            sign_up_faults(fields, self.clock.now()),
        )
        if plan is None:
            cure = "must be the id of a plan; POST /api/plans makes one."
            reject([Fault("plan", cure)])
        by_link = fields.get("signUpBy") == "link"
        subscription = self._signed_up(fields, plan, by_link=by_link)
        payment = _first_payment(fields, subscription)
        if not by_link:
            refuse(GOPAY.faults(payment), checks.payment_faults(payment, OWN_VERSION))
        key_version = None if is_typed else OWN_VERSION
        shop_key = shop_key_of(key, fields, "/api/subscriptions", key_version)
        stored_id = await self.turns.sign_up(subscription, _pay_key(subscription.id), shop_key)
        if by_link:
            return stored_id, None
        if not fields.get("reference"):
            payment["reference"] = stored_id  # In a repeated request, the first subscription's id.
        pay_key = _pay_key(stored_id)
        answer, _ = await self.payments.pay(payment, OWN_VERSION, pay_key, is_typed=is_typed)
        return stored_id, answer

    async def pay_again(self, subscription_id: str, body: bytes) -> Answer:
        """Start a payment by which the shopper pays the open renewal and saves a wallet again.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, nothing is owed, or an earlier payment of the renewal
                is not finished.
        """
        fields = own_fields(body)
        refuse(
            unknown(fields, frozenset({*SHARED, "merchantAccount"})),
            account_faults(fields, self.merchant_account),
        )
        pay_key = f"pay-{self.ids.new('try')}"
        now = self.clock.now()
        # The shop's fields are checked before the attempt is stored, with samples for the others.
        sample = _payment_of(fields, "reference", Money(GOPAY.currency, 1), "shopper")
        refuse(GOPAY.faults(sample), checks.payment_faults(sample, OWN_VERSION))
        subscription = await self.turns.add_attempt(
            subscription_id, lambda found: _next_attempt(found, now), pay_key
        )
        renewal = subscription.renewal
        if renewal is None:
            reject([_nothing_owed(subscription)])
        payment = _payment_of(
            fields, renewal.reference, renewal.amount, subscription.shopper_reference
        )
        answer, _ = await self.payments.pay(payment, OWN_VERSION, pay_key)
        return answer

    async def cancel(self, subscription_id: str, body: bytes = b"") -> None:
        """Cancel, now or at the end of the paid period: `POST /api/subscriptions/{id}/cancel`.

        Args:
            subscription_id: The subscription's id.
            body: `{"at"?: "now" | "periodEnd" | "never"}`; `never` withdraws a planned cancel.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or the subscription has already ended.
        """
        await self._execute(subscription_id, subscription_commands.cancel(body))

    async def pause(self, subscription_id: str, body: bytes = b"") -> None:
        """Charge nothing until a resume: `POST /api/subscriptions/{id}/pause`.

        Args:
            subscription_id: The subscription's id.
            body: `{"at"?: "now" | "periodEnd" | "never", "resumesAt"?}`. `resumesAt` is an ISO date
                and time with its offset; `never` withdraws a planned pause.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or the subscription's state does not allow a pause.
        """
        await self._execute(subscription_id, subscription_commands.pause(body, self.clock.now()))

    async def resume(self, subscription_id: str, body: bytes = b"") -> None:
        """End a pause: `POST /api/subscriptions/{id}/resume`.

        Args:
            subscription_id: The subscription's id.
            body: `{"at"?: "now" | "never" | an ISO date and time with its offset}`; `never`
                withdraws a planned resume.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or the subscription's state does not allow a resume.
        """
        await self._execute(subscription_id, subscription_commands.resume(body, self.clock.now()))

    async def change(self, subscription_id: str, body: bytes) -> None:
        """Change the amount from the next period, or the token: `PATCH /api/subscriptions/{id}`.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or the subscription's state does not allow the change.
        """
        fields = own_fields(body)
        refuse(unknown(fields, frozenset({"amount", "storedPaymentMethodId"})))
        if not fields:
            reject([Fault("amount", "give amount or storedPaymentMethodId.")])
        if "amount" in fields:
            refuse(amount_faults(fields["amount"], "amount"))
        stored_id = fields.get("storedPaymentMethodId")
        tokens = await self.tokens.stored_as(stored_id) if isinstance(stored_id, str) else []

        def command(subscription: Subscription, now: datetime) -> Turn:
            turn = Turn(subscription=subscription)
            if "amount" in fields:
                amount = _money(fields["amount"])
                turn = turn.then(commands.change_amount(subscription, now, amount))
            if "storedPaymentMethodId" in fields:
                token = self._token_of(subscription, tokens)
                turn = turn.then(commands.use_token(turn.subscription, now, token.id))
            return turn

        await self._execute(subscription_id, command)

    def _token_of(self, subscription: Subscription, tokens: Sequence[Token]) -> Token:
        """The active token among `tokens` that belongs to the subscription's shopper.

        Raises:
            InvalidRequest: There is none.
        """
        owner = self.merchant_account, subscription.shopper_reference
        own_tokens = (
            token
            for token in tokens
            if (token.name.merchant_account, token.name.shopper_reference) == owner
        )
        token = next((own for own in own_tokens if own.is_active), None)
        if token is None:
            cure = "must be an active token of this subscription's shopper."
            reject([Fault("storedPaymentMethodId", cure, "800")])
        return token

    async def _execute(self, subscription_id: str, command: Command) -> None:
        try:
            await self.turns.command(subscription_id, command)
        except IllegalMove as error:
            refuse([subscription_commands.not_from_here(error)])

    def _signed_up(self, fields: Fields, plan: Plan, *, by_link: bool) -> Subscription:
        now = self.clock.now()
        subscription_id = SubscriptionId(self.ids.new("sub"))
        reference = fields.get("reference") or subscription_id
        attempt = Attempt(number=1, at=now, asked_at=now, status=Status.CREATED)
        starts_at = fields.get("startsAt")
        period = first_period(plan)
        return Subscription(
            id=subscription_id,
            plan=plan,
            reference=reference,
            shopper_reference=fields["shopperReference"],
            return_url=fields["returnUrl"],
            amount=plan.amount,
            created_at=now,
            starts_at=datetime.fromisoformat(starts_at) if starts_at else None,
            settled_period=period - 1,
            renewal=Renewal(
                period=period,
                due_at=now,
                amount=first_amount(plan),
                reference=reference_of(reference, period, signs_up=True),
                attempts=() if by_link else (attempt,),
                link_id=self.ids.new(LINK) if by_link else "",
            ),
        )


def _pay_key(subscription_id: str) -> str:
    """The shop key of a sign-up's payment. The same subscription always has the same key."""
    return f"sign-up-{subscription_id}-1"


def _first_payment(fields: Fields, subscription: Subscription) -> dict[str, Any]:
    """The fields of the payment of a sign-up; see `_payment_of`."""
    amount = first_amount(subscription.plan)
    return _payment_of(fields, subscription.reference, amount, subscription.shopper_reference)


def _payment_of(
    fields: Fields, reference: str, amount: Money, shopper_reference: str
) -> dict[str, Any]:
    """The fields of the `/payments` request that pays a period and makes the token."""
    return {
        **{name: fields[name] for name in SHARED if name in fields},
        "reference": reference,
        "amount": {"currency": amount.currency, "value": amount.minor_units},
        "paymentMethod": {"type": GOPAY.type},
        "countryCode": GOPAY.country,
        "shopperReference": shopper_reference,
        "storePaymentMethod": True,
        "recurringProcessingModel": SUBSCRIPTION,
    }


def _next_attempt(subscription: Subscription, now: datetime) -> Renewal:
    """The owed renewal with one more attempt, which the shopper pays.

    Raises:
        InvalidRequest: Nothing is owed, or an earlier payment of the renewal is not finished.
    """
    renewal, owing_states = subscription.renewal, {State.INCOMPLETE, State.PAST_DUE}
    if renewal is None or subscription.state not in owing_states or renewal.paid:
        reject([_nothing_owed(subscription)])
    if renewal.unresolved:
        reject([Fault("status", "a payment of this period is under way; wait for its end.")])
    number = len(renewal.attempts) + 1
    attempt = Attempt(number=number, at=now, asked_at=now, status=Status.CREATED)
    return replace(renewal, attempts=(*renewal.attempts, attempt))


def _nothing_owed(subscription: Subscription) -> Fault:
    return Fault("status", f"nothing is owed: the subscription is {subscription.state}.")


def _money(amount: Fields) -> Money:
    return Money(GOPAY.currency, amount["value"])
