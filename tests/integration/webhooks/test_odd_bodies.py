"""Every body that Adyen could sign is accepted and read, so that none blocks Adyen's queue."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Final

import pytest
from structlog.testing import capture_logs

from fakes import KEY, OTHER_KEY, envelope, notification_item
from in_process_app import in_process_app
from kasir.store.vault import Vault
from kasir.webhooks.notices import KeptNotice
from opened_kasir import kasir_on

PASSWORD_HEADER: Final = {"Authorization": "Basic " + base64.b64encode(b"adyen:word").decode()}
TOKENS_KEY: Final = "ab" * 32
PASSWORD_SETTINGS: Final = {
    "KASIR_WEBHOOK_USER": "adyen",
    "KASIR_WEBHOOK_PASSWORD": "word",
    "ADYEN_TOKEN_HMAC_KEY": TOKENS_KEY,
}
#: JSON of half a surrogate pair, and of a NUL character.
HALF_A_PAIR: Final = '"\\ud83d"'
NUL: Final = '"\\u0000"'


def signature_of(text: bytes, key: str = KEY) -> str:
    """The signature of a text, as Adyen computes it."""
    return base64.b64encode(hmac.digest(bytes.fromhex(key), text, hashlib.sha256)).decode()


def with_field(name: str, text: str) -> bytes:
    """A signed notification with a field of this name, and this JSON as its value."""
    item = notification_item(**{name: "HERE"})
    return envelope(item).replace(b'"HERE"', text.encode("utf-8", "surrogateescape"))


def signed_as(replacement: bytes) -> bytes:
    """A notification whose merchant reference is half a surrogate pair.

    Its signature is that of a text that has these bytes in the place of the reference.
    """
    item = notification_item(merchantReference="HERE", additionalData=None)
    text = b":".join(
        [
            item["pspReference"].encode(),
            b"",
            b"TwinMerchant",
            replacement,
            b"25000",
            b"IDR",
            b"AUTHORISATION",
            b"true",
        ]
    )
    item["additionalData"] = {"hmacSignature": signature_of(text)}
    return envelope(item).replace(b'"HERE"', HALF_A_PAIR.encode())


async def read_in(database: str) -> list[KeptNotice]:
    """Read all notices, as a worker does, and return them as the operator sees them."""
    async with kasir_on(database) as kasir:
        await kasir.reader.read_all()
        return await kasir.notices.listed(None, 100)


ODD_BODIES: Final = [
    pytest.param(with_field("reason", HALF_A_PAIR), id="half a pair"),
    pytest.param(with_field("reason", NUL), id="NUL"),
    pytest.param(with_field("reason", '"\udcff"'), id="a byte that is not UTF-8"),
    pytest.param(with_field("reason", '"a\nb"'), id="a line break in a string"),
    pytest.param(with_field("reason", "NaN"), id="NaN"),
    pytest.param(with_field("reason", "1e999"), id="1e999"),
    pytest.param(with_field("reason", "1" + "0" * 400), id="10^400"),
    pytest.param(with_field("reason", "1" + "0" * 5000), id="10^5000"),
    pytest.param(with_field("reason", '"' + "x" * 400_000 + '"'), id="400 kB"),
    pytest.param(with_field("reason", '"a","reason":"b"'), id="a repeated field"),
    pytest.param(with_field("eventDate", HALF_A_PAIR), id="half a pair as a date"),
    pytest.param(with_field("x\\u0000", "1"), id="NUL in a name"),
    pytest.param(b"\xef\xbb\xbf" + with_field("reason", '"x"'), id="a byte order mark"),
    pytest.param(signed_as(b"?"), id="half a pair signed as Java would"),
    pytest.param(signed_as("\ufffd".encode()), id="half a pair signed as JavaScript would"),
    pytest.param(signed_as(b"\xed\xa0\xbd"), id="half a pair signed as UTF-8"),
]


@pytest.mark.parametrize("body", ODD_BODIES)
async def test_any_signed_body_is_accepted_and_the_next_one_is_read(
    fresh_database: str, body: bytes
) -> None:
    async with in_process_app(fresh_database) as client:
        odd_response = await client.post("/webhooks/adyen", content=body)
        good = notification_item(pspReference="NEXT")
        next_response = await client.post("/webhooks/adyen", content=envelope(good))

    notices = await read_in(fresh_database)

    assert (odd_response.status_code, odd_response.content) == (202, b"[accepted]")
    assert next_response.status_code == 202
    assert len(notices) == 2
    assert "unread" not in {notice.state for notice in notices}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b"null",
        b"[]",
        b"{}",
        b'"\\ud83d',
        b'{"notificationItems":[]}',
        b'{"notificationItems":[{"NotificationRequestItem":"x"}]}',
        b'{"notificationItems":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
async def test_an_unreadable_body_is_stored_only_if_its_sender_has_the_password(
    fresh_database: str, body: bytes
) -> None:
    async with in_process_app(fresh_database, **PASSWORD_SETTINGS) as client:
        with capture_logs() as logs:
            with_password = await client.post(
                "/webhooks/adyen", content=body, headers=PASSWORD_HEADER
            )
        again = await client.post("/webhooks/adyen", content=body, headers=PASSWORD_HEADER)
        without_password = await client.post("/webhooks/adyen", content=body)
    notices = await read_in(fresh_database)
    async with kasir_on(fresh_database) as kasir:
        (row,) = await kasir.pool.fetch("SELECT item FROM notice")
        stored_body = Vault(kasir.settings.secrets).open(row["item"])

    assert [with_password.status_code, again.status_code, without_password.status_code] == [
        202,
        202,
        401,
    ]
    assert [(notice.state, notice.event_code) for notice in notices] == [("held", "UNREADABLE")]
    assert notices[0].why.startswith(f"{len(body)} bytes came, and ")
    assert stored_body == body
    assert ("kept, and cannot be read", "raw") in [
        (line["event"], line.get("kind")) for line in logs
    ]


@pytest.mark.parametrize("body", [b"{", b'{"notificationItems":[]}', b"\xff"])
async def test_without_a_password_an_unreadable_body_is_refused(
    fresh_database: str, body: bytes
) -> None:
    async with in_process_app(fresh_database) as client:
        response = await client.post("/webhooks/adyen", content=body, headers=PASSWORD_HEADER)
    notices = await read_in(fresh_database)

    assert (response.status_code, notices) == (400, [])


async def test_a_form_with_too_many_fields_is_unreadable(
    fresh_database: str,
) -> None:
    body = b"&".join(b"field%d=x" % number for number in range(1000))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with in_process_app(fresh_database, **PASSWORD_SETTINGS) as client:
        with capture_logs() as logs:
            with_password = await client.post(
                "/webhooks/adyen", content=body, headers=headers | PASSWORD_HEADER
            )
    async with in_process_app(fresh_database) as client:
        without_password = await client.post("/webhooks/adyen", content=body, headers=headers)
    notices = await read_in(fresh_database)

    assert (with_password.status_code, without_password.status_code) == (202, 400)
    assert [(notice.state, notice.event_code) for notice in notices] == [("held", "UNREADABLE")]
    assert "kept, and cannot be read" in [line["event"] for line in logs]


async def test_a_password_does_not_replace_the_signature(fresh_database: str) -> None:
    forged = envelope(notification_item(key=OTHER_KEY))
    async with in_process_app(fresh_database, **PASSWORD_SETTINGS) as client:
        response = await client.post("/webhooks/adyen", content=forged, headers=PASSWORD_HEADER)
    notices = await read_in(fresh_database)

    assert (response.status_code, notices) == (401, [])


async def test_signed_items_are_stored_although_another_element_is_not_an_item(
    fresh_database: str,
) -> None:
    items = json.loads(envelope(notification_item()))["notificationItems"]
    statuses = []
    others: list[object] = ["x", 7, None, [], {"NotificationRequestItem": "x"}, {}]
    async with in_process_app(fresh_database) as client:
        for other in others:
            body = json.dumps({"notificationItems": [other, *items]}).encode()
            statuses.append((await client.post("/webhooks/adyen", content=body)).status_code)
    notices = await read_in(fresh_database)

    assert statuses == [401] * 6
    assert [notice.event_code for notice in notices] == ["AUTHORISATION"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"[]",
        b'{"type":"recurring.token.created","eventId":"\\ud83d"}',
        b'{"type":"recurring.token.created","eventId":"\\u0000"}',
        b'{"type":"\\ud83d","eventId":"X"}',
        b'\xef\xbb\xbf{"type":7}',
    ],
)
async def test_any_signed_body_of_a_token_notification_is_accepted(
    fresh_database: str, body: bytes
) -> None:
    async with in_process_app(fresh_database, **PASSWORD_SETTINGS) as client:
        headers = {**PASSWORD_HEADER, "HmacSignature": signature_of(body, TOKENS_KEY)}
        response = await client.post("/webhooks/adyen/tokens", content=body, headers=headers)
        forged = await client.post("/webhooks/adyen/tokens", content=body, headers=PASSWORD_HEADER)
    notices = await read_in(fresh_database)

    assert (response.status_code, forged.status_code) == (202, 401)
    assert {notice.state for notice in notices} <= {"held", "unheard_of"}
    assert len(notices) == 1
