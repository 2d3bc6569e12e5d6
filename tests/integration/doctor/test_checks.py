"""Each check of one account appears as failed while its fault is there, and is well before it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from adyen_twin.core.settings import Knobs
from adyen_twin.core.settings import Settings as TwinSettings
from adyen_twin.core.twin import Twin
from app_client import app_client
from kasir.cli.doctor import doctor
from kasir.config import settings_from
from kasir.doctor.checks import account_findings
from kasir.gateway.account_checks import Finding
from kasir.store import webhook_keys
from kasir.store.vault import Vault
from kasir.wiring import Parts, open_parts
from opened_kasir import kasir_on
from twin_fixtures import serving

KEY: Final = "the-key-of-the-shop"
#: The findings that only the command has: of the start, and those that correct tokens.
OF_THE_COMMAND: Final = {"settings", "database", "tokens agree with Adyen's list"}
CLOCKS: Final = "the clocks agree"


async def finding(kasir: Parts, what: str) -> Finding:
    """The result of a check."""
    found = [one for one in await account_findings(kasir, with_tokens=False) if one.what == what]
    return found[0] if found else Finding(what, is_well=True, says="there is no such row")


async def test_an_address_is_named_while_it_is_paused(fresh_database: str) -> None:
    what = "no address is paused"
    async with (
        kasir_on(
            fresh_database,
            KASIR_API_KEY=KEY,
            KASIR_EVENTS_URL="http://127.0.0.1:9/events",
            KASIR_EVENTS_SECRET="whsec_" + "c2VjcmV0" * 4,
            KASIR_RELAY_URL="http://127.0.0.1:9/adyen",
        ) as kasir,
        app_client(kasir, X_API_Key=KEY) as http,
    ):
        before = await finding(kasir, what)
        for address in ("events", "relay"):
            answer = await http.post("/api/deliveries/pause", json={"to": address})
            assert answer.status_code == 200, answer.text
        both = await finding(kasir, what)
        await http.post("/api/deliveries/resume", json={"to": "events"})
        one = await finding(kasir, what)
        await http.post("/api/deliveries/resume", json={"to": "relay"})
        after = await finding(kasir, what)
    today = f"{datetime.now(UTC):%Y-%m-%dT}"

    assert (before.is_well, both.is_well, one.is_well, after.is_well) == (True, False, False, True)
    assert f"events since {today}" in both.says
    assert f"relay since {today}" in both.says
    assert one.says.startswith("relay since ")
    assert "POST /api/deliveries/resume, or the desk" in one.says


async def test_a_webhook_without_any_key_is_named(fresh_database: str) -> None:
    what, now = "standard notifications can be verified", datetime.now(UTC)
    async with kasir_on(fresh_database) as kasir:
        key_id = await webhook_keys.ask(kasir.pool, "S2-1", now)
        async with kasir.pool.acquire() as connection:
            await webhook_keys.keep(
                connection, key_id, Vault(kasir.settings.secrets).seal(b"k" * 32), now
            )
    async with kasir_on(fresh_database, ADYEN_HMAC_KEY="") as kasir:
        before = await finding(kasir, what)
        await kasir.pool.execute("DELETE FROM webhook_key")
        await kasir.webhook_keys.refresh()
        after = await finding(kasir, what)

    assert before.is_well
    assert after.says == (
        "no HMAC key is known, so every notification is refused; run `kasir setup`"
    )


async def test_a_report_is_named_while_it_waits_too_long(fresh_database: str) -> None:
    what = "Adyen's reports are fetched and read"
    user = {"KASIR_REPORT_USER": "report@Company.Warung", "KASIR_REPORT_PASSWORD": "a-password"}
    async with kasir_on(fresh_database, **user) as kasir:
        insert = (
            "INSERT INTO report (name, kind, state, received_at) VALUES ($1, $2, 'announced', $3)"
        )
        now = kasir.clock.now()
        kind = "settlement_details"
        await kasir.pool.execute(insert, "read.csv", kind, now - timedelta(days=1))
        await kasir.pool.execute("UPDATE report SET state = 'reconciled'")
        await kasir.pool.execute(insert, "new.csv", kind, now - timedelta(minutes=5))
        before = await finding(kasir, what)
        await kasir.pool.execute(insert, "old.csv", kind, now - timedelta(hours=2))
        late = await finding(kasir, what)
        await kasir.pool.execute("UPDATE report SET state = 'reconciled'")
        after = await finding(kasir, what)

    assert (before.is_well, late.is_well, after.is_well) == (True, False, True), before.says
    assert late.says == f"2 wait, the first since {now - timedelta(hours=2):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("knobs", "environ", "what", "words"),
    [
        (
            {"account_status": "Inactive"},
            {},
            "the merchant account is active",
            "its status is Inactive",
        ),
        (
            {"live_prefix": "1797a841-Warung"},
            {"ADYEN_LIVE_PREFIX": "9999-Other"},
            "the live prefix",
            "it is 1797a841-Warung",
        ),
        (
            {"capture_delay": "2"},
            {},
            "payments are captured when they are authorised",
            "the capture delay is 2 days",
        ),
    ],
)
async def test_what_differs_at_the_merchant_account_is_named(
    fresh_database: str, knobs: dict[str, Any], environ: dict[str, str], what: str, words: str
) -> None:
    twin = Twin(TwinSettings(), Knobs(**knobs))
    async with (
        serving(twin) as running,
        kasir_on(fresh_database, ADYEN_TWIN_URL=running.url, **environ) as kasir,
    ):
        planted = await finding(kasir, what)
        twin.knobs = Knobs()
        mended = await finding(kasir, what)

    assert (planted.is_well, words in planted.says) == (False, True)
    assert mended.is_well


async def test_the_command_and_the_api_give_the_same(
    fresh_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(Twin(TwinSettings(), Knobs(capture="manual"))) as twin:
        environ = {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": twin.url,
            "ADYEN_HMAC_KEY": "AB" * 32,
            "KASIR_DATABASE_URL": fresh_database,
            "KASIR_API_KEY": KEY,
        }
        code = await doctor(environ, as_json=True)
        by_command = json.loads(capsys.readouterr().out)
        text_code = await doctor(environ, as_json=False)
        lines = capsys.readouterr().out.splitlines()
        async with (
            open_parts(settings_from(environ)) as kasir,
            app_client(kasir, X_API_Key=KEY) as http,
        ):
            by_api = (await http.get("/api/doctor")).json()["findings"]
    of_both = [row for row in by_command if row["what"] not in OF_THE_COMMAND]

    assert (code, text_code) == (1, 1)
    assert [(row["what"], row["is_well"]) for row in of_both] == [
        (row["what"], row["isWell"]) for row in by_api
    ]
    assert {row["what"]: row["says"] for row in of_both if row["what"] != CLOCKS} == {
        row["what"]: row["says"] for row in by_api if row["what"] != CLOCKS
    }
    assert {row["what"] for row in by_command} >= OF_THE_COMMAND
    assert [line.partition(": ")[0] for line in lines] == [
        f"{'ok  ' if row['is_well'] else 'FAIL'}  {row['what']}" for row in by_command
    ]
