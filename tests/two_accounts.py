"""A Kasir with several merchant accounts, and clients of its app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from fakes import KEY, OTHER_KEY
from kasir.account_parts import open_accounts
from kasir.accounts import Accounts
from kasir.jobs.schema import bring_up_to_date
from kasir.store import accounts as store
from kasir.store import database
from kasir.store.vault import Vault
from kasir.web.app import create_app
from kasir.wiring import Parts, open_parts
from opened_kasir import settings_on
from twin_fixtures import payment_body

#: The account of the environment, and one of the database.
FIRST: Final = "TwinMerchant"
SECOND: Final = "SecondMerchant"
#: The keys with which the shops of the two accounts call Kasir.
KEYS: Final = {FIRST: "the-key-of-the-first-shop", SECOND: "the-key-of-the-second-shop"}


@dataclass(frozen=True, slots=True)
class Shops:
    """An open Kasir with several accounts."""

    accounts: Accounts[Parts]
    http: httpx.AsyncClient

    async def call(
        self, account: str, method: str, path: str, body: object = None, **headers: str
    ) -> httpx.Response:
        """Call Kasir with the key of an account's shop."""
        sent = {"X-API-Key": KEYS[account], **headers}
        return await self.http.request(method, path, json=body, headers=sent)

    async def pay(self, account: str, **changes: Any) -> dict[str, Any]:
        """Start a payment of an account."""
        body = payment_body(merchantAccount=account, **changes)
        answer = await self.call(account, "POST", "/v72/payments", body)
        fields: dict[str, Any] = answer.json()
        return fields

    async def payments(self, account: str, reference: str = "ORDER-1001") -> list[dict[str, Any]]:
        """The payments of a reference, as an account's shop sees them."""
        answer = await self.call(account, "GET", f"/api/payments?reference={reference}")
        payments: list[dict[str, Any]] = answer.json()["payments"]
        return payments


async def add_account(
    dsn: str, name: str, variables: Mapping[str, str], secret: str | None = None
) -> None:
    """Add an account to a database, with its tables."""
    settings = settings_on(dsn)
    vault = Vault([secret] if secret else settings.secrets)
    async with database.connected(dsn, 2) as pool:
        await store.add(pool, vault, name, variables, datetime.now(UTC))
    await bring_up_to_date(dsn, settings.limits)


#: Settings without KASIR_EVENTS_SECRET, which they need.
INCOMPLETE: Final = {"KASIR_EVENTS_URL": "https://shop.example/events"}


def variables_of(name: str, **more: str) -> dict[str, str]:
    """The settings of an account, with an HMAC key that is not the first account's."""
    key = KEYS.get(name, f"the-key-of-{name}")
    return {
        "ADYEN_HMAC_KEY": OTHER_KEY,
        "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
        "KASIR_API_KEY": key,
    } | more


@asynccontextmanager
async def two_accounts(
    dsn: str, *, limits: Mapping[str, Any] | None = None, **environ: str
) -> AsyncIterator[Shops]:
    """Open a Kasir on a database with the accounts FIRST and those that the database has."""
    own = {
        "ADYEN_HMAC_KEY": KEY,
        "ADYEN_TOKEN_HMAC_KEY": KEY,
        "KASIR_API_KEY": KEYS[FIRST],
    } | environ
    settings = settings_on(dsn, **own)
    settings = replace(settings, limits=replace(settings.limits, **(limits or {})))
    async with open_parts(settings) as parts, open_accounts(parts) as accounts:
        app = create_app(settings)
        app.state.parts, app.state.accounts = parts, accounts
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # ASGI, with Litestar's own types.
        async with httpx.AsyncClient(transport=transport, base_url="http://kasir") as http:
            yield Shops(accounts, http)
