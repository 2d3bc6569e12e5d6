"""The addresses of each environment, as in Adyen's OpenAPI files."""

import pytest

from kasir.adyen.environments import Environment, addresses


def test_the_test_environment_has_adyens_test_addresses() -> None:
    found = addresses(Environment.TEST)

    assert found.checkout == "https://checkout-test.adyen.com"
    assert found.recurring == "https://pal-test.adyen.com/pal/servlet/Recurring"
    assert found.checkout_shopper == "https://checkoutshopper-test.adyen.com"


def test_live_addresses_have_the_merchants_prefix_and_one_more_segment() -> None:
    found = addresses(Environment.LIVE, live_prefix="1797a841fbb37ca7-Warung")

    assert found.checkout == (
        "https://1797a841fbb37ca7-Warung-checkout-live.adyenpayments.com/checkout"
    )
    assert found.recurring == (
        "https://1797a841fbb37ca7-Warung-pal-live.adyenpayments.com/pal/servlet/Recurring"
    )
    assert found.checkout_shopper == "https://checkoutshopper-live.adyen.com"


def test_the_twin_has_one_address_for_everything() -> None:
    found = addresses(Environment.TWIN, twin_url="http://127.0.0.1:8700")

    assert found.checkout == "http://127.0.0.1:8700"
    assert found.recurring == "http://127.0.0.1:8700/pal/servlet/Recurring"
    assert found.checkout_shopper == "http://127.0.0.1:8700"


@pytest.mark.parametrize("environment", Environment)
def test_every_environment_has_addresses_without_a_trailing_slash(
    environment: Environment,
) -> None:
    found = addresses(environment, live_prefix="prefix", twin_url="http://twin")
    urls = [found.checkout, found.recurring, found.checkout_shopper]

    assert [url for url in urls if url.endswith("/") or not url.startswith("http")] == []


def test_a_logo_has_the_address_that_adyen_documents() -> None:
    found = addresses(Environment.TEST).logo("gopay_wallet")

    assert found == (
        "https://checkoutshopper-test.adyen.com/checkoutshopper/images/logos/gopay_wallet.svg"
    )
