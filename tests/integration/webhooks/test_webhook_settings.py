"""The webhook's settings: basic authentication, and a key that is being replaced."""

from __future__ import annotations

import base64
from typing import Any

from litestar import Litestar
from litestar.testing import AsyncTestClient

from fakes import KEY, OTHER_KEY, envelope, notification_item
from in_process_app import in_process_app

THIRD_KEY = "00" * 32


async def post_notification(
    client: AsyncTestClient[Litestar], key: str = KEY, **headers: str
) -> Any:
    body = envelope(notification_item(key=key, eventCode="SOMETHING_NEW"))
    return await client.post("/webhooks/adyen", content=body, headers=headers)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_basic_authentication_is_required_where_it_is_set(fresh_database: str) -> None:
    environ = {"KASIR_WEBHOOK_USER": "adyen", "KASIR_WEBHOOK_PASSWORD": "päss:word"}
    async with in_process_app(fresh_database, **environ) as client:
        wrong = [
            await post_notification(client),
            await post_notification(client, Authorization=basic("adyen", "wrong")),
            await post_notification(client, Authorization=basic("Adyen", "päss:word")),
            await post_notification(client, Authorization="Basic"),
            await post_notification(client, Authorization="Bearer word"),
        ]
        right = await post_notification(client, Authorization=basic("adyen", "päss:word"))
        right_but_forged = await post_notification(
            client, OTHER_KEY, Authorization=basic("adyen", "päss:word")
        )

    assert [response.status_code for response in wrong] == [401] * len(wrong)
    assert {response.headers["www-authenticate"] for response in wrong} == {'Basic realm="kasir"'}
    assert (right.status_code, right.content) == (202, b"[accepted]")
    assert right_but_forged.status_code == 401


async def test_only_the_current_and_the_previous_key_are_accepted(fresh_database: str) -> None:
    async with in_process_app(fresh_database, ADYEN_HMAC_KEY=f"{KEY},{OTHER_KEY}") as client:
        answers = [await post_notification(client, key) for key in (KEY, OTHER_KEY, THIRD_KEY)]

    assert [response.status_code for response in answers] == [202, 202, 401]


async def test_without_a_configured_api_key_every_request_is_refused(fresh_database: str) -> None:
    async with in_process_app(fresh_database) as client:
        url = "/api/payments?reference=x"
        answers = [
            await client.get(url),
            await client.get(url, headers={"X-API-Key": ""}),
            await client.get(url, headers={"X-API-Key": "demo-api-key"}),
        ]

    assert [response.status_code for response in answers] == [401, 401, 401]
