"""Every limit of a request, tested at and just over it, in Checkout v71 and v72."""

from typing import Any

import pytest

from fakes import BROWSER, payment_body
from kasir.adyen import checks, known_fields
from kasir.errors import Fault

INT64_MAX = 2**63 - 1
VERSIONS = [71, 72]


def payment_faults(version: int = 72, /, **changes: Any) -> list[Fault]:
    return list(checks.payment_faults(payment_body(**changes), version))


def link_faults(**changes: Any) -> list[Fault]:
    return list(checks.link_faults(payment_body(**changes)))


def fields_of(faults: list[Fault]) -> list[str]:
    return [fault.field for fault in faults]


#: (field, maximum length in v71, maximum length in v72); 0 means no limit in the schema.
LONGEST = [
    ("countryCode", 100, 100),
    ("merchantOrderReference", 1000, 1000),
    ("origin", 80, 80),
    ("reference", 80, 80),
    ("returnUrl", 8000, 1024),
    ("shopperConversionId", 256, 256),
    ("shopperEmail", 0, 256),
    ("shopperIP", 1000, 50),
    ("shopperReference", 256, 256),
    ("shopperStatement", 10_000, 10_000),
    ("telephoneNumber", 0, 64),
]
#: (version, field, maximum length).
EDGES = [
    (version, field, longest[version - 71]) for field, *longest in LONGEST for version in VERSIONS
]


def text_of(field: str, length: int) -> str:
    """A valid text of this length for this field."""
    start = "https://shop.example/" if field == "returnUrl" else ""
    return start + "x" * (length - len(start))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_complete_payment_is_valid(version: int) -> None:
    assert payment_faults(version) == []


@pytest.mark.parametrize(("version", "field", "longest"), EDGES)
def test_a_text_of_the_maximum_length_is_valid(version: int, field: str, longest: int) -> None:
    faults = payment_faults(version, **{field: text_of(field, longest or 20_000)})

    assert faults == []


@pytest.mark.parametrize(("version", "field", "longest"), [edge for edge in EDGES if edge[2]])
def test_a_text_one_character_too_long_is_named_with_its_limit(
    version: int, field: str, longest: int
) -> None:
    (fault,) = payment_faults(version, **{field: text_of(field, longest + 1)})

    assert (fault.field, fault.status) == (field, 422)
    assert fault.cure == f"must have at most {longest} characters, and has {longest + 1}."
    assert str(fault) == f"Field '{field}' is not valid: {fault.cure}"


@pytest.mark.parametrize("field", [field for field, *_ in LONGEST])
@pytest.mark.parametrize("wrong", [7, 1.5, True, ["x"], {"x": "y"}])
def test_a_text_field_of_another_type_is_named(field: str, wrong: object) -> None:
    faults = payment_faults(**{field: wrong})

    assert [fault for fault in faults if fault.field == field and "string" in fault.cure] != []


@pytest.mark.parametrize("field", [field for field, *_ in LONGEST])
def test_a_nul_character_is_refused(field: str) -> None:
    faults = payment_faults(**{field: text_of(field, 30) + "\0"})

    assert [fault for fault in faults if fault.field == field and "NUL" in fault.cure] != []


@pytest.mark.parametrize(("length", "good"), [(2, False), (3, True)])
def test_a_shopper_reference_has_at_least_three_characters(length: int, good: bool) -> None:
    faults = payment_faults(shopperReference="s" * length)

    assert fields_of(faults) == ([] if good else ["shopperReference"])


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("channel", ["iOS", "Android", "Web"]),
        ("recurringProcessingModel", ["CardOnFile", "Subscription", "UnscheduledCardOnFile"]),
        ("shopperInteraction", ["Ecommerce", "ContAuth", "Moto", "POS"]),
        ("redirectFromIssuerMethod", ["GET", "POST"]),
        ("redirectToIssuerMethod", ["GET", "POST"]),
    ],
)
def test_a_field_with_listed_values_accepts_only_those_and_names_them(
    field: str, values: list[str]
) -> None:
    for value in values:
        assert payment_faults(**{field: value}) == []
    for wrong in (values[0].lower() + "x", values[0].upper() + " ", 7):
        (fault,) = payment_faults(**{field: wrong})

        assert fault.field == field
        assert all(value in fault.cure for value in values) or "string" in fault.cure


@pytest.mark.parametrize("field", ["storePaymentMethod", "enableOneClick", "enableRecurring"])
@pytest.mark.parametrize("wrong", ["true", 1, 0, []])
def test_a_flag_must_be_a_boolean(field: str, wrong: object) -> None:
    assert payment_faults(**{field: True}) == payment_faults(**{field: False}) == []
    assert fields_of(payment_faults(**{field: wrong})) == [field]


@pytest.mark.parametrize(
    ("hours", "good"), [(0, True), (672, True), (-1, False), (673, False), ("1", False)]
)
def test_a_capture_is_delayed_by_at_most_four_weeks(hours: object, good: bool) -> None:
    assert fields_of(payment_faults(captureDelayHours=hours)) == (
        [] if good else ["captureDelayHours"]
    )


@pytest.mark.parametrize(
    ("moment", "good"),
    [
        ("9999-12-31T23:59:59-14:00", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("2026-11-23T10:00:00+07:00", True),
        ("2026-11-23T10:00:00Z", True),
        ("2026-11-23T10:00:00", False),
        ("2026-11-23", False),
        ("tomorrow", False),
        ("", True),  # An empty optional text is for Adyen to judge.
        (1_700_000_000, False),
    ],
)
def test_session_validity_must_be_a_time_with_an_offset(moment: object, good: bool) -> None:
    assert fields_of(payment_faults(sessionValidity=moment)) == (
        [] if good else ["sessionValidity"]
    )


# Required fields.


@pytest.mark.parametrize(("field", "code"), [("reference", "130"), ("returnUrl", "14_030")])
@pytest.mark.parametrize("absent", [None, ""])
def test_a_missing_required_field_has_adyens_code(field: str, code: str, absent: object) -> None:
    fields = payment_body() | {field: absent}
    faults = list(checks.payment_faults(fields, 72))

    assert (faults[0].field, faults[0].code) == (field, code)


@pytest.mark.parametrize("absent", [None, "25000", 25000, [], True])
def test_without_an_amount_the_code_is_100(absent: object) -> None:
    (fault,) = checks.payment_faults(payment_body() | {"amount": absent}, 72)

    assert (fault.field, fault.code) == ("amount", "100")


@pytest.mark.parametrize("value", [1, 25_000, INT64_MAX])
def test_an_amount_that_is_a_positive_whole_number_is_valid(value: int) -> None:
    assert payment_faults(amount={"currency": "IDR", "value": value}) == []


@pytest.mark.parametrize(
    "value", [0, -1, INT64_MAX + 1, 10**30, 25_000.0, 0.5, "25000", None, True, [], {}]
)
def test_an_amount_that_is_not_a_positive_whole_number_is_refused(value: object) -> None:
    (fault,) = payment_faults(amount={"currency": "IDR", "value": value})

    assert (fault.field, fault.code, fault.status) == ("amount.value", "137", 422)


@pytest.mark.parametrize("currency", ["", "ID", "IDRX", "idr", "I R", "ID\n", None, 360, ["IDR"]])
def test_a_currency_that_is_not_three_capital_letters_is_refused(currency: object) -> None:
    (fault,) = payment_faults(amount={"currency": currency, "value": 1})

    assert (fault.field, fault.code) == ("amount.currency", "138")


# The return URL.


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/",
        "https://shop.example/return?order=1&a=b#part",
        "https://shop.example:8443/%E2%9C%93",
        "my-app://back",
        "adyencheckout://your.package.name",
    ],
)
def test_a_return_url_that_a_browser_can_follow_is_valid(url: str) -> None:
    assert payment_faults(returnUrl=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "shop.example/return",
        "/return",
        "//shop.example/return",
        "https://",
        "http:///return",
        "https:shop.example",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://[::1",
        "https://shop.example/\r\nSet-Cookie: x",
        "https://shop.example/\x7f",
    ],
)
def test_a_return_url_that_a_browser_cannot_follow_is_refused(url: str) -> None:
    (fault,) = payment_faults(returnUrl=url)

    assert fault.field == "returnUrl"
    assert "https://shop.example/return" in fault.cure


# The shopper's browser.


@pytest.mark.parametrize("name", sorted(BROWSER))
@pytest.mark.parametrize("absence", ["missing", "null"])
def test_every_browser_field_is_required(name: str, absence: str) -> None:
    browser = BROWSER | {name: None}
    if absence == "missing":
        del browser[name]
    (fault,) = payment_faults(browserInfo=browser)

    assert fault.field == f"browserInfo.{name}"
    assert fault.cure != ""


@pytest.mark.parametrize("depth", [0, 1, 10, 24, 48])  # 10 is not in Adyen's list.
def test_a_colour_depth_need_not_be_in_adyens_list(depth: int) -> None:
    assert payment_faults(browserInfo=BROWSER | {"colorDepth": depth}) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("colorDepth", -1),
        ("colorDepth", "24"),
        ("colorDepth", True),
        ("javaEnabled", "false"),
        ("javaEnabled", 0),
        ("screenHeight", -1),
        ("screenHeight", 2**31),
        ("screenWidth", 1.5),
        ("screenWidth", "390"),
        ("timeZoneOffset", "-420"),
        ("timeZoneOffset", -(2**31) - 1),
        ("acceptHeader", ""),
        ("userAgent", 7),
        ("language", ""),
    ],
)
def test_an_invalid_browser_field_is_named(name: str, wrong: object) -> None:
    (fault,) = payment_faults(browserInfo=BROWSER | {name: wrong})

    assert fault.field == f"browserInfo.{name}"


@pytest.mark.parametrize("edge", [("screenHeight", 0), ("screenWidth", 2**31 - 1)])
def test_a_screen_at_its_limit_is_valid(edge: tuple[str, int]) -> None:
    assert payment_faults(browserInfo=BROWSER | {edge[0]: edge[1]}) == []


@pytest.mark.parametrize("wrong", ["", "Mozilla", [], 7, True])
def test_browser_info_must_be_an_object(wrong: object) -> None:
    faults = list(checks.payment_faults(payment_body() | {"browserInfo": wrong}, 72))

    assert fields_of(faults) == ["browserInfo"]


# The line items and the metadata.


def test_line_items_at_their_limits_are_valid() -> None:
    item = {"id": "", "description": "d" * 10_000, "quantity": 0, "amountIncludingTax": 75_000}
    discount = {"quantity": -1, "amountIncludingTax": -5_000}

    assert payment_faults(lineItems=[item] * 50) == []
    assert payment_faults(lineItems=[discount]) == []
    assert payment_faults(lineItems=[]) == []


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ("x", "lineItems"),
        ({}, "lineItems"),
        (["x"], "lineItems[0]"),
        ([{}, None], "lineItems[1]"),
        ([{}, {"description": "d" * 10_001}], "lineItems[1].description"),
        ([{"quantity": "2"}], "lineItems[0].quantity"),
        ([{"quantity": 1.5}], "lineItems[0].quantity"),
        ([{"quantity": -(2**63)}], "lineItems[0].quantity"),
        ([{"amountIncludingTax": "75000"}], "lineItems[0].amountIncludingTax"),
        ([{"taxPercentage": 2.5}], "lineItems[0].taxPercentage"),
        ([{"id": 7}], "lineItems[0].id"),
        ([{"productUrl": ["x"]}], "lineItems[0].productUrl"),
    ],
)
def test_an_invalid_line_item_is_named_by_its_index(items: object, field: str) -> None:
    assert fields_of(payment_faults(lineItems=items)) == [field]


def test_metadata_at_its_limits_is_valid() -> None:
    full = {f"{n:020}": "v" * 80 for n in range(20)}

    assert payment_faults(metadata=full) == []
    assert payment_faults(metadata={}) == []


@pytest.mark.parametrize(
    "metadata",
    [
        {str(n): "v" for n in range(21)},
        {"k" * 21: "v"},
        {"k": "v" * 81},
        {"k": 7},
        {"k": None},
        {"k": {"deep": "v"}},
    ],
)
def test_metadata_over_its_limits_has_adyens_code(metadata: object) -> None:
    (fault,) = payment_faults(metadata=metadata)

    assert (fault.field, fault.code) == ("metadata", "177")
    assert all(number in fault.cure for number in ("20 pairs", "up to 20", "up to 80"))


@pytest.mark.parametrize("metadata", ["x", [], 7])
def test_metadata_must_be_an_object(metadata: object) -> None:
    assert fields_of(payment_faults(metadata=metadata)) == ["metadata"]


# Several errors.


def test_all_errors_are_named_in_one_answer() -> None:
    wrong = {
        "reference": "r" * 81,
        "returnUrl": "nowhere",
        "amount": {"currency": "rupiah", "value": 1.5},
        "channel": "Phone",
        "browserInfo": {**BROWSER, "colorDepth": -7, "userAgent": ""},
        "shopperReference": "ab",
        "shopperEmail": "e" * 257,
        "shopperIP": "i" * 51,
        "telephoneNumber": "t" * 65,
        "captureDelayHours": 673,
        "sessionValidity": "soon",
        "storePaymentMethod": "yes",
        "metadata": {"k" * 21: "v"},
        "lineItems": [{"quantity": "two"}],
    }
    faults = payment_faults(**wrong)

    assert sorted(fields_of(faults)) == sorted(
        [
            "reference",
            "returnUrl",
            "amount.currency",
            "amount.value",
            "channel",
            "browserInfo.colorDepth",
            "browserInfo.userAgent",
            "shopperReference",
            "shopperEmail",
            "shopperIP",
            "telephoneNumber",
            "captureDelayHours",
            "sessionValidity",
            "storePaymentMethod",
            "metadata",
            "lineItems[0].quantity",
        ]
    )
    assert all(fault.cure for fault in faults)


def test_fields_without_a_rule_are_not_checked() -> None:
    assert payment_faults(somethingNew={"deep": 1}, shopperName={"firstName": "Siti"}) == []


# Details, links and payment methods.


@pytest.mark.parametrize("length", [1, 20_000])
def test_a_redirect_result_has_between_1_and_20000_characters(length: int) -> None:
    assert list(known_fields.details_faults({"details": {"redirectResult": "x" * length}})) == []


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "details.redirectResult", "14_002"),
        ({"details": None}, "details.redirectResult", "14_002"),
        ({"details": "x"}, "details.redirectResult", "14_002"),
        ({"details": {}}, "details.redirectResult", "14_002"),
        ({"details": {"payload": "x"}}, "details.redirectResult", "14_002"),
        ({"details": {"redirectResult": ""}}, "details.redirectResult", "187"),
        ({"details": {"redirectResult": None}}, "details.redirectResult", "187"),
        ({"details": {"redirectResult": 7}}, "details.redirectResult", "187"),
        ({"details": {"redirectResult": "x" * 20_001}}, "details.redirectResult", "187"),
        ({"details": {"redirectResult": "x\0"}}, "details.redirectResult", "187"),
    ],
)
def test_details_without_a_valid_redirect_result_are_refused(
    fields: dict[str, Any], field: str, code: str
) -> None:
    (fault,) = known_fields.details_faults(fields)

    assert (fault.field, fault.code) == (field, code)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reference": "r" * 80}, None),
        ({"reference": "r" * 81}, "reference"),
        ({"returnUrl": text_of("returnUrl", 8000)}, None),
        ({"returnUrl": text_of("returnUrl", 8001)}, "returnUrl"),
        ({"shopperLocale": "x" * 32}, None),
        ({"shopperLocale": "x" * 33}, "shopperLocale"),
        ({"telephoneNumber": "x" * 32}, None),
        ({"telephoneNumber": "x" * 33}, "telephoneNumber"),
        ({"merchantOrderReference": "x" * 1000}, None),
        ({"merchantOrderReference": "x" * 1001}, "merchantOrderReference"),
        ({"shopperReference": "ab"}, "shopperReference"),
        ({"storePaymentMethodMode": "disabled"}, None),
        ({"storePaymentMethodMode": "always"}, "storePaymentMethodMode"),
        ({"reusable": "yes"}, "reusable"),
        ({"expiresAt": "2026-11-23"}, "expiresAt"),
        ({"description": 7}, "description"),
        ({"lineItems": [7]}, "lineItems[0]"),
        ({"metadata": 7}, "metadata"),
        ({"returnUrl": "javascript:alert(1)"}, "returnUrl"),
    ],
)
def test_a_link_field_over_its_limit_is_named(changes: dict[str, Any], field: str | None) -> None:
    assert fields_of(link_faults(**changes)) == ([field] if field else [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"somethingNew": "a\0"}, "somethingNew"),
        ({"somethingNew": {"deep": [1, "a\0"]}}, "somethingNew.deep[1]"),
        ({"somethingNew": {"a\0": 1}}, "somethingNew"),
        ({"a\0": 1}, "body"),
        ({"somethingNew": "a\\u0000"}, None),
    ],
)
def test_a_nul_in_a_link_is_refused_at_any_depth(
    changes: dict[str, Any], field: str | None
) -> None:
    assert fields_of(link_faults(**changes)) == ([field] if field else [])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, None),
        ({"amount": {"currency": "IDR", "value": 0}}, None),
        ({"amount": {"currency": "IDR", "value": -1}}, "amount.value"),
        ({"amount": None}, None),
        ({"channel": "", "countryCode": "", "shopperReference": ""}, None),
        ({"amount": ""}, "amount"),
        ({"amount": {"currency": "IDR"}}, "amount.value"),
        ({"channel": "Phone"}, "channel"),
        ({"countryCode": 62}, "countryCode"),
        ({"shopperReference": "ab"}, "shopperReference"),
        ({"shopperLocale": ["id-ID"]}, "shopperLocale"),
    ],
)
def test_an_invalid_field_of_a_payment_methods_request_is_named(
    fields: dict[str, Any], field: str | None
) -> None:
    assert fields_of(list(checks.methods_faults(fields))) == ([field] if field else [])
