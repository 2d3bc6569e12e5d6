"""What the handler gets: Adyen's own messages, which Adyen's own library accepts."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from Adyen.util import is_valid_hmac_notification, is_valid_hmac_payload
from structlog.testing import capture_logs

from app_client import app_client
from fake_server import FakeServer, plain
from fakes import KEY, NOW, OTHER_KEY, a_question, an_intent, envelope, notification_item
from integration.relay.relay_setup import (
    RELAY_KEY,
    names_in,
    notify,
    notify_token,
    relaying,
    run_relay,
    take,
)
from integration.shop_events.event_setup import until
from kasir.jobs.engine import enqueue_reading
from kasir.store import relay
from kasir.store.database import Pool, transaction
from kasir.webhooks import notices
from kasir.wiring import Parts

TOKEN_BODY = b'{ "type": "recurring.token.created", "eventId": "PSPTOKEN", "data": {} }\n'
CARD_TOKEN_BODY = json.dumps(
    {
        "type": "recurring.token.created",
        "eventId": "PSPCARDTOKEN",
        "createdAt": "2026-11-23T10:00:00Z",
        "data": {
            "merchantAccount": "TwinMerchant",
            "shopperReference": "shopper-of-others",
            "storedPaymentMethodId": "TOKENOFANOTHERCARD",
            "type": "mc",
        },
    }
).encode()


def items_in(handler: FakeServer) -> list[dict[str, object]]:
    return [
        json.loads(body)["notificationItems"][0]["NotificationRequestItem"]
        for _, _, body in handler.asked
    ]


async def test_adyens_library_accepts_a_verbatim_notification_under_the_shared_key(
    fresh_database: str, handler: FakeServer
) -> None:
    body = envelope(notification_item(reason="é  \t")).replace(b", ", b" ,\n ")
    async with relaying(fresh_database, handler.url) as kasir:
        async with app_client(kasir) as client:
            await client.post("/webhooks/adyen", content=body)
        await run_relay(kasir)

    ((_, headers, relayed),) = handler.asked
    text = body.partition(b'"NotificationRequestItem": ')[2].removesuffix(b"}]}")
    assert text in relayed
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert is_valid_hmac_notification(items_in(handler)[0], KEY)


async def test_a_notification_is_signed_anew_with_the_current_key(
    fresh_database: str, handler: FakeServer
) -> None:
    keys: dict[str, Any] = {"KASIR_RELAY_HMAC_KEY": f"{RELAY_KEY},{OTHER_KEY}"}
    async with relaying(fresh_database, handler.url, **keys) as kasir:
        await notify(kasir, "PSP1")
        await run_relay(kasir)

    for key, is_valid in ((RELAY_KEY, True), (OTHER_KEY, False), (KEY, False)):
        (item,) = items_in(handler)
        assert is_valid_hmac_notification(item, key) is is_valid


async def test_every_item_of_an_envelope_is_relayed_in_an_envelope_of_its_own(
    fresh_database: str, handler: FakeServer
) -> None:
    names = ["PSP9", "PSP1", "PSP5"]
    body = envelope(*(notification_item(pspReference=name) for name in names))
    async with relaying(fresh_database, handler.url) as kasir:
        async with app_client(kasir) as client:
            await client.post("/webhooks/adyen", content=body)
        await run_relay(kasir)

    assert names_in([body for _, _, body in handler.asked]) == names


async def test_a_token_notification_keeps_the_signature_with_which_it_came(
    fresh_database: str, handler: FakeServer
) -> None:
    """The previous key's signature stays, though Kasir knows the current key too."""
    keys: dict[str, Any] = {"ADYEN_TOKEN_HMAC_KEY": f"{RELAY_KEY},{OTHER_KEY}"}
    async with relaying(fresh_database, f"{handler.url}/adyen/", **keys) as kasir:
        await notify_token(kasir, TOKEN_BODY, key=OTHER_KEY)
        await run_relay(kasir)

    ((asked, headers, body),) = handler.asked
    assert (asked, body) == ("POST /adyen/tokens", TOKEN_BODY)
    assert is_valid_hmac_payload(headers["hmacsignature"], OTHER_KEY, body)
    assert headers["protocol"] == "HmacSHA256"


async def test_a_token_notification_is_signed_anew_and_sent_to_its_own_address(
    fresh_database: str, handler: FakeServer
) -> None:
    settings: dict[str, Any] = {
        "KASIR_RELAY_TOKEN_HMAC_KEY": RELAY_KEY,
        "KASIR_RELAY_TOKENS_URL": f"{handler.url}/wallets",
    }
    async with relaying(fresh_database, handler.url, **settings) as kasir:
        await notify(kasir, "PSP1")
        await notify_token(kasir, TOKEN_BODY)
        await notify_token(kasir, b"not JSON")
        await run_relay(kasir)

    asked = [asked for asked, _, _ in handler.asked]
    assert asked == ["POST /", "POST /wallets", "POST /wallets"]
    for _, headers, body in handler.asked[1:]:
        assert is_valid_hmac_payload(headers["hmacsignature"], RELAY_KEY, body)
    assert [body for _, _, body in handler.asked[1:]] == [TOKEN_BODY, b"not JSON"]


async def test_a_handler_without_token_notifications_gets_none(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url, KASIR_RELAY_TOKENS_URL="none") as kasir:
        await notify_token(kasir, TOKEN_BODY)
        await notify(kasir, "PSP1")
        await run_relay(kasir)

    assert names_in([body for _, _, body in handler.asked]) == ["PSP1"]


async def test_a_form_is_relayed_as_json_whose_signature_is_valid(
    fresh_database: str, handler: FakeServer
) -> None:
    item = notification_item()
    fields = {name: text for name, text in item.items() if isinstance(text, str)}
    extra = {f"additionalData.{name}": text for name, text in item["additionalData"].items()}
    form = urlencode({**fields, "value": "25000", "currency": "IDR", "live": "false", **extra})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with relaying(fresh_database, handler.url) as kasir:
        async with app_client(kasir) as client:
            response = await client.post("/webhooks/adyen", content=form, headers=headers)
        assert response.status_code == 202
        await run_relay(kasir)

    assert is_valid_hmac_notification(items_in(handler)[0], KEY)


async def test_a_body_that_kasir_kept_and_cannot_parse_is_relayed_as_it_came(
    fresh_database: str, handler: FakeServer
) -> None:
    admitted: dict[str, Any] = {
        "KASIR_WEBHOOK_USER": "adyen",
        "KASIR_WEBHOOK_PASSWORD": "a-long-password",
    }
    async with relaying(
        fresh_database, handler.url, KASIR_RELAY_HMAC_KEY=RELAY_KEY, **admitted
    ) as kasir:
        async with app_client(kasir) as client:
            client.auth = ("adyen", "a-long-password")
            response = await client.post("/webhooks/adyen", content=b'{"new": 1}')
        assert response.status_code == 202
        await run_relay(kasir)

    assert [body for _, _, body in handler.asked] == [b'{"new": 1}']


async def test_what_is_not_authentic_is_not_relayed(
    fresh_database: str, handler: FakeServer
) -> None:
    bad = notification_item(pspReference="PSPBAD", key=OTHER_KEY)
    body = envelope(bad, notification_item(pspReference="PSPGOOD"))
    async with relaying(fresh_database, handler.url) as kasir:
        async with app_client(kasir) as client:
            assert (await client.post("/webhooks/adyen", content=body)).status_code == 401
        await run_relay(kasir)

    assert names_in([body for _, _, body in handler.asked]) == ["PSPGOOD"]


async def test_the_password_is_sent_and_never_printed(
    fresh_database: str, handler: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    handler.handler = plain(401, b"")
    secret: dict[str, Any] = {
        "KASIR_RELAY_USER": "kasir",
        "KASIR_RELAY_PASSWORD": "hunter2-hünter2",
        "KASIR_RELAY_HMAC_KEY": RELAY_KEY,
        "KASIR_RELAY_TOKEN_HMAC_KEY": OTHER_KEY,
    }
    async with relaying(fresh_database, handler.url, **secret) as kasir:
        await notify(kasir, "PSP1")
        await run_relay(kasir)
        shown = f"{kasir.settings!r} {kasir.relay!r} {capsys.readouterr()}"

    ((_, headers, _),) = handler.asked
    credentials = base64.b64encode("kasir:hunter2-hünter2".encode()).decode()
    assert headers["authorization"] == f"Basic {credentials}"
    assert "was not relayed" in shown
    for text in (*secret.values(), credentials, str(bytes.fromhex(RELAY_KEY))):
        assert text == "kasir" or text not in shown


async def own_and_foreign(kasir: Parts) -> None:
    """A notification of a payment of Kasir's, one of another system, and one without effect."""
    await kasir.payments.open(an_intent("pay_1"), a_question("pay_1"), None)
    await notify(kasir, "PSPOTHER", merchantReference="ORDER-OF-OTHERS")
    await notify(kasir, "PSPREPORT", eventCode="REPORT_AVAILABLE")
    await notify(kasir, "PSPOWN", merchantReference="ORDER-1001")


@pytest.mark.parametrize(
    ("send", "wanted"),
    [
        ("all", ["PSPOTHER", "PSPREPORT", "PSPOWN"]),
        ("foreign", ["PSPOTHER", "PSPREPORT"]),
        ("own", ["PSPOWN"]),
    ],
)
async def test_the_setting_chooses_whose_notifications_are_relayed(
    fresh_database: str, handler: FakeServer, send: str, wanted: list[str]
) -> None:
    async with relaying(fresh_database, handler.url, KASIR_RELAY_SEND=send) as kasir:
        await own_and_foreign(kasir)
        if send != "all":  # Until the reader has read them, nobody knows whose they are.
            await run_relay(kasir)
            assert handler.asked == []
            await kasir.reader.read_all()
        await run_relay(kasir)

        assert names_in([body for _, _, body in handler.asked]) == wanted
        assert (await relay.backlog(kasir.pool, 10)).waiting == 0


@pytest.mark.parametrize("send", ["foreign", "own"])
async def test_notifications_of_another_systems_tokens_are_relayed_in_every_mode(
    fresh_database: str, handler: FakeServer, send: str
) -> None:
    """Kasir records every token of the account, so a token of the handler's is read as its own."""
    extra = {"shopperReference": "shopper-of-others"}
    async with relaying(fresh_database, handler.url, KASIR_RELAY_SEND=send) as kasir:
        await notify_token(kasir, CARD_TOKEN_BODY)
        await notify(
            kasir,
            "TOKENOFACARD",
            eventCode="RECURRING_CONTRACT",
            paymentMethod="mc",
            originalReference="PSPOTHER",
            additionalData=extra,
        )
        await notify(kasir, "PSPNEW", eventCode="NOT_IN_THE_SCHEMA")
        await kasir.reader.read_all()
        rows = await kasir.pool.fetch("SELECT state FROM notice ORDER BY id")
        await run_relay(kasir)

    assert [row["state"] for row in rows] == ["read", "read", "unheard_of"]
    first, *others = [body for _, _, body in handler.asked]
    assert first == CARD_TOKEN_BODY
    assert names_in(others) == ["TOKENOFACARD", "PSPNEW"]


async def test_a_foreign_notification_that_turns_out_to_be_kasirs_is_relayed_then(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url, KASIR_RELAY_SEND="own") as kasir:
        await notify(kasir, "PSP1", merchantReference="ORDER-1001")
        await kasir.reader.read_all()
        await run_relay(kasir)
        assert handler.asked == []
        await kasir.payments.open(an_intent("pay_1"), a_question("pay_1"), None)
        ids = [row["id"] for row in await kasir.pool.fetch("SELECT id FROM notice")]
        await notices.replay(kasir.pool, ids, enqueue_reading)
        await kasir.reader.read_all()
        await run_relay(kasir)

    assert names_in([body for _, _, body in handler.asked]) == ["PSP1"]


async def test_only_notifications_since_the_relay_was_set_are_relayed(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, None) as kasir:
        await notify(kasir, "PSPBEFORE")
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSPBEFORE", "PSPSINCE")
        await run_relay(kasir)

    assert names_in([body for _, _, body in handler.asked]) == ["PSPSINCE"]


async def test_what_waits_survives_a_restart_and_the_removal_of_the_setting(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url) as kasir:
        await notify(kasir, "PSP1", "PSP2")
    async with relaying(fresh_database, None) as kasir:
        await run_relay(kasir)
        await notify(kasir, "PSPWITHOUT")
        assert (await relay.backlog(kasir.pool, 10)).waiting == 2
        assert handler.asked == []
    async with relaying(fresh_database, handler.url) as kasir:
        await run_relay(kasir)

    assert names_in([body for _, _, body in handler.asked]) == ["PSP1", "PSP2"]


async def test_a_notice_that_no_key_opens_waits_and_is_shown(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url, KASIR_SECRET_KEY="a" * 40) as kasir:
        await notify(kasir, "PSP1")
    async with relaying(fresh_database, handler.url, KASIR_SECRET_KEY="b" * 40) as kasir:
        with capture_logs() as logs:
            await run_relay(kasir)
        left = await relay.backlog(kasir.pool, 10)

    assert (left.waiting, left.answer) == (1, "no KASIR_SECRET_KEY opens it")
    assert [line["error"] for line in logs] == [left.answer]
    assert handler.asked == []


async def test_a_stored_item_that_cannot_be_signed_waits_and_is_shown(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url, KASIR_RELAY_HMAC_KEY=RELAY_KEY) as kasir:
        await notify(kasir, "PSP1")
        sealed = kasir.relay.vault.seal(b'{"eventCode":"AUTHORISATION"}')
        await kasir.pool.execute("UPDATE notice SET item = $1", sealed)
        with capture_logs() as logs:
            await run_relay(kasir)
        left = await relay.backlog(kasir.pool, 10)

    assert (left.waiting, left.answer) == (1, "it cannot be signed anew")
    assert [line["error"] for line in logs] == [left.answer]


async def test_a_notice_that_becomes_kasirs_before_it_is_left_out_is_relayed(
    fresh_database: str, handler: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay has read the state `foreign`; then a replay and the reader settle it as `read`."""
    first = relay.first
    async with relaying(fresh_database, handler.url, KASIR_RELAY_SEND="own") as kasir:
        await notify(kasir, "PSP1", merchantReference="ORDER-1001")
        await kasir.reader.read_all()
        await kasir.payments.open(an_intent("pay_1"), a_question("pay_1"), None)
        seen: list[str] = []

        async def first_before_a_replay(
            pool: Pool, holder: str, lease: timedelta
        ) -> relay.WaitingNotice | None:
            notice = await first(pool, holder, lease)
            if notice and not seen:
                await notices.replay(kasir.pool, [notice.notice_id], enqueue_reading)
                await kasir.reader.read_all()
            seen.extend([notice.state] if notice else [])
            return notice

        monkeypatch.setattr(relay, "first", first_before_a_replay)
        await run_relay(kasir)

    assert seen == ["foreign", "read"]
    assert names_in([body for _, _, body in handler.asked]) == ["PSP1"]


async def test_a_notice_that_is_read_again_while_it_is_left_out_is_relayed(
    fresh_database: str, handler: FakeServer
) -> None:
    """The reader holds the notice, so the relay waits, and then does not leave it out."""
    async with relaying(fresh_database, handler.url, KASIR_RELAY_SEND="own") as kasir:
        await notify(kasir, "PSP1", merchantReference="ORDER-1001")
        await kasir.reader.read_all()
        holder = await take(kasir)
        assert holder
        notice = await relay.first(kasir.pool, holder, timedelta(seconds=30))
        assert notice
        async with transaction(kasir.pool) as connection:
            await connection.execute("UPDATE notice SET state = 'read'")
            leaving_out = asyncio.create_task(relay.skip(kasir.pool, notice, NOW))
            await until(lambda: _is_blocked(kasir.pool))
        await leaving_out

        assert await kasir.pool.fetchval("SELECT state FROM relay") == "waiting"


async def _is_blocked(pool: Pool) -> bool:
    """Whether a statement waits for a lock."""
    return bool(await pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))


async def test_token_notifications_that_wait_are_left_out_when_they_are_no_longer_relayed(
    fresh_database: str, handler: FakeServer
) -> None:
    async with relaying(fresh_database, handler.url) as kasir:
        await notify_token(kasir, TOKEN_BODY)
        await notify(kasir, "PSP1")
    async with relaying(fresh_database, handler.url, KASIR_RELAY_TOKENS_URL="none") as kasir:
        await run_relay(kasir)
        states = await kasir.pool.fetch("SELECT state FROM relay ORDER BY id")

    assert names_in([body for _, _, body in handler.asked]) == ["PSP1"]
    assert [row["state"] for row in states] == ["skipped", "accepted"]
