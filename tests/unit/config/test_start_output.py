"""At the start, programs print the database's address without its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import KEY
from kasir.cli.start import database_shown, used
from kasir.config import database_settings_from, secrets_from, settings_from
from kasir.errors import SettingError

SECRET = "never-printed-secret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://kasir:{SECRET}@db.example:5433/shop", "kasir@db.example:5433/shop"),
        (f"postgresql://kasir:a@b{SECRET}@db.example/shop", "kasir@db.example/shop"),
        (f"postgresql://db.example/shop?password={SECRET}&sslmode=require", "db.example/shop"),
        (f"postgresql:///shop?host=/run/pg&sslpassword={SECRET}", "/shop?host=/run/pg"),
    ],
)
def test_a_databases_address_is_shown_without_its_password(url: str, shown: str) -> None:
    settings = database_settings_from({"KASIR_DATABASE_URL": url})

    assert database_shown(settings) == f"postgresql://{shown}"
    assert SECRET not in repr(settings)


def test_kasirs_own_database_is_shown_by_its_folder() -> None:
    settings = database_settings_from({"KASIR_DATA_DIR": "/srv/kasir"})

    assert settings.data_dir == Path("/srv/kasir")
    assert database_shown(settings) == "in /srv/kasir (Kasir's own)"


def test_no_secret_is_among_the_settings_that_are_printed() -> None:
    secrets = {
        "ADYEN_API_KEY": f"{SECRET}-1",
        "ADYEN_HMAC_KEY": KEY,
        "KASIR_SECRET_KEY": f"{SECRET}-of-thirty-two-characters",
        "KASIR_API_KEY": f"{SECRET}-3",
        "KASIR_WEBHOOK_USER": "adyen",
        "KASIR_WEBHOOK_PASSWORD": f"{SECRET}-4",
        "KASIR_EVENTS_URL": f"https://shop:{SECRET}-5@shop.example/events?token={SECRET}-6",
        "KASIR_EVENTS_SECRET": "whsec_c2VjcmV0",
    }
    printed = used(settings_from({"ADYEN_ENVIRONMENT": "twin", **secrets}))

    assert not [text for text in (SECRET, KEY, "whsec_c2VjcmV0") if text in printed]
    assert "events to https://shop.example/events" in printed


def test_the_twin_needs_no_secret_key() -> None:
    assert len(secrets_from({"ADYEN_ENVIRONMENT": "twin"})) == 1


def test_an_events_secret_of_only_commas_is_not_set() -> None:
    given = {
        "ADYEN_ENVIRONMENT": "twin",
        "ADYEN_HMAC_KEY": KEY,
        "KASIR_EVENTS_URL": "https://shop.example/events",
        "KASIR_EVENTS_SECRET": ",",
    }
    with pytest.raises(SettingError, match="KASIR_EVENTS_SECRET: is not set"):
        settings_from(given)
