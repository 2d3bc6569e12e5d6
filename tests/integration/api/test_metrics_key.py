"""`/metrics` requires its own key if one is configured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest

from app_client import app_client
from opened_kasir import kasir_on


@asynccontextmanager
async def metrics_client(database: str, **environ: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a Kasir in this process with these settings."""
    async with (
        kasir_on(database, clock=None, KASIR_API_KEY="shop-key", **environ) as kasir,
        app_client(kasir) as http,
    ):
        yield http


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer another"}, id="another"),
        pytest.param({"Authorization": "Bearer "}, id="empty"),
        pytest.param({"Authorization": "Basic metrics-key"}, id="another scheme"),
        pytest.param({"Authorization": "metrics-key"}, id="no scheme"),
        pytest.param({"X-API-Key": "shop-key"}, id="a shop's key"),
    ],
)
async def test_metrics_are_refused_without_their_own_key(
    fresh_database: str, headers: Mapping[str, str]
) -> None:
    async with metrics_client(fresh_database, KASIR_METRICS_KEY="metrics-key") as http:
        response = await http.get("/metrics", headers=headers)
        health = [await http.get(path) for path in ("/health/live", "/health/ready")]

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "KASIR_METRICS_KEY" in response.json()["message"]
    assert "kasir_notices" not in response.text
    assert [answer.status_code for answer in health] == [200, 200]


@pytest.mark.parametrize(
    "authorization", ["Bearer metrics-key", "bearer metrics-key", "Bearer  metrics-key "]
)
async def test_metrics_are_returned_with_their_key(fresh_database: str, authorization: str) -> None:
    async with metrics_client(fresh_database, KASIR_METRICS_KEY="metrics-key") as http:
        response = await http.get("/metrics", headers={"Authorization": authorization})

    assert response.status_code == 200
    assert "kasir_payments_unknown 0.0" in response.text


async def test_without_a_configured_key_metrics_are_public(fresh_database: str) -> None:
    async with metrics_client(fresh_database) as http:
        response = await http.get("/metrics")

    assert response.status_code == 200
