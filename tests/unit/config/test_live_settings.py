"""Kasir does not start in the live environment with a published or guessable secret."""

from __future__ import annotations

import base64

import pytest

from fakes import IN_LIVE, KEY, OTHER_KEY
from kasir.config import settings_from
from kasir.doctor.checks import live_and_test
from kasir.errors import SettingError

STRONG = "5f0c9b1e7a3d48268f14b7e2c96d0a3591be74d8"
EVENTS_SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
LIVE = IN_LIVE | {
    "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
    "KASIR_API_KEY": STRONG,
    "KASIR_EVENTS_URL": "https://shop.example/events",
    "KASIR_EVENTS_SECRET": EVENTS_SECRET,
    "KASIR_METRICS_KEY": STRONG,
    "KASIR_WEBHOOK_USER": "adyen",
    "KASIR_WEBHOOK_PASSWORD": "correct horse battery",
    "KASIR_RELAY_URL": "https://shop.example/adyen",
    "KASIR_RELAY_HMAC_KEY": OTHER_KEY,
    "KASIR_RELAY_TOKEN_HMAC_KEY": OTHER_KEY,
    "KASIR_RELAY_USER": "kasir",
    "KASIR_RELAY_PASSWORD": "correct horse battery",
    "KASIR_DATA_DIR": "/srv/kasir",
}


def fault_of(environ: dict[str, str]) -> SettingError:
    with pytest.raises(SettingError) as caught:
        settings_from(environ)
    return caught.value


def test_kasir_starts_in_live_with_strong_settings() -> None:
    assert settings_from(LIVE).api_key == STRONG


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("KASIR_API_KEY", "a", id="one letter"),
        pytest.param("KASIR_API_KEY", "demo-api-key", id="the demo's key"),
        pytest.param("KASIR_API_KEY", "a" * 64, id="one letter many times"),
        pytest.param("KASIR_METRICS_KEY", "metrics", id="a guessable metrics key"),
        pytest.param("KASIR_WEBHOOK_PASSWORD", "adyen", id="a guessable webhook password"),
        pytest.param("KASIR_SECRET_KEY", "nothing-that-the-twin-tells-is-secret", id="the twin's"),
        pytest.param(
            "KASIR_SECRET_KEY",
            "a-secret-of-thirty-two-characters,nothing-that-the-twin-tells-is-secret",
            id="the twin's as the previous one",
        ),
        pytest.param("KASIR_SECRET_KEY", "0" * 64, id="zeros as the secret key"),
        pytest.param("ADYEN_API_KEY", "twin-api-key", id="the twin's key"),
        pytest.param("ADYEN_MERCHANT_ACCOUNT", "TwinMerchant", id="the twin's account"),
        pytest.param("ADYEN_HMAC_KEY", "00" * 32, id="zeros for notifications"),
        pytest.param("ADYEN_HMAC_KEY", f"{KEY},{'00' * 32}", id="zeros as the previous one"),
        pytest.param("ADYEN_HMAC_KEY", "ab" * 32, id="one byte many times"),
        pytest.param("ADYEN_TOKEN_HMAC_KEY", "00" * 32, id="zeros for tokens"),
        pytest.param("KASIR_EVENTS_URL", "http://shop.example/events", id="events over plain HTTP"),
        pytest.param("KASIR_EVENTS_SECRET", "whsec_c2VjcmV0", id="six bytes for events"),
        pytest.param("KASIR_RELAY_URL", "http://shop.example", id="the relay over plain HTTP"),
        pytest.param("KASIR_RELAY_TOKENS_URL", "http://shop.example", id="its tokens the same"),
        pytest.param("KASIR_RELAY_HMAC_KEY", "00" * 32, id="zeros for the relay"),
        pytest.param("KASIR_RELAY_TOKEN_HMAC_KEY", "00" * 32, id="zeros for its tokens"),
        pytest.param("KASIR_RELAY_PASSWORD", "demo-api-key", id="a published relay password"),
        pytest.param(
            "KASIR_EVENTS_SECRET",
            f"whsec_{base64.b64encode(bytes(32)).decode()}",
            id="zeros for events",
        ),
        pytest.param("KASIR_PUBLIC_URL", "http://pay.shop.example", id="shoppers over plain HTTP"),
    ],
)
def test_kasir_does_not_start_in_live_with_a_guessable_setting(name: str, text: str) -> None:
    fault = fault_of(LIVE | {name: text})

    assert fault.name == name
    assert str(fault).startswith(f"{name}: ")
    assert "\n" not in str(fault)
    # A single letter is part of every message.
    assert len(text) == 1 or text not in str(fault)


@pytest.mark.parametrize("password", ["adyen", "hook7", "aaaaaaaaaaaa"])
def test_the_password_of_an_existing_handler_is_accepted_in_live(password: str) -> None:
    relay = settings_from(LIVE | {"KASIR_RELAY_PASSWORD": password}).relay

    assert relay
    assert relay.password == password


@pytest.mark.parametrize("environment", ["test", "twin"])
def test_a_short_key_and_plain_http_are_allowed_outside_live(
    environment: str,
) -> None:
    weak = {
        "ADYEN_ENVIRONMENT": environment,
        "ADYEN_HMAC_KEY": "00" * 32,
        "KASIR_API_KEY": "a",
        "KASIR_EVENTS_URL": "http://127.0.0.1:9/events",
    }

    assert settings_from(LIVE | weak).api_key == "a"


@pytest.mark.parametrize("environment", ["live", "test", "twin"])
@pytest.mark.parametrize(
    "text", ["", "  ", ",", "whsec_", f"whsec_,{EVENTS_SECRET}", f"{EVENTS_SECRET},whsec_"]
)
def test_an_empty_events_secret_is_refused_in_every_environment(
    environment: str, text: str
) -> None:
    fault = fault_of(LIVE | {"ADYEN_ENVIRONMENT": environment, "KASIR_EVENTS_SECRET": text})

    assert fault.name == "KASIR_EVENTS_SECRET"
    assert "\n" not in str(fault)


@pytest.mark.parametrize("name", ["KASIR_PUBLIC_URL", "KASIR_EVENTS_URL"])
def test_a_url_scheme_may_be_in_capitals(name: str) -> None:
    settings = settings_from(LIVE | {name: "HTTPS://Warung.example/Kasir"})

    assert "https://Warung.example/Kasir" in (settings.public_url, settings.events_url)


@pytest.mark.parametrize(
    ("account", "is_accepted"),
    [
        ("WarungTest", False),
        ("Warung_TEST", False),
        ("testWarung", False),
        ("TESTWarung", False),
        ("LatestFashion", True),
        ("Attestasi", True),
        ("ProtestID", True),
    ],
)
def test_in_live_an_account_is_reported_only_if_test_is_a_word_of_its_name(
    account: str, is_accepted: bool
) -> None:
    (finding,) = live_and_test(settings_from(LIVE | {"ADYEN_MERCHANT_ACCOUNT": account}))

    assert ("ADYEN_MERCHANT_ACCOUNT" not in finding.says) == is_accepted
