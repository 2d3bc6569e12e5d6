"""The client that calls Kasir in these tests, and a Kasir in front of an Adyen that accepts all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from app_client import app_client
from fake_server import FakeServer, plain, serving
from opened_kasir import kasir_on
from raw_http import caller

__all__ = ["AcceptingAdyen", "accepting_adyen", "caller"]

ACCEPTED: Final = b'{"resultCode":"Authorised","pspReference":"PSP-1","status":"received"}'


@dataclass(frozen=True)
class AcceptingAdyen:
    """A fake of Adyen that accepts every request, and a shop's client of the Kasir before it."""

    adyen: FakeServer
    http: httpx.AsyncClient

    async def post(self, path: str, body: object, **headers: str | bytes) -> httpx.Response:
        """Call Kasir; in the name of a header, `_` is written for `-`."""
        named = [
            (name.replace("_", "-").encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in headers.items()
        ]
        return await self.http.post(path, json=body, headers=named)

    def last_request(self) -> tuple[str, dict[str, Any]]:
        """The method and path of the last request that Adyen received, and its body."""
        path, _, body = self.adyen.asked[-1]
        return path, json.loads(body)


@pytest.fixture
async def accepting_adyen(fresh_database: str) -> AsyncIterator[AcceptingAdyen]:
    """A Kasir on an empty database."""
    async with (
        serving() as adyen,
        kasir_on(fresh_database, ADYEN_TWIN_URL=adyen.url, KASIR_API_KEY="shop-key") as kasir,
        app_client(kasir, X_API_Key="shop-key") as http,
    ):
        adyen.handler = plain(200, ACCEPTED)
        yield AcceptingAdyen(adyen, http)
