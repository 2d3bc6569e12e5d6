"""The OpenAPI document is valid and complete, and its examples match its schemas."""

from __future__ import annotations

import re
from typing import Any

import openapi_spec_validator
import pytest
from litestar.routes import HTTPRoute

from kasir.adyen.calls import VERSIONS
from kasir.adyen.known_fields import LINK_FIELDS
from kasir.web import examples
from kasir.web.app import create_app
from openapi_document import OpenApi, own_document

#: Paths of the app that are not in the document, each with its reason.
LEFT_OUT = {
    "/pay/": "pages for shoppers, not for programs",
    "/desk": "pages for the people who run Kasir",
    "/api/openapi.json": "the document itself",
}


@pytest.fixture(scope="module")
def openapi() -> OpenApi:
    return own_document()


def test_the_document_is_valid_openapi_3_1(openapi: OpenApi) -> None:
    openapi_spec_validator.validate(openapi.document)

    assert openapi.document["openapi"].startswith("3.1.")


def test_every_route_of_the_app_is_in_the_document(openapi: OpenApi) -> None:
    routes = {
        (method, route.path_format)
        for route in create_app().routes
        if isinstance(route, HTTPRoute) and not route.path.startswith(tuple(LEFT_OUT))
        for method in route.methods - {"OPTIONS"}
    }

    assert {(one.method, one.path) for one in openapi.operations()} == routes
    assert {("POST", "/v71/payments"), ("GET", "/api/events"), ("GET", "/metrics")} <= routes


def test_the_variables_of_a_path_are_its_parameters(openapi: OpenApi) -> None:
    differences = {
        one.name: one.path
        for one in openapi.operations()
        if set(re.findall(r"\{(\w+)\}", one.path)) != one.parameters("path").keys()
    }

    assert differences == {}


def test_names_of_operations_are_distinct_and_the_same_in_all_versions(openapi: OpenApi) -> None:
    names = [one.name for one in openapi.operations()]
    of_checkout = {
        re.sub(r"V\d+$", "", one.name)
        for one in openapi.operations()
        if re.match(r"/v\d+/", one.path)
    }

    assert len(set(names)) == len(names)
    assert sum(re.sub(r"V\d+$", "", name) in of_checkout for name in names) == len(VERSIONS) * len(
        of_checkout
    )


def test_every_example_matches_its_schema(openapi: OpenApi) -> None:
    faults = {name: openapi.faults(schema, example) for name, schema, example in _examples(openapi)}

    assert {name: found for name, found in faults.items() if found} == {}
    assert len(faults) > 2 * len(list(openapi.operations()))


def test_a_wrong_example_would_be_found(openapi: OpenApi) -> None:
    name, schema, example = next(one for one in _examples(openapi) if one[0] == "getPayments 200")
    (payment,) = example["payments"]
    changed = {"payments": [{**payment, "createdAt": "yesterday"}]}

    assert openapi.faults(schema, changed) == [
        "$.payments[0].createdAt: 'yesterday' is not a 'date-time'"
    ], name


def test_every_example_that_is_declared_is_of_a_route(openapi: OpenApi) -> None:
    camel = {_camel(name) for name in (*examples.REQUESTS, *examples.ANSWERS)}

    assert camel - {one.name for one in openapi.operations()} == set()


def test_every_call_of_adyens_links_to_adyens_schema_of_its_version(openapi: OpenApi) -> None:
    links = {
        one.path: one.content["externalDocs"]["url"].rpartition("/")[2]
        for one in openapi.operations()
        if "externalDocs" in one.content
    }

    assert links["/v71/payments"] == "CheckoutService-v71.json"
    assert links["/v72/payments"] == "CheckoutService-v72.json"
    assert links["/pal/servlet/Recurring/v68/disable"] == "RecurringService-v68.json"
    assert links.keys() == {
        one.path for one in openapi.operations() if re.match(r"/(v\d+|pal)/", one.path)
    }


def test_the_fields_of_a_link_are_fields_that_kasir_knows(openapi: OpenApi) -> None:
    schemas = openapi.document["components"]["schemas"]

    assert schemas["LinkRequest"]["properties"].keys() - LINK_FIELDS == set()


def _examples(openapi: OpenApi) -> list[tuple[str, Any, Any]]:
    """Every example: its place, its schema and its value."""
    contents = [(f"{one.name} body", one.body) for one in openapi.operations() if one.body]
    contents += [
        (f"{one.name} {status}", content)
        for one in openapi.operations()
        for status in one.content["responses"]
        for content in openapi.response(one, status).get("content", {}).values()
    ]
    event = openapi.document["webhooks"]["event"]["post"]["requestBody"]["content"]
    contents.append(("event", event["application/json"]))
    return [(place, content["schema"], content["example"]) for place, content in contents]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
