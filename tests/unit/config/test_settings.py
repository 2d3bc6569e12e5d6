"""Settings have defaults; the error about a missing or malformed setting names it."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from fakes import KEY, OTHER_KEY
from kasir.adyen.environments import Environment
from kasir.config import Settings, settings_from
from kasir.errors import SettingError
from kasir.retention_settings import Retention

TEST = {
    "ADYEN_API_KEY": "AQE-test-key",
    "ADYEN_MERCHANT_ACCOUNT": "WarungECOM",
    "ADYEN_HMAC_KEY": KEY,
    "KASIR_PUBLIC_URL": "https://pay.shop.example",
    "KASIR_SECRET_KEY": "a-secret-of-thirty-two-characters",
    "KASIR_DATA_DIR": "/srv/kasir",
}
LIVE = TEST | {"ADYEN_ENVIRONMENT": "live", "ADYEN_LIVE_PREFIX": "1797a841fbb37ca7-Warung"}
TWIN = {"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY, "KASIR_DATA_DIR": "/srv/kasir"}


def fault_of(environ: dict[str, str]) -> SettingError:
    with pytest.raises(SettingError) as caught:
        settings_from(environ)
    return caught.value


def test_the_default_environment_is_test() -> None:
    settings = settings_from(TEST)

    assert settings.environment is Environment.TEST
    assert settings.addresses.checkout == "https://checkout-test.adyen.com"


def test_every_setting_is_read() -> None:
    settings = settings_from(
        LIVE
        | {
            "ADYEN_HMAC_KEY": f"{KEY},{OTHER_KEY}",
            "KASIR_API_KEY": "shop-key-7f3e9ab2c415",
            "KASIR_DATABASE_URL": "postgresql://kasir:secret@db.example/kasir",
            "KASIR_WEBHOOK_USER": "adyen",
            "KASIR_WEBHOOK_PASSWORD": "a-long-random-password",
            "KASIR_KEEP_JOBS_DAYS": "1",
            "KASIR_KEEP_NOTICES_DAYS": "99999",
        }
    )

    assert settings.kept == Retention(
        jobs=timedelta(days=1), notices=timedelta(days=99_999), events=timedelta(days=30)
    )
    assert settings.environment is Environment.LIVE
    assert settings.addresses.checkout == (
        "https://1797a841fbb37ca7-Warung-checkout-live.adyenpayments.com/checkout"
    )
    assert settings.adyen_api_key == "AQE-test-key"
    assert settings.merchant_account == "WarungECOM"
    assert settings.hmac_keys == (bytes.fromhex(KEY), bytes.fromhex(OTHER_KEY))
    assert settings.api_key == "shop-key-7f3e9ab2c415"
    assert settings.database_url == "postgresql://kasir:secret@db.example/kasir"
    assert settings.data_dir == Path("/srv/kasir")
    assert settings.public_url == "https://pay.shop.example"
    assert (settings.webhook_user, settings.webhook_password) == ("adyen", "a-long-random-password")


def test_the_twin_needs_only_the_hmac_key() -> None:
    settings = settings_from(TWIN)

    assert settings.environment is Environment.TWIN
    assert settings.addresses.checkout == "http://127.0.0.1:8700"
    assert settings.adyen_api_key == "twin-api-key"
    assert settings.merchant_account == "TwinMerchant"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.database_url is None
    assert settings.api_key is None
    assert (settings.webhook_user, settings.webhook_password) == (None, None)
    assert settings.follow_twin_clock is False


def test_the_address_key_and_account_of_the_twin_can_be_set() -> None:
    settings = settings_from(
        TWIN
        | {
            "ADYEN_TWIN_URL": "http://127.0.0.1:9999/",
            "ADYEN_API_KEY": "other-key",
            "ADYEN_MERCHANT_ACCOUNT": "Other",
            "KASIR_PUBLIC_URL": "http://127.0.0.1:8001/",
        }
    )

    assert settings.addresses.checkout == "http://127.0.0.1:9999"
    assert settings.adyen_api_key == "other-key"
    assert settings.merchant_account == "Other"
    assert settings.public_url == "http://127.0.0.1:8001"


@pytest.mark.parametrize(("environment", "follows"), [("twin", True), ("test", False)])
def test_only_the_twins_clock_is_followed(environment: str, follows: bool) -> None:
    settings = settings_from(
        TEST | {"ADYEN_ENVIRONMENT": environment, "KASIR_FOLLOW_TWIN_CLOCK": "1"}
    )

    assert settings.follow_twin_clock is follows


@pytest.mark.parametrize(
    "name",
    [
        "ADYEN_API_KEY",
        "ADYEN_MERCHANT_ACCOUNT",
        "KASIR_PUBLIC_URL",
        "KASIR_SECRET_KEY",
    ],
)
@pytest.mark.parametrize("environ", [TEST, LIVE], ids=["test", "live"])
@pytest.mark.parametrize("absence", ["missing", "empty", "blank"])
def test_a_required_setting_that_is_missing_is_named(
    environ: dict[str, str], name: str, absence: str
) -> None:
    given = environ | {name: "  " if absence == "blank" else ""}
    if absence == "missing":
        del given[name]

    assert fault_of(given).name == name


def test_the_key_of_the_standard_webhook_may_be_in_the_database() -> None:
    unset = TEST | {"ADYEN_HMAC_KEY": ""}

    assert settings_from(unset).hmac_keys == ()
    # Where another setting is missing, the message names the key too.
    assert "ADYEN_HMAC_KEY: is not set; `kasir setup`" in str(
        fault_of(unset | {"ADYEN_API_KEY": ""})
    )


def test_the_live_environment_needs_its_prefix() -> None:
    given = {name: text for name, text in LIVE.items() if name != "ADYEN_LIVE_PREFIX"}

    assert fault_of(given).name == "ADYEN_LIVE_PREFIX"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ADYEN_ENVIRONMENT", "production"),
        ("ADYEN_ENVIRONMENT", "LIVE"),
        ("ADYEN_LIVE_PREFIX", "https://prefix-checkout-live.adyenpayments.com"),
        ("ADYEN_LIVE_PREFIX", "prefix.evil.example/"),
        ("ADYEN_HMAC_KEY", "not hex"),
        ("ADYEN_HMAC_KEY", KEY[:-2]),
        ("ADYEN_HMAC_KEY", f"{KEY},"),
        ("ADYEN_HMAC_KEY", f"{KEY};{OTHER_KEY}"),
        ("KASIR_PUBLIC_URL", "pay.shop.example"),
        ("KASIR_PUBLIC_URL", "ftp://pay.shop.example"),
        ("KASIR_PUBLIC_URL", "https://"),
        ("KASIR_PUBLIC_URL", "http://pay.shop.example"),
        ("KASIR_DATABASE_URL", "mysql://db.example/kasir"),
        ("KASIR_DATABASE_URL", "db.example"),
        ("KASIR_SECRET_KEY", "one-short-of-thirty-two-letters"),
        ("KASIR_SECRET_KEY", "a-secret-of-thirty-two-characters,short"),
        ("KASIR_EVENTS_SECRET", "whsec_not Base64"),
        ("KASIR_EVENTS_SECRET", "whsec_"),
        ("KASIR_EVENTS_SECRET", "whsec_c2VjcmV0,whsec_not-Base64"),
        ("KASIR_KEEP_JOBS_DAYS", "0"),
        ("KASIR_KEEP_JOBS_DAYS", "-1"),
        ("KASIR_KEEP_EVENTS_DAYS", "1.5"),
        ("KASIR_KEEP_EVENTS_DAYS", "100000"),
        ("KASIR_KEEP_NOTICES_DAYS", "ninety"),
        ("KASIR_KEEP_NOTICES_DAYS", "٩"),  # An Arabic nine.
    ],
)
def test_a_malformed_setting_is_named_in_one_line(name: str, text: str) -> None:
    fault = fault_of(LIVE | {name: text})

    assert fault.name == name
    assert str(fault).startswith(f"{name}: ")
    assert "\n" not in str(fault)


@pytest.mark.parametrize("text", ["twin.example", "ftp://twin.example", "http://"])
def test_a_malformed_address_of_the_twin_is_named(text: str) -> None:
    assert fault_of(TWIN | {"ADYEN_TWIN_URL": text}).name == "ADYEN_TWIN_URL"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"KASIR_WEBHOOK_USER": "adyen"}, "KASIR_WEBHOOK_PASSWORD"),
        ({"KASIR_WEBHOOK_PASSWORD": "word"}, "KASIR_WEBHOOK_USER"),
        ({"KASIR_WEBHOOK_USER": "adyen", "KASIR_WEBHOOK_PASSWORD": ""}, "KASIR_WEBHOOK_PASSWORD"),
    ],
)
def test_webhook_user_and_password_must_be_set_together(
    given: dict[str, str], expected: str
) -> None:
    assert fault_of(TEST | given).name == expected


@pytest.mark.parametrize(
    ("user_id", "data_home", "folder"),
    [
        (0, "/srv/elsewhere", "/var/lib/kasir"),
        (1000, "/srv/elsewhere", "/srv/elsewhere/kasir"),
        (1000, None, "/srv/siti/.local/share/kasir"),
    ],
)
def test_the_default_folder_depends_on_the_user_who_starts_kasir(
    monkeypatch: pytest.MonkeyPatch, user_id: int, data_home: str | None, folder: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user_id)
    monkeypatch.setenv("HOME", "/srv/siti")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if data_home:
        monkeypatch.setenv("XDG_DATA_HOME", data_home)
    without_folder = {name: text for name, text in TEST.items() if name != "KASIR_DATA_DIR"}

    assert settings_from(without_folder).data_dir == Path(folder)


def test_an_empty_mapping_is_not_replaced_by_the_environment_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in TEST.items():
        monkeypatch.setenv(name, text)

    assert settings_from().merchant_account == "WarungECOM"
    assert fault_of({}).name == "ADYEN_API_KEY"


def test_the_error_about_a_secret_does_not_contain_it() -> None:
    secret = "5ec2e7" * 10
    fault = fault_of(TEST | {"ADYEN_HMAC_KEY": secret})

    assert secret not in str(fault)


def test_secrets_do_not_show_in_the_repr() -> None:
    secrets = {
        "ADYEN_API_KEY": "secret-adyen-key",
        "KASIR_API_KEY": "secret-shop-key",
        "KASIR_DATABASE_URL": "postgresql://kasir:secret-password@db.example/kasir",
        "KASIR_WEBHOOK_USER": "adyen",
        "KASIR_WEBHOOK_PASSWORD": "secret-password",
    }
    shown = repr(settings_from(TEST | secrets))
    key = repr(bytes.fromhex(KEY))

    assert "secret" not in shown
    assert key not in shown
    assert isinstance(settings_from(TEST | secrets), Settings)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(f" {KEY} ", (KEY,)), (f"{KEY} , {OTHER_KEY}", (KEY, OTHER_KEY)), (KEY.lower(), (KEY,))],
)
def test_space_around_a_key_is_removed(given: str, expected: tuple[str, ...]) -> None:
    settings = settings_from(TEST | {"ADYEN_HMAC_KEY": given})

    assert settings.hmac_keys == tuple(bytes.fromhex(key) for key in expected)


@pytest.mark.parametrize("path", ["/events/", "/events", "/", "", "/events/?shop=1"])
def test_events_go_to_exactly_the_given_address(path: str) -> None:
    # Many shops redirect an address without its last slash, and a redirect is a failure.
    address = f"https://shop.example{path}"
    secret = {"KASIR_EVENTS_SECRET": f"whsec_{base64.b64encode(bytes(range(32))).decode()}"}

    assert settings_from(TEST | secret | {"KASIR_EVENTS_URL": address}).events_url == address
