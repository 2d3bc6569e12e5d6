"""`kasir setup` works whichever way Adyen behaves where its documents do not say."""

from __future__ import annotations

from typing import Final

import pytest

from kasir.adyen.management import EVENT_CODES
from setup_shop import Shop, faults, kinds

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: An event that somebody included by hand, and Kasir does not use.
BY_HAND: Final = "POSTPONED_REFUND"


@pytest.mark.parametrize("patched", ["replace", "add"])
async def test_the_events_are_complete_whether_a_change_replaces_the_list_or_adds_to_it(
    shop: Shop, patched: str
) -> None:
    await shop.setup()
    await shop.change(additionalSettings={"includeEventCodes": [BY_HAND]})
    await shop.knobs(patchedEvents=patched)
    report = await shop.setup()
    again, webhook = await shop.setup(), await shop.own_webhook()

    assert (kinds(report), report["is_well"]) == (["change", "test"], True)
    codes = webhook["additionalSettings"]["includeEventCodes"]
    assert sorted(codes) == sorted({BY_HAND, *EVENT_CODES})
    assert kinds(again) == []


@pytest.mark.parametrize("has_own_key", [False, True], ids=["no key", "ADYEN_HMAC_KEY is set"])
async def test_without_a_check_value_one_key_is_made_and_kept(
    shop: Shop, has_own_key: bool
) -> None:
    """Then a key that was replaced elsewhere shows only by notifications that are refused."""
    await shop.kasir.fetch_value("DELETE FROM webhook_key")
    await shop.knobs(keyCheckValue="absent")
    url = f"{shop.kasir.url}/webhooks/adyen"
    await shop.kasir.twin.control("PUT", "webhooks/standard", {"url": url, "hmacKey": "AB" * 32})
    own_key = {"ADYEN_HMAC_KEY": "AB" * 32} if has_own_key else {}
    first = await shop.setup(**own_key)
    key = shop.kasir.twin.twin.state.endpoints["standard"].hmac_key
    second = await shop.setup(**own_key)

    assert (kinds(first), faults(first)) == (["change", "make_key", "test"], {})
    assert kinds(second) == []
    assert key == shop.kasir.twin.twin.state.endpoints["standard"].hmac_key


async def test_a_check_value_that_appears_later_is_taken_for_another_key(shop: Shop) -> None:
    await shop.knobs(keyCheckValue="absent")
    await shop.setup()
    await shop.knobs(keyCheckValue="of_key")
    report, again = await shop.setup(), await shop.setup()

    assert (kinds(report), report["is_well"]) == (["make_key", "test"], True)
    assert kinds(again) == []


@pytest.mark.parametrize(
    ("is_signed", "state", "words"),
    [(True, "ok", "4 were delivered"), (False, "hand", "its test was not signed")],
)
async def test_a_test_that_adyen_does_not_sign_is_left_to_the_first_real_notification(
    shop: Shop, is_signed: bool, state: str, words: str
) -> None:
    await shop.knobs(testNoticesSealed=is_signed)
    report = await shop.setup()
    *_, test = report["done"]

    assert (test["state"], words in test["says"]) == (state, True)
    assert (report["is_well"], faults(report)) == (True, {})
