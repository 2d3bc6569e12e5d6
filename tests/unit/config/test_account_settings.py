"""An account of the database has settings of its own, and nothing of the environment's account."""

from __future__ import annotations

import pytest

from fakes import IN_LIVE, OTHER_KEY
from kasir.account_settings import check_names, settings_of
from kasir.adyen.signing import key_from_hex
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.ids import AccountIds, SortableIds, tag_of_link
from kasir.store.accounts import schema_of, tag_of
from kasir.store.api_keys import tag_of_key

OWN = {
    "ADYEN_API_KEY": "AQE-second-key",
    "ADYEN_HMAC_KEY": OTHER_KEY,
    "ADYEN_LIVE_PREFIX": "second-Warung",
}
COMMON = IN_LIVE | {
    "KASIR_API_KEY": "4f1a0c5e9b7d2386a1c0",
    "KASIR_EVENTS_URL": "https://first.example/events",
    "KASIR_EVENTS_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def test_an_account_shares_the_program_and_not_the_keys_or_addresses() -> None:
    common = settings_from(COMMON)
    settings = settings_of(common, "SecondECOM", OWN)

    assert settings.merchant_account == "SecondECOM"
    assert settings.public_url == common.public_url
    assert settings.secrets == common.secrets
    assert settings.adyen_api_key == "AQE-second-key"
    assert settings.hmac_keys == (key_from_hex(OTHER_KEY),)
    assert settings.api_key is None
    assert settings.events_url is None


def test_the_key_of_an_accounts_webhook_is_not_taken_from_the_environment() -> None:
    own = {name: text for name, text in OWN.items() if name != "ADYEN_HMAC_KEY"}

    assert settings_of(settings_from(COMMON), "SecondECOM", own).hmac_keys == ()


@pytest.mark.parametrize("missing", sorted(OWN.keys() - {"ADYEN_HMAC_KEY"}))
def test_what_an_account_does_not_set_is_not_taken_from_the_environment(missing: str) -> None:
    with pytest.raises(SettingError, match=missing):
        settings_of(
            settings_from(COMMON),
            "SecondECOM",
            {name: text for name, text in OWN.items() if name != missing},
        )


def test_a_setting_of_the_program_is_no_setting_of_an_account() -> None:
    check_names(OWN)
    with pytest.raises(SettingError, match="KASIR_DATABASE_URL"):
        check_names({"KASIR_DATABASE_URL": "postgresql://elsewhere"})


def test_no_secret_of_an_account_is_in_the_repr_of_its_settings() -> None:
    settings = settings_of(settings_from(COMMON), "SecondECOM", OWN)

    assert not [text for text in (OWN["ADYEN_API_KEY"], OTHER_KEY) if text in repr(settings)]


def test_the_id_of_a_link_names_its_account_and_other_ids_do_not() -> None:
    tag = tag_of("SecondECOM")
    ids = AccountIds(lambda: 0, tag)

    assert tag_of_link(ids.new("PL")) == tag
    assert tag not in ids.new("pay")
    assert tag_of_link(SortableIds(lambda: 0).new("PL")) == ""
    assert tag_of_link("PL") == ""
    assert schema_of("SecondECOM") == f"kasir_{tag}"


@pytest.mark.parametrize(
    ("key", "tag"),
    [
        ("kasir.1f2e3d4c.secret", "1f2e3d4c"),
        ("kasir.1f2e3d4c", ""),
        ("kasir_secret.with.periods", ""),
        ("", ""),
    ],
)
def test_a_key_of_an_account_names_it(key: str, tag: str) -> None:
    assert tag_of_key(key) == tag
