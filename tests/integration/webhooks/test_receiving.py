"""An authentic notification is answered with 202 once it is stored; any other is refused."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

from fakes import OTHER_KEY, envelope, notification_item, payment_body
from kasir.demo.client import JourneyClient, until
from raw_http import Caller, HttpReply


def item_for(caller: Caller, reference: str, **changes: Any) -> dict[str, Any]:
    """A notification of an authorisation, signed with the key of the running system."""
    key = caller.system.environment["ADYEN_HMAC_KEY"]
    psp_reference = secrets.token_hex(8).upper()
    changes = {"key": key, "pspReference": psp_reference, "merchantReference": reference} | changes
    return notification_item(**changes)


async def deliver(caller: Caller, body: bytes) -> HttpReply:
    return await caller.call("POST", "/webhooks/adyen", body, api_key=None)


async def new_payment(caller: Caller) -> str:
    reference = f"NOTE-{secrets.token_hex(6)}"
    response = await caller.post("/v72/payments", payment_body(reference=reference))
    assert response.status == 200
    return reference


async def facts_of(caller: Caller, reference: str) -> list[dict[str, Any]]:
    listed = await caller.call("GET", f"/api/payments?reference={reference}")
    (payment,) = listed.json["payments"]
    facts: list[dict[str, Any]] = payment["facts"]
    return facts


async def notice_counts(caller: Caller) -> dict[str, int]:
    """The number of notices in each state."""
    connection = await asyncpg.connect(caller.system.environment["KASIR_DATABASE_URL"])
    try:
        rows = await connection.fetch("SELECT state, count(*) FROM notice GROUP BY state")
    finally:
        await connection.close()
    return {row["state"]: row["count"] for row in rows}


async def until_counted(caller: Caller, state: str, expected: int) -> None:
    async def count_now() -> int:
        return (await notice_counts(caller)).get(state, 0)

    await until(count_now, lambda count: count == expected, f"{expected} notices {state}")


async def test_an_authentic_notification_is_accepted_and_decides_the_status(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = await new_payment(caller)
    item = item_for(caller, reference)
    response = await deliver(caller, envelope(item))
    payment = await journey_client.status(reference, "authorised")

    assert (response.status, response.body) == (202, b"[accepted]")
    assert payment["pspReference"] == item["pspReference"]
    assert payment["captured"] == 25_000


async def test_a_repeated_notification_is_accepted_each_time_and_counted_once(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = await new_payment(caller)
    body = envelope(item_for(caller, reference))
    responses = [await deliver(caller, body) for _ in range(3)]
    payment = await journey_client.status(reference, "authorised")

    assert [response.status for response in responses] == [202] * 3
    assert payment["captured"] == 25_000
    assert [fact["source"] for fact in payment["facts"]].count("notification") == 1


async def test_every_notification_of_a_batch_is_accepted(
    caller: Caller, journey_client: JourneyClient
) -> None:
    references = [await new_payment(caller) for _ in range(5)]
    response = await deliver(caller, envelope(*(item_for(caller, name) for name in references)))
    payments = [await journey_client.status(name, "authorised") for name in references]

    assert (response.status, response.body) == (202, b"[accepted]")
    assert [payment["captured"] for payment in payments] == [25_000] * 5


async def test_a_refusal_and_then_an_authorisation_make_the_payment_authorised(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = await new_payment(caller)
    metadata = {"metadata.kasirPaymentId": (await journey_client.newest(reference))["id"]}

    async def receive_one(**changes: Any) -> None:
        item = item_for(caller, reference, additionalData=dict(metadata), **changes)
        await deliver(caller, envelope(item))

    await receive_one(success="false", reason="Refused")
    await journey_client.status(reference, "refused")
    await receive_one()
    await journey_client.status(reference, "authorised")
    await receive_one(success="false", reason="Again")

    async def facts_now() -> list[dict[str, Any]]:
        return await facts_of(caller, reference)

    # The redirect, the refusal, the authorisation, and the second refusal.
    await until(facts_now, lambda facts: len(facts) == 4, "four facts")
    listed = await caller.call("GET", f"/api/payments?reference={reference}")

    assert listed.json["payments"][0]["status"] == "authorised"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"key": OTHER_KEY}, id="another key"),
        pytest.param({"additionalData": {"hmacSignature": ""}}, id="an empty signature"),
        pytest.param({"additionalData": {"hmacSignature": "forged"}}, id="a forged signature"),
        pytest.param({"additionalData": {"hmacSignature": None}}, id="no signature"),
        pytest.param({"additionalData": None}, id="no additional data"),
    ],
)
async def test_a_notification_that_is_not_authentic_gets_401_and_has_no_effect(
    caller: Caller, change: dict[str, Any]
) -> None:
    reference = await new_payment(caller)
    response = await deliver(caller, envelope(item_for(caller, reference, **change)))
    # Notifications are read in the order of their arrival. When this later one has been read, the
    # first one would have been read too, if Kasir had stored it.
    await deliver(caller, envelope(item_for(caller, reference, success="false")))

    async def facts_now() -> list[dict[str, Any]]:
        return await facts_of(caller, reference)

    facts = await until(facts_now, lambda facts: len(facts) >= 2, "the later notification")

    assert (response.status, response.body) == (401, b"no valid HMAC signature")
    assert [fact["says"] for fact in facts] == ["awaiting_shopper", "refused"]


async def test_an_item_that_was_changed_in_transit_is_not_authentic(caller: Caller) -> None:
    reference = await new_payment(caller)
    item = item_for(caller, reference) | {"amount": {"currency": "IDR", "value": 1}}
    response = await deliver(caller, envelope(item))

    assert response.status == 401


async def test_a_forged_item_does_not_prevent_the_others_from_being_read(
    caller: Caller, journey_client: JourneyClient
) -> None:
    good, other = await new_payment(caller), await new_payment(caller)
    batch = envelope(item_for(caller, other, key=OTHER_KEY), item_for(caller, good))
    response = await deliver(caller, batch)
    payment = await journey_client.status(good, "authorised")

    assert response.status == 401
    assert payment["captured"] == 25_000
    assert [fact["says"] for fact in await facts_of(caller, other)] == ["awaiting_shopper"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"notificationItems":[]}',
        b'{"notificationItems":[{}]}',
        b'{"notificationItems":[{"NotificationRequestItem":"x"}]}',
        b"<html>",
        b"\xff\xfe",
        b'{"notificationItems":[{"NotificationRequestItem":' + b'{"a":' * 5000 + b"1" + b"}" * 5002,
    ],
)
async def test_a_body_that_is_not_an_envelope_gets_400(caller: Caller, body: bytes) -> None:
    response = await deliver(caller, body)

    assert response.status == 400
    assert b"Traceback" not in response.body


async def test_a_body_over_the_limit_gets_413(caller: Caller) -> None:
    item = item_for(caller, "LARGE", additionalData={"x": "y" * 600_000})
    response = await deliver(caller, envelope(item))

    assert response.status == 413


async def test_a_large_body_within_the_limit_is_accepted(caller: Caller) -> None:
    item = item_for(caller, "LARGE", additionalData={"x": "y" * 400_000})
    response = await deliver(caller, envelope(item))

    assert (response.status, response.body) == (202, b"[accepted]")


async def test_an_unknown_event_code_is_accepted_and_counted(caller: Caller) -> None:
    before = (await notice_counts(caller)).get("unheard_of", 0)
    item = item_for(caller, "ANY", eventCode="SOMETHING_NEW")
    response = await deliver(caller, envelope(item))

    assert (response.status, response.body) == (202, b"[accepted]")
    await until_counted(caller, "unheard_of", before + 1)


async def test_a_notification_of_another_merchant_account_is_accepted_and_marked_foreign(
    caller: Caller,
) -> None:
    reference = await new_payment(caller)
    before = (await notice_counts(caller)).get("foreign", 0)
    item = item_for(caller, reference, merchantAccountCode="AnotherShop")
    response = await deliver(caller, envelope(item))
    await until_counted(caller, "foreign", before + 1)

    assert (response.status, response.body) == (202, b"[accepted]")
    assert [fact["says"] for fact in await facts_of(caller, reference)] == ["awaiting_shopper"]


async def test_a_notification_of_an_unknown_reference_is_accepted_and_marked_foreign(
    caller: Caller,
) -> None:
    before = (await notice_counts(caller)).get("foreign", 0)
    item = item_for(caller, f"UNKNOWN-{secrets.token_hex(6)}")
    response = await deliver(caller, envelope(item))
    await until_counted(caller, "foreign", before + 1)

    assert (response.status, response.body) == (202, b"[accepted]")


async def test_an_unreadable_notice_is_accepted_and_held_and_does_not_block_others(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = await new_payment(caller)
    before = (await notice_counts(caller)).get("held", 0)
    unreadable = item_for(caller, reference, eventDate="the day before yesterday")
    good = item_for(caller, reference)
    responses = [await deliver(caller, envelope(item)) for item in (unreadable, good)]
    payment = await journey_client.status(reference, "authorised")
    await until_counted(caller, "held", before + 1)

    assert [response.status for response in responses] == [202, 202]
    assert payment["captured"] == 25_000


async def test_an_item_with_a_nul_does_not_break_the_database(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = await new_payment(caller)
    with_nul = item_for(caller, reference + "\0", reason="a\0b", pspReference="PSP\0NUL")
    responses = [
        await deliver(caller, envelope(with_nul)),
        await deliver(caller, envelope(item_for(caller, reference, reason="a\0b"))),
    ]
    good = await new_payment(caller)
    await deliver(caller, envelope(item_for(caller, good)))
    payment = await journey_client.status(good, "authorised")

    assert [response.status for response in responses] == [202, 202]
    assert payment["captured"] == 25_000


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "X"])
async def test_a_form_is_read_only_if_it_has_the_content_type_of_a_form(
    caller: Caller, journey_client: JourneyClient, content_type: str
) -> None:
    reference = await new_payment(caller)
    item = item_for(caller, reference)
    form = {
        "live": "false",
        "value": item["amount"]["value"],
        "currency": item["amount"]["currency"],
        "additionalData.hmacSignature": item["additionalData"]["hmacSignature"],
        **{name: text for name, text in item.items() if isinstance(text, str)},
    }
    headers = {"Content-Type": content_type}
    body = urlencode(form).encode()
    response = await caller.call("POST", "/webhooks/adyen", body, api_key=None, headers=headers)

    if content_type == "X":
        assert response.status == 400
    else:
        assert (response.status, response.body) == (202, b"[accepted]")
        await journey_client.status(reference, "authorised")


async def test_a_notification_about_a_report_is_accepted(caller: Caller) -> None:
    report = item_for(
        caller,
        "",
        eventCode="REPORT_AVAILABLE",
        amount={"currency": "EUR", "value": 0},
        reason="https://ca-test.adyen.com/reports/download/x.csv",
    )
    response = await deliver(caller, envelope(report))

    assert (response.status, response.body) == (202, b"[accepted]")


async def test_an_authorization_header_is_ignored_where_none_is_required(caller: Caller) -> None:
    headers = {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()}
    body = envelope(item_for(caller, "ANY", eventCode="SOMETHING_NEW"))
    response = await caller.call("POST", "/webhooks/adyen", body, api_key=None, headers=headers)

    assert response.status == 202


async def test_the_signature_does_not_depend_on_the_format_of_the_json(
    caller: Caller, journey_client: JourneyClient
) -> None:
    reference = await new_payment(caller)
    parsed = json.loads(envelope(item_for(caller, reference)))
    parsed["notificationItems"][0]["NotificationRequestItem"]["somethingNew"] = ["é", "\n"]
    response = await deliver(caller, json.dumps(parsed, indent=4, ensure_ascii=False).encode())

    assert response.status == 202
    await journey_client.status(reference, "authorised")
