"""Adyen's Checkout API for GoPay, as Kasir answers it: check, store, ask, pass on.

A shop's fields go to Adyen as they came, with the merchant account filled in where absent and one
metadata pair added: Kasir's id of the payment, which Adyen repeats in its notifications, so that
two payments of one reference can be distinguished. Adyen's answer goes to the shop unchanged.

Each call has two doors: one for a body as it came over HTTP, which is decoded once, and one for
fields, which the payment form, sign-ups and charges use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import msgspec

from kasir.adyen import checks, known_fields
from kasir.adyen.calls import (
    METADATA_PAYMENT_ID,
    Call,
    details_key,
    payment_key,
    redirect_result,
)
from kasir.adyen.replies import Answer, ResultCode, Verdict, error, of_fields
from kasir.clock import Clock
from kasir.errors import Fault
from kasir.gateway.meanings import error_of
from kasir.gateway.methods import GOPAY, Method, method_of, stored_id_of
from kasir.gateway.provider import reply_of
from kasir.gateway.wire import NoAnswer, Wire
from kasir.ids import Ids, LinkId, PaymentId
from kasir.ledger.tokens import Tokens
from kasir.money import Money
from kasir.payments.flow import Flow
from kasir.payments.payment import Intent
from kasir.payments.question import KeptAnswer, Kind, Question, Unanswered
from kasir.requests.fields import (
    Fields,
    account_faults,
    body_fields,
    key_faults,
    refuse,
    reject,
    shop_key_of,
    with_number,
)

#: The latest end that a shop may give an attempt: a date far beyond it overflows.
_AGES: Final = timedelta(days=3650)
_NO_ANSWER: Final = "Adyen has not answered, so the outcome is not known yet."
_KEPT: Final = (
    "Kasir keeps this payment and will not pay it twice: ask again with the same Idempotency-Key, "
    "or wait for the notification."
)


@dataclass(frozen=True, slots=True)
class PaymentRequests:
    """The three calls a GoPay payment is made of."""

    flow: Flow
    wire: Wire
    ids: Ids
    clock: Clock
    merchant_account: str
    attempt_lifetime: timedelta
    tokens: Tokens

    async def payment_methods(self, body: bytes, version: int) -> Answer:
        """List payment methods: `POST /paymentMethods`; see `methods`."""
        return await self.methods(body_fields(body), version)

    async def methods(self, asked: Fields, version: int) -> Answer:
        """List payment methods, with what GoPay needs filled in.

        Raises:
            InvalidRequest: A field is wrong; nothing was sent.
        """
        own = {"merchantAccount": self.merchant_account, "countryCode": GOPAY.country}
        fields = {**with_number(asked), **{name: own[name] for name in own if not asked.get(name)}}
        amount = fields.get("amount")
        if isinstance(amount, dict) and "currency" not in amount:
            fields["amount"] = {**amount, "currency": GOPAY.currency}
        refuse(account_faults(fields, self.merchant_account), checks.methods_faults(fields))
        sent = msgspec.json.encode(fields)
        answer = await self.wire.send(Call("/paymentMethods", sent, version))
        return no_answer() if isinstance(answer, NoAnswer) else answer

    async def payments(
        self, body: bytes, version: int, shop_key: str | None = None
    ) -> tuple[Answer, PaymentId]:
        """Make a payment: `POST /payments`; see `pay`."""
        return await self.pay(body_fields(body), version, shop_key)

    async def pay(
        self,
        fields: Fields,
        version: int,
        shop_key: str | None = None,
        *,
        link_id: LinkId | None = None,
        return_url: Callable[[PaymentId], str] | None = None,
        consent: str = "",
    ) -> tuple[Answer, PaymentId]:
        """Make a payment, once per shop key: it is stored first, then asked for.

        Args:
            fields: The fields of a `/payments` request.
            version: The Checkout version they are of.
            shop_key: The shop's `Idempotency-Key`, if it gave one.
            link_id: The payment link it comes from, if any. Then the shop key names one attempt
                at that link, whatever browser it is continued in.
            return_url: Where the shopper comes back to, where that must name the payment.
            consent: The text about saving that was shown and that the shopper agreed to.

        Returns:
            Adyen's answer as it came, and the payment's id; those of the first payment, if the
            shop key was used before.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was sent and nothing kept.
            KeyReused: The shop key came before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        fields = with_number(fields)
        method = method_of(fields)
        common = *key_faults(shop_key), *account_faults(fields, self.merchant_account)
        if isinstance(method, Fault):
            reject(common, [method], checks.payment_faults(fields, version))
        refuse(common, method.faults(fields), checks.payment_faults(fields, version))
        await self._guard_token(fields)
        payment_id = PaymentId(self.ids.new("pay"))
        key = shop_key_of(shop_key, link_id or fields, "/payments", version)
        if return_url:
            fields = {**fields, "returnUrl": return_url(payment_id)}
        intent = self._intent(payment_id, fields, method, link_id, consent)
        question = self._question(intent, fields, version)
        paid, kept = await self.flow.pay(intent, question, key)
        return answer_of(kept), paid

    async def resume(self, payment_id: PaymentId) -> Answer:
        """Continue a payment: Adyen's first answer again, or the same question asked again.

        Raises:
            StillRunning: It is being asked at this moment.
            NotFound: There is no such payment.
        """
        return answer_of(await self.flow.resume(payment_key(payment_id)))

    async def details(self, body: bytes, version: int) -> Answer:
        """Finish a payment after the redirect: `POST /payments/details`; see `finish`."""
        return await self.finish(body_fields(body), version)

    async def finish(self, fields: Fields, version: int) -> Answer:
        """Finish a payment after the redirect: asked once per redirectResult, answered every time.

        Only Adyen knows which payment a result belongs to: a shopper may bring one payment's
        result to another payment's return address.

        Every field of Adyen's schema is passed on. Any other is refused: Adyen's error about it
        would be kept as the answer of this redirectResult.

        Args:
            fields: The fields of a `/payments/details` request.
            version: The Checkout version they are of.

        Raises:
            InvalidRequest: There is no redirectResult, or a field is wrong; nothing was sent.
        """
        refuse(known_fields.details_faults(fields))
        result = redirect_result(fields["details"]["redirectResult"])
        details = {**fields["details"], "redirectResult": result}
        now = self.clock.now()
        question = Question(
            key=details_key(result),
            kind=Kind.DETAILS,
            payment_id=None,
            version=version,
            path="/payments/details",
            body=msgspec.json.encode({**fields, "details": details}),
            opened_at=now,
            asked_at=now,
        )
        kept = await self.flow.finish(question)
        if isinstance(kept, Unanswered):
            # Not an error: the shopper has been to the wallet, and the notification will say.
            return of_fields(HTTPStatus.OK, {"resultCode": ResultCode.RECEIVED})
        return answer_of(kept)

    async def _guard_token(self, fields: Fields) -> None:
        """Refuse to charge a token for another shopper, or one that is disabled.

        A token that Kasir does not know is for Adyen to judge.

        Raises:
            InvalidRequest: It is another shopper's (800), or disabled (803); nothing was sent.
        """
        stored_id = stored_id_of(fields)
        if stored_id is None:
            return
        known = await self.tokens.stored_as(stored_id)
        shopper = fields["shopperReference"]
        mine = [token for token in known if token.name.shopper_reference == shopper]
        if known and not mine:
            cure = "Contract not found: it is not a token of this shopperReference."
            reject([Fault("paymentMethod.storedPaymentMethodId", cure, "800")])
        if mine and not any(token.is_active for token in mine):
            cure = "PaymentDetail not found: it is disabled; ask the shopper to save GoPay again."
            reject([Fault("paymentMethod.storedPaymentMethodId", cure, "803")])

    def _intent(
        self,
        payment_id: PaymentId,
        fields: Fields,
        method: Method,
        link_id: LinkId | None,
        consent: str,
    ) -> Intent:
        now = self.clock.now()
        return Intent(
            id=payment_id,
            reference=fields["reference"],
            amount=Money(method.currency, fields["amount"]["value"]),
            method=method.type,
            return_url=fields.get("returnUrl") or "",
            created_at=now,
            close_at=_close_at(fields, now, now + self.attempt_lifetime),
            captures_itself=not _is_manual(fields),
            model=_model(fields, method),
            consent=consent,
            shopper_reference=fields.get("shopperReference") or "",
            link_id=link_id,
        )

    def _question(self, intent: Intent, fields: Fields, version: int) -> Question:
        metadata = {**(fields.get("metadata") or {}), METADATA_PAYMENT_ID: intent.id}
        if len(metadata) > checks.METADATA_PAIRS_MAX:
            metadata = fields["metadata"]  # Full: only its reference distinguishes it then.
        account = fields.get("merchantAccount") or self.merchant_account
        sent = {**fields, "merchantAccount": account, "metadata": metadata}
        return Question(
            key=payment_key(intent.id),
            kind=Kind.PAYMENTS,
            payment_id=intent.id,
            version=version,
            path="/payments",
            body=msgspec.json.encode(sent),
            opened_at=intent.created_at,
            asked_at=intent.created_at,
            fields=sent,
        )


def no_answer(why: str = "") -> Answer:
    """The answer for an outcome that is not known: Adyen's own transient error, our message.

    `why` is the error that came instead of an answer; empty where nothing came.
    """
    reason = f"{why[0].upper()}{why[1:]}. So the outcome is not known yet." if why else _NO_ANSWER
    return error(503, "703", f"{reason} {_KEPT}", "internal", transient=True)


def answer_of(kept: KeptAnswer | Unanswered) -> Answer:
    """The answer for the shop: Adyen's, or that there is none yet."""
    if isinstance(kept, Unanswered):
        return no_answer(kept.error)
    answer = reply_of(kept)
    return answer if answer.verdict is not Verdict.UNKNOWN else no_answer(error_of(answer))


def _close_at(fields: Fields, now: datetime, latest: datetime) -> datetime:
    """When an unfinished attempt is closed: at `sessionValidity`, or at `latest` without one."""
    until = fields.get("sessionValidity")
    if not until:
        return latest
    return min(max(now, datetime.fromisoformat(until)), now + _AGES)


def _is_manual(fields: Fields) -> bool:
    """Whether the shop captures the payment by a call of its own.

    Source: `manualCapture` in the additional data of Adyen's Checkout schema.
    """
    extra = fields.get("additionalData")
    return isinstance(extra, dict) and str(extra.get("manualCapture", "")).lower() == "true"


def _model(fields: Fields, method: Method) -> str:
    """The model a token is made or charged for; empty where the payment concerns no token."""
    if method.saves(fields) or stored_id_of(fields):
        return str(fields["recurringProcessingModel"])
    return ""
