"""A payment link's fields about saving GoPay are checked, and passed on to its payments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import InvalidRequest
from kasir.ids import Ids, LinkId, PaymentId
from kasir.limits import Limits
from kasir.payments.links import Link, LinkStatus
from kasir.payments.question import ShopKey
from kasir.requests.payment_link_attempts import AttemptTimes
from kasir.requests.payment_links import LinkAttempt, OpenLink, PaymentLinks, Saving
from kasir.tokens.model import Token, TokenName, TokenState, TokenSummary

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
#: The fields of a link that asks for consent and saves the wallet.
SAVES = {
    "shopperReference": "shopper-1",
    "storePaymentMethodMode": "askForConsent",
    "recurringProcessingModel": "CardOnFile",
}
#: The fields of a payment that depend on the link's fields about saving.
PASSED_ON = (
    "storePaymentMethod",
    "shopperInteraction",
    "shopperReference",
    "recurringProcessingModel",
)


class Fake:
    """A fake of the clock, of the ids, of the payment book and of the payment requests."""

    def __init__(self) -> None:
        #: For each payment request its fields, version, shop key and consent.
        self.sent: list[tuple[Any, ...]] = []

    def now(self) -> datetime:
        """Return always the same time."""
        return NOW

    def new(self, kind: str) -> str:
        """Return always the same id."""
        return f"{kind}_1"

    async def open(self, link: Link, shop_key: ShopKey | None) -> LinkId:
        """Store nothing."""
        return link.id

    async def is_withdrawn(self, _: LinkId) -> bool:
        """Return always false."""
        return False

    async def pay(self, *sent: Any, consent: str, **_: Any) -> tuple[Answer, PaymentId]:
        """Record the request."""
        self.sent.append((*sent, consent))
        return Answer(200, b"{}"), PaymentId("pay_1")


def links(fake: Fake) -> PaymentLinks:
    anything = cast("Any", fake)
    return PaymentLinks(
        book=anything,
        payments=anything,
        requests=anything,
        ids=cast("Ids", fake),
        clock=cast("Clock", fake),
        merchant_account="Toko",
        public_url="https://kasir.example",
        lifetime=timedelta(days=1),
        lifetime_max=timedelta(days=70),
        closer=anything,
        times=AttemptTimes.of(Limits()),
    )


def request(**changes: Any) -> dict[str, Any]:
    return {
        "reference": "ORDER-1",
        "amount": {"currency": "IDR", "value": 25000},
        "returnUrl": "https://shop.example/back",
        **changes,
    }


def open_link(**changes: Any) -> OpenLink:
    link = Link(
        id=LinkId("PL_1"),
        request=request(**changes),
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    return OpenLink(link, LinkStatus.ACTIVE, ())


async def faults(**changes: Any) -> dict[str, str]:
    """The cure for each invalid field of a new link."""
    with pytest.raises(InvalidRequest) as refused:
        await links(Fake()).create(msgspec.json.encode(request(**changes)))
    return {fault.field: fault.cure for fault in refused.value.faults}


@pytest.mark.parametrize("mode", ["askForConsent", "enabled"])
async def test_saving_needs_the_shopper_and_a_model(mode: str) -> None:
    cures = await faults(storePaymentMethodMode=mode)

    assert cures.keys() == {"shopperReference", "recurringProcessingModel"}
    assert cures["shopperReference"].startswith("give your own name for the shopper, 3 to 256")
    assert cures["recurringProcessingModel"].startswith("must be one of Subscription, CardOnFile")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"shopperReference": "ab"}, "shopperReference"),
        ({"shopperReference": "a" * 257}, "shopperReference"),
        ({"shopperReference": ""}, "shopperReference"),
        ({"recurringProcessingModel": "UnscheduledCardOnFile"}, "recurringProcessingModel"),
        ({"recurringProcessingModel": None}, "recurringProcessingModel"),
        ({"storePaymentMethodMode": "always"}, "storePaymentMethodMode"),
        ({"storePaymentMethodMode": ["enabled"]}, "storePaymentMethodMode"),
        ({"showRemovePaymentMethodButton": "no"}, "showRemovePaymentMethodButton"),
        ({"reusable": True}, "reusable"),
    ],
)
async def test_a_link_with_an_invalid_field_about_saving_is_refused(
    changes: dict[str, Any], field: str
) -> None:
    assert (await faults(**SAVES | changes)).keys() == {field}


@pytest.mark.parametrize("shopper", ["abc", "a" * 256])
@pytest.mark.parametrize("model", ["Subscription", "CardOnFile"])
async def test_a_link_that_saves_shows_its_fields_about_saving(shopper: str, model: str) -> None:
    wanted = SAVES | {"shopperReference": shopper, "recurringProcessingModel": model}
    created = await links(Fake()).create(msgspec.json.encode(request(**wanted)))

    assert created.status == 201
    assert created.json().items() >= wanted.items()


async def test_a_link_that_does_not_save_needs_neither_shopper_nor_model() -> None:
    for mode in ({}, {"storePaymentMethodMode": "disabled"}):
        created = await links(Fake()).create(msgspec.json.encode(request(**mode)))

        assert created.status == 201


def test_a_link_for_one_payment_of_a_known_shopper_uses_saved_wallets() -> None:
    subscribes = SAVES | {"recurringProcessingModel": "Subscription"}

    assert open_link().returning_shopper == ""
    assert open_link(shopperReference="shopper-1").returning_shopper == "shopper-1"
    assert open_link(**SAVES).returning_shopper == "shopper-1"
    assert open_link(shopperReference="shopper-1", reusable=True).returning_shopper == ""
    assert open_link(**subscribes).returning_shopper == ""
    disabled = subscribes | {"storePaymentMethodMode": "disabled"}
    assert open_link(**disabled).returning_shopper == "shopper-1"


def test_a_field_that_a_link_leaves_out_has_a_default() -> None:
    link = open_link()

    assert (link.saving, link.model, link.locale) == (Saving.DISABLED, "", "")
    assert link.lets_remove
    assert not open_link(showRemovePaymentMethodButton=False).lets_remove


async def test_a_payment_saves_the_wallet_only_with_consent() -> None:
    agreed = await _request_of(
        LinkAttempt(name="t", browser_info={}, saves=True, consent="en: Save it.")
    )
    not_agreed = await _request_of(LinkAttempt(name="t", browser_info={}))

    assert _passed_on(agreed) == {
        "storePaymentMethod": True,
        "shopperReference": "shopper-1",
        "recurringProcessingModel": "CardOnFile",
    }
    assert agreed[-1] == "en: Save it."
    assert _passed_on(not_agreed) == {"shopperReference": "shopper-1"}
    assert not_agreed[-1] == ""


async def test_a_saved_wallet_is_charged_with_the_browser_and_under_the_same_key() -> None:
    token = Token(
        id="tok_1",
        name=TokenName(
            merchant_account="Toko", shopper_reference="shopper-1", stored_id="M5N7TQ4TG5PFWR50"
        ),
        method="gopay_wallet",
        summary=TokenSummary(state=TokenState.ACTIVE, first_psp_reference="P", created_at=NOW),
    )
    charged = await _request_of(
        LinkAttempt(name="t", browser_info={"userAgent": "x"}, charged=token)
    )
    ordinary = await _request_of(LinkAttempt(name="t", browser_info={}))
    fields = charged[0]

    assert fields["paymentMethod"] == {"storedPaymentMethodId": "M5N7TQ4TG5PFWR50"}
    assert _passed_on(charged) == {
        "shopperReference": "shopper-1",
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "CardOnFile",
    }
    assert (fields["channel"], fields["browserInfo"]) == ("Web", {"userAgent": "x"})
    charged_key, ordinary_key = charged[2], ordinary[2]
    assert charged_key == ordinary_key


async def _request_of(attempt: LinkAttempt) -> tuple[Any, ...]:
    """Pay a link, and return the recorded request."""
    fake = Fake()
    await links(fake).pay(open_link(**SAVES).link, attempt, lambda _: "https://kasir.example/back")
    (sent,) = fake.sent
    return sent


def _passed_on(sent: tuple[Any, ...]) -> dict[str, Any]:
    """The fields of the request that `PASSED_ON` lists."""
    fields = sent[0]
    return {name: fields[name] for name in PASSED_ON if name in fields}
