"""Tokens: a shopper's permission to be charged again, for a model, from one wallet.

Sources: Adyen's page on GoPay (Subscription and CardOnFile, the token comes by webhook),
its OpenAPI files of Checkout, Recurring and of the token webhooks. The same wallet saved
twice by the same shopper is one token. GUESS: that it exists once the payment is
authorised, and that saving it for another model is told as `updated`.
"""

from collections.abc import Iterable
from typing import Final

from adyen_twin.core import names
from adyen_twin.core.state import Payment, Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors
from adyen_twin.protocol.limits import GOPAY_MODELS
from adyen_twin.webhooks import token_notifications

#: The classic contract of each model. GUESS: from memory of Adyen's pages.
CONTRACTS: Final = {"Subscription": ("RECURRING",), "CardOnFile": ("ONECLICK", "RECURRING")}
#: The model that a classic contract stands for, where one is disabled by contract.
MODEL_OF_CONTRACT: Final = {"ONECLICK": "CardOnFile", "RECURRING": "Subscription"}


def save(twin: Twin, payment: Payment) -> None:
    """Save the token that an authorised payment asked for."""
    if payment.saves_for is None or payment.shopper_reference is None:
        return
    token = _same_wallet(twin, payment)
    if token is None:
        token = _new(twin, payment, payment.shopper_reference, payment.saves_for)
        payment.saved_as = "created"
    elif payment.saves_for in token.models:
        payment.saved_as = "alreadyExisting"
    else:
        token.models.append(payment.saves_for)
        payment.saved_as = "updated"
    payment.token = token.id


def _same_wallet(twin: Twin, payment: Payment) -> Token | None:
    return next(
        (
            token
            for token in of_shopper(twin, payment.merchant_account, payment.shopper_reference)
            if token.wallet_account == payment.wallet_account
        ),
        None,
    )


def _new(twin: Twin, payment: Payment, shopper_reference: str, model: str) -> Token:
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
    """Return the models in which a token may be charged."""
    return list(GOPAY_MODELS) if twin.knobs.tokens_charged == "both" else token.models


def contracts(twin: Twin, token: Token) -> list[str]:
    """Return the classic contracts of a token."""
    of_models = {name for model in models(twin, token) for name in CONTRACTS[model]}
    return sorted(of_models)


def found(twin: Twin, merchant_account: str, shopper_reference: str, name: str) -> Token:
    """Return the token of that name that a shopper may use.

    Raises:
        AdyenError: It is another's: 800. There is none, or none any more: 803.

    """
    token = twin.state.tokens.get(name)
    if token is None:
        raise errors.no_detail()
    if (token.merchant_account, token.shopper_reference) != (merchant_account, shopper_reference):
        raise errors.no_contract()
    if not token.active:
        raise errors.no_detail()  # GUESS: that a disabled token answers as an unknown one.
    return token


def disable(twin: Twin, token: Token) -> None:
    """End a permission, and tell."""
    if token.active:
        token.active = False
        token_notifications.disabled(twin, token)


def disable_contract(twin: Twin, chosen: Iterable[Token], contract: str) -> None:
    """End one use of tokens; a token without any is disabled."""
    ended = {MODEL_OF_CONTRACT.get(name) for name in contract.split(",")}
    for token in chosen:
        token.models = [model for model in token.models if model not in ended]
        if not token.models:
            disable(twin, token)


def update(twin: Twin, token: Token) -> None:
    """Tell that something about a token changed."""
    token_notifications.told(twin, token, "updated", names.psp_reference())


def tell_token(twin: Twin, *, psp_reference: str) -> None:
    """Tell what saving did, once the payment is settled."""
    payment = twin.memory.payment(psp_reference)
    if payment is not None and payment.token is not None and payment.saved_as is not None:
        token = twin.state.tokens[payment.token]
        token_notifications.told(twin, token, payment.saved_as, payment.psp_reference)
        if payment.saved_as == "created":
            token_notifications.contract(twin, payment, token)
