"""`Kasir`: every call of the library, for asyncio (docs/library.md).

A call that Adyen answers returns a result. Everything else is an exception of `kasir.errors`, which
its class distinguishes. A refusal by the wallet is a status, not an exception.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.ids import PaymentId
from kasir.money import Money
from kasir.python_api.answers import accepted, named, redirect_url, result_code, translated
from kasir.python_api.enums import When
from kasir.python_api.requests import ChargeRequest, PaymentRequest, PlanRequest, SubscribeRequest
from kasir.python_api.results import (
    Payment,
    Plan,
    RequestedChange,
    ReturnedShopper,
    StartedPayment,
    StartedSubscription,
    Subscription,
    Token,
    payment_of,
    subscription_of,
    token_of,
)

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from kasir.config import Settings
    from kasir.payments.question import Kind
    from kasir.requests.changes import ChangeRequests
    from kasir.requests.payment_links import PaymentLinks
    from kasir.requests.payments import PaymentRequests
    from kasir.requests.stored_methods import StoredMethods
    from kasir.store.outbox import EventFeed
    from kasir.subscriptions.subscription import SubscriptionId
    from kasir.wiring import Parts

_LISTED_MAX: Final = 100
_LIMIT_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Kasir:
    """An open Kasir, from `async with Kasir.open() as kasir`.

    Every call may raise `DatabaseUnavailable`, which a closed Kasir raises too, and every call that
    writes `DatabaseReadOnly`. A `key` is an idempotency key of up to 64 characters: a second call
    with the same key and the same request does nothing and returns the first result.
    """

    _parts: Parts = field(repr=False)
    #: Those of the environment's account, if `_parts` are another's.
    _default: Parts | None = field(default=None, repr=False)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings | Mapping[str, str] | None = None, *, account: str | None = None
    ) -> AsyncIterator[Kasir]:
        """Open Kasir, and close it with the context.

        Args:
            settings: The settings by the names of docs/settings.md; None for the environment.
            account: A merchant account of the database, as it is now; None for the settings' own.

        Raises:
            SettingError: A setting is missing or malformed.
            AccountUnavailable: There is no such account, or it is disabled or cannot be used.
            DatabaseUnavailable: PostgreSQL cannot be used.
        """
        from kasir.account_parts import open_accounts
        from kasir.config import Settings, settings_from
        from kasir.wiring import open_parts

        if settings is not None and not isinstance(settings, Settings):
            settings = settings_from(settings)
        async with open_parts(settings) as parts:
            if account is None:
                yield cls(parts)
                return
            async with open_accounts(parts) as accounts:
                yield cls(await accounts.enabled(account), parts)

    async def pay(self, request: PaymentRequest, *, key: str | None = None) -> StartedPayment:
        """Make a payment. It is stored before Adyen is asked.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was sent or stored.
            OutcomeUnknown: The outcome is not known; its `payment_id` is the payment.
            RefusedByAdyen: Adyen refused the request; the payment is `FAILED`.
            KeyReused: The key was used before with another request.
            StillRunning: The first call with this key has no answer yet.
        """
        from kasir.python_api.messages import payment_fields

        return await self._pay(payment_fields(request), key)

    async def charge(self, request: ChargeRequest, *, key: str) -> StartedPayment:
        """Charge a saved wallet. The result is final only when the payment's status is.

        The key is required, because a repeated call without one is a second charge.

        Raises:
            InvalidRequest: The token is disabled or something else is wrong; nothing was sent.
            OutcomeUnknown, RefusedByAdyen, KeyReused, StillRunning: As in `pay`.
        """
        from kasir.python_api.messages import charge_fields

        return await self._pay(charge_fields(request), key)

    async def returned(self, redirect_result: str) -> ReturnedShopper:
        """Pass Adyen the `redirectResult` with which a shopper returned; each is sent only once.

        If Adyen does not answer, the result code is `RECEIVED`, and a notification brings the
        result.

        Raises:
            InvalidRequest: The text is not a `redirectResult`; nothing was sent.
            RefusedByAdyen: Adyen refused the text.
        """
        with translated():
            fields = {"details": {"redirectResult": redirect_result}}
            answer = accepted(await self.checkout.finish(fields, _version()))
        shown = answer.json()
        return ReturnedShopper(
            result_code=result_code(str(shown.get("resultCode", ""))),
            psp_reference=str(shown.get("pspReference", "")),
        )

    async def payment(self, payment_id: PaymentId) -> Payment:
        """A payment, as Kasir knows it now.

        Raises:
            NotFound: There is no payment with this id.
        """
        with translated():
            stored = await self._parts.payments.payment(payment_id)
        if stored is None:
            raise NotFound("payment", payment_id)
        return payment_of(stored)

    async def payments(self, reference: str, *, limit: int = _LISTED_MAX) -> list[Payment]:
        """The newest payments with the shop's `reference`, newest first; at most `limit`.

        Raises:
            InvalidRequest: The limit is negative, or more than PostgreSQL can count.
        """
        if not 0 <= limit <= _LIMIT_MAX:
            raise InvalidRequest([Fault("limit", f"must be 0 to {_LIMIT_MAX}.")])
        with translated():
            stored = await self._parts.payments.payments_of(reference, limit)
        return [payment_of(each) for each in stored]

    async def capture(
        self, payment_id: PaymentId, amount: Money, *, key: str | None = None
    ) -> RequestedChange:
        """Capture an authorised payment, or a part of it.

        Raises:
            NotFound: There is no such payment.
            InvalidRequest: The amount is more than is left; nothing was sent.
            OutcomeUnknown, RefusedByAdyen, KeyReused, StillRunning: As in `pay`.
        """
        from kasir.payments.question import Kind

        return await self._change(Kind.CAPTURES, payment_id, amount, "", key)

    async def refund(
        self, payment_id: PaymentId, amount: Money, *, reference: str = "", key: str | None = None
    ) -> RequestedChange:
        """Refund a payment, or a part of it; `reference` is the shop's own name for the refund.

        Raises:
            NotFound: There is no such payment.
            InvalidRequest: The amount is more than is left; nothing was sent.
            OutcomeUnknown, RefusedByAdyen, KeyReused, StillRunning: As in `pay`.
        """
        from kasir.payments.question import Kind

        return await self._change(Kind.REFUNDS, payment_id, amount, reference, key)

    async def cancel(self, payment_id: PaymentId, *, key: str | None = None) -> RequestedChange:
        """Cancel an authorised payment that was not captured.

        A payment that the shopper has not finished has no pspReference yet, and cannot be cancelled
        by it; Kasir closes it at `expires_at`.

        Raises:
            NotFound: There is no such payment.
            InvalidRequest: Adyen has not named the payment yet, or a part of it was refunded;
                nothing was sent.
            OutcomeUnknown, RefusedByAdyen, KeyReused, StillRunning: As in `pay`.
        """
        from kasir.payments.question import Kind

        return await self._change(Kind.CANCELS, payment_id, None, "", key)

    async def tokens(self, shopper_reference: str) -> list[Token]:
        """A shopper's saved wallets, including disabled ones."""
        with translated():
            stored = await self._parts.tokens.of(shopper_reference)
        return [token_of(each) for each in stored]

    async def remove_token(self, token: Token) -> None:
        """Remove a saved wallet at Adyen and here, so that it can no longer be charged.

        Raises:
            OutcomeUnknown: Adyen has not answered; call again.
            RefusedByAdyen: Adyen refused, for example because it has no such wallet.
        """
        named = {"shopperReference": token.shopper_reference}
        with translated():
            accepted(await self.stored.remove(token.stored_id, named, _version()))

    async def make_plan(self, request: PlanRequest) -> Plan:
        """Make a plan for subscriptions.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was stored.
        """
        from kasir.python_api.messages import plan_fields

        with translated():
            plan = await self._parts.subscribing.make_plan(_json(plan_fields(request)))
        return Plan(id=plan.id, reference=plan.reference, amount=plan.amount)

    async def subscribe(self, request: SubscribeRequest, *, key: str) -> StartedSubscription:
        """Sign a shopper up to a plan, with a first payment that saves the wallet.

        The key is required, because a repeated call without one is a second subscription.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was sent or stored.
            OutcomeUnknown: The outcome is not known; its `subscription_id` is the subscription.
            RefusedByAdyen, KeyReused, StillRunning: As in `pay`.
        """
        from kasir.python_api.messages import sign_up_fields

        with translated():
            subscription_id, answer = await self._parts.subscribing.sign_up(
                _json(sign_up_fields(request)), key, is_typed=True
            )
        wallet = None
        if answer:
            wallet = redirect_url(accepted(answer, subscription_id=subscription_id))
        with named(subscription_id=subscription_id):
            subscription = await self.subscription(subscription_id)
        return StartedSubscription(subscription=subscription, redirect_url=wallet)

    async def subscription(self, subscription_id: SubscriptionId) -> Subscription:
        """A subscription, as Kasir knows it now.

        Raises:
            NotFound: There is no subscription with this id.
        """
        with translated():
            stored, _ = await self._parts.subscriptions.find(subscription_id, 1)
        return subscription_of(stored)

    async def cancel_subscription(
        self, subscription_id: SubscriptionId, at: When = When.NOW
    ) -> Subscription:
        """Cancel a subscription; `When.NEVER` withdraws a planned cancel.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: The subscription has ended.
        """
        with translated():
            await self._parts.subscribing.cancel(subscription_id, _json({"at": at.value}))
        return await self.subscription(subscription_id)

    async def pause_subscription(
        self,
        subscription_id: SubscriptionId,
        at: When = When.NOW,
        *,
        resumes_at: datetime | None = None,
    ) -> Subscription:
        """Charge nothing until `resumes_at`, or until `resume_subscription` where that is None.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: The subscription's status does not allow a pause.
        """
        fields = {"at": at.value} | ({"resumesAt": resumes_at.isoformat()} if resumes_at else {})
        with translated():
            await self._parts.subscribing.pause(subscription_id, _json(fields))
        return await self.subscription(subscription_id)

    async def resume_subscription(self, subscription_id: SubscriptionId) -> Subscription:
        """End a pause now.

        Raises:
            NotFound: There is no such subscription.
            InvalidRequest: The subscription is not paused.
        """
        with translated():
            await self._parts.subscribing.resume(subscription_id)
        return await self.subscription(subscription_id)

    async def work(self, stop: asyncio.Event) -> None:
        """Run a worker until `stop` is set: read notifications, do what is due, deliver events.

        It works for all merchant accounts, as `kasir worker` does.
        """
        from kasir.account_parts import open_accounts
        from kasir.jobs.account_worker import work_for_all

        parts = self._default or self._parts
        # Not those of `open`, whose parts stay as they are: a worker uses changed settings.
        async with open_accounts(parts) as accounts:
            await work_for_all(parts, accounts, stop)

    @property
    def checkout(self) -> PaymentRequests:
        """`/paymentMethods`, `/payments` and `/payments/details`, with Adyen's own fields."""
        return self._parts.checkout

    @property
    def changes(self) -> ChangeRequests:
        """Captures, refunds, cancels and reversals, with Adyen's own fields."""
        return self._parts.changes

    @property
    def links(self) -> PaymentLinks:
        """`/paymentLinks`, with Adyen's own fields."""
        return self._parts.links

    @property
    def stored(self) -> StoredMethods:
        """Shoppers' saved wallets in Adyen's list, with Adyen's own fields."""
        return self._parts.stored

    @property
    def events(self) -> EventFeed:
        """Events, for apps that fetch them."""
        return self._parts.events

    async def _pay(self, fields: Mapping[str, Any], key: str | None) -> StartedPayment:
        with translated():
            answer, payment_id = await self.checkout.pay(fields, _version(), key, is_typed=True)
        wallet = redirect_url(accepted(answer, payment_id))
        with named(payment_id):
            payment = await self.payment(payment_id)
        return StartedPayment(payment=payment, redirect_url=wallet)

    async def _change(
        self,
        kind: Kind,
        payment_id: PaymentId,
        amount: Money | None,
        reference: str,
        key: str | None,
    ) -> RequestedChange:
        from kasir.python_api.messages import amount_fields

        payment = await self.payment(payment_id)
        if not payment.psp_reference:
            cure = "Adyen has not named it yet, so nothing is paid; wait for its notification."
            raise InvalidRequest([Fault("payment", cure, "167")])
        fields = {
            **({"amount": amount_fields(amount)} if amount else {}),
            **({"reference": reference} if reference else {}),
        }
        with translated():
            answer = await self.changes.ask(
                kind, payment.psp_reference, _json(fields), _version(), key, is_typed=True
            )
        change = accepted(answer, payment_id).json()
        return RequestedChange(
            payment_id=payment_id, psp_reference=str(change.get("pspReference", ""))
        )


def kasir_of(parts: Parts) -> Kasir:
    """A `Kasir` with parts that are already open, such as those of a mounted app."""
    return Kasir(parts)


def _json(fields: Mapping[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(fields)


def _version() -> int:
    from kasir.adyen.calls import OWN_VERSION

    return OWN_VERSION
