"""Charging a saved wallet, for the library: the `/payments` request that a shop would have sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer
from kasir.ids import PaymentId
from kasir.money import Money
from kasir.requests.payments import PaymentRequests
from kasir.tokens.model import Token


@dataclass(frozen=True, slots=True)
class Charges:
    """Charges tokens."""

    payments: PaymentRequests

    async def charge(
        self,
        token: Token,
        amount: Money,
        *,
        reference: str,
        return_url: str,
        model: Literal["Subscription", "CardOnFile"] = "Subscription",
        key: str | None = None,
    ) -> tuple[Answer, PaymentId]:
        """Charge a token, once per key.

        Args:
            token: Which token; from `kasir.tokens`.
            amount: How much, in rupiah.
            reference: The shop's own name for the payment, up to 80 characters.
            return_url: Where the shopper comes back to; used with `CardOnFile` only, but Adyen
                requires it with every payment.
            model: `Subscription` (no shopper) or `CardOnFile` (the answer redirects to the PIN).
            key: The same key returns the first answer again; give one per intent.

        Returns:
            Adyen's answer and the payment's id. Its `resultCode` is not final: the notification
            is, and `kasir.payments` has what it said.

        Raises:
            InvalidRequest: The token is disabled or something else is wrong; nothing was sent.
            KeyReused: The key came before with another charge.
            StillRunning: The first charge with this key has no answer yet.
        """
        fields = {
            "amount": {"currency": amount.currency, "value": amount.minor_units},
            "reference": reference,
            "paymentMethod": {"storedPaymentMethodId": token.name.stored_id},
            "shopperReference": token.name.shopper_reference,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": model,
            "returnUrl": return_url,
        }
        return await self.payments.pay(fields, OWN_VERSION, key)
