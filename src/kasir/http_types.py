"""What Litestar injects into a handler: the request, and the parts of the account that it is for.

Requests of the API are for the account whose key they have, pages for the account whose link they
name, and everything else for the environment's account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from kasir.accounts import Accounts
from kasir.telemetry import context
from kasir.wiring import Parts

if TYPE_CHECKING:
    from litestar.types import Scope

AnyRequest = Request[Any, Any, Any]
#: The name of the account's parts in the state of a request.
_PARTS: Final = "parts"

#: The account's parts, injected as the dependency `parts`.
OurParts = NamedDependency[SkipValidation[Parts]]


def accounts_of(scope: Scope) -> Accounts[Parts] | None:
    """Return the accounts of the app that answers a request; None if it serves one account only."""
    accounts: Accounts[Parts] | None = scope["litestar_app"].state.get("accounts")
    return accounts


def default_parts(scope: Scope) -> Parts:
    """Return the parts of the environment's account."""
    parts: Parts = scope["litestar_app"].state.parts
    return parts


def choose_parts(scope: Scope, parts: Parts) -> None:
    """Let an account's parts answer a request; its log then names an account of the database."""
    if parts is not default_parts(scope):
        context.bind_account(parts.settings.merchant_account)
    scope["state"][_PARTS] = parts


def chosen_parts(scope: Scope) -> Parts:
    """Return the parts that answer a request: those chosen, or the environment's account's."""
    parts: Parts | None = scope["state"].get(_PARTS)
    return parts or default_parts(scope)


async def parts_of_link(scope: Scope, link_id: str) -> Parts:
    """Choose the parts of the account that made a payment link.

    Raises:
        AccountUnavailable: The account's settings or tables cannot be used.
    """
    accounts = accounts_of(scope)
    parts = await accounts.of_link(link_id) if accounts else default_parts(scope)
    choose_parts(scope, parts)
    return parts


async def parts_of_key(scope: Scope, key: str) -> Parts | None:
    """Choose the parts of the account whose shop has this key; None for an unknown key.

    Raises:
        AccountUnavailable: The account's settings or tables cannot be used.
    """
    accounts, default = accounts_of(scope), default_parts(scope)
    if accounts:
        parts = await accounts.of_key(key)
    else:
        parts = default if await default.api_keys.admits(key) else None
    if parts:
        choose_parts(scope, parts)
    return parts
