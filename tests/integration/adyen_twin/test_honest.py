"""The twin tells no more than Adyen must: and another system pays on the same account."""

import json
from typing import Any

import pytest

from twin_fixtures import Shop, TwinAtWork, shop, twin
from twin_openapi import needs_openapi, webhook_faults

__all__ = ["shop", "twin"]

RUPIAH = {"currency": "IDR", "value": 25_000}


async def test_details_say_no_more_than_adyens_example_unless_told_to(twin: TwinAtWork) -> None:
    url = await twin.pay()
    told = await twin.shopper(url)
    bare = await twin.details(told["location"])
    await twin.control("PUT", "knobs", {"detailsReference": "present", "detailsRepeat": "replay"})
    whole = await twin.details(told["location"])

    least = {"resultCode": "Authorised", "pspReference": told["pspReference"]}
    assert bare.body == least
    assert whole.body == least | {
        "merchantReference": "ORDER-1001",
        "amount": RUPIAH,
        "paymentMethod": {"type": "gopay_wallet"},
    }


async def test_a_refusal_in_details_names_its_reason_and_no_reference(twin: TwinAtWork) -> None:
    told = await twin.shopper(await twin.pay(), "refuse")
    bare = await twin.details(told["location"])

    assert bare.body == {
        "resultCode": "Refused",
        "pspReference": told["pspReference"],
        "refusalReason": "REFUSED",
        "refusalReasonCode": "0",
    }


@pytest.mark.parametrize(("knob", "echoed"), [(True, {"metadata.basket"}), (False, set())])
async def test_an_authorisation_echoes_metadata_only_where_so_set(
    twin: TwinAtWork, shop: Shop, knob: bool, echoed: set[str]
) -> None:
    await twin.control("PUT", "knobs", {"authorisationMetadata": knob})
    await twin.paid(metadata={"basket": "7"})
    await twin.settle()

    names = shop.received[0].item["additionalData"]
    assert {name for name in names if name.startswith("metadata.")} == echoed


async def foreign(twin: TwinAtWork, **said: Any) -> str:
    """Have the other system do something; return the pspReference of it."""
    asked = {"reference": "ORDER-1001", "amount": RUPIAH} | said
    named: str = (await twin.control("POST", "foreign", asked))["pspReference"]
    return named


async def test_another_system_pays_under_the_same_reference(twin: TwinAtWork, shop: Shop) -> None:
    ours = await twin.paid(metadata={"basket": "7"})
    theirs = await foreign(twin)
    await twin.settle()

    item = shop.received[1].item
    assert theirs != ours
    assert (item["eventCode"], item["success"]) == ("AUTHORISATION", "true")
    assert (item["merchantReference"], item["pspReference"]) == ("ORDER-1001", theirs)
    assert (item["paymentMethod"], item["amount"]) == ("visa", RUPIAH)
    assert "originalReference" not in item
    assert item["additionalData"].keys() == {"hmacSignature"}
    # It is no payment of the shop's: the twin shows only what was asked of it.
    assert (await twin.control("GET", "payments?reference=ORDER-1001"))["count"] == 1


@pytest.mark.parametrize("event", ["REFUND", "CHARGEBACK", "CANCELLATION", "CAPTURE_FAILED"])
async def test_another_systems_change_names_an_original_of_its_own(
    twin: TwinAtWork, shop: Shop, event: str
) -> None:
    ours = await twin.paid()
    theirs = await foreign(twin, event=event, success=False)
    named = await foreign(twin, event=event, originalReference=ours)
    await twin.settle()

    items = [webhook.item for webhook in shop.received[1:]]
    assert [item["eventCode"] for item in items] == [event, event]
    assert [item["success"] for item in items] == ["false", "true"]
    assert [item["pspReference"] for item in items] == [theirs, named]
    assert items[0]["originalReference"] not in (ours, theirs, "")
    assert items[1]["originalReference"] == ours


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (1, {"currency": "IDR", "value": 1}),
        ({"currency": "IDR", "value": 0}, {"currency": "IDR", "value": 0}),
        ({"currency": "EUR", "value": -5}, {"currency": "EUR", "value": -5}),
    ],
)
async def test_another_systems_amount_is_told_as_it_was_given(
    twin: TwinAtWork, shop: Shop, amount: Any, told: Any
) -> None:
    await foreign(twin, amount=amount, paymentMethod="gopay_wallet")
    await twin.settle()

    assert shop.received[0].item["amount"] == told
    assert shop.received[0].item["paymentMethod"] == "gopay_wallet"


async def test_another_systems_notification_comes_again_until_it_is_taken(
    twin: TwinAtWork, shop: Shop
) -> None:
    shop.answers = [500]
    await twin.control(
        "PUT", "faults", [{"fault": "duplicate_notice", "reference": "ORDER-1001", "times": 1}]
    )
    theirs = await foreign(twin)
    await twin.settle(10)

    found = (await twin.control("GET", "deliveries?reference=ORDER-1001"))["deliveries"]
    assert [attempt["status"] for attempt in found] == [500, 202, 202]
    assert {attempt["pspReference"] for attempt in found} == {theirs}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 1}, "reference"),
        ({"reference": "R"}, "amount"),
        ({"reference": "", "amount": 1}, "reference"),
        ({"reference": "R", "amount": "1"}, "amount"),
        ({"reference": "R", "amount": 1.5}, "amount"),
        ({"reference": "R", "amount": {"value": 1}}, "amount.currency"),
        ({"reference": "R", "amount": {**RUPIAH, "of": 1}}, "amount.of"),
        ({"reference": "R", "amount": 1, "event": "EXPIRE"}, "event"),
        ({"reference": "R", "amount": 1, "success": "true"}, "success"),
        ({"reference": "R", "amount": 1, "method": "visa"}, "method"),
    ],
)
async def test_what_another_system_cannot_do_names_the_field(
    twin: TwinAtWork, body: dict[str, Any], field: str
) -> None:
    answer = await twin.call("POST", "/twin/foreign", body)

    assert (answer.status, answer.body.get("field")) == (422, field), answer.text


@needs_openapi
@pytest.mark.parametrize(
    "event", ["AUTHORISATION", "REFUND", "CHARGEBACK", "CANCELLATION", "CAPTURE_FAILED"]
)
async def test_another_systems_notifications_are_of_adyens_schema(
    twin: TwinAtWork, shop: Shop, event: str
) -> None:
    await foreign(twin, event=event)
    await twin.settle()

    assert webhook_faults(json.loads(shop.received[0].raw)) == []
