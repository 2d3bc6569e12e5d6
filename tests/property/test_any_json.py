"""With any JSON, the checks raise no error, and every body or notification is parsed or refused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fakes import KEY, envelope, payment_body
from kasir.adyen import checks, known_fields
from kasir.adyen.calls import details_key, redirect_result
from kasir.adyen.notifications import parse
from kasir.adyen.replies import Answer, Verdict
from kasir.adyen.signing import is_signed, key_from_hex
from kasir.errors import Fault, InvalidRequest, Unreadable
from kasir.gateway.methods import Method, method_of
from kasir.requests.fields import body_fields

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
#: Names of fields in Adyen's requests.
FIELDS = [
    *payment_body(),
    *("metadata", "lineItems", "shopperReference", "sessionValidity", "storePaymentMethod"),
    *(
        "captureDelayHours",
        "expiresAt",
        "details",
        "allowedPaymentMethods",
        "recurringProcessingModel",
    ),
    *("shopperEmail", "shopperIP", "telephoneNumber", "reusable", "additionalData", "live"),
]
#: Objects with Adyen's field names or other ones, and any values.
objects = st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text()), anything, max_size=12)
#: A complete payment request with a few invalid fields.
with_invalid_fields = st.builds(
    lambda changes: payment_body() | changes,
    st.dictionaries(st.sampled_from(FIELDS), anything, max_size=3),
)


@given(st.one_of(objects, with_invalid_fields), st.sampled_from([71, 72]))
def test_the_checks_never_raise_and_each_fault_has_a_field_and_a_cure(
    fields: dict[str, Any], version: int
) -> None:
    faults = [
        *checks.payment_faults(fields, version),
        *checks.link_faults(fields),
        *checks.methods_faults(fields),
        *known_fields.details_faults(fields),
    ]

    assert all(isinstance(fault, Fault) for fault in faults)
    assert all(fault.field and fault.cure and 400 <= fault.status < 500 for fault in faults)


@given(st.one_of(objects, with_invalid_fields))
def test_every_request_gives_a_payment_method_or_a_fault(fields: dict[str, Any]) -> None:
    method_or_fault = method_of(fields)

    assert isinstance(method_or_fault, Method | Fault)
    if isinstance(method_or_fault, Method):
        assert all(isinstance(fault, Fault) for fault in method_or_fault.faults(fields))


@given(st.one_of(st.binary(), anything.map(lambda value: json.dumps(value).encode())))
def test_every_body_is_an_object_or_is_refused(body: bytes) -> None:
    try:
        fields = body_fields(body)
    except InvalidRequest as error:
        (fault,) = error.faults
        assert (fault.field, fault.code, fault.status) == ("body", "702", 400)
    else:
        assert isinstance(fields, dict)


@given(st.one_of(st.binary(), anything.map(lambda value: json.dumps(value).encode())))
def test_every_notification_has_items_or_is_unreadable(body: bytes) -> None:
    try:
        items = parse(body)
    except Unreadable:
        return

    assert items != []


#: The names of the fields of a notification's item.
ITEM_FIELDS = [
    *("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "amount"),
    *("eventCode", "eventDate", "success", "paymentMethod", "reason", "additionalData"),
]


@given(st.dictionaries(st.one_of(st.sampled_from(ITEM_FIELDS), st.text()), anything, max_size=12))
def test_an_unsigned_item_with_any_fields_is_parsed_and_never_accepted(
    fields: dict[str, Any],
) -> None:
    (item,) = parse(envelope(fields))

    assert is_signed(item, [key_from_hex(KEY)]) is False


@given(st.integers(100, 599), st.binary(), st.booleans())
def test_every_answer_has_a_verdict(status: int, body: bytes, transient: bool) -> None:
    answer = Answer(status, body, transient=transient)

    assert answer.verdict in Verdict
    assert isinstance(answer.json(), dict)


@given(st.text())
def test_the_key_of_any_redirect_result_has_at_most_64_characters(text: str) -> None:
    assert len(details_key(redirect_result(text))) <= 64


@given(st.from_regex(r"[A-Za-z0-9!+/=._~-]+", fullmatch=True))
def test_a_decoded_redirect_result_is_not_decoded_again(result: str) -> None:
    assert redirect_result(result) == result
