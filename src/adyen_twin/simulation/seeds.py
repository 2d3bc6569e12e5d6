"""Loads a world from a seed, and saves it as one.

What is loaded replaces the whole world: its state, knobs, webhooks, faults and time. A fault begins
to count anew, and a running call whose answer was not sent yet is forgotten.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from adyen_twin.core import endpoints, names
from adyen_twin.core.clock import Clock
from adyen_twin.core.faults import PlannedFault
from adyen_twin.core.profiles import PROFILES
from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.core.seed import Seed, SeedError, TokenSeed, WalletSeed
from adyen_twin.core.settings import Knobs
from adyen_twin.core.state import ENDPOINT_NAMES, Memory, State, Token, Wallet
from adyen_twin.core.twin import Twin
from adyen_twin.protocol.change_checks import RULE_NAMES
from adyen_twin.protocol.limits import GOPAY_MODELS
from adyen_twin.settlement import closing
from adyen_twin.simulation import tasks

#: The fields of the state that have fields of their own in a seed.
OWN_FIELDS: Final = ("advanced_s", "endpoints", "faults", "tokens", "shoppers")

Kind = TypeVar("Kind")


def load(twin: Twin, seed: Seed) -> None:
    """Replace a world by what a seed has.

    Raises:
        SeedError: A value is not valid; the world is as it was.

    """
    knobs = _knobs(seed)
    reports = _converted(seed.reports, ReportSettings, "reports")
    state = _converted(seed.state, State, "state")
    _check(seed, knobs, reports)
    settings = twin.initial_settings
    if seed.merchant_account is not None:
        settings = replace(settings, merchant_account=seed.merchant_account)
    if seed.more_merchant_accounts:
        settings = replace(settings, more_merchant_accounts=tuple(seed.more_merchant_accounts))
    # Numbers continue, so that no two webhooks have the same number.
    state.counter = max(state.counter, twin.state.counter)
    state.endpoints = seed.webhooks
    state.faults = [PlannedFault(fault) for fault in seed.faults]
    for reply in state.replies.values():
        reply.running = False
    clock = _clock(seed)
    _add_wallets(state, seed)
    _add_tokens(state, seed, settings.merchant_account, clock.now())
    _check_state(state)
    twin.clock = clock
    twin.settings, twin.report_settings = settings, reports
    twin.knobs = twin.initial_knobs = knobs
    twin.memory = Memory(state)
    closing.schedule(twin)  # It also orders the tasks, which may be in any order.
    twin.on_change()


def save(twin: Twin) -> Seed:
    """Return a world as a seed; loading it gives the same world, at the same time."""
    state = twin.state
    accounts = set(state.shoppers.values())
    rest: dict[str, Any] = {
        name: value
        for name, value in msgspec.to_builtins(state).items()
        if value and name not in OWN_FIELDS
    }
    wallets = {name: one for name, one in rest.get("wallets", {}).items() if name not in accounts}
    rest = {name: value for name, value in rest.items() if name != "wallets"}
    return Seed(
        merchant_account=twin.settings.merchant_account,
        more_merchant_accounts=list(twin.settings.more_merchant_accounts),
        clock=datetime.fromtimestamp(twin.now(), UTC),
        knobs=_changed(twin.knobs, Knobs()),
        reports=_changed(twin.report_settings, ReportSettings()),
        webhooks=dict(state.endpoints),
        faults=[plan.fault for plan in state.faults],
        wallets={
            shopper: _wallet_seed(state.wallets.get(account) or Wallet(account=account))
            for shopper, account in state.shoppers.items()
        },
        tokens=[_token_seed(token) for token in state.tokens.values()],
        state=rest | ({"wallets": wallets} if wallets else {}),
    )


def _knobs(seed: Seed) -> Knobs:
    profile = dict(PROFILES[seed.profile]) if seed.profile is not None else {}
    return _converted(profile | seed.knobs, Knobs, "knobs")


def _converted(values: dict[str, Any], kind: type[Kind], field: str) -> Kind:
    try:
        # By way of JSON, because numbers and texts are then as in a control call.
        return msgspec.json.decode(msgspec.json.encode(values), type=kind)
    except msgspec.ValidationError as error:
        raise SeedError(f"{field}: {error}") from None


def _check(seed: Seed, knobs: Knobs, reports: ReportSettings) -> None:
    """Check what the types of the fields do not.

    Raises:
        SeedError: A value is not valid.

    """
    for name, endpoint in seed.webhooks.items():
        if name not in ENDPOINT_NAMES:
            raise SeedError(f"webhooks.{name}: valid: {', '.join(ENDPOINT_NAMES)}")
        if fault := endpoints.fault_of(endpoint):
            field, message = fault
            raise SeedError(f"webhooks.{name}.{field}: {message}")
    for number, token in enumerate(seed.tokens):
        if not token.models or not set(token.models) <= set(GOPAY_MODELS):
            raise SeedError(f"tokens[{number}].models: valid: {', '.join(GOPAY_MODELS)}")
    for rule in sorted(knobs.answers.keys() - RULE_NAMES):
        raise SeedError(f"knobs.answers.{rule}: valid: {', '.join(sorted(RULE_NAMES))}")
    for column in reports.missing_columns:
        if column not in closing.COLUMNS:
            raise SeedError(f"reports.missingColumns: no report has a column {column!r}")


def _check_state(state: State) -> None:
    """Check that the parts of a state, which a person may have edited, fit together.

    Raises:
        SeedError: A part names another that is not there.

    """
    for name in (*state.queues, *state.held):
        if name not in state.endpoints:
            raise SeedError(f"state.queues.{name}: there is no webhook {name!r}")
    for payment in state.payments.values():
        if payment.token is not None and payment.token not in state.tokens:
            field = f"state.payments.{payment.psp_reference}.token"
            raise SeedError(f"{field}: there is no token {payment.token!r}")
    for task in state.tasks:
        if task.kind not in tasks.HANDLERS:
            raise SeedError(f"state.errands: there is no kind {task.kind!r}")


def _clock(seed: Seed) -> Clock:
    if seed.clock is None:
        return Clock()
    return Clock(_moment(seed.clock) - time.time())


def _moment(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _add_wallets(state: State, seed: Seed) -> None:
    for shopper, wallet in seed.wallets.items():
        account = wallet.account or names.wallet_account()
        state.shoppers[shopper] = account
        state.wallets[account] = Wallet(
            account=account, state=wallet.state, balance=wallet.balance, spent=wallet.spent
        )


def _add_tokens(state: State, seed: Seed, merchant_account: str, now: float) -> None:
    for token in seed.tokens:
        shopper = token.shopper_reference
        account = token.account or state.shoppers.setdefault(shopper, names.wallet_account())
        state.tokens[token.stored_payment_method_id] = Token(
            id=token.stored_payment_method_id,
            merchant_account=token.merchant_account or merchant_account,
            shopper_reference=shopper,
            wallet_account=account,
            models=list(token.models),
            first_psp_reference=token.first_psp_reference or names.psp_reference(),
            reference=token.reference,
            created_at=_moment(token.created_at) if token.created_at else now,
            active=token.active,
        )


def _wallet_seed(wallet: Wallet) -> WalletSeed:
    return WalletSeed(
        account=wallet.account, state=wallet.state, balance=wallet.balance, spent=wallet.spent
    )


def _token_seed(token: Token) -> TokenSeed:
    return TokenSeed(
        stored_payment_method_id=token.id,
        shopper_reference=token.shopper_reference,
        models=list(token.models),
        merchant_account=token.merchant_account,
        account=token.wallet_account,
        first_psp_reference=token.first_psp_reference,
        reference=token.reference,
        created_at=datetime.fromtimestamp(token.created_at, UTC),
        active=token.active,
    )


def _changed(values: msgspec.Struct, defaults: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that differ from their defaults."""
    before: dict[str, Any] = msgspec.to_builtins(defaults)
    after: dict[str, Any] = msgspec.to_builtins(values)
    return {name: value for name, value in after.items() if value != before[name]}
