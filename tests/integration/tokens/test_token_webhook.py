"""The token webhook has its own key; the signature is computed from the raw bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from adyen_twin.protocol import signing
from fakes import KEY, OTHER_KEY
from in_process_app import in_process_app
from integration.tokens.token_app import SavedWallet, a_wallet
from integration.tokens.token_client import TokenClient
from kasir.demo.client import until
from raw_http import HttpReply

PATH = "/webhooks/adyen/tokens"


def key_of(client: TokenClient) -> str:
    """The key that must sign token notifications."""
    return client.caller.system.environment["ADYEN_TOKEN_HMAC_KEY"]


async def deliver(client: TokenClient, body: bytes, headers: dict[str, str]) -> HttpReply:
    return await client.caller.call("POST", PATH, body, headers=headers, api_key=None)


async def until_token_exists(client: TokenClient, wallet: SavedWallet) -> None:
    await until(lambda: client.token_states(wallet.shopper), bool, "the token")


@pytest.mark.parametrize("name", ["HmacSignature", "hmacsignature", "HMACSIGNATURE"])
async def test_the_name_of_the_signature_header_may_be_in_any_case(
    client: TokenClient, name: str
) -> None:
    wallet = a_wallet()
    body = wallet.webhook("created", 1)
    headers = {name: signing.sign_bytes(body, key_of(client)), "Protocol": "HmacSHA256"}
    reply = await deliver(client, body, headers)
    await until_token_exists(client, wallet)

    assert (reply.status, reply.body) == (202, b"[accepted]")


async def test_a_repeated_notification_is_accepted_each_time_and_gives_one_token(
    client: TokenClient,
) -> None:
    wallet = a_wallet()
    body = json.dumps(json.loads(wallet.webhook("created", 1)), indent=2).encode()
    headers = {"HmacSignature": signing.sign_bytes(body, key_of(client))}
    answers = [await deliver(client, body, headers) for _ in range(3)]
    await until_token_exists(client, wallet)

    assert [reply.status for reply in answers] == [202] * 3
    assert list((await client.token_states(wallet.shopper)).values()) == ["active"]


async def test_a_notification_that_is_not_authentic_is_refused_and_has_no_effect(
    client: TokenClient,
) -> None:
    wallet, later = a_wallet(), a_wallet()
    body = wallet.webhook("created", 1)
    reserialised = json.dumps(json.loads(body), indent=1).encode()
    standard_key = client.caller.system.environment["ADYEN_HMAC_KEY"]
    signature_with_standard_key = signing.sign_bytes(body, standard_key)
    signature = signing.sign_bytes(body, key_of(client))
    forged = [
        await deliver(client, body, {}),
        await deliver(client, body, {"HmacSignature": ""}),
        await deliver(client, body, {"HmacSignature": "forged"}),
        await deliver(client, body, {"HmacSignature": signature_with_standard_key}),
        await deliver(client, body, {"X-HmacSignature": signature}),
        await deliver(client, body + b" ", {"HmacSignature": signature}),
        await deliver(client, reserialised, {"HmacSignature": signature}),
        await deliver(
            client, body.replace(wallet.shopper.encode(), b"me"), {"HmacSignature": signature}
        ),
    ]
    # Notifications are read in order. Once this valid one is read, any stored before it is read.
    valid = later.webhook("created", 1)
    await deliver(client, valid, {"HmacSignature": signing.sign_bytes(valid, key_of(client))})
    await until_token_exists(client, later)

    assert {(reply.status, reply.body) for reply in forged} == {(401, b"no valid HMAC signature")}
    assert await client.token_states(wallet.shopper) == {}
    assert await client.token_states("me") == {}


async def test_a_signed_body_that_cannot_be_read_is_accepted(client: TokenClient) -> None:
    for body in (b"", b"null", b"[]", b"{", b"\xff", b'{"type":7}'):
        headers = {"HmacSignature": signing.sign_bytes(body, key_of(client))}
        reply = await deliver(client, body, headers)

        assert (reply.status, reply.body) == (202, b"[accepted]"), body


async def test_a_notification_of_an_unknown_type_is_accepted(client: TokenClient) -> None:
    body = a_wallet().webhook("merged", 1)
    reply = await deliver(client, body, {"HmacSignature": signing.sign_bytes(body, key_of(client))})

    assert (reply.status, reply.body) == (202, b"[accepted]")


async def test_a_body_over_the_limit_is_refused_with_413(client: TokenClient) -> None:
    body = b'{"type":"' + b"x" * 600_000 + b'"}'
    reply = await deliver(client, body, {"HmacSignature": signing.sign_bytes(body, key_of(client))})

    assert reply.status == 413


async def test_a_get_of_the_webhook_is_refused_with_405(client: TokenClient) -> None:
    assert (await client.caller.call("GET", PATH)).status == 405


async def post_signed(client: AsyncTestClient[Litestar], key: str, **more: Any) -> int:
    body = a_wallet().webhook("created", 1)
    headers = {"HmacSignature": signing.sign_bytes(body, key)}
    answer = await client.post(PATH, content=body, headers=headers, **more)
    return int(answer.status_code)


async def test_the_token_webhook_requires_basic_authentication_and_accepts_two_keys(
    fresh_database: str,
) -> None:
    environ = {
        "ADYEN_TOKEN_HMAC_KEY": f"{OTHER_KEY},{'00' * 32}",
        "KASIR_WEBHOOK_USER": "adyen",
        "KASIR_WEBHOOK_PASSWORD": "word",
    }
    async with in_process_app(fresh_database, **environ) as client:
        without_user = await post_signed(client, OTHER_KEY)
        wrong = await post_signed(client, OTHER_KEY, auth=("adyen", "wrong"))
        right = [
            await post_signed(client, key, auth=("adyen", "word")) for key in (OTHER_KEY, "00" * 32)
        ]
        forged = await post_signed(client, KEY, auth=("adyen", "word"))

    assert (without_user, wrong, right, forged) == (401, 401, [202, 202], 401)


async def test_without_a_key_in_the_settings_every_notification_is_refused(
    fresh_database: str,
) -> None:
    async with in_process_app(fresh_database) as client:
        assert [await post_signed(client, key) for key in (KEY, OTHER_KEY, "")] == [401] * 3
