"""Adyen's messages for renewals: the charge of a token, the shopper's link, a refusal's reason.

A renewal's attempt is a payment like any other: its intent and its exact body are stored in the
transaction that decides on it, with the idempotency key made of its id. Any worker may then ask the
question; it is answered once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec

from kasir.adyen.calls import METADATA_PAYMENT_ID, OWN_VERSION, payment_key
from kasir.adyen.replies import Answer
from kasir.gateway.methods import GOPAY
from kasir.ids import LinkId, PaymentId
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.flow import Flow
from kasir.payments.links import Link
from kasir.payments.payment import Intent
from kasir.payments.question import Kept, Kind, Question
from kasir.payments.status import Status
from kasir.subscriptions.dunning import Reason, reason_of
from kasir.subscriptions.renewal import Attempt, Renewal
from kasir.subscriptions.subscription import Subscription, SubscriptionId
from kasir.tokens.model import Token

#: The one model whose charges need no shopper. Source: Adyen's page on GoPay.
SUBSCRIPTION: Final = "Subscription"
#: What Kasir answers itself where a charge is withdrawn before anybody sent it.
NEVER_SENT: Final = Kept(
    status=410,
    body=msgspec.json.encode(
        {
            "status": 410,
            "errorType": "internal",
            "message": "Kasir never sent this: by then nothing was owed any more.",
        }
    ),
)
#: Charges that follow each other at once, while a test clock's leap is caught up with.
_IN_A_ROW_MAX: Final = 100
_LINK_LIFETIME: Final = timedelta(days=14)


class Renewals(Protocol):
    """Where subscriptions go on. Every method is one commit."""

    async def go_on(self, subscription_id: SubscriptionId) -> PaymentId | None:
        """Do all that is to be done by now; the payment to ask for, if one was written down."""
        ...


@dataclass(frozen=True, slots=True)
class Renewing:
    """The worker's work on subscriptions.

    Attributes:
        book: Where they go on.
        flow: Where their payments are asked for.
        in_a_row: Whether what is due after a charge is done at once: only by a test clock, which
            may have leapt over many periods. By a real one, every charge waits its turn.
    """

    book: Renewals
    flow: Flow
    in_a_row: bool

    async def go_on(self, subscription_id: SubscriptionId) -> None:
        """Let a subscription go on. Doing it twice, or by two at once, charges nothing twice."""
        for _ in range(_IN_A_ROW_MAX):
            payment_id = await self.book.go_on(subscription_id)
            if payment_id is None:
                return
            await self.flow.ask_again(payment_key(payment_id))
            if not self.in_a_row:
                # What came of it is settled; what that leads to is the next look's.
                await self.book.go_on(subscription_id)
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is the same in every renewal.

    Attributes:
        merchant_account: The account that is paid.
        lifetime: After this long a payment that nobody finished is closed.
    """

    merchant_account: str
    lifetime: timedelta

    def charge(
        self,
        it: Subscription,
        renewal: Renewal,
        token: Token,
        payment_id: PaymentId,
        now: datetime,
    ) -> tuple[Intent, Question]:
        """The payment that charges a renewal, and the question that asks for it."""
        intent = Intent(
            id=payment_id,
            reference=renewal.reference,
            amount=renewal.amount,
            method=GOPAY.type,
            return_url=it.return_url,
            created_at=now,
            close_at=now + self.lifetime,
            model=SUBSCRIPTION,
            shopper_reference=it.shopper_reference,
        )
        question = Question(
            key=payment_key(payment_id),
            kind=Kind.PAYMENTS,
            payment_id=payment_id,
            version=OWN_VERSION,
            path="/payments",
            body=msgspec.json.encode(self._body(it, renewal, token, payment_id)),
            opened_at=now,
            asked_at=now,
        )
        return intent, question

    def _body(
        self, it: Subscription, renewal: Renewal, token: Token, payment_id: PaymentId
    ) -> Mapping[str, Any]:
        return {
            "merchantAccount": self.merchant_account,
            "reference": renewal.reference,
            "amount": _amount(renewal),
            "paymentMethod": {"storedPaymentMethodId": token.name.stored_id},
            "shopperReference": it.shopper_reference,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": SUBSCRIPTION,
            "returnUrl": it.return_url,
            "metadata": {METADATA_PAYMENT_ID: payment_id},
        }

    def invitation(self, it: Subscription, renewal: Renewal, now: datetime) -> Link:
        """The link with which a shopper pays a renewal and saves a wallet again."""
        return Link(
            id=LinkId(renewal.link_id),
            request={
                "merchantAccount": self.merchant_account,
                "reference": renewal.reference,
                "amount": _amount(renewal),
                "countryCode": GOPAY.country,
                "returnUrl": it.return_url,
                "shopperReference": it.shopper_reference,
                "storePaymentMethodMode": "enabled",
                "recurringProcessingModel": SUBSCRIPTION,
            },
            created_at=now,
            expires_at=now + _LINK_LIFETIME,
        )


def withdrawn(attempt: Attempt, it: Subscription, now: datetime) -> Fact:
    """The fact about the payment of an attempt that was decided on and is not to be sent."""
    return Fact(
        key="withdrawn",
        says=Says.CANCELLED,
        source=Source.KASIR,
        at=now,
        about=payment_key(attempt.payment_id) if attempt.payment_id else "",
        words=f"never sent: by then the subscription was {it.state} and owed nothing",
    )


def why_refused(
    status: Status, answer: bytes | None, texts: list[str], *, asked: bool
) -> Reason | None:
    """Why an attempt was refused, from Adyen's answer and all that was said; None if it was not.

    Args:
        status: Where its payment stands.
        answer: Adyen's answer to the charge, as it came; None where it tells nothing.
        texts: The words of every fact that spoke against it.
        asked: Whether there is a payment at all: without a token nothing can be asked.
    """
    if status not in {Status.REFUSED, Status.CANCELLED, Status.EXPIRED, Status.FAILED}:
        return None
    if not asked:
        # Dropped, it expired: then the shopper did not come, which says nothing of the wallet.
        return Reason.TOKEN_GONE if status is Status.FAILED else None
    # A request that Adyen would not take says nothing of the shopper's wallet.
    otherwise = Reason.TECHNICAL if status is Status.FAILED else Reason.NO_BALANCE
    return reason_of(_code(answer), texts, otherwise)


def _code(answer: bytes | None) -> str:
    fields = Answer(HTTPStatus.OK, answer or b"").json()
    return str(fields.get("refusalReasonCode") or fields.get("errorCode") or "")


def _amount(renewal: Renewal) -> Mapping[str, Any]:
    return {"currency": renewal.amount.currency, "value": renewal.amount.minor_units}
