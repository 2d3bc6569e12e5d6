"""Calls to Kasir over real HTTP, byte by byte: for tests that send what no client would."""

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

#: Everything that a refused request might leave behind, and does not.
TABLES: Final = ("payment", "question", "shop_request", "payment_link", "subscription", "renewal")

ERROR_TYPES: Final = {"internal", "validation", "security", "configuration"}


@dataclass(frozen=True, slots=True)
class Said:
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
    """One who calls a running Kasir as a shop does, well or badly."""

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
    ) -> Said:
        """Call Kasir. Bytes go as they are; anything else as JSON.

        Args:
            method: The HTTP method.
            path: Path and query.
            body: What to send.
            api_key: The key to call with; empty is the system's own, None is none at all.
            headers: More headers.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        if api_key is not None:
            sent["X-API-Key"] = api_key or self.system.api_key
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sending = None if data is None else io.BytesIO(data)  # In pieces, as a large body goes.
        async with self.http.request(
            method, self.system.kasir_url + path, data=sending, headers=sent, allow_redirects=False
        ) as response:
            return Said(response.status, await response.read(), response.headers)

    async def post(self, path: str, body: object, *, key: str | None = None) -> Said:
        """Post to Kasir, perhaps under an idempotency key."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call("POST", path, body, headers=headers)

    async def at_the_twin(self, reference: str) -> list[dict[str, Any]]:
        """The payments of a reference that the twin knows."""
        url = f"{self.system.twin_url}/twin/payments"
        async with self.http.get(url, params={"reference": reference}) as response:
            found: list[dict[str, Any]] = (await response.json())["payments"]
            return found

    async def kept(self) -> tuple[int, ...]:
        """How many payments the twin knows, and how many rows each table of Kasir's has."""
        async with self.http.get(f"{self.system.twin_url}/twin/payments") as response:
            at_the_twin: int = (await response.json())["count"]
        connection = await asyncpg.connect(self.system.environment["KASIR_DATABASE_URL"])
        try:
            rows = [await connection.fetchval(f"SELECT count(*) FROM {name}") for name in TABLES]
        finally:
            await connection.close()
        return at_the_twin, *rows


def is_adyens_error(said: Said) -> bool:
    """Whether an answer is an error in Adyen's body, and tells nothing of Kasir's inside."""
    if said.headers.get("Content-Type", "").split(";")[0] != "application/json":
        return False
    fields = said.json
    return (
        set(fields) - {"pspReference"} == {"status", "errorCode", "message", "errorType"}
        and fields["status"] == said.status
        and fields["errorType"] in ERROR_TYPES
        and isinstance(fields["errorCode"], str)
        and b"Traceback" not in said.body
        and b".py" not in said.body
    )


@pytest.fixture(scope="session")
async def caller(system: RunningDemo) -> AsyncIterator[Caller]:
    """One who calls the system, well or badly."""
    async with aiohttp.ClientSession() as http:
        yield Caller(system, http)
