"""`GET /api/doctor` runs the checks of the account whose key it has."""

from __future__ import annotations

import httpx

from app_client import app_client
from opened_kasir import kasir_on


async def test_the_checks_of_the_account_are_shown_without_its_secrets(
    fresh_database: str,
) -> None:
    async with kasir_on(fresh_database, KASIR_API_KEY="a-shop") as kasir, app_client(kasir) as http:
        answer = await http.get("/api/doctor", headers={"X-API-Key": "a-shop"})
        refused = [
            await http.get("/api/doctor"),
            await http.get("/api/doctor?deep=1", headers={"X-API-Key": "a-shop"}),
        ]
    found = {one["what"]: one for one in answer.json()["findings"]}

    assert (answer.status_code, [one.status_code for one in refused]) == (200, [401, 422])
    assert "no answer" in found["Adyen answers this key"]["says"]
    assert not found["a signed standard notification came lately"]["isWell"]
    assert found["jobs were done"]["isWell"]
    assert "tokens agree with Adyen's list" not in found
    assert isinstance(http, httpx.AsyncClient)
