"""Adyen's Checkout API for GoPay in Kasir: check and store a request, send it, return the answer.

A shop's fields are sent to Adyen unchanged, with two additions: the merchant account, if it is
missing, and a metadata pair with Kasir's id of the payment. Adyen repeats the pair in its
notifications, so that two payments of one reference can be distinguished. Adyen's answer is passed
to the shop unchanged.

Each call has two methods. One takes the body of an HTTP request. The other takes decoded fields,
and is used by the payment form, sign-ups and charges.
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
from kasir.adyen.replies import Answer, ResultCode, Verdict, error, error_text, of_fields
from kasir.clock import Clock
from kasir.errors import Fault
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

#: The longest time that a shop may give an attempt. A much longer time would overflow the date.
_LIFETIME_MAX: Final = timedelta(days=3650)
_NO_ANSWER: Final = "Adyen has not answered."
_KEPT: Final = (
    "The outcome is not known yet. Kasir keeps this payment and will not pay it twice: ask again "
    "with the same Idempotency-Key, or wait for the notification."
)


@dataclass(frozen=True, slots=True)
class PaymentRequests:
    """The three calls of a GoPay payment."""

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
        defaults = {"merchantAccount": self.merchant_account, "countryCode": GOPAY.country}
        missing = {name: own for name, own in defaults.items() if not asked.get(name)}
        fields = {**with_number(asked), **missing}
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
        is_typed: bool = False,
    ) -> tuple[Answer, PaymentId]:
        """Make a payment, once per shop key. The payment is stored before it is sent to Adyen.

        Args:
            fields: The fields of a `/payments` request.
            version: The Checkout version of the fields.
            shop_key: The shop's `Idempotency-Key`, if it gave one.
            link_id: The payment link, if the payment is made through one. Then a repeated request
                with the same shop key may have other fields, because the shopper may continue in
                another browser.
            return_url: Makes the address to which the shopper returns, from the payment's id; None
                if the fields have the address.
            consent: The text about saving to which the shopper agreed, as it was shown.
            is_typed: Whether it is a typed call of the library; see `shop_key_of`.

        Returns:
            Adyen's unchanged answer and the payment's id. If the shop key was used before, the
            answer and the id of the first payment.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was sent or stored.
            KeyReused: The shop key was used before with another body.
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
        key_version = None if is_typed else version
        key = shop_key_of(shop_key, link_id or fields, "/payments", key_version)
        if return_url:
            fields = {**fields, "returnUrl": return_url(payment_id)}
        intent = self._intent(payment_id, fields, method, link_id, consent)
        question = self._question(intent, fields, version)
        paid_id, kept_answer = await self.flow.pay(intent, question, key)
        return answer_of(kept_answer), paid_id

    async def resume(self, payment_id: PaymentId) -> Answer:
        """Continue a payment: return Adyen's stored answer, or send the same question again.

        Raises:
            StillRunning: Another caller is sending the question at this moment.
            NotFound: There is no such payment.
        """
        return answer_of(await self.flow.resume(payment_key(payment_id)))

    async def details(self, body: bytes, version: int) -> Answer:
        """Finish a payment after the redirect: `POST /payments/details`; see `finish`."""
        return await self.finish(body_fields(body), version)

    async def finish(self, fields: Fields, version: int) -> Answer:
        """Finish a payment after the redirect. Each redirectResult is sent to Adyen only once.

        Only Adyen's answer shows which payment a result belongs to, because a shopper may bring the
        result of one payment to the return address of another.

        Every field of Adyen's schema is passed on. Any other field is refused, because Adyen's
        error about it would be kept as the answer to this redirectResult.

        Args:
            fields: The fields of a `/payments/details` request.
            version: The Checkout version of the fields.

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
            # No error: the shopper was at the wallet, and a notification will bring the result.
            return of_fields(HTTPStatus.OK, {"resultCode": ResultCode.RECEIVED})
        return answer_of(kept)

    async def _guard_token(self, fields: Fields) -> None:
        """Refuse to charge another shopper's token, or a disabled token.

        A token that Kasir does not know is left to Adyen's check.

        Raises:
            InvalidRequest: The token is another shopper's (800), or disabled (803).
        """
        stored_id = stored_id_of(fields)
        if stored_id is None:
            return
        tokens = await self.tokens.stored_as(stored_id)
        shopper = fields["shopperReference"]
        own_tokens = [token for token in tokens if token.name.shopper_reference == shopper]
        if tokens and not own_tokens:
            cure = "Contract not found: it is not a token of this shopperReference."
            reject([Fault("paymentMethod.storedPaymentMethodId", cure, "800")])
        if own_tokens and not any(token.is_active for token in own_tokens):
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
            metadata = fields["metadata"]  # No space for the id; the reference must suffice.
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


def no_answer(why: str = _NO_ANSWER) -> Answer:
    """The answer while the outcome is unknown: a transient error in Adyen's form.

    `why` is a sentence about what came instead of an answer.
    """
    return error(503, "703", f"{why} {_KEPT}", "internal", transient=True)


def answer_of(kept: KeptAnswer | Unanswered) -> Answer:
    """The answer for the shop: Adyen's answer, or `no_answer` while there is no final one."""
    if isinstance(kept, Unanswered):
        return no_answer(kept.error or _NO_ANSWER)
    answer = reply_of(kept)
    return answer if answer.verdict is not Verdict.UNKNOWN else no_answer(error_text(answer))


def _close_at(fields: Fields, now: datetime, default: datetime) -> datetime:
    """When an unfinished attempt is closed: at `sessionValidity`, or without it at `default`."""
    until = fields.get("sessionValidity")
    if not until:
        return default
    return min(max(now, datetime.fromisoformat(until)), now + _LIFETIME_MAX)


def _is_manual(fields: Fields) -> bool:
    """Whether the shop captures the payment by a separate call.

    Source: `manualCapture` in the additional data of Adyen's Checkout schema.
    """
    extra = fields.get("additionalData")
    return isinstance(extra, dict) and str(extra.get("manualCapture", "")).lower() == "true"


def _model(fields: Fields, method: Method) -> str:
    """The recurring processing model of the token; empty if the payment has no token."""
    if method.saves(fields) or stored_id_of(fields):
        return str(fields["recurringProcessingModel"])
    return ""
