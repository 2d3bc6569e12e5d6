"""Each call of `kasir setup` that fails ends it with the cause and the cure, and no key is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from aiohttp import web

from fake_server import FakeServer, Handler, serving
from fakes import KEY
from kasir.adyen.environments import Environment, addresses
from kasir.adyen.management import HmacKey
from kasir.clock import SystemClock
from kasir.gateway.management import Management, Refusal
from kasir.gateway.wire import Wire
from kasir.limits import Limits
from kasir.setup.applying import Applying
from kasir.setup.key_stores import EnvironmentKeyStore
from kasir.setup.model import Kind, Line, Plan, State, Step, Wanted
from kasir.store import webhook_keys
from kasir.store.vault import Vault
from kasir.wiring import Parts
from opened_kasir import kasir_on

QUICK: Final = replace(
    Limits(),
    adyen_timeout_s=5.0,
    setup_test_s=0.05,
    setup_test_poll_s=0.01,
    setup_test_again_s=0.0,
)
PUBLIC: Final = "http://kasir.example"
OURS: Final = {"id": "S2-1", "type": "standard", "url": f"{PUBLIC}/webhooks/adyen"}
#: An answer of the fake: a status and a body, or None to close the connection.
Answers = Mapping[str, tuple[int, Any] | None]


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    """A server in place of Adyen."""
    async with serving() as server:
        yield server


@pytest.fixture
async def kasir(fresh_database: str) -> AsyncIterator[Parts]:
    """An open Kasir."""
    async with kasir_on(fresh_database) as opened:
        yield opened


def answering(fake: FakeServer, answers: Answers) -> None:
    """Let the fake give these answers, by method and the end of the path."""

    async def answer(request: web.Request) -> web.StreamResponse:
        name = f"{request.method} {request.path.rpartition('/')[2]}"
        given = answers[name]
        if given is None:
            assert request.transport
            request.transport.abort()
            return web.Response()
        status, body = given
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text)

    fake.handler = answer


async def applied(
    kasir: Parts, fake: FakeServer, kind: Kind, answers: Answers | Handler, limits: Limits = QUICK
) -> Line:
    """Do one step; return its line."""
    if isinstance(answers, Mapping):
        answering(fake, answers)
    else:
        fake.handler = answers
    async with Wire(addresses(Environment.TWIN, twin_url=fake.url), "key", limits) as wire:
        applying = Applying(
            Management(wire, "Warung"),
            kasir.pool,
            EnvironmentKeyStore(Vault(kasir.settings.secrets)),
            SystemClock(),
            limits,
            Wanted(merchant_account="Warung", public_url=PUBLIC),
        )
        made = Plan((), (Step(kind, "", {"url": "x"}), Step(Kind.TEST, "")), "S2-1")
        return await anext(applying.apply(made))


FORBIDDEN: Final = (403, {"status": 403, "errorCode": "010", "title": "Forbidden"})


@pytest.mark.parametrize("kind", [*Kind])
async def test_a_missing_role_is_named_by_each_step(
    kasir: Parts, fake: FakeServer, kind: Kind
) -> None:
    answers = dict.fromkeys(
        ("POST webhooks", "PATCH S2-1", "POST generateHmac", "POST test"), FORBIDDEN
    )
    line = await applied(kasir, fake, kind, answers)

    assert State.FAULT is line.state
    assert "the credential lacks the role `Management API—Webhooks read and write`" in line.says
    assert await webhook_keys.last_asked(kasir.pool) is None


async def test_a_webhook_whose_creation_was_not_answered_is_found_and_used(
    kasir: Parts, fake: FakeServer
) -> None:
    listed = (200, {"itemsTotal": 1, "pagesTotal": 1, "data": [OURS]})
    line = await applied(kasir, fake, Kind.CREATE, {"POST webhooks": None, "GET webhooks": listed})

    assert (line.state, line.says) == (State.OK, "it is S2-1")


@pytest.mark.parametrize("listed", [(200, {"data": []}), None])
async def test_a_webhook_that_was_not_created_is_reported(
    kasir: Parts, fake: FakeServer, listed: tuple[int, Any] | None
) -> None:
    answers = {"POST webhooks": (503, "down"), "GET webhooks": listed}
    line = await applied(kasir, fake, Kind.CREATE, answers)

    assert (line.state, line.says) == (State.FAULT, "HTTP 503: no message")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "did not answer"),
        ((200, {}), "has not the format of Adyen's schema"),
        ((200, {"hmacKey": "no key"}), "something that is no key"),
        ((500, {"title": "Internal error"}), "HTTP 500: Internal error"),
    ],
)
async def test_a_key_that_was_not_stored_is_remembered_as_lost(
    kasir: Parts, fake: FakeServer, answer: tuple[int, Any] | None, words: str
) -> None:
    line = await applied(kasir, fake, Kind.MAKE_KEY, {"POST generateHmac": answer})
    asked = await webhook_keys.last_asked(kasir.pool)

    assert (line.state, words in line.says) == (State.FAULT, True)
    assert "run `kasir setup` again" in line.says
    assert asked
    assert (asked.webhook_id, asked.is_kept) == ("S2-1", False)


async def test_a_key_is_stored_also_if_its_check_value_cannot_be_read(
    kasir: Parts, fake: FakeServer
) -> None:
    made = {"POST generateHmac": (200, {"hmacKey": KEY}), "GET S2-1": None}
    line = await applied(kasir, fake, Kind.MAKE_KEY, made)
    asked = await webhook_keys.last_asked(kasir.pool)
    vault = Vault(kasir.settings.secrets)

    assert State.OK is line.state
    assert asked
    assert (asked.is_kept, asked.check_value) == (True, None)
    assert (bytes.fromhex(KEY),) == await webhook_keys.keys(kasir.pool, vault)
    sealed = await kasir.pool.fetchval("SELECT key FROM webhook_key")
    assert bytes.fromhex(KEY) not in sealed


async def test_only_the_last_two_keys_are_kept(kasir: Parts, fake: FakeServer) -> None:
    keys = [f"{number:02X}" * 32 for number in (1, 2, 3)]
    for key in keys:
        made = {"POST generateHmac": (200, {"hmacKey": key}), "GET S2-1": (200, OURS)}
        await applied(kasir, fake, Kind.MAKE_KEY, made)
    kept = await webhook_keys.keys(kasir.pool, Vault(kasir.settings.secrets))

    assert (bytes.fromhex(keys[2]), bytes.fromhex(keys[1])) == kept
    assert await kasir.pool.fetchval("SELECT count(key) FROM webhook_key") == 2


SENT: Final = json.dumps(
    {
        "notificationItems": [
            {
                "NotificationRequestItem": {
                    "pspReference": "test_1",
                    "eventDate": "2026-11-26T18:00:00+01:00",
                    "additionalData": {"hmacSignature": "x"},
                }
            }
        ]
    }
)


@pytest.mark.parametrize(
    ("results", "state", "words"),
    [
        ([], State.FAULT, "Adyen sent none"),
        ([{"status": "failed", "output": "refused"}], State.FAULT, "got no answer from"),
        (
            [{"status": "failed", "responseCode": "404", "output": "<html>\n no"}],
            State.FAULT,
            "HTTP 404",
        ),
        (
            [{"status": "failed", "responseCode": "401", "requestSent": SENT}],
            State.FAULT,
            "unset it",
        ),
        (
            [{"status": "failed", "responseCode": "401", "requestSent": "{}"}],
            State.BY_HAND,
            "was not signed",
        ),
        (
            [{"status": "success", "responseCode": "202", "requestSent": SENT}],
            State.FAULT,
            "is not in this database",
        ),
        ([{"status": "success", "responseCode": "200"}], State.FAULT, "is not in this database"),
    ],
)
async def test_a_test_that_fails_names_the_cause(
    kasir: Parts, fake: FakeServer, results: list[dict[str, str]], state: State, words: str
) -> None:
    line = await applied(kasir, fake, Kind.TEST, {"POST test": (200, {"data": results})})

    assert (state, True) == (line.state, words in line.says)


async def test_a_notification_that_adyen_does_not_show_is_any_new_one(
    kasir: Parts, fake: FakeServer
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        await kasir.pool.execute(
            "INSERT INTO notice (key, kind, item, received_at, event_code, names)"
            " VALUES ('k', 'standard', 'i', now(), 'AUTHORISATION', '{}')"
        )
        return web.json_response({"data": [{"status": "success", "responseCode": "200"}]})

    line = await applied(kasir, fake, Kind.TEST, answer, replace(QUICK, setup_test_s=300.0))

    assert State.OK is line.state


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, ""), "Adyen does not accept ADYEN_API_KEY"),
        ((404, {"title": "Not found"}), "check ADYEN_MERCHANT_ACCOUNT"),
        (
            (422, {"detail": "Not a URL", "invalidFields": [{"name": "url"}, "?"]}),
            "HTTP 422: Not a URL (url, a field)",
        ),
    ],
)
async def test_other_refusals_are_named(
    fake: FakeServer, answer: tuple[int, Any], words: str
) -> None:
    answering(fake, {"GET me": answer})
    async with Wire(addresses(Environment.TWIN, twin_url=fake.url), "key", QUICK) as wire:
        refusal = await Management(wire, "Warung").me()

    assert isinstance(refusal, Refusal)
    assert words in refusal.says


async def test_every_page_of_the_webhooks_is_read(fake: FakeServer) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        number = request.query["pageNumber"]
        row = {**OURS, "id": f"S2-{number}"}
        return web.json_response({"itemsTotal": 2, "pagesTotal": 2, "data": [row]})

    fake.handler = answer
    async with Wire(addresses(Environment.TWIN, twin_url=fake.url), "key", QUICK) as wire:
        webhooks = await Management(wire, "Warung/1").webhooks()

    assert not isinstance(webhooks, Refusal)
    assert [webhook.id for webhook in webhooks] == ["S2-1", "S2-2"]
    assert "/v3/merchants/Warung%2F1/webhooks?" in fake.asked[0][0]


def test_a_key_is_not_shown_in_a_repr() -> None:
    assert KEY not in repr(HmacKey(hmac_key=KEY))
