"""GoPay as a shopper meets it: a balance, a PIN, and four ways to end.

The wallet is asked by people (the GoPay page) and by programs (POST /twin/wallet);
both go through here, so that both see the same wallet.
"""

import hmac
from collections.abc import Callable
from typing import Final

from adyen_twin.core.state import Payment, Status
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import payments, wallets


class WrongPinError(Exception):
    """The PIN was wrong, and there are tries left."""


class AlreadyDecidedError(Exception):
    """The wallet has decided, or the offer has closed."""


def use_account(twin: Twin, payment: Payment, account: str) -> None:
    """Let the shopper log in with another GoPay account than the one used before."""
    _must_wait(payment)
    if payment.shopper_reference is not None and not payment.charges:
        twin.state.shoppers[payment.shopper_reference] = account


def enter_pin(twin: Twin, payment: Payment, pin: str, *, comes_back: bool = True) -> None:
    """Approve with a PIN; the wallet may still say no.

    Raises:
        WrongPinError: This was not it, and there are tries left.
        AlreadyDecidedError: It is too late.

    """
    _must_wait(payment)
    if not hmac.compare_digest(pin.encode(), twin.knobs.wallet_pin.encode()):
        _count_wrong_pin(twin, payment)
        return
    payment.comes_back = comes_back
    purse = wallets.of_payment(twin, payment)
    payment.wallet_account = purse.account
    refusal = wallets.refusal(twin, purse, payment)
    status = Status.AUTHORISED if refusal is None else Status.REFUSED
    payments.decide(twin, payment, status, refusal)


def _count_wrong_pin(twin: Twin, payment: Payment) -> None:
    payment.pin_tries += 1
    if payment.pin_tries < twin.knobs.pin_tries:
        raise WrongPinError
    payments.decide(twin, payment, Status.REFUSED, payments.PIN_TRIES_EXCEEDED)


def refuse(twin: Twin, payment: Payment) -> None:
    """Let the wallet say no for a reason of its own."""
    _must_wait(payment)
    payments.decide(twin, payment, Status.REFUSED, payments.REFUSED)


def cancel(twin: Twin, payment: Payment) -> None:
    """Let the shopper change their mind."""
    _must_wait(payment)
    payments.decide(twin, payment, Status.CANCELLED, payments.SHOPPER_CANCELLED)


def expire(twin: Twin, payment: Payment) -> None:
    """Let the offer run out at once."""
    _must_wait(payment)
    payments.expire(twin, payment)


def do(twin: Twin, payment: Payment, deed: str, pin: str) -> payments.WayBack | None:
    """Act as the shopper; return the way back, or None if they do not return."""
    DEEDS[deed](twin, payment, pin)
    if payment.status is Status.EXPIRED or not payment.comes_back:
        return None
    return payments.way_back(twin, payment)


def _must_wait(payment: Payment) -> None:
    if payment.status is not Status.AWAITING:
        raise AlreadyDecidedError


DEEDS: Final[dict[str, Callable[[Twin, Payment, str], None]]] = {
    "approve": enter_pin,
    "approve_without_return": lambda twin, payment, pin: enter_pin(
        twin, payment, pin, comes_back=False
    ),
    "refuse": lambda twin, payment, _: refuse(twin, payment),
    "cancel": lambda twin, payment, _: cancel(twin, payment),
    "expire": lambda twin, payment, _: expire(twin, payment),
}
