"""browserInfo is complete and valid for any content of the form and the headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasir.adyen import checks
from kasir.payment_form.browser_info import DEFAULTS, browser_info

#: The fields of the form, as its script fills them on a phone.
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


def test_the_defaults_are_complete_and_valid() -> None:
    assert list(checks.browser_faults(dict(DEFAULTS))) == []
    assert browser_info({}, {}) == {**DEFAULTS, "javaScriptEnabled": False}


def test_the_fields_that_the_script_filled_are_used() -> None:
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


def test_without_javascript_the_headers_are_used() -> None:
    info = browser_info(dict.fromkeys(PHONE, ""), HEADERS)

    assert (info["userAgent"], info["language"]) == ("Lynx/2.9", "en-GB")
    assert (info["screenWidth"], info["javaScriptEnabled"]) == (360, False)


@pytest.mark.parametrize(
    "invalid",
    [
        {"colorDepth": "7"},
        {"colorDepth": "many"},
        {"screenWidth": "-1"},
        {"screenHeight": "9" * 5000},
        {"timeZoneOffset": "٣"},  # An Arabic three.
        {"timeZoneOffset": "--5"},
        {"javaEnabled": "maybe"},
        {"userAgent": "\0"},
        {"language": " "},
    ],
)
def test_an_invalid_value_is_replaced_by_the_default(invalid: dict[str, str]) -> None:
    (name,) = invalid

    assert browser_info(PHONE | invalid, {})[name] == DEFAULTS[name]


@given(
    st.dictionaries(st.sampled_from(sorted(PHONE)), st.text()),
    st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text()),
)
def test_whatever_a_browser_sends_the_result_is_complete_and_valid(
    form: dict[str, str], headers: dict[str, str]
) -> None:
    assert list(checks.browser_faults(browser_info(form, headers))) == []
