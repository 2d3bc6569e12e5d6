"""A client of the running servers: a shop that saves wallets and charges them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import asyncpg

from kasir.demo.client import until
from raw_http import Caller, HttpReply
from twin_fixtures import charge_body, payment_body

#: Within this time of its clock, in seconds, the twin sends the notification of a token.
SETTLED_S: Final = 11


@dataclass(frozen=True, slots=True)
class TokenClient:
    """A client that saves, charges and lists wallets."""

    caller: Caller

    async def twin(self, method: str, path: str, body: Any = None) -> Any:
        """Call a control of the twin."""
        url = f"{self.caller.system.twin_url}/twin/{path}"
        async with self.caller.http.request(method, url, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def save(self, shopper: str, model: str = "Subscription", account: str = "") -> str:
        """Have a shopper pay once and save the wallet; return the token once Kasir has it."""
        reference, before = unique("FIRST"), len(await self.token_states(shopper))
        reply = await self.caller.post(
            "/v72/payments",
            payment_body(
                reference=reference,
                shopperReference=shopper,
                storePaymentMethod=True,
                recurringProcessingModel=model,
            ),
        )
        url = reply.json["action"]["url"]
        choice = {"url": url, "do": "approve"} | ({"account": account} if account else {})
        wallet = await self.twin("POST", "wallet", choice)
        result = parse_qs(urlsplit(wallet["location"]).query)["redirectResult"][0]
        await self.caller.post("/v72/payments/details", {"details": {"redirectResult": result}})
        await self.twin("POST", "clock", {"advance_s": SETTLED_S})
        newest = (await self.twin("GET", f"tokens?shopperReference={quote(shopper)}"))["tokens"][-1]
        token: str = newest["storedPaymentMethodId"]
        await until(
            lambda: self.token_states(shopper), lambda states: len(states) > before, "the token"
        )
        return token

    async def token_states(self, shopper: str) -> dict[str, str]:
        """The states of a shopper's tokens in Kasir, by Kasir's id of the token."""
        connection = await asyncpg.connect(self.caller.system.environment["KASIR_DATABASE_URL"])
        try:
            rows = await connection.fetch(
                "SELECT id, state FROM token WHERE shopper_reference = $1", shopper
            )
        finally:
            await connection.close()
        return {row["id"]: row["state"] for row in rows}

    async def charge(
        self,
        shopper: str,
        token: str,
        model: str = "Subscription",
        *,
        key: str | None = None,
        **changes: Any,
    ) -> HttpReply:
        """Charge a token, by default with the fields that Adyen documents for GoPay."""
        fields = {"shopperReference": shopper, "reference": unique("CHARGE")}
        body = charge_body(token, model, **fields | changes)
        return await self.caller.post("/v72/payments", body, key=key)

    async def payment(self, reference: str) -> dict[str, Any]:
        """The newest payment of a reference in Kasir's API; empty if there is none."""
        listed = await self.caller.call("GET", f"/api/payments?reference={reference}")
        newest: dict[str, Any] = next(iter(listed.json["payments"]), {})
        return newest

    async def wait_for_status(self, reference: str, expected: str) -> dict[str, Any]:
        """Wait until a payment has the expected status; return it."""
        return await until(
            lambda: self.payment(reference),
            lambda payment: payment.get("status") == expected,
            f"status {expected}",
        )

    async def stored_methods(
        self, shopper: str, token: str = "", *, method: str = "GET", **query: str
    ) -> HttpReply:
        """List the stored payment methods of a shopper, or remove one with DELETE."""
        query_string = urlencode(
            {"merchantAccount": "TwinMerchant", "shopperReference": shopper} | query
        )
        token_path = f"/{quote(token, safe='')}" if token else ""
        return await self.caller.call(
            method, f"/v72/storedPaymentMethods{token_path}?{query_string}"
        )

    async def classic(self, path: str, shopper: str, **more: Any) -> HttpReply:
        """Call the classic Recurring API."""
        body = {"merchantAccount": "TwinMerchant", "shopperReference": shopper} | more
        return await self.caller.post(f"/pal/servlet/Recurring/v68/{path}", body)


def unique(name: str) -> str:
    """The name with a random suffix."""
    return f"{name}-{secrets.token_hex(6)}"
