"""A request contains the type of its wallet, and the fields that GoPay requires."""

from __future__ import annotations

from typing import Any

import pytest

from fakes import payment_body
from kasir.errors import Fault
from kasir.gateway.methods import GOPAY, METHODS, method_of


def faults(**changes: Any) -> list[tuple[str, str]]:
    return [(fault.field, fault.code) for fault in GOPAY.faults(payment_body(**changes))]


def test_gopay_is_for_indonesia_and_rupiah() -> None:
    assert METHODS == {"gopay_wallet": GOPAY}
    assert (GOPAY.country, GOPAY.currency, GOPAY.name) == ("ID", "IDR", "GoPay")


def test_gopay_is_requested_by_its_type() -> None:
    assert method_of(payment_body()) is GOPAY


def test_a_token_without_a_type_is_a_gopay_token() -> None:
    stored = {"storedPaymentMethodId": "M5N7TQ4TG5PFWR50"}

    assert method_of({"paymentMethod": stored}) is GOPAY
    assert method_of({"paymentMethod": stored | {"type": "gopay_wallet"}}) is GOPAY


@pytest.mark.parametrize("method", [None, "gopay_wallet", [], 7, True])
def test_without_a_payment_method_the_code_is_14_006(method: object) -> None:
    fault = method_of({"paymentMethod": method})

    assert isinstance(fault, Fault)
    assert (fault.field, fault.code, fault.status) == ("paymentMethod", "14_006", 422)
    assert "gopay_wallet" in fault.cure


@pytest.mark.parametrize("name", [None, "", "scheme", "dana", "GOPAY_WALLET", 7, ["gopay_wallet"]])
def test_a_method_other_than_gopay_is_refused_with_a_hint(name: object) -> None:
    fault = method_of({"paymentMethod": {"type": name}})

    assert isinstance(fault, Fault)
    assert (fault.field, fault.status) == ("paymentMethod.type", 422)
    assert "Adyen's own Checkout API" in fault.cure


def test_a_complete_payment_has_no_faults() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"channel": None}, [("channel", "187")]),
        ({"channel": ""}, [("channel", "187")]),
        ({"browserInfo": None}, [("browserInfo", "187")]),
        ({"channel": None, "browserInfo": None}, [("channel", "187"), ("browserInfo", "187")]),
        ({"amount": {"currency": "EUR", "value": 1}}, [("amount.currency", "138")]),
    ],
)
def test_gopay_requires_rupiah_and_channel_and_browser(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(**changes) == expected
