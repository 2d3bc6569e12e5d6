"""docs/api.md tells of every path that Kasir answers and of every field that means something."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest

from fakes import KEY
from kasir.adyen import known_fields
from kasir.config import settings_from
from kasir.requests import payment_links, subscription_fields
from kasir.shop_events.shapes import DisputeOut, FactOut, PaymentOut, RefundOut, TokenOut
from kasir.shop_events.subscription_shapes import (
    OverpaymentOut,
    PlanOut,
    RenewalOut,
    SubscriptionOut,
    TakenBackOut,
)
from kasir.web.app import create_app
from kasir.web.subscriptions_api import DayOut
from kasir.webhooks.notices import KeptNotice
from tidy.conftest import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SHAPES = [
    *(PaymentOut, FactOut, RefundOut, DisputeOut, TokenOut, PlanOut, TakenBackOut),
    *(SubscriptionOut, RenewalOut, OverpaymentOut, DayOut, KeptNotice),
]
#: What a link's request may say beside what its payments are lent.
OF_LINKS = {
    *("merchantAccount", "reference", "amount", "returnUrl", "countryCode", "description"),
    *("expiresAt", "reusable", "allowedPaymentMethods", "blockedPaymentMethods", "shopperLocale"),
    *("storePaymentMethodMode", "recurringProcessingModel", "showRemovePaymentMethodButton"),
    "recurringFrequency",
}


def paths() -> Iterator[str]:
    """Every path of the description, without its version, its variables or what they share."""
    settings = settings_from({"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY})
    for path in create_app(settings).openapi_schema.paths or {}:
        fixed = re.sub(r"^/v\d+/|\{[^}]*\}", "/", path)
        yield re.sub("/+", "/", fixed).rstrip("/")


def test_every_path_is_told_of() -> None:
    told = re.sub("/+", "/", re.sub(r"\{[^}]*\}", "/", PAGE))
    untold = {path for path in paths() if path not in told}

    assert untold == set()
    assert {"/payments", "/api/subscriptions/cancel"} <= set(paths())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_field_of_an_answer_is_told_of(shape: type[msgspec.Struct]) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(shape)}

    assert {name for name in fields if not _is_told(name)} == set()


@pytest.mark.parametrize(
    "fields",
    [
        subscription_fields._PLAN_FIELDS,  # noqa: SLF001  # The page is about these very tables.
        subscription_fields._SIGN_UP_FIELDS,  # noqa: SLF001
        OF_LINKS | set(payment_links._LENT),  # noqa: SLF001
        known_fields.LINK_FIELDS,
    ],
    ids=["plan", "sign-up", "link", "link at Adyen"],
)
def test_every_field_of_a_request_is_told_of(fields: frozenset[str]) -> None:
    assert {name for name in fields if not _is_told(name)} == set()


def _is_told(name: str) -> bool:
    return re.search(rf'[`"]{name}[`"]', PAGE) is not None
