"""Calls to Kasir over real HTTP with any bytes, including bytes that no ordinary client sends."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import asyncpg
import pytest

from kasir.demo.processes import RunningDemo

#: The tables to which a refused request must write nothing.
TABLES: Final = ("payment", "question", "shop_request", "payment_link", "subscription", "renewal")

#: The values of `errorType` in Adyen's error body.
ERROR_TYPES: Final = {"internal", "validation", "security", "configuration"}


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls a running Kasir as a shop does, with valid or invalid requests."""

    system: RunningDemo
    http: aiohttp.ClientSession

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        api_key: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> HttpReply:
        """Call Kasir. Bytes are sent unchanged; any other body as JSON.

        Args:
            method: The HTTP method.
            path: Path and query.
            body: The body to send; None: no body.
            api_key: The API key. Empty: the system's key; None: no key.
            headers: Additional headers.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        if api_key is not None:
            sent["X-API-Key"] = api_key or self.system.api_key
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        # aiohttp sends a file object in chunks, as clients send a large body.
        stream = None if data is None else io.BytesIO(data)
        async with self.http.request(
            method, self.system.kasir_url + path, data=stream, headers=sent, allow_redirects=False
        ) as response:
            return HttpReply(response.status, await response.read(), response.headers)

    async def post(self, path: str, body: object, *, key: str | None = None) -> HttpReply:
        """Post to Kasir, with an idempotency key if one is given."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call("POST", path, body, headers=headers)

    async def twin_payments(self, reference: str) -> list[dict[str, Any]]:
        """The twin's payments of a reference."""
        url = f"{self.system.twin_url}/twin/payments"
        async with self.http.get(url, params={"reference": reference}) as response:
            payments: list[dict[str, Any]] = (await response.json())["payments"]
            return payments

    async def row_counts(self) -> tuple[int, ...]:
        """The number of payments at the twin, and the number of rows in each table of Kasir."""
        async with self.http.get(f"{self.system.twin_url}/twin/payments") as response:
            twin_payments: int = (await response.json())["count"]
        connection = await asyncpg.connect(self.system.environment["KASIR_DATABASE_URL"])
        try:
            rows = [await connection.fetchval(f"SELECT count(*) FROM {name}") for name in TABLES]
        finally:
            await connection.close()
        return twin_payments, *rows


def is_adyens_error(reply: HttpReply) -> bool:
    """Whether a reply is an error in Adyen's format that shows no internal details of Kasir."""
    if reply.headers.get("Content-Type", "").split(";")[0] != "application/json":
        return False
    fields = reply.json
    return (
        set(fields) - {"pspReference"} == {"status", "errorCode", "message", "errorType"}
        and fields["status"] == reply.status
        and fields["errorType"] in ERROR_TYPES
        and isinstance(fields["errorCode"], str)
        and b"Traceback" not in reply.body
        and b".py" not in reply.body
    )


@pytest.fixture(scope="session")
async def caller(system: RunningDemo) -> AsyncIterator[Caller]:
    """A caller of the running system."""
    async with aiohttp.ClientSession() as http:
        yield Caller(system, http)
