"""Builds and reads messages of renewals: a token's charge, the shopper's link, a refusal's reason.

A renewal's attempt is a payment like any other payment. The transaction that decides on the attempt
stores the intent and the question of that payment. The question's idempotency key is made from the
payment's id, so any worker may send the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import msgspec

from kasir.adyen.calls import METADATA_PAYMENT_ID, OWN_VERSION, payment_key
from kasir.adyen.replies import Answer
from kasir.gateway.methods import GOPAY
from kasir.ids import LinkId, PaymentId
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.links import Link
from kasir.payments.payment import Intent
from kasir.payments.question import KeptAnswer, Kind, Question
from kasir.payments.status import Status
from kasir.subscriptions.dunning import Reason, reason_of
from kasir.subscriptions.renewal import Attempt, Renewal
from kasir.subscriptions.subscription import Subscription
from kasir.tokens.model import Token

#: The only recurring processing model whose charges need no shopper. Source: Adyen's page on GoPay.
SUBSCRIPTION: Final = "Subscription"
#: Kasir's own answer to a charge that was withdrawn before it was sent.
NEVER_SENT: Final = KeptAnswer(
    status=410,
    body=msgspec.json.encode(
        {
            "status": 410,
            "errorType": "internal",
            "message": "Kasir never sent this: by then nothing was owed any more.",
        }
    ),
)
#: How long a shopper may pay a renewal by its link.
_LINK_LIFETIME: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalMessages:
    """Builds the messages of renewals.

    Attributes:
        merchant_account: The merchant account that is paid.
        lifetime: How long after its creation an unfinished payment is closed.
    """

    merchant_account: str
    lifetime: timedelta

    def charge(
        self,
        subscription: Subscription,
        renewal: Renewal,
        token: Token,
        payment_id: PaymentId,
        now: datetime,
    ) -> tuple[Intent, Question]:
        """The payment that charges a renewal, and the call to Adyen that requests this payment."""
        intent = Intent(
            id=payment_id,
            reference=renewal.reference,
            amount=renewal.amount,
            method=GOPAY.type,
            return_url=subscription.return_url,
            created_at=now,
            close_at=now + self.lifetime,
            model=SUBSCRIPTION,
            shopper_reference=subscription.shopper_reference,
        )
        question = Question(
            key=payment_key(payment_id),
            kind=Kind.PAYMENTS,
            payment_id=payment_id,
            version=OWN_VERSION,
            path="/payments",
            body=msgspec.json.encode(self._body(subscription, renewal, token, payment_id)),
            opened_at=now,
            asked_at=now,
        )
        return intent, question

    def _body(
        self, subscription: Subscription, renewal: Renewal, token: Token, payment_id: PaymentId
    ) -> Mapping[str, Any]:
        return {
            "merchantAccount": self.merchant_account,
            "reference": renewal.reference,
            "amount": _amount(renewal),
            "paymentMethod": {"storedPaymentMethodId": token.name.stored_id},
            "shopperReference": subscription.shopper_reference,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": SUBSCRIPTION,
            "returnUrl": subscription.return_url,
            "metadata": {METADATA_PAYMENT_ID: payment_id},
        }

    def invitation(self, subscription: Subscription, renewal: Renewal, now: datetime) -> Link:
        """The payment link by which a shopper pays a renewal and saves a wallet again."""
        return Link(
            id=LinkId(renewal.link_id),
            request={
                "merchantAccount": self.merchant_account,
                "reference": renewal.reference,
                "amount": _amount(renewal),
                "countryCode": GOPAY.country,
                "returnUrl": subscription.return_url,
                "shopperReference": subscription.shopper_reference,
                "storePaymentMethodMode": "enabled",
                "recurringProcessingModel": SUBSCRIPTION,
            },
            created_at=now,
            expires_at=now + _LINK_LIFETIME,
        )


def withdrawn(attempt: Attempt, subscription: Subscription, now: datetime) -> Fact:
    """The fact that ends the payment of an attempt that was never sent."""
    return Fact(
        key="withdrawn",
        says=Says.CANCELLED,
        source=Source.KASIR,
        at=now,
        about=payment_key(attempt.payment_id) if attempt.payment_id else "",
        words=f"never sent: by then the subscription was {subscription.state} and owed nothing",
    )


def why_refused(
    status: Status, answer: bytes | None, texts: Sequence[str], *, asked: bool
) -> Reason | None:
    """Why an attempt was refused, by Adyen's answer and notifications; None if it was not refused.

    Args:
        status: The status of the attempt's payment.
        answer: The body of Adyen's answer to the charge; None if there is none.
        texts: The texts of all facts by which the payment was not paid.
        asked: Whether the attempt has a payment. An attempt without a token has none.
    """
    if status not in {Status.REFUSED, Status.CANCELLED, Status.EXPIRED, Status.FAILED}:
        return None
    if not asked:
        # An attempt without a payment expires if the shopper does not pay in time: no refusal.
        return Reason.TOKEN_GONE if status is Status.FAILED else None
    # The reason if Adyen gives none. Adyen rejected a failed payment; the wallet did not refuse it.
    default = Reason.TECHNICAL if status is Status.FAILED else Reason.NO_BALANCE
    return reason_of(_code(answer), texts, default)


def _code(answer: bytes | None) -> str:
    """The code of a refusal or an error in the body of an answer; empty if there is none."""
    fields = Answer(HTTPStatus.OK, answer or b"").json()
    return str(fields.get("refusalReasonCode") or fields.get("errorCode") or "")


def _amount(renewal: Renewal) -> Mapping[str, Any]:
    return {"currency": renewal.amount.currency, "value": renewal.amount.minor_units}
