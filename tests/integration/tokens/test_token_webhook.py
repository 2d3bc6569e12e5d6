"""The door of the token webhook: its own key, its own seal, the raw bytes, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from adyen_twin.protocol import signing
from door import door
from fakes import KEY, OTHER_KEY
from integration.tokens.counter import Counter
from integration.tokens.desk import Story, story
from kasir.demo.client import until
from raw_http import Said

PATH = "/webhooks/adyen/tokens"


def key_of(counter: Counter) -> str:
    """The key that the house expects token notifications to be sealed with."""
    return counter.caller.house.environment["ADYEN_TOKEN_HMAC_KEY"]


async def deliver(counter: Counter, body: bytes, headers: dict[str, str]) -> Said:
    return await counter.caller.call("POST", PATH, body, headers=headers, api_key=None)


async def until_known(counter: Counter, told: Story) -> None:
    await until(lambda: counter.known(told.shopper), bool, "the token")


@pytest.mark.parametrize("name", ["HmacSignature", "hmacsignature", "HMACSIGNATURE"])
async def test_a_notification_is_accepted_under_its_header_in_any_case(
    counter: Counter, name: str
) -> None:
    told = story()
    body = told.webhook("created", 1)
    headers = {name: signing.sign_bytes(body, key_of(counter)), "Protocol": "HmacSHA256"}
    said = await deliver(counter, body, headers)
    await until_known(counter, told)

    assert (said.status, said.body) == (202, b"[accepted]")


async def test_the_same_twice_is_accepted_twice_and_is_one_token(counter: Counter) -> None:
    told = story()
    body = json.dumps(json.loads(told.webhook("created", 1)), indent=2).encode()
    headers = {"HmacSignature": signing.sign_bytes(body, key_of(counter))}
    answers = [await deliver(counter, body, headers) for _ in range(3)]
    await until_known(counter, told)

    assert [said.status for said in answers] == [202] * 3
    assert list((await counter.known(told.shopper)).values()) == ["active"]


async def test_what_is_not_authentic_is_401_and_has_no_effect(counter: Counter) -> None:
    told, later = story(), story()
    body = told.webhook("created", 1)
    reserialised = json.dumps(json.loads(body), indent=1).encode()
    standard_key = counter.caller.house.environment["ADYEN_HMAC_KEY"]
    of_standard = signing.sign_bytes(body, standard_key)
    seal = signing.sign_bytes(body, key_of(counter))
    forged = [
        await deliver(counter, body, {}),
        await deliver(counter, body, {"HmacSignature": ""}),
        await deliver(counter, body, {"HmacSignature": "forged"}),
        # The standard webhook has a key of its own, and it is not this one.
        await deliver(counter, body, {"HmacSignature": of_standard}),
        await deliver(counter, body, {"X-HmacSignature": seal}),
        await deliver(counter, body + b" ", {"HmacSignature": seal}),
        await deliver(counter, reserialised, {"HmacSignature": seal}),
        await deliver(counter, body.replace(told.shopper.encode(), b"me"), {"HmacSignature": seal}),
    ]
    # A good one is read after them: by then they would have been, too.
    good = later.webhook("created", 1)
    await deliver(counter, good, {"HmacSignature": signing.sign_bytes(good, key_of(counter))})
    await until_known(counter, later)

    assert {(said.status, said.body) for said in forged} == {(401, b"no valid HMAC signature")}
    assert await counter.known(told.shopper) == {}
    assert await counter.known("me") == {}


async def test_what_is_sealed_and_cannot_be_read_is_kept(counter: Counter) -> None:
    for body in (b"", b"null", b"[]", b"{", b"\xff", b'{"type":7}'):
        headers = {"HmacSignature": signing.sign_bytes(body, key_of(counter))}
        said = await deliver(counter, body, headers)

        assert (said.status, said.body) == (202, b"[accepted]"), body


async def test_a_type_nobody_has_heard_of_is_accepted(counter: Counter) -> None:
    body = story().webhook("merged", 1)
    said = await deliver(
        counter, body, {"HmacSignature": signing.sign_bytes(body, key_of(counter))}
    )

    assert (said.status, said.body) == (202, b"[accepted]")


async def test_a_body_over_the_limit_is_413(counter: Counter) -> None:
    body = b'{"type":"' + b"x" * 600_000 + b'"}'
    said = await deliver(
        counter, body, {"HmacSignature": signing.sign_bytes(body, key_of(counter))}
    )

    assert said.status == 413


async def test_notifications_are_posted(counter: Counter) -> None:
    assert (await counter.caller.call("GET", PATH)).status == 405


async def knock(client: AsyncTestClient[Litestar], key: str, **more: Any) -> int:
    body = story().webhook("created", 1)
    headers = {"HmacSignature": signing.sign_bytes(body, key)}
    answer = await client.post(PATH, content=body, headers=headers, **more)
    return int(answer.status_code)


async def test_basic_authentication_and_two_keys_at_this_door_too(fresh_database: str) -> None:
    environ = {
        "ADYEN_TOKEN_HMAC_KEY": f"{OTHER_KEY},{'00' * 32}",
        "KASIR_WEBHOOK_USER": "adyen",
        "KASIR_WEBHOOK_PASSWORD": "word",
    }
    async with door(fresh_database, **environ) as client:
        unnamed = await knock(client, OTHER_KEY)
        wrong = await knock(client, OTHER_KEY, auth=("adyen", "wrong"))
        right = [await knock(client, key, auth=("adyen", "word")) for key in (OTHER_KEY, "00" * 32)]
        forged = await knock(client, KEY, auth=("adyen", "word"))

    assert (unnamed, wrong, right, forged) == (401, 401, [202, 202], 401)


async def test_where_no_key_is_set_nothing_is_authentic(fresh_database: str) -> None:
    async with door(fresh_database) as client:
        assert [await knock(client, key) for key in (KEY, OTHER_KEY, "")] == [401] * 3
