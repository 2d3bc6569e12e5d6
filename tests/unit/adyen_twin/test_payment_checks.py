"""The rules of /payments: the error of each broken rule, and the order of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from adyen_twin.protocol import payment_checks, rules
from adyen_twin.protocol.errors import AdyenError
from twin_fixtures import BROWSER, payment_body


def request(
    changes: dict[str, Any],
    *,
    version: int = 72,
    strict: bool = True,
    answers: Mapping[str, AdyenError] = MappingProxyType({}),
) -> rules.Request:
    """Return a request for a changed payment, ready to be checked."""
    return rules.Request(
        body=payment_body(**changes),
        version=version,
        merchant_accounts=frozenset({"TwinMerchant"}),
        policy=rules.Policy(strict=strict),
        amounts=range(1, 20_000_001),
        answers=answers,
    )


def answer(
    changes: dict[str, Any], *, version: int = 72, lenient: bool = False
) -> tuple[int, str, str]:
    """Return the status, code and message of the answer to a changed payment."""
    try:
        rules.check(payment_checks.PAYMENTS, request(changes, version=version, strict=not lenient))
    except AdyenError as error:
        return error.status, error.code, error.message
    return 200, "", ""


def invalid_field(path: str) -> tuple[int, str, str]:
    """Return the status, code and message of the answer about an invalid field."""
    return 422, "187", f"Field '{path}' is not valid."


def test_a_complete_payment_breaks_no_rule() -> None:
    assert answer({}) == (200, "", "")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"merchantAccount": None}, 403, "901"),
        ({"merchantAccount": "Another"}, 403, "901"),
        ({"reference": None}, 422, "130"),
        ({"reference": ""}, 422, "130"),
        ({"amount": None}, 422, "100"),
        ({"amount": {"currency": "IDR"}}, 422, "100"),
        ({"amount": {"currency": "IDR", "value": 0}}, 422, "137"),
        ({"amount": {"currency": "IDR", "value": 20_000_001}}, 422, "137"),
        ({"amount": {"currency": "EUR", "value": 1000}}, 422, "138"),
        ({"paymentMethod": None}, 422, "14_006"),
        ({"paymentMethod": {"type": "dana"}}, 500, "905"),
        ({"returnUrl": None}, 422, "14_030"),
        ({"countryCode": "NL"}, 500, "905"),
        ({"metadata": {f"key{number}": "" for number in range(21)}}, 422, "177"),
        ({"metadata": {"k" * 21: "short"}}, 422, "177"),
        ({"metadata": {"short": "v" * 81}}, 422, "177"),
    ],
)
def test_some_broken_rules_have_their_own_error_code(
    changes: dict[str, Any], status: int, code: str
) -> None:
    assert answer(changes)[:2] == (status, code)


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("amount", {"amount": 25000}),
        ("amount.currency", {"amount": {"currency": "RUPIAH", "value": 1}}),
        ("amount.value", {"amount": {"currency": "IDR", "value": 10.5}}),
        ("amount.value", {"amount": {"currency": "IDR", "value": True}}),
        ("amount.value", {"amount": {"currency": "IDR", "value": 2**63}}),
        ("browserInfo", {"browserInfo": None}),
        ("browserInfo", {"browserInfo": "Firefox"}),
        ("browserInfo.colorDepth", {"browserInfo": BROWSER | {"colorDepth": 12}}),
        ("browserInfo.javaEnabled", {"browserInfo": BROWSER | {"javaEnabled": "false"}}),
        ("browserInfo.screenWidth", {"browserInfo": BROWSER | {"screenWidth": "1536"}}),
        ("browserInfo.userAgent", {"browserInfo": BROWSER | {"userAgent": None}}),
        ("captureDelayHours", {"captureDelayHours": 673}),
        ("channel", {"channel": None}),
        ("channel", {"channel": "web"}),
        ("lineItems", {"lineItems": {}}),
        ("lineItems[1].quantity", {"lineItems": [{"quantity": 1}, {"quantity": "2"}]}),
        ("lineItems[0].description", {"lineItems": [{"description": "x" * 10_001}]}),
        ("metadata", {"metadata": ["a"]}),
        ("metadata.size", {"metadata": {"size": 3}}),
        ("origin", {"origin": "https://" + "x" * 80}),
        ("paymentMethod", {"paymentMethod": "gopay_wallet"}),
        ("paymentMethod.type", {"paymentMethod": {}}),
        ("recurringProcessingModel", {"recurringProcessingModel": "Monthly"}),
        ("redirectToIssuerMethod", {"redirectToIssuerMethod": "PUT"}),
        ("reference", {"reference": "r" * 81}),
        ("reference", {"reference": 7}),
        ("returnUrl", {"returnUrl": "shop.example/return"}),
        ("returnUrl", {"returnUrl": "https://shop.example/two words"}),
        ("returnUrl", {"returnUrl": "myshop://return"}),
        ("shopperReference", {"shopperReference": "ab"}),
        ("shopperReference", {"shopperReference": "s" * 257}),
        ("storePaymentMethod", {"storePaymentMethod": "true"}),
    ],
)
def test_the_error_names_the_invalid_field(path: str, changes: dict[str, Any]) -> None:
    assert answer(changes) == invalid_field(path)


@pytest.mark.parametrize(
    ("name", "letter_count", "version", "is_valid"),
    [
        ("returnUrl", 1024, 72, True),
        ("returnUrl", 1025, 72, False),
        ("returnUrl", 8000, 71, True),
        ("returnUrl", 8001, 71, False),
        ("shopperIP", 50, 72, True),
        ("shopperIP", 51, 72, False),
        ("shopperIP", 1000, 71, True),
        ("shopperIP", 1001, 71, False),
        ("shopperEmail", 257, 72, False),
        ("shopperEmail", 257, 71, True),
        ("telephoneNumber", 65, 72, False),
        ("telephoneNumber", 65, 71, True),
        ("reference", 80, 71, True),
        ("reference", 81, 71, False),
    ],
)
def test_the_greatest_lengths_are_those_of_the_called_version(
    name: str, letter_count: int, version: int, is_valid: bool
) -> None:
    start = "https://shop.example/" if name == "returnUrl" else ""
    text = start + "1" * (letter_count - len(start))

    assert answer({name: text}, version=version) == (
        (200, "", "") if is_valid else invalid_field(name)
    )


def test_a_return_url_can_have_the_scheme_of_an_app() -> None:
    assert answer({"channel": "Android", "returnUrl": "myshop://return"}) == (200, "", "")


@pytest.mark.parametrize(
    ("missing", "status"), [(["browserInfo"], 200), (["channel"], 200), ([], 200)]
)
def test_a_lenient_twin_accepts_browser_info_or_channel_alone(
    missing: list[str], status: int
) -> None:
    assert answer(dict.fromkeys(missing), lenient=True)[0] == status


def test_a_lenient_twin_requires_at_least_browser_info_or_channel() -> None:
    assert answer({"browserInfo": None, "channel": None}, lenient=True) == invalid_field(
        "browserInfo"
    )


def test_the_answer_is_the_error_of_the_first_broken_rule() -> None:
    several_errors = {
        "merchantAccount": "Another",
        "reference": None,
        "amount": None,
        "returnUrl": None,
    }

    assert answer(several_errors)[1] == "901"
    assert answer(several_errors | {"merchantAccount": "TwinMerchant"})[1] == "130"


def test_a_knob_can_change_the_answer_of_a_rule() -> None:
    other = AdyenError(400, "14_0xx", "Browser info missing", "configuration")
    checked = request({"browserInfo": None}, answers={"gopay_browser": other})
    with pytest.raises(AdyenError) as caught:
        rules.check(payment_checks.PAYMENTS, checked)

    assert caught.value.body() == {
        "status": 400,
        "errorCode": "14_0xx",
        "message": "Browser info missing",
        "errorType": "configuration",
    }
