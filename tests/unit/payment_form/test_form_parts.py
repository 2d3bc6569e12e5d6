"""The small parts of the payment form: money, language, the browser, what comes back in a query."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasir.adyen import checks
from kasir.money import IDR, Money
from kasir.payment_form.basket import basket
from kasir.payment_form.browser_info import NEUTRAL, browser_info
from kasir.payment_form.pages import content_policy, pairs, rupiah
from kasir.payment_form.texts import ENGLISH, INDONESIAN, Words, language_of
from kasir.payment_form.views import View

PHONE = {
    "colorDepth": "30",
    "javaEnabled": "false",
    "javaScriptEnabled": "true",
    "language": "id-ID",
    "screenHeight": "844",
    "screenWidth": "390",
    "timeZoneOffset": "-420",
    "userAgent": "Mozilla/5.0 (Linux; Android 14)",
}
HEADERS = {
    "accept": "text/html,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.9",
    "user-agent": "Lynx/2.9",
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "Rp1"),
        (999, "Rp999"),
        (25000, "Rp25.000"),
        (20_000_000, "Rp20.000.000"),
        (-5000, "-Rp5.000"),
        (0, "Rp0"),
    ],
)
def test_rupiah_are_written_with_dots_for_thousands_and_no_decimals(value: int, text: str) -> None:
    assert (rupiah(value), rupiah(Money(IDR, value))) == (text, text)


@given(st.integers(min_value=-(2**63), max_value=2**63))
def test_no_digit_of_an_amount_is_lost(value: int) -> None:
    assert int(rupiah(value).replace("Rp", "").replace(".", "")) == value


def test_what_is_said_of_a_silent_browser_is_complete() -> None:
    assert list(checks.browser_faults(dict(NEUTRAL))) == []
    assert browser_info({}, {}) == {**NEUTRAL, "javaScriptEnabled": False}


def test_a_browser_with_scripts_speaks_for_itself() -> None:
    assert browser_info(PHONE, HEADERS) == {
        "acceptHeader": "text/html,*/*;q=0.8",
        "colorDepth": 30,
        "javaEnabled": False,
        "javaScriptEnabled": True,
        "language": "id-ID",
        "screenHeight": 844,
        "screenWidth": 390,
        "timeZoneOffset": -420,
        "userAgent": "Mozilla/5.0 (Linux; Android 14)",
    }


def test_a_browser_without_scripts_is_known_by_its_headers() -> None:
    known = browser_info(dict.fromkeys(PHONE, ""), HEADERS)

    assert (known["userAgent"], known["language"]) == ("Lynx/2.9", "en-GB")
    assert (known["screenWidth"], known["javaScriptEnabled"]) == (360, False)


@pytest.mark.parametrize(
    "lie",
    [
        {"colorDepth": "7"},
        {"colorDepth": "many"},
        {"screenWidth": "-1"},
        {"screenHeight": "9" * 5000},
        {"timeZoneOffset": "٣"},
        {"timeZoneOffset": "--5"},
        {"javaEnabled": "maybe"},
        {"userAgent": "\0"},
        {"language": " "},
    ],
)
def test_what_cannot_be_is_said_neutrally(lie: dict[str, str]) -> None:
    (name,) = lie

    assert browser_info(PHONE | lie, {})[name] == NEUTRAL[name]


@given(
    st.dictionaries(st.sampled_from(sorted(PHONE)), st.text()),
    st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text()),
)
def test_whatever_a_browser_says_adyen_is_sent_a_complete_one(
    form: dict[str, str], headers: dict[str, str]
) -> None:
    assert list(checks.browser_faults(browser_info(form, headers))) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"", []),
        (b"&&", []),
        (b"a=1&&redirectResult=X6XtfGC3%21Y&", [("a", "1"), ("redirectResult", "X6XtfGC3!Y")]),
        (b"redirectResult=a%2521b", [("redirectResult", "a%21b")]),
        (b"redirectResult=X6XtfGC3!Y", [("redirectResult", "X6XtfGC3!Y")]),
        (b"redirectResult", [("redirectResult", "")]),
        (b"a=%ff\xff", [("a", "\N{REPLACEMENT CHARACTER}" * 2)]),
        (b"a=1&" * 1000, []),
    ],
)
def test_a_query_is_read_with_its_empty_pairs_and_decoded_once(
    query: bytes, found: list[tuple[str, str]]
) -> None:
    assert pairs(query) == found


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "id"),
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", "id"),
        ("en-GB,en;q=0.9,id;q=0.5", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.5,id;q=0.4", "en"),
        ("in-ID", "id"),
        ("EN", "en"),
        ("jv,su;q=0.9", "id"),
        ("en;q=0,id;q=0.1", "id"),
        ("en;q=x,;;;,q=", "id"),
        ("*", "id"),
    ],
)
def test_the_browsers_language_is_spoken_or_else_indonesian(header: str, language: str) -> None:
    assert language_of(header) == language


def test_the_language_chosen_on_the_page_goes_before_the_browsers() -> None:
    assert language_of("id", "en") == "en"
    assert language_of("id", "<script>") == "id"


@pytest.mark.parametrize(
    ("known", "language"),
    [
        ("en-US", "en"),
        ("en_GB", "en"),
        ("EN", "en"),
        ("in-ID", "id"),
        ("zh-CN", "id"),
        ("", "id"),
        ("-", "id"),
    ],
)
def test_the_shops_word_goes_before_the_browsers_and_after_the_shoppers(
    known: str, language: str
) -> None:
    assert language_of("id-ID,en;q=0.5", known=known) == language
    assert language_of("id-ID", "id", known) == "id"


@pytest.mark.parametrize("words", [INDONESIAN, ENGLISH])
def test_a_year_has_twelve_months(words: Words) -> None:
    assert len(words["months"].split()) == 12


def test_both_languages_say_the_same_things_with_the_same_facts() -> None:
    assert _facts(INDONESIAN) == _facts(ENGLISH)


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("words", [INDONESIAN, ENGLISH])
def test_every_view_has_a_title_and_a_sentence(view: View, words: Words) -> None:
    assert {f"{view}_title", f"{view}_text"} <= words.keys()


def test_prices_are_for_one_of_the_item_as_adyen_has_them() -> None:
    lines = basket(_request(1000, (1, 400), (2, 300)))

    assert [(line.quantity, line.each, line.sum) for line in lines] == [
        (1, 400, 400),
        (2, 300, 600),
    ]


def test_prices_that_only_add_up_as_lines_are_lines() -> None:
    lines = basket(_request(1000, (1, 400), (2, 600)))

    assert [(line.each, line.sum) for line in lines] == [(None, 400), (None, 600)]


def test_a_basket_may_leave_out_what_the_schema_lets_it() -> None:
    request = {"amount": {"value": 5}, "lineItems": [{"id": "A-1"}, {"quantity": None}]}

    assert [(line.description, line.quantity, line.sum) for line in basket(request)] == [
        ("A-1", 1, None),
        ("", 1, None),
    ]
    assert basket({"amount": {"value": 5}}) == []


def test_the_content_policy_lets_in_only_ours_and_the_wallets_logo() -> None:
    policy = content_policy("https://checkoutshopper-test.adyen.com")
    rules = {name: sources for name, *sources in map(str.split, policy.split("; "))}

    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == rules["style-src"] == ["'self'"]
    assert rules["img-src"] == ["'self'", "https://checkoutshopper-test.adyen.com"]
    assert rules["frame-ancestors"] == ["'none'"]
    assert not re.search(r"unsafe|\*|data:", policy)


def _facts(words: Words) -> dict[str, set[str]]:
    return {
        key: {name for _, name, _, _ in Formatter().parse(text) if name}
        for key, text in words.items()
    }


def _request(total: int, *lines: tuple[int, int]) -> dict[str, object]:
    items = [{"quantity": quantity, "amountIncludingTax": amount} for quantity, amount in lines]
    return {"amount": {"value": total}, "lineItems": items}
