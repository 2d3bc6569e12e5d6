from __future__ import annotations

import pytest

from kasir.adyen.environments import Environment, addresses
from kasir.adyen.report_addresses import address_fault

NAME = "settlement_detail_report_batch_12.csv"
BASE = "https://ca-test.adyen.com"
URL = f"{BASE}/reports/download/MerchantAccount/TestMerchant/{NAME}"


def test_reports_are_at_customer_area_of_the_platform_and_at_the_twin() -> None:
    assert addresses(Environment.TEST).reports == BASE
    assert addresses(Environment.LIVE, live_prefix="x").reports == "https://ca-live.adyen.com"
    assert addresses(Environment.TWIN, twin_url="http://127.0.0.1:8700").reports == (
        "http://127.0.0.1:8700"
    )


def test_the_address_of_a_report_of_the_signed_name_is_followed() -> None:
    assert address_fault(URL, NAME, BASE) == ""
    assert address_fault(f"{URL[:-4]}%2Ecsv", NAME, BASE) == ""


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("https", "http"),
        URL.replace("ca-test", "ca-live"),
        URL.replace("adyen.com", "adyen.com.example"),
        URL.replace("adyen.com", "adyen.com:8443"),
        URL.replace("https://", "https://user@"),
        f"https://example.com/?{URL}",
        f"{URL}?x=1",
        f"{URL}#x",
        f"{BASE}/reports/download/a/b/../{NAME}",
        f"{BASE}/reports/download/a/%2e%2e/{NAME}",
        f"{BASE}/reports/download/a/b/\\{NAME}",
        f"{BASE}/reports/download/{NAME}",
        f"{BASE}/ca/ca/login/{NAME}",
        URL.replace("batch_12", "batch_13"),
        f" {URL}",
        "",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    assert address_fault(url, NAME, BASE) != ""
