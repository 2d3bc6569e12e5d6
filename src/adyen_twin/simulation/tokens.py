"""Tokens: a shopper's permission to charge one wallet again.

A token has one or more models (recurring processing models). If a shopper saves the same
wallet twice, the result is one token.

Sources: Adyen's page on GoPay (Subscription and CardOnFile; the token is sent by webhook), Adyen's
OpenAPI files of Checkout, Recurring and the token webhooks. GUESS: that the token exists as
soon as the payment is authorised, and that `updated` is sent when the same wallet is saved for
another model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adyen_twin.core import names
from adyen_twin.core.state import Payment, Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors
from adyen_twin.protocol.limits import GOPAY_MODELS
from adyen_twin.webhooks import payment_notifications, token_notifications

#: A model -> its contracts in the classic Recurring API. GUESS: all of these contracts.
CONTRACTS: Final = {"Subscription": ("RECURRING",), "CardOnFile": ("ONECLICK", "RECURRING")}
#: A classic contract -> the model that ends when the contract is disabled.
MODEL_OF_CONTRACT: Final = {"ONECLICK": "CardOnFile", "RECURRING": "Subscription"}


def save(twin: Twin, payment: Payment) -> None:
    """Save a token, if the authorised payment requested it."""
    if payment.saves_for is None or payment.shopper_reference is None:
        return
    token = _of_same_wallet(twin, payment)
    if token is None:
        token = _create(twin, payment, payment.shopper_reference, payment.saves_for)
        payment.saved_as = "created"
    elif payment.saves_for in token.models:
        payment.saved_as = "alreadyExisting"
    else:
        token.models.append(payment.saves_for)
        payment.saved_as = "updated"
    payment.token = token.id


def of_shopper(twin: Twin, merchant_account: str, shopper_reference: str | None) -> list[Token]:
    """Return a shopper's active tokens, oldest first."""
    return [
        token
        for token in twin.state.tokens.values()
        if token.active
        and token.merchant_account == merchant_account
        and token.shopper_reference == shopper_reference
    ]


def models(twin: Twin, token: Token) -> list[str]:
    """Return the models in which a token can be charged."""
    return list(GOPAY_MODELS) if twin.knobs.tokens_charged == "both" else token.models


def contracts(twin: Twin, token: Token) -> list[str]:
    """Return the classic contracts of a token."""
    return sorted({name for model in models(twin, token) for name in CONTRACTS[model]})


def find(twin: Twin, merchant_account: str, shopper_reference: str, token_id: str) -> Token:
    """Return a shopper's active token.

    Raises:
        AdyenError: The shopper is unknown, or has no such token, or the token is disabled.

    """
    token = twin.state.tokens.get(token_id)
    shopper = (merchant_account, shopper_reference)
    if token is not None and _shopper_of(token) == shopper:
        if not token.active:
            raise errors.no_detail()  # GUESS: the same error as for an unknown token.
        return token
    is_known = any(_shopper_of(other) == shopper for other in twin.state.tokens.values())
    raise errors.no_detail() if token is None and is_known else wrong_shopper(twin)


def _shopper_of(token: Token) -> tuple[str, str]:
    return token.merchant_account, token.shopper_reference


def wrong_shopper(twin: Twin) -> errors.AdyenError:
    """Return the error for a shopper who has no tokens, or not this one.

    A shop reported 800 (adyen-salesforce-commerce-cloud 375). Others reported 803: for another
    spelling of the shopper (adyen-magento2 1287), and for the token of another shopper
    (adyen-magento2 1578). GUESS: the default of the knob.
    """
    if twin.knobs.wrong_shopper == "803":
        return errors.no_detail()
    return errors.no_contract()


def disable(twin: Twin, token: Token) -> None:
    """Disable a token and notify the shop, unless it is disabled already."""
    if token.active:
        token.active = False
        token_notifications.disabled(twin, token)


def disable_contract(twin: Twin, tokens: Iterable[Token], contract: str) -> None:
    """Remove the models of these contracts from the tokens; disable a token with no model left.

    `contract` can name two contracts, separated by a comma.
    """
    ended_models = {MODEL_OF_CONTRACT.get(name) for name in contract.split(",")}
    for token in tokens:
        token.models = [model for model in token.models if model not in ended_models]
        if not token.models:
            disable(twin, token)


def update(twin: Twin, token: Token) -> None:
    """Notify the shop that a token was updated."""
    token_notifications.changed(twin, token, "updated", names.psp_reference())


def send_saved(twin: Twin, *, psp_reference: str) -> None:
    """Notify the shop that a payment saved a token."""
    payment = twin.memory.payment(psp_reference)
    if payment is not None and payment.token is not None and payment.saved_as is not None:
        token = twin.state.tokens[payment.token]
        token_notifications.changed(twin, token, payment.saved_as, payment.psp_reference)
        if payment.saved_as == "created":
            payment_notifications.recurring_contract(twin, payment, token)


def _of_same_wallet(twin: Twin, payment: Payment) -> Token | None:
    return next(
        (
            token
            for token in of_shopper(twin, payment.merchant_account, payment.shopper_reference)
            if token.wallet_account == payment.wallet_account
        ),
        None,
    )


def _create(twin: Twin, payment: Payment, shopper_reference: str, model: str) -> Token:
    token = Token(
        id=names.token(),
        merchant_account=payment.merchant_account,
        shopper_reference=shopper_reference,
        wallet_account=payment.wallet_account,
        models=[model],
        first_psp_reference=payment.psp_reference,
        reference=payment.reference,
        created_at=twin.now(),
    )
    twin.state.tokens[token.id] = token
    return token
