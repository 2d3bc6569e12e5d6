"""The settings of the relay: its address, what is sent, its keys and its password."""

from __future__ import annotations

import pytest

from fakes import KEY, OTHER_KEY
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.relay_settings import RelaySend, RelaySettings

TWIN = {"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY}
URL = {"KASIR_RELAY_URL": "https://shop.example/adyen"}


def relay_of(**environ: str) -> RelaySettings:
    relay = settings_from(TWIN | URL | environ).relay
    assert relay is not None
    return relay


def test_without_an_address_nothing_is_relayed() -> None:
    assert settings_from(TWIN | {"KASIR_RELAY_SEND": "own"}).relay is None


def test_by_default_everything_is_relayed_with_adyens_own_signature() -> None:
    assert relay_of() == RelaySettings(
        url="https://shop.example/adyen",
        tokens_url="https://shop.example/adyen/tokens",
        send=RelaySend.ALL,
    )


def test_each_setting_is_read() -> None:
    relay = relay_of(
        KASIR_RELAY_SEND="foreign",
        KASIR_RELAY_HMAC_KEY=f"{KEY},{OTHER_KEY}",
        KASIR_RELAY_TOKEN_HMAC_KEY=OTHER_KEY,
        KASIR_RELAY_TOKENS_URL="https://shop.example/wallets",
        KASIR_RELAY_USER="kasir",
        KASIR_RELAY_PASSWORD="secret",
    )

    assert relay.send is RelaySend.FOREIGN
    assert relay.hmac_keys == (bytes.fromhex(KEY), bytes.fromhex(OTHER_KEY))
    assert relay.token_hmac_keys == (bytes.fromhex(OTHER_KEY),)
    assert relay.tokens_url == "https://shop.example/wallets"
    assert (relay.user, relay.password) == ("kasir", "secret")


@pytest.mark.parametrize(
    ("url", "tokens_url"),
    [
        ("https://shop.example", "https://shop.example/tokens"),
        ("https://shop.example/", "https://shop.example/tokens"),
        ("https://shop.example/adyen/", "https://shop.example/adyen/tokens"),
        ("https://shop/?wc-api=adyen", "https://shop/tokens?wc-api=adyen"),
        ("https://shop.example/adyen?shop=1", "https://shop.example/adyen/tokens?shop=1"),
    ],
)
def test_tokens_go_to_a_path_below_the_handlers_and_the_query_stays(
    url: str, tokens_url: str
) -> None:
    relay = relay_of(KASIR_RELAY_URL=url)

    assert (relay.url, relay.tokens_url) == (url, tokens_url)


@pytest.mark.parametrize("name", ["KASIR_RELAY_URL", "KASIR_RELAY_TOKENS_URL"])
@pytest.mark.parametrize("user", ["kasir:hunter2", "hunter2", ":hunter2", ""])
def test_an_address_with_a_user_name_is_refused_with_its_cure(name: str, user: str) -> None:
    with pytest.raises(SettingError) as caught:
        relay_of(**{name: f"https://{user}@shop.example/adyen"})

    assert caught.value.name == name
    assert "KASIR_RELAY_USER and KASIR_RELAY_PASSWORD" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_token_notifications_can_be_left_out() -> None:
    assert relay_of(KASIR_RELAY_TOKENS_URL="none").tokens_url is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("KASIR_RELAY_URL", "shop.example"),
        ("KASIR_RELAY_URL", "ftp://shop.example"),
        ("KASIR_RELAY_TOKENS_URL", "shop.example"),
        ("KASIR_RELAY_SEND", "gopay"),
        ("KASIR_RELAY_SEND", "ALL"),
        ("KASIR_RELAY_HMAC_KEY", "zz"),
        ("KASIR_RELAY_TOKEN_HMAC_KEY", "5E"),
    ],
)
def test_a_malformed_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=name):
        relay_of(**{name: text})


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("KASIR_RELAY_USER", "KASIR_RELAY_PASSWORD"),
        ("KASIR_RELAY_PASSWORD", "KASIR_RELAY_USER"),
    ],
)
def test_user_and_password_are_set_together(given: str, missing: str) -> None:
    with pytest.raises(SettingError, match=missing):
        relay_of(**{given: "kasir"})


def test_no_secret_is_shown() -> None:
    relay = relay_of(
        KASIR_RELAY_HMAC_KEY=OTHER_KEY,
        KASIR_RELAY_TOKEN_HMAC_KEY=OTHER_KEY,
        KASIR_RELAY_USER="kasir",
        KASIR_RELAY_PASSWORD="hunter2",
    )

    assert "hunter2" not in repr(relay)
    assert str(bytes.fromhex(OTHER_KEY)) not in repr(relay)
