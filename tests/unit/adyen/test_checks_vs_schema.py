"""Kasir enforces exactly the limits of Adyen's OpenAPI files."""

from typing import Any

import pytest

from fakes import BROWSER, payment_body
from kasir.adyen import checks, known_fields
from twin_openapi import document, needs_openapi

pytestmark = needs_openapi

#: Kasir's limit is shorter than the schema's, because the link's payments contain this field.
SHORTER = {("PaymentLinkRequest", "shopperEmail"): 256}
#: An object: the length limit of the schema is meant for each of its values.
NOT_A_TEXT = {"metadata"}

REQUESTS = ["PaymentRequest", "PaymentLinkRequest", "PaymentMethodsRequest"]


def schema(version: int, name: str) -> dict[str, Any]:
    found: dict[str, Any] = document(f"CheckoutService-v{version}")["components"]["schemas"][name]
    return found


def text_limits(version: int, name: str) -> list[tuple[str, str, int]]:
    """The limits of a schema's texts, as (field, minLength or maxLength, characters)."""
    return [
        (field, which, SHORTER.get((name, field), rule[which]))
        for field, rule in schema(version, name)["properties"].items()
        if rule.get("type") == "string" and field not in NOT_A_TEXT
        for which in ("minLength", "maxLength")
        if which in rule and "enum" not in rule
    ]


def value_lists(version: int, name: str) -> list[tuple[str, list[str]]]:
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
def test_every_length_limit_of_the_schema_is_enforced(version: int, name: str) -> None:
    wrong = []
    for field, which, most in text_limits(version, name):
        start = "https://shop.example/" if field == "returnUrl" else ""
        good = start + "x" * (most - len(start))
        bad = good[:-1] if which == "minLength" else good + "x"
        if faults_of(version, name, payment_body(**{field: good})) != []:
            wrong.append(f"{field} of {most} is refused")
        if faults_of(version, name, payment_body(**{field: bad})) != [field]:
            wrong.append(f"{field} past {which} {most} is accepted")

    assert wrong == []


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("version", [71, 72])
def test_every_list_of_values_of_the_schema_is_enforced(version: int, name: str) -> None:
    wrong = []
    for field, values in value_lists(version, name):
        refused = [v for v in values if faults_of(version, name, payment_body(**{field: v}))]
        if refused:
            wrong.append(f"{field} refuses {refused}")
        if faults_of(version, name, payment_body(**{field: "no such value"})) != [field]:
            wrong.append(f"{field} accepts any value")

    assert wrong == []


@pytest.mark.parametrize("version", [71, 72])
def test_the_required_browser_fields_are_those_of_the_schema(version: int) -> None:
    needed = schema(version, "BrowserInfo")["required"]

    assert sorted(checks.BROWSER_INFO) == sorted(needed)
    assert sorted(BROWSER) == sorted(needed)


@pytest.mark.parametrize("version", [71, 72])
def test_where_unknown_fields_are_refused_every_field_of_adyens_is_known(
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
def test_every_length_limit_of_the_details_is_enforced(version: int) -> None:
    wrong = []
    for field, which, most in text_limits(version, "PaymentCompletionDetails"):
        details = {"redirectResult": "X6", field: "x" * most}
        if list(known_fields.details_faults({"details": details})):
            wrong.append(f"{field} of {most} is refused")
        details[field] += "x"
        (fault,) = known_fields.details_faults({"details": details})
        if fault.field != f"details.{field}":
            wrong.append(f"{field} past {which} {most} is accepted")

    assert wrong == []
