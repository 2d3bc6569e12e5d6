"""docs/api.md documents every path that Kasir answers and every field that has an effect."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest

from fakes import KEY
from kasir.adyen import known_fields
from kasir.config import settings_from
from kasir.operations.payment_life import AttemptLeft, LifeEntry, PaymentLife, PaymentMessage
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
#: The shapes of Kasir's own answers and events.
SHAPES = [
    *(PaymentOut, FactOut, RefundOut, DisputeOut, TokenOut, PlanOut, TakenBackOut),
    *(SubscriptionOut, RenewalOut, OverpaymentOut, DayOut, KeptNotice),
    *(PaymentLife, LifeEntry, AttemptLeft, PaymentMessage),
]
#: The fields of a link's request that are not forwarded with its payments.
OF_LINKS = {
    *("merchantAccount", "reference", "amount", "returnUrl", "countryCode", "description"),
    *("expiresAt", "reusable", "allowedPaymentMethods", "blockedPaymentMethods", "shopperLocale"),
    *("storePaymentMethodMode", "recurringProcessingModel", "showRemovePaymentMethodButton"),
    "recurringFrequency",
}


def paths() -> Iterator[str]:
    """Every path of the OpenAPI document, without the version and the parameters."""
    settings = settings_from({"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY})
    for path in create_app(settings).openapi_schema.paths or {}:
        without_parameters = re.sub(r"^/v\d+/|\{[^}]*\}", "/", path)
        yield re.sub("/+", "/", without_parameters).rstrip("/")


def test_every_path_is_documented() -> None:
    page = re.sub("/+", "/", re.sub(r"\{[^}]*\}", "/", PAGE))
    undocumented = {path for path in paths() if path not in page}

    assert undocumented == set()
    assert {"/payments", "/api/subscriptions/cancel"} <= set(paths())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_field_of_a_response_is_documented(shape: type[msgspec.Struct]) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(shape)}

    assert {name for name in fields if not _is_documented(name)} == set()


@pytest.mark.parametrize(
    "fields",
    [
        subscription_fields._PLAN_FIELDS,  # noqa: SLF001  # The page documents these fields.
        subscription_fields._SIGN_UP_FIELDS,  # noqa: SLF001
        OF_LINKS | set(payment_links._SHARED),  # noqa: SLF001
        known_fields.LINK_FIELDS,
    ],
    ids=["plan", "sign-up", "link", "link at Adyen"],
)
def test_every_field_of_a_request_is_documented(fields: frozenset[str]) -> None:
    assert {name for name in fields if not _is_documented(name)} == set()


def _is_documented(name: str) -> bool:
    """Whether the page has this name as code or in a JSON example."""
    return re.search(rf'[`"]{name}[`"]', PAGE) is not None
