"""`kasir account` keeps accounts in the database, and shows no secret of them."""

from __future__ import annotations

import subprocess

from command import KASIR, PATIENCE_S, TWIN, environment, is_one_line, kasir
from fakes import KEY, OTHER_KEY

NAME = "SecondMerchant"
API_KEY = "the-key-of-the-second-shop"


def with_stdin(text: str, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run `kasir` with a text on its standard input."""
    return subprocess.run(
        [*KASIR, *arguments],
        env=environment(given),
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_an_account_is_added_listed_changed_and_disabled_without_showing_a_secret(
    fresh_database: str,
) -> None:
    common = TWIN | {"KASIR_DATABASE_URL": fresh_database}
    own = common | {"ADYEN_HMAC_KEY": KEY}
    added = with_stdin(
        f"ADYEN_HMAC_KEY={OTHER_KEY}\n\nKASIR_API_KEY={API_KEY}\n",
        *("account", "add", NAME, "--from-stdin"),
        **common,
    )
    changed = kasir("account", "change", NAME, "ADYEN_HMAC_KEY", **own)
    unset = kasir("account", "change", NAME, "--unset", "KASIR_API_KEY", **common)
    key = kasir("apikey", "create", "till", "--account", NAME, **common)
    keys = kasir("apikey", "list", "--account", NAME, **common)
    default_keys = kasir("apikey", "list", **common)
    disabled = kasir("account", "disable", NAME, **common)
    listed = kasir("account", "list", **common)
    enabled = kasir("account", "change", NAME, "--enable", **common)
    every = (added, changed, unset, key, keys, default_keys, disabled, listed, enabled)

    assert [one.stderr for one in every] == [""] * len(every)
    assert key.stdout.startswith("kasir.")
    assert "till" in keys.stdout
    assert default_keys.stdout == "0 keys\n"
    line = next(line for line in listed.stdout.splitlines() if line.startswith(NAME))
    assert line.split()[1] == "disabled"
    assert line.split()[3:] == ["ADYEN_HMAC_KEY"]
    for secret in (KEY, OTHER_KEY, API_KEY):
        assert not any(secret in one.stdout for one in every)


def test_a_setting_or_a_name_that_cannot_be_used_is_refused_in_one_line(
    fresh_database: str,
) -> None:
    common = TWIN | {"KASIR_DATABASE_URL": fresh_database, "KASIR_API_KEY": API_KEY}
    good = f"ADYEN_HMAC_KEY={OTHER_KEY}\n"
    refused = {
        "no setting of an account": with_stdin(
            "KASIR_PUBLIC_URL=x", "account", "add", NAME, "--from-stdin", **common
        ),
        "NAME=VALUE": with_stdin("malformed", "account", "add", NAME, "--from-stdin", **common),
        "ADYEN_HMAC_KEY": with_stdin("", "account", "add", NAME, "--from-stdin", **common),
        "is not set in the environment": kasir("account", "add", NAME, "ADYEN_API_KEY", **common),
        "already": with_stdin(good, "account", "add", "TwinMerchant", "--from-stdin", **common),
        "key of another account": kasir(
            "account", "add", NAME, "ADYEN_HMAC_KEY", "KASIR_API_KEY", **common
        ),
        "there is no account": kasir("account", "disable", NAME, **common),
        "in the database": kasir("apikey", "list", "--account", NAME, **common),
    }

    for words, one in refused.items():
        assert one.returncode == 1, (words, one)
        assert words in one.stderr
        assert is_one_line(one.stderr)
