"""Plans and subscriptions as shops ask for them: fields checked, then written down, then paid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import msgspec

from kasir.adyen import checks
from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.gateway.methods import GOPAY
from kasir.gateway.renewal_messages import SUBSCRIPTION
from kasir.ids import Ids
from kasir.money import Money
from kasir.payments.question import ShopKey
from kasir.payments.status import Status
from kasir.requests import subscription_commands
from kasir.requests.payments import (
    Checkout,
    account_faults,
    key_faults,
    refuse,
    shop_key_of,
)
from kasir.requests.subscription_commands import Wish
from kasir.requests.subscription_fields import (
    LENT,
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
    """Where plans are kept. Every method is one commit."""

    async def add_plan(self, plan: Plan) -> None:
        """Write a plan down."""
        ...

    async def plan(self, plan_id: str) -> Plan | None:
        """Give a plan."""
        ...


class Turns(Protocol):
    """Where subscriptions take their turns. Every method is one commit."""

    async def sign_up(
        self, subscription: Subscription, pay_key: str, shop_key: ShopKey | None
    ) -> SubscriptionId:
        """Write a subscription, once per shop key; its id, or the first one's.

        Raises:
            KeyReused: The shop key came first with another body.
        """
        ...

    async def command(self, subscription_id: str, command: Wish) -> None:
        """Do what the shop asks of a subscription, under its lock.

        Raises:
            NotFound: There is none of that id.
            Exception: Whatever `command` raises; nothing was written.
        """
        ...

    async def add_attempt(
        self, subscription_id: str, attempt_of: Callable[[Subscription], Renewal], shop_key: str
    ) -> Subscription:
        """Write down an attempt that the shopper will pay; give the subscription with it."""
        ...


class TokensStored(Protocol):
    """Where tokens are found by the provider's name for them."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Give the tokens of this name, whosever they are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """What a shop may do with plans and subscriptions."""

    plans: Plans
    turns: Turns
    checkout: Checkout
    tokens: TokensStored
    ids: Ids
    clock: Clock
    merchant_account: str

    async def make_plan(self, body: bytes) -> Plan:
        """Make a plan: `POST /api/plans`.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was kept.
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

    async def sign_up(self, body: bytes, key: str | None) -> tuple[SubscriptionId, Answer | None]:
        """Sign a shopper up: `POST /api/subscriptions`, once per shop key.

        Returns:
            The subscription, and Adyen's answer to the payment that begins it; None where the
            shopper is to pay by link.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was kept and nothing sent.
            KeyReused: The key came before with another body.
            StillRunning: The first request with this key has no answer yet.
        """
        fields = own_fields(body)
        named = fields.get("plan")
        plan = (
            await self.plans.plan(named) if isinstance(named, str) and "\0" not in named else None
        )
        refuse(
            key_faults(key),
            account_faults(fields, self.merchant_account),
            sign_up_faults(fields, self.clock.now()),
        )
        if plan is None:
            cure = "must be the id of a plan; POST /api/plans makes one."
            raise InvalidRequest([Fault("plan", cure)])
        by_link = fields.get("signUpBy") == "link"
        it = self._signed_up(fields, plan, by_link=by_link)
        payment = _payment(fields, it)
        if not by_link:
            refuse(GOPAY.faults(payment), checks.payment_faults(payment, OWN_VERSION))
        same = shop_key_of(key, fields, "/api/subscriptions", OWN_VERSION)
        found = await self.turns.sign_up(it, _pay_key(it.id, 1), same)
        if by_link:
            return found, None
        if not fields.get("reference"):
            payment["reference"] = found  # The first one's, where this request came before.
        answer, _ = await self.checkout.payments(
            msgspec.json.encode(payment), OWN_VERSION, _pay_key(found, 1)
        )
        return found, answer

    async def pay_again(self, subscription_id: str, body: bytes) -> Answer:
        """Have the shopper pay what is owed and link a wallet again.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or nothing is owed, or somebody is paying already.
        """
        fields = own_fields(body)
        refuse(unknown(fields, frozenset({*LENT, "merchantAccount"})))
        pay_key = f"pay-{self.ids.new('try')}"
        now = self.clock.now()
        probe = _payment_of(fields, "reference", Money(GOPAY.currency, 1), "shopper")
        refuse(GOPAY.faults(probe), checks.payment_faults(probe, OWN_VERSION))
        it = await self.turns.add_attempt(
            subscription_id, lambda found: _next_attempt(found, now), pay_key
        )
        assert it.renewal is not None  # noqa: S101  # `_next_attempt` gave it.
        payment = _payment_of(fields, it.renewal.reference, it.renewal.amount, it.shopper_reference)
        answer, _ = await self.checkout.payments(msgspec.json.encode(payment), OWN_VERSION, pay_key)
        return answer

    async def cancel(self, subscription_id: str, body: bytes = b"") -> None:
        """Cancel, now or at the end of what was paid for: `POST /api/subscriptions/{id}/cancel`.

        Args:
            subscription_id: Which.
            body: `{"at"?: "now" | "periodEnd" | "never"}`; `never` withdraws a planned cancel.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or it is over already.
        """
        await self._wish(subscription_id, subscription_commands.cancel(body))

    async def pause(self, subscription_id: str, body: bytes = b"") -> None:
        """Charge nothing until it is resumed: `POST /api/subscriptions/{id}/pause`.

        Args:
            subscription_id: Which.
            body: `{"at"?: "now" | "periodEnd" | "never", "resumesAt"?}`, the latter an ISO date
                and time with its offset; `never` withdraws a planned pause.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or its state does not let it.
        """
        await self._wish(subscription_id, subscription_commands.pause(body, self.clock.now()))

    async def resume(self, subscription_id: str, body: bytes = b"") -> None:
        """Go on after a pause: `POST /api/subscriptions/{id}/resume`.

        Args:
            subscription_id: Which.
            body: `{"at"?: "now" | "never" | an ISO date and time with its offset}`; `never`
                withdraws a planned resume.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or its state does not let it.
        """
        await self._wish(subscription_id, subscription_commands.resume(body, self.clock.now()))

    async def change(self, subscription_id: str, body: bytes) -> None:
        """Change the amount from the next period, or the token: `PATCH /api/subscriptions/{id}`.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: A field is wrong, or its state does not let it.
        """
        fields = own_fields(body)
        refuse(unknown(fields, frozenset({"amount", "storedPaymentMethodId"})))
        if not fields:
            refuse([Fault("amount", "give amount or storedPaymentMethodId.")])
        if "amount" in fields:
            refuse(amount_faults(fields["amount"], "amount"))
        stored_id = fields.get("storedPaymentMethodId")
        tokens = await self.tokens.stored_as(stored_id) if isinstance(stored_id, str) else []

        def wish(it: Subscription, now: datetime) -> Turn:
            turn = Turn(subscription=it)
            if "amount" in fields:
                turn = turn.then(commands.change_amount(it, now, _money(fields["amount"])))
            if "storedPaymentMethodId" in fields:
                token = self._token_of(it, tokens)
                turn = turn.then(commands.use_token(turn.subscription, now, token.id))
            return turn

        await self._wish(subscription_id, wish)

    def _token_of(self, it: Subscription, tokens: Sequence[Token]) -> Token:
        """The shopper's own token of that name, if it may be charged."""
        for token in tokens:
            ours = token.name.merchant_account == self.merchant_account
            if ours and token.name.shopper_reference == it.shopper_reference and token.is_active:
                return token
        cure = "must be an active token of this subscription's shopper."
        raise InvalidRequest([Fault("storedPaymentMethodId", cure, "800")])

    async def _wish(self, subscription_id: str, wish: Wish) -> None:
        if "\0" in subscription_id:
            raise NotFound("subscription", subscription_id)
        try:
            await self.turns.command(subscription_id, wish)
        except IllegalMove as error:
            refuse([subscription_commands.not_from_here(error)])

    def _signed_up(self, fields: Mapping[str, Any], plan: Plan, *, by_link: bool) -> Subscription:
        now = self.clock.now()
        name = SubscriptionId(self.ids.new("sub"))
        own = fields.get("reference") or name
        attempt = Attempt(number=1, at=now, asked_at=now, status=Status.CREATED)
        starts_at = fields.get("startsAt")
        period = first_period(plan)
        return Subscription(
            id=name,
            plan=plan,
            reference=own,
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
                reference=reference_of(own, period, signs_up=True),
                attempts=() if by_link else (attempt,),
                link_id=self.ids.new("PL") if by_link else "",
            ),
        )


def _pay_key(subscription_id: str, number: int) -> str:
    """The shop key of a sign-up's payment: made of the subscription, so always the same."""
    return f"sign-up-{subscription_id}-{number}"


def _payment(fields: Mapping[str, Any], it: Subscription) -> dict[str, Any]:
    return _payment_of(fields, it.reference, first_amount(it.plan), it.shopper_reference)


def _payment_of(
    fields: Mapping[str, Any], reference: str, amount: Money, shopper_reference: str
) -> dict[str, Any]:
    """The `/payments` request that pays a period and makes the token, in Adyen's words."""
    return {
        **{name: fields[name] for name in LENT if name in fields},
        "reference": reference,
        "amount": {"currency": amount.currency, "value": amount.minor_units},
        "paymentMethod": {"type": GOPAY.type},
        "countryCode": GOPAY.country,
        "shopperReference": shopper_reference,
        "storePaymentMethod": True,
        "recurringProcessingModel": SUBSCRIPTION,
    }


def _next_attempt(it: Subscription, now: datetime) -> Renewal:
    """The renewal that is owed, with one more attempt: the shopper's own.

    Raises:
        InvalidRequest: Nothing is owed, or a payment of it is under way.
    """
    renewal = it.renewal
    if renewal is None or it.state not in {State.INCOMPLETE, State.PAST_DUE} or renewal.paid:
        raise InvalidRequest([Fault("status", f"nothing is owed: the subscription is {it.state}.")])
    if renewal.unresolved:
        refuse([Fault("status", "a payment of this period is under way; wait for its end.")])
    number = len(renewal.attempts) + 1
    attempt = Attempt(number=number, at=now, asked_at=now, status=Status.CREATED)
    return replace(renewal, attempts=(*renewal.attempts, attempt))


def _money(amount: Mapping[str, Any]) -> Money:
    return Money(GOPAY.currency, amount["value"])
