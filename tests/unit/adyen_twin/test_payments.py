"""The address with which the shopper returns from the wallet to the shop."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from adyen_twin.core.settings import Knobs
from adyen_twin.core.state import Payment
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import payments
from twin_fixtures import payment_body


@pytest.mark.parametrize(
    "return_url",
    [
        "https://shop.example/return",
        "https://shop.example/return?order=1001&x=%21",
        "https://shop.example/#/return",
        "myshop://return?order=1001",
    ],
)
def test_the_return_address_keeps_the_parts_of_the_return_url(return_url: str) -> None:
    twin = Twin()
    payment = _start_payment(twin, returnUrl=return_url)
    back = urlsplit(payments.shopper_return(twin, payment).location)
    given = urlsplit(return_url)

    assert (back.scheme, back.netloc, back.path, back.fragment) == (
        *(given.scheme, given.netloc, given.path, given.fragment),
    )
    assert parse_qsl(back.query) == [
        *parse_qsl(given.query),
        ("redirectResult", payment.redirect_result),
    ]
    assert "!" not in back.query


def test_a_knob_adds_an_empty_pair_to_the_return_address() -> None:
    twin = Twin(knobs=Knobs(return_double_ampersand=True))
    payment = _start_payment(twin, returnUrl="https://shop.example/?order=1")

    assert "?order=1&&redirectResult=" in payments.shopper_return(twin, payment).location


def _start_payment(twin: Twin, **changes: object) -> Payment:
    return payments.start(twin, payment_body(channel="Android", **changes))
