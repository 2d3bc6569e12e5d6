"""Kasir enforces the limits of Adyen's OpenAPI files, but for empty texts and colour depths."""

from typing import Any

import pytest

from fakes import BROWSER, payment_body
from kasir.adyen import checks, known_fields
from twin_openapi import document, needs_openapi

pytestmark = needs_openapi

#: Limits of Kasir's that are shorter than the schema's: the link's payments contain these fields,
#: and have shorter limits.
SHORTER = {("PaymentLinkRequest", "shopperEmail"): 256}
#: Objects: the schema's length limit is meant for each of their values.
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
        # An empty optional text is for Adyen to judge.
        if which in rule and "enum" not in rule and (which, rule[which]) != ("minLength", 1)
    ]


def value_lists(version: int, name: str) -> list[tuple[str, list[str]]]:
    """Each field of a schema that has a list of allowed values, and that list."""
    return [
        (field, rule["enum"])
        for field, rule in schema(version, name)["properties"].items()
        if "enum" in rule
    ]


def faults_of(version: int, name: str, fields: dict[str, Any]) -> list[str]:
    """The fields that Kasir refuses in a request of this version and schema."""
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
    for field, which, limit in text_limits(version, name):
        prefix = "https://shop.example/" if field == "returnUrl" else ""
        good = prefix + "x" * (limit - len(prefix))
        bad = good[:-1] if which == "minLength" else good + "x"
        if faults_of(version, name, payment_body(**{field: good})) != []:
            wrong.append(f"{field} of {limit} is refused")
        if faults_of(version, name, payment_body(**{field: bad})) != [field]:
            wrong.append(f"{field} past {which} {limit} is accepted")

    assert wrong == []


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("version", [71, 72])
def test_every_list_of_values_of_the_schema_is_enforced(version: int, name: str) -> None:
    wrong = []
    for field, values in value_lists(version, name):
        refused = [one for one in values if faults_of(version, name, payment_body(**{field: one}))]
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
    for field, which, limit in text_limits(version, "PaymentCompletionDetails"):
        details = {"redirectResult": "X6", field: "x" * limit}
        if list(known_fields.details_faults({"details": details})):
            wrong.append(f"{field} of {limit} is refused")
        details[field] += "x"
        (fault,) = known_fields.details_faults({"details": details})
        if fault.field != f"details.{field}":
            wrong.append(f"{field} past {which} {limit} is accepted")

    assert wrong == []
