"""Adyen's Checkout API for GoPay, as Kasir answers it: check, write down, ask, pass on.

What a shop sends goes to Adyen in its own words, with the merchant account filled in where absent
and one metadata pair added: Kasir's id of the payment, which Adyen echoes in its notifications, so
that two payments of one reference can be told apart. What Adyen answers goes to the shop unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain
from typing import Any, Final, Protocol

import msgspec

from kasir.adyen import checks, known_fields
from kasir.adyen.calls import (
    IDEMPOTENCY_KEY_MAX,
    METADATA_PAYMENT_ID,
    Call,
    details_key,
    payment_key,
    redirect_result,
)
from kasir.adyen.replies import Answer, ResultCode, Verdict, error
from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest
from kasir.gateway.methods import GOPAY, Method, method_of, stored_id_of
from kasir.gateway.wire import Silence, Wire
from kasir.ids import Ids, LinkId, PaymentId
from kasir.money import Money
from kasir.payments.flow import Flow
from kasir.payments.payment import Intent
from kasir.payments.question import Kept, Kind, Question, ShopKey
from kasir.tokens.model import Token

#: What no HTTP header may hold. Blanks around a key are taken off by whoever reads the header.
#: No attempt is looked after for longer, whatever a shop says: there is no time far beyond it.
_AGES: Final = timedelta(days=3650)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NO_ANSWER: Final = (
    "Adyen has not answered, so the outcome is not known yet. Kasir keeps this payment and will "
    "not pay it twice: ask again with the same Idempotency-Key, or wait for the notification."
)


class TokensStored(Protocol):
    """Where tokens are found by the provider's name for them."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Give the tokens of this name, whosever they are."""
        ...


@dataclass(frozen=True, slots=True)
class Checkout:
    """The three calls a GoPay payment is made of."""

    flow: Flow
    wire: Wire
    ids: Ids
    clock: Clock
    merchant_account: str
    attempt_lifetime: timedelta
    tokens: TokensStored

    async def payment_methods(self, body: bytes, version: int) -> Answer:
        """List payment methods: `/paymentMethods` with what GoPay needs filled in.

        Raises:
            InvalidRequest: A field is wrong; nothing was sent.
        """
        fields = body_fields(body)
        fields.setdefault("merchantAccount", self.merchant_account)
        fields.setdefault("countryCode", GOPAY.country)
        amount = fields.get("amount")
        if isinstance(amount, dict):
            amount.setdefault("currency", GOPAY.currency)
        refuse(account_faults(fields, self.merchant_account), checks.methods_faults(fields))
        sent = msgspec.json.encode(fields)
        answer = await self.wire.send(Call("/paymentMethods", sent, version))
        return no_answer() if isinstance(answer, Silence) else answer

    async def payments(
        self,
        body: bytes,
        version: int,
        shop_key: str | None = None,
        link_id: LinkId | None = None,
        return_url: Callable[[PaymentId], str] | None = None,
        consent: str = "",
    ) -> tuple[Answer, PaymentId]:
        """Make a payment: written down first, then asked for, once per shop key.

        Args:
            body: The shop's `/payments` request.
            version: The Checkout version it was written for.
            shop_key: The shop's `Idempotency-Key`, if it gave one.
            link_id: The payment link it comes from, if any. Then the shop key names one try at
                that link, whatever browser it is continued in.
            return_url: Where the shopper comes back to, where that must name the payment.
            consent: What the shopper agreed to, in the words that were shown, if asked.

        Returns:
            Adyen's answer as it came, and the payment's id; those of the first payment, if the
            shop key was used before.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was sent and nothing kept.
            KeyReused: The shop key came before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        fields = body_fields(body)
        method = method_of(fields)
        refuse(
            key_faults(shop_key),
            account_faults(fields, self.merchant_account),
            [method] if isinstance(method, Fault) else method.faults(fields),
            checks.payment_faults(fields, version),
        )
        assert isinstance(method, Method)  # noqa: S101  # A fault was refused above.
        await self._guard_token(fields)
        payment_id = PaymentId(self.ids.new("pay"))
        if return_url:
            fields["returnUrl"] = return_url(payment_id)
        intent = self._intent(payment_id, fields, method, link_id, consent)
        question = self._question(intent, fields, version)
        same = link_id or body_fields(body)
        key = shop_key_of(shop_key, same, question.path, version)
        paid, kept = await self.flow.pay(intent, question, key)
        return answer_of(kept), paid

    async def resume(self, payment_id: PaymentId) -> Answer:
        """Go on with a payment: Adyen's first answer again, or the same question asked again.

        Raises:
            StillRunning: It is being asked right now.
            NotFound: There is no such payment.
        """
        return answer_of(await self.flow.resume(payment_key(payment_id)))

    async def details(self, body: bytes, version: int) -> Answer:
        """Finish a payment after the redirect: asked once per redirectResult, answered every time.

        Whose the result is, only Adyen can tell: a shopper may bring one payment's result to
        another payment's return address.

        All that Adyen's schema knows is passed on; what it does not is refused, lest an error for
        its sake be kept as the answer of this redirectResult.

        Args:
            body: The shop's `/payments/details` request.
            version: The Checkout version it was written for.

        Raises:
            InvalidRequest: There is no redirectResult, or a field is wrong; nothing was sent.
        """
        fields = body_fields(body)
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
        if kept is None:
            # Not an error: the shopper has been to the wallet, and the notification will tell.
            return Answer(200, msgspec.json.encode({"resultCode": ResultCode.RECEIVED}))
        return answer_of(kept)

    async def _guard_token(self, fields: Mapping[str, Any]) -> None:
        """Let a token be charged only for its own shopper, and only while it holds.

        A token that Kasir has never heard of is for Adyen to judge.

        Raises:
            InvalidRequest: It is another shopper's (800), or disabled (803); nothing was sent.
        """
        stored_id = stored_id_of(fields)
        if stored_id is None:
            return
        known = await self.tokens.stored_as(stored_id)
        whose = fields["shopperReference"]
        mine = [token for token in known if token.name.shopper_reference == whose]
        if known and not mine:
            cure = "Contract not found: it is not a token of this shopperReference."
            raise InvalidRequest([Fault("paymentMethod.storedPaymentMethodId", cure, "800")])
        if mine and not any(token.is_active for token in mine):
            cure = "PaymentDetail not found: it is disabled; ask the shopper to save GoPay again."
            raise InvalidRequest([Fault("paymentMethod.storedPaymentMethodId", cure, "803")])

    def _intent(
        self,
        payment_id: PaymentId,
        fields: Mapping[str, Any],
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
            return_url=fields["returnUrl"],
            created_at=now,
            close_at=_close_at(fields, now, now + self.attempt_lifetime),
            captures_itself=not _is_manual(fields),
            model=_model(fields, method),
            consent=consent,
            shopper_reference=fields.get("shopperReference") or "",
            link_id=link_id,
        )

    def _question(self, intent: Intent, fields: Mapping[str, Any], version: int) -> Question:
        metadata = {**(fields.get("metadata") or {}), METADATA_PAYMENT_ID: intent.id}
        if len(metadata) > checks.METADATA_PAIRS_MAX:
            metadata = fields["metadata"]  # Full: told apart by its reference alone, then.
        account = fields.get("merchantAccount") or self.merchant_account
        return Question(
            key=payment_key(intent.id),
            kind=Kind.PAYMENTS,
            payment_id=intent.id,
            version=version,
            path="/payments",
            body=msgspec.json.encode({**fields, "merchantAccount": account, "metadata": metadata}),
            opened_at=intent.created_at,
            asked_at=intent.created_at,
        )


def refuse(*faults: Iterable[Fault]) -> None:
    """Raise what was found wrong, each field once.

    Raises:
        InvalidRequest: Anything was.
    """
    found: dict[str, Fault] = {}
    for fault in chain.from_iterable(faults):
        found.setdefault(fault.field, fault)
    if found:
        raise InvalidRequest(found.values())


def no_answer() -> Answer:
    """The answer for an outcome that is not known: Adyen's own transient error, with our words."""
    return error(503, "703", _NO_ANSWER, "internal", transient=True)


def answer_of(kept: Kept | None) -> Answer:
    """The answer for the shop: Adyen's, or that there is none yet."""
    if kept is None:
        return no_answer()
    answer = Answer(kept.status, kept.body, kept.psp_reference)
    return answer if answer.verdict is not Verdict.UNKNOWN else no_answer()


def _close_at(fields: Mapping[str, Any], now: datetime, latest: datetime) -> datetime:
    """When an attempt that nobody finished is closed: as the shop says, else after a while."""
    told = fields.get("sessionValidity")
    if not isinstance(told, str):
        return latest
    return min(max(now, datetime.fromisoformat(told)), now + _AGES)


def _is_manual(fields: Mapping[str, Any]) -> bool:
    """Whether the shop takes the money by a call of its own.

    Source: `manualCapture` in the additional data of Adyen's Checkout schema.
    """
    extra = fields.get("additionalData")
    return isinstance(extra, dict) and str(extra.get("manualCapture", "")).lower() == "true"


def _model(fields: Mapping[str, Any], method: Method) -> str:
    """What a token is made or charged for; empty where none is."""
    if method.saves(fields) or stored_id_of(fields):
        return str(fields["recurringProcessingModel"])
    return ""


def body_fields(body: bytes) -> dict[str, Any]:
    """A request's fields.

    Raises:
        InvalidRequest: It is not a JSON object.
    """
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        cure = f"the body must be a JSON object ({error})."
        raise InvalidRequest([Fault("body", cure, "702", 400)]) from error
    except RecursionError as error:
        cure = "the body must be a JSON object, nested less deeply than this."
        raise InvalidRequest([Fault("body", cure, "702", 400)]) from error
    if not isinstance(fields, dict):
        raise InvalidRequest([Fault("body", "the body must be a JSON object.", "702", 400)])
    return fields


def account_faults(fields: Mapping[str, Any], merchant_account: str) -> Iterator[Fault]:
    """What is wrong with the merchant account a request names; none named is fine."""
    if fields.get("merchantAccount") not in (None, "", merchant_account):
        cure = f"this Kasir serves the merchant account {merchant_account}."
        yield Fault("merchantAccount", cure, "901", 403, "security")


def key_faults(key: str | None) -> Iterator[Fault]:
    """What is wrong with the shop's idempotency key; none is fine."""
    if key is not None and not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX:
        cure = f"must have 1 to {IDEMPOTENCY_KEY_MAX} characters."
        yield Fault("Idempotency-Key", cure)
    elif key is not None and _CONTROL.search(key):
        yield Fault("Idempotency-Key", "must hold no control characters.")


def shop_key_of(key: str | None, same: object, path: str, version: int) -> ShopKey | None:
    """The shop's key, with a fingerprint of what was asked under it.

    Args:
        key: The shop's key, if it gave one.
        same: What must be the same again; a JSON object in any order or spacing is the same.
        path: What was called.
        version: The Checkout version it was called in.
    """
    if key is None:
        return None
    said = msgspec.json.encode([version, path, same], order="sorted")
    return ShopKey(key=key, fingerprint=sha256(said).digest())
