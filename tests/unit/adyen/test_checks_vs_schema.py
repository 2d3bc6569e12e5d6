"""The limits we enforce are those of Adyen's OpenAPI files, all of them and no other."""

from typing import Any

import pytest

from fakes import BROWSER, payment_body
from kasir.adyen import checks, known_fields
from twin_openapi import document, needs_openapi

pytestmark = needs_openapi

#: Shorter here than in the schema of links, because each payment of the link passes it on.
SHORTER = {("PaymentLinkRequest", "shopperEmail"): 256}
#: The schema gives 80 for the whole object; it means each value, and that is tested.
NOT_A_TEXT = {"metadata"}

REQUESTS = ["PaymentRequest", "PaymentLinkRequest", "PaymentMethodsRequest"]


def schema(version: int, name: str) -> dict[str, Any]:
    found: dict[str, Any] = document(f"CheckoutService-v{version}")["components"]["schemas"][name]
    return found


def text_limits(version: int, name: str) -> list[tuple[str, str, int]]:
    """The limits on the texts of a schema, as (field, which, characters)."""
    return [
        (field, which, SHORTER.get((name, field), rule[which]))
        for field, rule in schema(version, name)["properties"].items()
        if rule.get("type") == "string" and field not in NOT_A_TEXT
        for which in ("minLength", "maxLength")
        if which in rule and "enum" not in rule
    ]


def word_limits(version: int, name: str) -> list[tuple[str, list[str]]]:
    return [
        (field, rule["enum"])
        for field, rule in schema(version, name)["properties"].items()
        if "enum" in rule
    ]


def faults_of(version: int, name: str, fields: dict[str, Any]) -> list[str]:
    found = {
        "PaymentRequest": lambda: checks.payment_faults(fields, version),
        "PaymentLinkRequest": lambda: checks.link_faults(fields),
        "PaymentMethodsRequest": lambda: checks.methods_faults(fields),
    }[name]()
    return [fault.field for fault in found]


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("version", [71, 72])
def test_every_length_of_the_schema_is_ours(version: int, name: str) -> None:
    wrong = []
    for field, which, most in text_limits(version, name):
        start = "https://shop.example/" if field == "returnUrl" else ""
        good = start + "x" * (most - len(start))
        bad = good[:-1] if which == "minLength" else good + "x"
        if faults_of(version, name, payment_body(**{field: good})) != []:
            wrong.append(f"{field} of {most} is refused")
        if faults_of(version, name, payment_body(**{field: bad})) != [field]:
            wrong.append(f"{field} past {which} {most} is let through")

    assert wrong == []


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("version", [71, 72])
def test_every_list_of_words_of_the_schema_is_ours(version: int, name: str) -> None:
    wrong = []
    for field, words in word_limits(version, name):
        refused = [w for w in words if faults_of(version, name, payment_body(**{field: w}))]
        if refused:
            wrong.append(f"{field} refuses {refused}")
        if faults_of(version, name, payment_body(**{field: "no such word"})) != [field]:
            wrong.append(f"{field} takes any word")

    assert wrong == []


@pytest.mark.parametrize("version", [71, 72])
def test_the_required_browser_fields_are_those_of_the_schema(version: int) -> None:
    needed = schema(version, "BrowserInfo")["required"]

    assert sorted(checks.BROWSER_INFO) == sorted(needed)
    assert sorted(BROWSER) == sorted(needed)


@pytest.mark.parametrize("version", [71, 72])
def test_every_field_that_adyen_takes_is_known_where_unknown_ones_are_refused(
    version: int,
) -> None:
    known = {
        "PaymentLinkRequest": known_fields.LINK_FIELDS - {"recurringFrequency"},
        "PaymentDetailsRequest": known_fields.DETAILS_FIELDS,
        "PaymentCompletionDetails": known_fields.COMPLETION.keys(),
        "UpdatePaymentLinkRequest": {"status"},
    }

    for name, fields in known.items():
        assert schema(version, name)["properties"].keys() == fields


@pytest.mark.parametrize("version", [71, 72])
def test_every_length_of_the_details_is_ours(version: int) -> None:
    wrong = []
    for field, which, most in text_limits(version, "PaymentCompletionDetails"):
        details = {"redirectResult": "X6", field: "x" * most}
        if list(known_fields.details_faults({"details": details})):
            wrong.append(f"{field} of {most} is refused")
        details[field] += "x"
        (fault,) = known_fields.details_faults({"details": details})
        if fault.field != f"details.{field}":
            wrong.append(f"{field} past {which} {most} is let through")

    assert wrong == []
