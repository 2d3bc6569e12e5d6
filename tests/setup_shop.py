"""A served Kasir whose merchant account at the twin is not set up yet."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from kasir.cli.setup import setup
from opened_kasir import a_database
from served import Served, served


@dataclass
class Shop:
    """A served Kasir, and `kasir setup` for it."""

    kasir: Served
    capsys: pytest.CaptureFixture[str] | None = None
    environ: dict[str, str] = field(default_factory=dict)

    async def setup(
        self, account: str | None = None, *, is_agreed: bool = True, **changes: str
    ) -> dict[str, Any]:
        """Run `kasir setup --json`, with `--yes` if agreed; return what it printed."""
        assert self.capsys
        self.capsys.readouterr()
        code = await setup(
            {**self.environ, **changes},
            account,
            is_agreed=is_agreed,
            is_shown_only=False,
            as_json=True,
        )
        # The server in this process logs to the same output before it.
        report: dict[str, Any] = json.loads(self.capsys.readouterr().out.splitlines()[-1])
        assert (code == 0) is report["is_well"]
        return report

    async def webhooks(self) -> list[dict[str, Any]]:
        """The webhooks at the twin."""
        answer = await self.kasir.twin.api(
            "/v3/merchants/TwinMerchant/webhooks", None, method="GET"
        )
        rows: list[dict[str, Any]] = answer.body["data"]
        return rows

    async def webhook(self) -> dict[str, Any]:
        """The only webhook at the twin."""
        (webhook,) = await self.webhooks()
        return webhook

    async def own_webhook(self) -> dict[str, Any]:
        """Kasir's webhook at the twin, by its description."""
        (own,) = [
            webhook
            for webhook in await self.webhooks()
            if webhook.get("description") == "Kasir, TwinMerchant"
        ]
        return own

    async def change(self, **fields: Any) -> None:
        """Change Kasir's webhook at the twin, as somebody in Customer Area may."""
        path = f"/v3/merchants/TwinMerchant/webhooks/{(await self.own_webhook())['id']}"
        answer = await self.kasir.twin.api(path, fields, method="PATCH")
        assert answer.status == 200, answer.text

    async def knobs(self, **knobs: Any) -> None:
        """Set knobs of the twin."""
        await self.kasir.twin.control("PUT", "knobs", knobs)


def kinds(report: Mapping[str, Any]) -> list[str]:
    """What was to be done, in order."""
    return [step["kind"] for step in report["steps"]]


def faults(report: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong, by subject."""
    lines = [*report["found"], *report["done"]]
    return {line["what"]: line["says"] for line in lines if line["state"] == "FAIL"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _served(postgres_dsn: str) -> AsyncIterator[Shop]:
    async with a_database(postgres_dsn) as database, served(database) as kasir:
        environ = {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": kasir.twin.url,
            "KASIR_DATABASE_URL": database,
            "KASIR_PUBLIC_URL": kasir.url,
        }
        yield Shop(kasir, environ=environ)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(_served: Shop, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shop]:
    """A Kasir without a webhook at the twin; it keeps its database and its stored keys."""
    _served.capsys = capsys
    yield _served
    twin = _served.kasir.twin
    await twin.control("DELETE", "knobs")
    await twin.control("DELETE", "faults")
    for webhook in await _served.webhooks():
        path = f"/v3/merchants/TwinMerchant/webhooks/{webhook['id']}"
        assert (await twin.api(path, None, method="DELETE")).status == 204


def said(report: Mapping[str, Any], what: str) -> str:
    """The line of a subject."""
    lines = [*report["found"], *report["done"]]
    (says,) = [line["says"] for line in lines if line["what"] == what]
    return str(says)
