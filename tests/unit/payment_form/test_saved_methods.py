"""Which saved wallets are shown, and how their owners and dates are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from kasir.adyen.replies import Answer
from kasir.payment_form.pages import Visit
from kasir.payment_form.saved_methods import distinct_dates, list_saved, owner_of
from kasir.payments.links import LinkStatus
from kasir.requests.payment_links import OpenLink
from kasir.shop_identity import ShopIdentity
from kasir.tokens.model import Token, TokenName, TokenState, TokenSummary
from kasir.wiring import Parts
from payment_form_fixtures import hang, payment_link


async def test_without_adyens_list_no_saved_wallets_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def of(_: str) -> list[Token]:
        return []

    monkeypatch.setattr("kasir.payment_form.saved_methods._WAIT_S", 0.01)
    kasir = SimpleNamespace(stored=SimpleNamespace(list=hang), tokens=SimpleNamespace(of=of))
    open_link = OpenLink(payment_link(shopperReference="shopper-1"), LinkStatus.ACTIVE, ())

    assert await list_saved(cast("Parts", kasir), open_link) == []


async def test_only_listed_tokens_that_can_be_charged_with_a_pin_are_shown() -> None:
    rows = [
        {"id": "WITHOUT-MODELS"},
        {"id": "WITH-A-PIN", "supportedRecurringProcessingModels": ["CardOnFile"]},
        {"id": "WITHOUT-A-PIN", "supportedRecurringProcessingModels": ["Subscription"]},
        {"id": 7},
        {"name": "no id"},
        "no row",
    ]

    async def listed(*_: object) -> Answer:
        return Answer(200, msgspec.json.encode({"storedPaymentMethods": rows}))

    async def of(shopper: str) -> list[Token]:
        return [_token(shopper, name) for name in ("WITHOUT-MODELS", "WITH-A-PIN", "WITHOUT-A-PIN")]

    kasir = SimpleNamespace(
        stored=SimpleNamespace(list=listed),
        tokens=SimpleNamespace(of=of),
        settings=SimpleNamespace(merchant_account="Toko"),
    )
    open_link = OpenLink(payment_link(shopperReference="shopper-1"), LinkStatus.ACTIVE, ())
    shown = await list_saved(cast("Parts", kasir), open_link)

    assert [method.token.name.stored_id for method in shown] == ["WITHOUT-MODELS", "WITH-A-PIN"]


def _token(shopper: str, stored_id: str) -> Token:
    return Token(
        id=f"tok_{stored_id}",
        name=TokenName(merchant_account="Toko", shopper_reference=shopper, stored_id=stored_id),
        method="gopay_wallet",
        summary=TokenSummary(
            state=TokenState.ACTIVE, first_psp_reference="", created_at=datetime.now(UTC)
        ),
    )


@pytest.mark.parametrize(
    ("row", "owner"),
    [
        ({}, ""),
        ({"name": "GoPay"}, ""),
        ({"name": "GoPay Wallet"}, ""),
        ({"name": "GoPay Budi"}, "GoPay Budi"),
        ({"name": "GoPay", "lastFour": "6281234567890"}, "•••• 7890"),
        ({"shopperEmail": "budi@warung.example"}, "b•••@warung.example"),
        ({"shopperEmail": "no address"}, ""),
        ({"label": "Budi S.", "holderName": "B. Santoso"}, "Budi S."),
        ({"ownerName": " ", "holderName": "B. Santoso"}, "B. Santoso"),
        ({"lastFour": None, "alias": 7}, ""),
    ],
)
def test_the_owner_is_shown_by_the_fields_that_adyen_gives(
    row: dict[str, object], owner: str
) -> None:
    assert owner_of(row) == owner


def test_dates_are_made_distinct_by_the_time_and_then_by_a_number() -> None:
    visit = Visit(cast("Parts", None), "en", "", "/pay/PL_1", ShopIdentity())
    noon = datetime(2026, 11, 26, 5, 0, tzinfo=UTC)
    later, other = noon + timedelta(hours=1), noon + timedelta(days=1)
    day, at_noon, at_one = "26 Nov 2026", "26 Nov 2026, 12.00 WIB", "26 Nov 2026, 13.00 WIB"

    assert distinct_dates(visit, []) == []
    assert distinct_dates(visit, [("", noon), ("", other)]) == [day, "27 Nov 2026"]
    assert distinct_dates(visit, [("•••• 1", noon), ("•••• 2", noon)]) == [day, day]
    assert distinct_dates(visit, [("", noon), ("", later)]) == [at_noon, at_one]
    assert distinct_dates(visit, [("", noon), ("", noon)]) == [f"{at_noon} (1)", f"{at_noon} (2)"]
