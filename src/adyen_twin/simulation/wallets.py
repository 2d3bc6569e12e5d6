"""GoPay wallets: which wallet pays, its balance, and why it refuses a payment."""

from __future__ import annotations

from typing import Final

from adyen_twin.core import faults, names
from adyen_twin.core.state import Payment, Refusal, Wallet, WalletState
from adyen_twin.core.twin import Twin

#: The wallet's account number for shoppers without a shopperReference.
ANONYMOUS_ACCOUNT: Final = "100000000001"

# Adyen's table of refusal reasons. GUESS: the reason for each state.
NOT_ENOUGH_BALANCE: Final = Refusal("Not enough balance", "12")
UNLINKED: Final = Refusal("Revocation Of Auth", "26")
BLOCKED: Final = Refusal("Transaction Not Permitted", "23")


def of_shopper(twin: Twin, shopper_reference: str | None) -> Wallet:
    """Return the wallet of a shopper; all shoppers without a shopperReference share a wallet."""
    if shopper_reference is None:
        return _of_account(twin, ANONYMOUS_ACCOUNT)
    account = twin.state.shoppers.get(shopper_reference)
    if account is None:
        account = twin.state.shoppers[shopper_reference] = names.wallet_account()
    return _of_account(twin, account)


def of_payment(twin: Twin, payment: Payment) -> Wallet:
    """Return the wallet that pays: the wallet of the charged token, else of the shopper."""
    if payment.is_token_charge and payment.token is not None:
        return _of_account(twin, twin.state.tokens[payment.token].wallet_account)
    return of_shopper(twin, payment.shopper_reference)


def balance(twin: Twin, wallet: Wallet) -> int:
    """Return a wallet's balance in rupiah, never less than 0.

    Payments do not reduce the balance of the wallet that shoppers without a shopperReference share.
    """
    if wallet.state is WalletState.NO_BALANCE:
        return 0
    full = twin.knobs.wallet_balance if wallet.balance is None else wallet.balance
    is_drawn = twin.knobs.balance == "drawn" and wallet.account != ANONYMOUS_ACCOUNT
    return max(0, full - wallet.spent) if is_drawn else full


def draw(twin: Twin, payment: Payment, owed: int) -> None:
    """Take from the payment's wallet what it owes now, or give back what it owes no longer.

    `owed` is in rupiah. A second call with the same value has no effect.
    """
    if payment.wallet_account:
        _of_account(twin, payment.wallet_account).spent += owed - payment.taken
        payment.taken = owed


def set_balance(wallet: Wallet, balance: int | None) -> None:
    """Give a wallet a balance in rupiah, whatever it paid before; None: that of the knob."""
    wallet.balance, wallet.spent = balance, 0


def refusal(twin: Twin, wallet: Wallet, payment: Payment) -> Refusal | None:
    """Return the reason why a wallet refuses a payment; None: the wallet pays."""
    fault = faults.triggered(
        twin.state.faults, faults.WalletRefuses, target="approve", reference=payment.reference
    )
    if fault is not None:
        return Refusal(fault.reason, fault.code)
    if wallet.state is WalletState.BLOCKED:
        return BLOCKED
    if wallet.state is WalletState.UNLINKED and payment.is_token_charge:
        return UNLINKED
    if payment.amount.value > balance(twin, wallet):
        return NOT_ENOUGH_BALANCE
    return None


def _of_account(twin: Twin, account: str) -> Wallet:
    """Return the wallet with this account number; create it if it does not exist."""
    return twin.state.wallets.setdefault(account, Wallet(account=account))
