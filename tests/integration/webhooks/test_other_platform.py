"""Notifications of Adyen's other platform are accepted and held, and have no effect.

Adyen has a live and a test platform; the twin counts as a test platform.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from fakes import KEY, NOW, OTHER_KEY, a_question, an_intent, notification_item
from kasir.adyen.signing import key_from_hex, sign
from kasir.webhooks.notices import KeptNotice, replay
from kasir.webhooks.receiving import receive, receive_token
from kasir.wiring import Parts
from opened_kasir import kasir_on

LIVE: Final = {
    "ADYEN_ENVIRONMENT": "live",
    "ADYEN_LIVE_PREFIX": "1797a841fbb37ca7-Warung",
    "ADYEN_API_KEY": "AQE-live-key",
    "ADYEN_MERCHANT_ACCOUNT": "WarungECOM",
    "KASIR_PUBLIC_URL": "https://pay.shop.example",
    "KASIR_SECRET_KEY": "a-secret-of-thirty-two-characters",
}
ACCOUNTS: Final = {"live": "WarungECOM", "test": "TwinMerchant", "twin": "TwinMerchant"}
#: Pairs of Kasir's environment and the field `live` in an envelope of the other platform.
OTHER_PLATFORMS: Final = [("twin", "true"), ("test", "true"), ("live", "false")]


@pytest.fixture
async def kasir(fresh_database: str, request: pytest.FixtureRequest) -> AsyncIterator[Parts]:
    """Kasir in the environment that is the fixture's parameter."""
    changes = {
        "ADYEN_ENVIRONMENT": request.param,
        "ADYEN_MERCHANT_ACCOUNT": ACCOUNTS[request.param],
    }
    async with kasir_on(
        fresh_database, ADYEN_TOKEN_HMAC_KEY=OTHER_KEY, **{**LIVE, **changes}
    ) as opened:
        await opened.payments.open(an_intent(), a_question(), None)
        yield opened


def an_item(account: str) -> dict[str, Any]:
    """A notification that the payment was authorised on this merchant account."""
    metadata = {"metadata.kasirPaymentId": "pay_1"}
    return notification_item(merchantAccountCode=account, additionalData=metadata)


async def receive_payment(kasir: Parts, live: object, *, is_form: bool = False) -> None:
    """Receive and read a notification that the payment is paid, with this field `live`."""
    item = an_item(kasir.settings.merchant_account)
    body = json.dumps({"live": live, "notificationItems": [{"NotificationRequestItem": item}]})
    await receive(
        body.encode(),
        is_form=is_form,
        keys=[key_from_hex(KEY)],
        inbox=kasir.inbox,
        received_at=NOW,
    )
    await kasir.reader.read_all()


async def receive_token_notice(kasir: Parts, environment: str) -> None:
    """Receive and read a notification of a new token."""
    body = json.dumps(
        {
            "type": "recurring.token.created",
            "eventId": "PSP-TOKEN",
            "createdAt": "2026-11-23T10:00:00Z",
            "environment": environment,
            "data": {
                "merchantAccount": kasir.settings.merchant_account,
                "shopperReference": "shopper-1",
                "storedPaymentMethodId": "TOKENTOKENTOKEN1",
                "type": "gopay_wallet",
            },
        }
    ).encode()
    key = key_from_hex(OTHER_KEY)
    await receive_token(
        body, signature=sign(body, key), keys=[key], inbox=kasir.inbox, received_at=NOW
    )
    await kasir.reader.read_all()


async def stored_notices(kasir: Parts) -> list[KeptNotice]:
    return await kasir.notices.listed(None, 10)


async def status(kasir: Parts) -> str:
    (payment,) = await kasir.payments.payments_of("ORDER-1001", 10)
    return payment.status


@pytest.mark.parametrize(("kasir", "live"), OTHER_PLATFORMS, indirect=["kasir"])
async def test_a_notification_of_the_other_platform_is_held_and_pays_nothing(
    kasir: Parts, live: str
) -> None:
    before = await status(kasir)
    await receive_payment(kasir, live)
    (notice,) = await stored_notices(kasir)

    assert (notice.state, notice.payment_id) == ("held", None)
    assert "ADYEN_ENVIRONMENT" in notice.why
    assert await status(kasir) == before


@pytest.mark.parametrize("kasir", ["twin"], indirect=True)
async def test_a_held_notice_that_an_operator_replays_is_held_again(kasir: Parts) -> None:
    async def do_not_schedule(_: object) -> None: ...

    await receive_payment(kasir, "true")
    ids = [notice.id for notice in await stored_notices(kasir)]
    scheduled = await replay(kasir.pool, ids, do_not_schedule)
    await kasir.reader.read_all()
    (notice,) = await stored_notices(kasir)

    assert scheduled == ids
    assert (notice.state, await status(kasir)) == ("held", "created")


@pytest.mark.parametrize(("kasir", "live"), OTHER_PLATFORMS, indirect=["kasir"])
async def test_a_notification_is_read_although_its_first_envelope_was_of_the_other_platform(
    kasir: Parts, live: str
) -> None:
    await receive_payment(kasir, live)
    kasirs_live = {"true": "false", "false": "true"}[live]
    await receive_payment(kasir, kasirs_live)

    assert sorted(notice.state for notice in await stored_notices(kasir)) == ["held", "read"]
    assert await status(kasir) == "authorised"


@pytest.mark.parametrize(
    ("kasir", "live"),
    [
        *(("twin", value) for value in ("false", "False", False, None, "", "perhaps")),
        *(("live", value) for value in ("true", "TRUE", True, None)),
    ],
    indirect=["kasir"],
)
async def test_a_notification_of_kasirs_platform_or_without_one_is_read(
    kasir: Parts, live: object
) -> None:
    await receive_payment(kasir, live)

    assert await status(kasir) == "authorised"


@pytest.mark.parametrize(
    ("kasir", "environment"),
    [("twin", "live"), ("test", "live"), ("live", "test")],
    indirect=["kasir"],
)
async def test_a_token_notification_of_the_other_platform_stores_no_token(
    kasir: Parts, environment: str
) -> None:
    await receive_token_notice(kasir, environment)
    (notice,) = await stored_notices(kasir)

    assert notice.state == "held"
    assert "ADYEN_ENVIRONMENT" in notice.why
    assert await kasir.tokens.of("shopper-1") == []


@pytest.mark.parametrize(
    ("kasir", "environment"), [("twin", "test"), ("live", "live")], indirect=["kasir"]
)
async def test_a_token_notification_of_kasirs_platform_stores_the_token(
    kasir: Parts, environment: str
) -> None:
    await receive_token_notice(kasir, environment)

    assert len(await kasir.tokens.of("shopper-1")) == 1
