"""The actions of the shopper at GoPay: approve, refuse, cancel, expire.

The GoPay page calls these functions for people, and POST /twin/wallet for programs.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from adyen_twin.core.state import Payment, Status
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import payments


class WrongPinError(Exception):
    """The PIN was wrong, but the shopper has tries left."""


class AlreadyDecidedError(Exception):
    """The payment is no longer waiting for the shopper."""


def use_account(twin: Twin, payment: Payment, account: str) -> None:
    """Make the shopper use another GoPay wallet; no effect on a payment with a token.

    Raises:
        AlreadyDecidedError: The payment is no longer waiting for the shopper.

    """
    _require_awaiting(payment)
    if payment.shopper_reference is not None and not payment.is_token_charge:
        twin.state.shoppers[payment.shopper_reference] = account


def enter_pin(twin: Twin, payment: Payment, pin: str, *, comes_back: bool = True) -> None:
    """Approve with a PIN; the wallet may still refuse.

    Raises:
        WrongPinError: The PIN is wrong, but the shopper has tries left.
        AlreadyDecidedError: The payment is no longer waiting for the shopper.

    """
    _require_awaiting(payment)
    if not hmac.compare_digest(pin.encode(), twin.knobs.wallet_pin.encode()):
        _count_wrong_pin(twin, payment)
        return
    payment.comes_back = comes_back and bool(payment.return_url)
    payments.decide_by_wallet(twin, payment)


def act(twin: Twin, payment: Payment, action: str, pin: str) -> payments.ShopperReturn | None:
    """Act as the shopper, and return the request with which the shopper returns, if any.

    Raises:
        WrongPinError: The PIN is wrong, but the shopper has tries left.
        AlreadyDecidedError: The payment is no longer waiting for the shopper.

    """
    ACTIONS[action](twin, payment, pin)
    if payment.status is Status.EXPIRED or not payment.comes_back:
        return None
    return payments.shopper_return(twin, payment)


def _count_wrong_pin(twin: Twin, payment: Payment) -> None:
    payment.pin_tries += 1
    if payment.pin_tries < twin.knobs.pin_tries:
        raise WrongPinError
    payments.decide(twin, payment, Status.REFUSED, payments.PIN_TRIES_EXCEEDED)


def _approve_without_return(twin: Twin, payment: Payment, pin: str) -> None:
    enter_pin(twin, payment, pin, comes_back=False)


def _refuse(twin: Twin, payment: Payment, _: str) -> None:
    """Refuse the payment as the wallet, not as the shopper."""
    _require_awaiting(payment)
    payments.decide(twin, payment, Status.REFUSED, payments.REFUSED)


def _cancel(twin: Twin, payment: Payment, _: str) -> None:
    _require_awaiting(payment)
    payments.decide(twin, payment, Status.CANCELLED, payments.SHOPPER_CANCELLED)


def _expire(twin: Twin, payment: Payment, _: str) -> None:
    _require_awaiting(payment)
    payments.expire(twin, payment)


def _require_awaiting(payment: Payment) -> None:
    if payment.status is not Status.AWAITING:
        raise AlreadyDecidedError


#: The name of an action in the page's forms and in POST /twin/wallet -> its function.
ACTIONS: Final[dict[str, Callable[[Twin, Payment, str], None]]] = {
    "approve": enter_pin,
    "approve_without_return": _approve_without_return,
    "refuse": _refuse,
    "cancel": _cancel,
    "expire": _expire,
}
