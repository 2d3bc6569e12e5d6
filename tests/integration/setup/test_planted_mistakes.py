"""From nothing to a green doctor, and each mistake in the setup is found and mended.

Some mistakes `kasir setup` corrects; those that only a person can correct it names, and after the
person has done so it is content. Each time it leaves another system's webhook as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
import pytest_asyncio

from fakes import OTHER_KEY
from kasir.config import settings_from
from kasir.doctor.findings import findings_of
from kasir.wiring import open_parts
from opened_kasir import a_database
from served import served
from setup_shop import Shop, faults, kinds

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEBHOOKS: Final = "/v3/merchants/TwinMerchant/webhooks"
CREDENTIALS: Final = {
    "KASIR_WEBHOOK_USER": "adyen",
    "KASIR_WEBHOOK_PASSWORD": "password-of-webhooks",
    "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
}
#: Another system's webhook, which is wrong in everything that Kasir would correct in its own.
OTHER: Final = {
    "type": "standard",
    "url": "http://127.0.0.1:9/shopware/adyen",
    "active": False,
    "communicationFormat": "soap",
    "description": "Shopware",
}
Act = Callable[[Shop], Awaitable[None]]


async def red(shop: Shop) -> dict[str, str]:
    """The failed findings of `kasir doctor`, after all notifications were read."""
    async with open_parts(settings_from(shop.environ)) as kasir:
        await kasir.reader.read_all()
    return await red_at_first(shop)


async def red_at_first(shop: Shop) -> dict[str, str]:
    """The failed findings of `kasir doctor`."""
    return {one.what: one.says for one in await findings_of(shop.environ) if not one.is_well}


async def make_token_webhook(shop: Shop) -> None:
    """Do what only a person can: make the token webhook; then a shopper saves a wallet."""
    url = f"{shop.kasir.url}/webhooks/adyen/tokens"
    user, password = CREDENTIALS["KASIR_WEBHOOK_USER"], CREDENTIALS["KASIR_WEBHOOK_PASSWORD"]
    endpoint = {"url": url, "hmacKey": OTHER_KEY, "username": user, "password": password}
    await shop.kasir.twin.control("PUT", "webhooks/tokens", endpoint)
    await shop.kasir.twin.saved()
    await shop.kasir.twin.settle(60)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _served(postgres_dsn: str) -> AsyncIterator[Shop]:
    async with (
        a_database(postgres_dsn) as database,
        # The server needs some key to start; those of the webhook are the ones that are stored.
        served(database, "127.0.0.1", CREDENTIALS) as kasir,
    ):
        settings = {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": kasir.twin.url,
            "KASIR_DATABASE_URL": database,
            "KASIR_PUBLIC_URL": kasir.url,
            **CREDENTIALS,
        }
        yield Shop(kasir, environ=settings)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(_served: Shop, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shop]:
    """A Kasir that `kasir setup` has set up, beside another system's webhook."""
    _served.capsys = capsys
    twin = _served.kasir.twin
    assert (await twin.api(WEBHOOKS, OTHER)).status == 200
    yield _served
    await twin.control("DELETE", "knobs")
    for webhook in await _served.webhooks():
        await twin.api(f"{WEBHOOKS}/{webhook['id']}", None, method="DELETE")
    await twin.control("DELETE", "webhooks/tokens")


async def others(shop: Shop) -> list[dict[str, Any]]:
    """The webhooks of other systems."""
    return [one for one in await shop.webhooks() if one.get("description") == "Shopware"]


async def test_from_nothing_to_a_green_doctor_and_a_second_run_changes_nothing(
    shop: Shop,
) -> None:
    at_first, theirs = await red_at_first(shop), await others(shop)
    report = await shop.setup()
    made, after_setup = await shop.webhooks(), await red(shop)
    await make_token_webhook(shop)
    again = await shop.setup()

    assert "`kasir setup` has Adyen make a key" in at_first["settings"]
    assert (kinds(report), report["is_well"]) == (["create", "make_key", "test"], True)
    assert [*after_setup] == ["a signed tokens notification came lately"]
    assert await red(shop) == {}
    assert (kinds(again), again["done"], again["is_well"]) == ([], [], True)
    assert made == await shop.webhooks()
    assert theirs == await others(shop)


def changed(**fields: Any) -> Act:
    """A mistake in Kasir's webhook."""

    async def plant(shop: Shop) -> None:
        await shop.change(**fields)

    return plant


def including(codes: list[str]) -> Act:
    """A mistake in the events that Kasir's webhook sends beside the default ones."""
    return changed(additionalSettings={"includeEventCodes": codes})


async def delete_webhook(shop: Shop) -> None:
    """Delete Kasir's webhook."""
    path = f"{WEBHOOKS}/{(await shop.own_webhook())['id']}"
    await shop.kasir.twin.api(path, None, method="DELETE")


async def replace_key(shop: Shop) -> None:
    """Have Adyen make another key, which Kasir does not get to know."""
    await shop.kasir.twin.api(f"{WEBHOOKS}/{(await shop.own_webhook())['id']}/generateHmac", None)


async def replace_password(shop: Shop) -> None:
    """Set another password, so that Kasir refuses the next notification."""
    await shop.change(password="a-wrong-password")
    await shop.kasir.twin.paid(reference="WRONG-PASSWORD")
    await shop.kasir.twin.settle()
    assert (await shop.own_webhook())["hasError"]


@pytest.mark.parametrize(
    ("plant", "steps"),
    [
        pytest.param(delete_webhook, ["create", "make_key", "test"], id="no webhook"),
        pytest.param(changed(active=False), ["change", "test"], id="not active"),
        pytest.param(changed(communicationFormat="soap"), ["change", "test"], id="SOAP"),
        pytest.param(changed(communicationFormat="http"), ["change", "test"], id="form fields"),
        pytest.param(changed(url="http://127.0.0.1:9/x"), ["change", "test"], id="another URL"),
        pytest.param(
            changed(additionalSettings={"includeEventCodes": []}),
            ["change", "test"],
            id="no events",
        ),
        pytest.param(including(["OFFER_CLOSED"]), ["change", "test"], id="an event is missing"),
        pytest.param(changed(username="somebody"), ["change", "test"], id="another user name"),
        pytest.param(replace_password, ["change", "test"], id="another password"),
        pytest.param(replace_key, ["make_key", "test"], id="a key that Kasir does not know"),
    ],
)
async def test_a_mistake_in_the_webhook_is_found_and_corrected(
    shop: Shop, plant: Act, steps: list[str]
) -> None:
    await shop.setup()
    await make_token_webhook(shop)
    right, theirs = await shop.own_webhook(), await others(shop)
    await plant(shop)
    shown = await shop.setup(is_agreed=False)
    corrected = await shop.setup()
    await shop.kasir.twin.settle(60)  # What was refused is sent again.
    again, after = await shop.setup(), await shop.own_webhook()
    of_key = {"id", "hmacKeyCheckValue"} if "make_key" in steps else set()

    assert (kinds(shown), shown["is_well"]) == (steps, False)
    assert (kinds(corrected), corrected["is_well"], faults(corrected)) == (steps, True, {})
    assert (kinds(again), again["is_well"]) == ([], True)
    assert {name: text for name, text in right.items() if name not in of_key} == {
        name: text for name, text in after.items() if name not in of_key
    }
    assert theirs == await others(shop)
    assert await red(shop) == {}


def knob(**knobs: Any) -> Act:
    """A mistake that only a person can correct, in Customer Area; a knob of the twin plants it."""

    async def plant(shop: Shop) -> None:
        await shop.knobs(**knobs)

    return plant


async def reset_knobs(shop: Shop) -> None:
    """A person corrects it."""
    await shop.kasir.twin.control("DELETE", "knobs")


async def add_webhook_at_kasirs_address(shop: Shop) -> None:
    """Make another standard webhook with Kasir's URL."""
    fields = OTHER | {
        "url": f"{shop.kasir.url}/webhooks/adyen",
        "active": True,
        "description": "a second one",
    }
    assert (await shop.kasir.twin.api(WEBHOOKS, fields)).status == 200


async def add_standard_webhook_for_tokens(shop: Shop) -> None:
    """Make a standard webhook that sends to the address of token notifications."""
    fields = OTHER | {
        "url": f"{shop.kasir.url}/webhooks/adyen/tokens",
        "description": "a second one",
    }
    assert (await shop.kasir.twin.api(WEBHOOKS, fields)).status == 200


async def delete_second_webhook(shop: Shop) -> None:
    """A person deletes the webhook that is too many."""
    for webhook in await shop.webhooks():
        if webhook["description"] == "a second one":
            await shop.kasir.twin.api(f"{WEBHOOKS}/{webhook['id']}", None, method="DELETE")


CAPTURES: Final = "payments are captured when they are authorised"
#: All roles of Kasir's credential.
ROLES: Final = [
    "Checkout webservice role",
    "Merchant Recurring role",
    "Management API—Account read",
    "Management API—Webhooks read and write",
]


@pytest.mark.parametrize(
    # The doctor sees those that its own checks are about.
    ("plant", "correct", "subject", "words", "is_red"),
    [
        *(
            pytest.param(
                knob(roles=[role for role in ROLES if role != missing]),
                reset_knobs,
                "the credential has its roles",
                f"`{missing}`",
                missing == ROLES[0],
                id=missing,
            )
            for missing in ROLES
        ),
        pytest.param(
            knob(capture="manual"), reset_knobs, CAPTURES, "is manual", True, id="captured by hand"
        ),
        pytest.param(
            knob(captureDelay="3"), reset_knobs, CAPTURES, "is 3 days", True, id="captured late"
        ),
        pytest.param(
            knob(accountStatus="Inactive"),
            reset_knobs,
            "the merchant account is active",
            "its status is Inactive",
            True,
            id="account not active",
        ),
        pytest.param(
            knob(amountMax=1000),  # GoPay is then not listed for the amount that is asked about.
            reset_knobs,
            "GoPay is listed for ID and IDR",
            "it is not; add GoPay in Customer Area",
            True,
            id="GoPay not listed",
        ),
        pytest.param(
            knob(allowedIpAddresses=["203.0.113.1"]),
            reset_knobs,
            "Adyen answers this key",
            "401: check ADYEN_API_KEY",
            True,
            id="key refused from this address",
        ),
        pytest.param(
            add_webhook_at_kasirs_address,
            delete_second_webhook,
            "one standard webhook for Kasir",
            "each notification comes twice",
            False,
            id="two webhooks",
        ),
        pytest.param(
            add_standard_webhook_for_tokens,
            delete_second_webhook,
            "the token webhook",
            "its type must be Recurring tokens life cycle events",
            False,
            id="the token webhook is a standard one",
        ),
    ],
)
async def test_a_mistake_that_only_a_person_can_correct_is_named_until_it_is_corrected(
    shop: Shop, plant: Act, correct: Act, subject: str, words: str, is_red: bool
) -> None:
    await shop.setup()
    await make_token_webhook(shop)
    right, theirs = await shop.own_webhook(), await others(shop)
    await plant(shop)
    report, doctors = await shop.setup(), await red(shop)
    await correct(shop)
    again = await shop.setup()

    assert words in faults(report)[subject]
    assert (report["is_well"], kinds(report)) == (False, [])
    assert (subject in doctors or "Adyen answers this key" in doctors) is is_red, doctors
    assert (again["is_well"], kinds(again)) == (True, [])
    assert (right, theirs) == (await shop.own_webhook(), await others(shop))
    assert await red(shop) == {}


async def test_a_key_of_another_webhook_is_named_and_unsetting_it_mends_it(shop: Shop) -> None:
    # Somebody made a key in Customer Area, and set ADYEN_HMAC_KEY to that of another webhook.
    await shop.setup()
    await make_token_webhook(shop)
    await replace_key(shop)
    await shop.kasir.fetch_value("DELETE FROM webhook_key")
    await shop.kasir.fetch_value("DELETE FROM notice WHERE kind = 'standard'")
    wrong = await shop.setup(ADYEN_HMAC_KEY="CD" * 31 + "EF")
    mended = await shop.setup()

    assert kinds(wrong) == ["test"]
    assert "unset it" in faults(wrong)["a test notification arrives"]
    assert (kinds(mended), mended["is_well"]) == (["make_key", "test"], True)
    assert await red(shop) == {}
