"""`kasir setup` against the twin: from nothing, again, and with each mistake."""

from __future__ import annotations

from typing import Any, Final

import pytest

from kasir.adyen.management import EVENT_CODES
from setup_shop import Shop, faults, kinds, said

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL_STEPS: Final = ["create", "make_key", "test"]


async def test_from_nothing_everything_is_set_up_and_a_second_run_changes_nothing(
    shop: Shop,
) -> None:
    first = await shop.setup(KASIR_WEBHOOK_USER="adyen", KASIR_WEBHOOK_PASSWORD="a-password")
    made = await shop.webhook()
    second = await shop.setup(KASIR_WEBHOOK_USER="adyen", KASIR_WEBHOOK_PASSWORD="a-password")

    assert (kinds(first), faults(first)) == (ALL_STEPS, {})
    assert "4 were delivered" in first["done"][-1]["says"]
    assert (kinds(second), second["is_well"]) == ([], True)
    assert made == await shop.webhook()
    assert {
        "url": f"{shop.kasir.url}/webhooks/adyen",
        "active": True,
        "communicationFormat": "json",
        "description": "Kasir, TwinMerchant",
        "username": "adyen",
        "hasPassword": True,
    } == {
        name: made[name]
        for name in (
            "url",
            "active",
            "communicationFormat",
            "description",
            "username",
            "hasPassword",
        )
    }
    assert {*EVENT_CODES} == {*made["additionalSettings"]["includeEventCodes"]}


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        pytest.param({"active": False}, {"active": True}, id="not active"),
        pytest.param({"communicationFormat": "soap"}, {"communicationFormat": "json"}, id="SOAP"),
        pytest.param({"url": "http://127.0.0.1:9/webhooks"}, {}, id="wrong URL"),
        pytest.param({"additionalSettings": {"includeEventCodes": []}}, {}, id="no event codes"),
    ],
)
async def test_a_mistake_in_the_webhook_is_corrected_once(
    shop: Shop, mistake: dict[str, Any], expected: dict[str, Any]
) -> None:
    await shop.setup()
    right = await shop.webhook()
    await shop.change(**mistake)
    corrected, after = await shop.setup(), await shop.webhook()
    again = await shop.setup()

    assert (kinds(corrected), corrected["is_well"]) == (["change", "test"], True)
    assert right == after | expected
    assert kinds(again) == []


async def test_a_webhook_without_a_key_gets_one_and_a_server_that_runs_accepts_it(
    shop: Shop,
) -> None:
    url = f"{shop.kasir.url}/webhooks/adyen"
    await shop.kasir.twin.control("PUT", "webhooks/standard", {"url": url, "hmacKey": None})
    report = await shop.setup()

    assert "make_key" in kinds(report)
    assert (faults(report), report["is_well"]) == ({}, True)


async def test_a_notification_signed_with_the_key_before_is_still_accepted(shop: Shop) -> None:
    await shop.setup()
    await shop.change(active=True)
    webhook = await shop.webhook()
    # Somebody replaced the key in Customer Area, so `kasir setup` makes another one.
    path = f"/v3/merchants/TwinMerchant/webhooks/{webhook['id']}"
    before = shop.kasir.twin.twin.state.endpoints["standard"].hmac_key
    await shop.kasir.twin.api(f"{path}/generateHmac", None)
    report = await shop.setup()
    await shop.kasir.twin.control("PUT", "faults", [{"fault": "previous_key"}])
    endpoint = shop.kasir.twin.twin.state.endpoints["standard"]
    endpoint.previous_hmac_key = before
    psp_reference = await shop.kasir.twin.paid(reference="WITH-THE-KEY-BEFORE")
    await shop.kasir.twin.settle()

    assert (kinds(report), report["is_well"]) == (["make_key", "test"], True)
    assert before != endpoint.hmac_key
    assert await shop.kasir.fetch_value(
        "SELECT count(*) FROM notice WHERE names @> ARRAY[$1]", psp_reference
    )


async def test_another_systems_webhook_is_shown_and_left_as_it_is(shop: Shop) -> None:
    other = {
        "type": "standard",
        "url": "http://127.0.0.1:9/shopware/adyen",
        "active": False,
        "communicationFormat": "http",
        "description": "Shopware",
    }
    made = await shop.kasir.twin.api("/v3/merchants/TwinMerchant/webhooks", other)
    report = await shop.setup()

    assert kinds(report) == ALL_STEPS
    assert made.body in await shop.webhooks()
    assert "it is left as it is" in said(report, f"another webhook, {made.body['id']}")


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("Merchant Recurring role", "the credential has its roles"),
        ("Checkout webservice role", "Adyen answers this key"),
        ("Management API—Account read", "payments are captured when they are authorised"),
        ("Management API—Webhooks read and write", "the standard webhook"),
    ],
)
async def test_a_missing_role_is_named(shop: Shop, role: str, subject: str) -> None:
    roles = shop.kasir.twin.twin.knobs.roles
    await shop.knobs(roles=[one for one in roles if one != role])
    report = await shop.setup()

    assert not report["is_well"]
    assert subject in faults(report)
    assert f"`{role}`" in faults(report)["the credential has its roles"]


async def test_a_capture_by_hand_and_the_live_prefix_are_named(shop: Shop) -> None:
    await shop.knobs(capture="manual", livePrefix="1797a841-Warung")
    report = await shop.setup()

    assert "capture delay is manual" in said(
        report, "payments are captured when they are authorised"
    )
    assert "set ADYEN_LIVE_PREFIX" in said(report, "the live prefix")


async def test_without_consent_it_only_shows(shop: Shop) -> None:
    report = await shop.setup(is_agreed=False)

    assert (kinds(report), report["done"], report["is_well"]) == (ALL_STEPS, [], False)
    assert await shop.webhooks() == []


async def test_a_lost_answer_to_a_key_is_noticed_by_the_next_run(shop: Shop) -> None:
    await shop.setup()
    # The next call of `generateHmac` is executed, and its answer is lost.
    twin = shop.kasir.twin.twin
    await shop.kasir.fetch_value(
        "INSERT INTO webhook_key (webhook_id, asked_at) VALUES ($1, now()) RETURNING id",
        (await shop.webhook())["id"],
    )
    key = twin.state.endpoints["standard"].hmac_key
    report = await shop.setup()

    assert (kinds(report), report["is_well"]) == (["make_key", "test"], True)
    assert key != twin.state.endpoints["standard"].hmac_key


async def test_a_server_that_does_not_answer_is_named(shop: Shop) -> None:
    report = await shop.setup(KASIR_PUBLIC_URL="http://127.0.0.1:9")

    assert kinds(report) == ALL_STEPS
    assert "is `kasir serve` running" in faults(report)["a test notification arrives"]


async def test_a_key_of_another_webhook_is_named_with_its_cure(shop: Shop) -> None:
    url = f"{shop.kasir.url}/webhooks/adyen"
    key = "AB" * 32
    await shop.kasir.twin.control("PUT", "webhooks/standard", {"url": url, "hmacKey": key})
    await shop.kasir.fetch_value("DELETE FROM notice")
    report = await shop.setup(ADYEN_HMAC_KEY="CD" * 31 + "EF")

    assert kinds(report) == ["change", "test"]
    assert "unset it" in faults(report)["a test notification arrives"]


async def test_a_test_notification_that_is_not_signed_is_no_fault(shop: Shop) -> None:
    await shop.knobs(testNoticesSealed=False)
    report = await shop.setup()

    assert faults(report) == {}
    assert "was not signed" in report["done"][-1]["says"]


async def test_a_database_that_is_not_the_servers_is_named(shop: Shop, fresh_database: str) -> None:
    await shop.setup()
    report = await shop.setup(KASIR_DATABASE_URL=fresh_database)

    assert "make_key" in kinds(report)
    assert "a test notification arrives" in faults(report)
