"""`kasir account` keeps accounts in the database, and shows no secret of them."""

from __future__ import annotations

import io
import os
import re
import sys
from dataclasses import dataclass

import pytest

from command import TWIN, is_one_line
from fakes import KEY, OTHER_KEY
from kasir.cli.main import main

NAME = "SecondMerchant"
API_KEY = "the-key-of-the-second-shop"

# Cyclopts warns if a test passes no arguments; these tests set sys.argv as a shell does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in this process, because starting a program for each takes a second."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, stdin: str = "", **given: str) -> Done:
        """Run `kasir` with these arguments and environment variables."""
        for name in list(os.environ):
            if name.startswith(("ADYEN_", "KASIR_")):
                self.monkeypatch.delenv(name)
        for name, text in given.items():
            self.monkeypatch.setenv(name, text)
        self.monkeypatch.setattr(sys, "argv", ["kasir", *arguments])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = 0
        try:
            main()
        except SystemExit as exited:
            code = int(exited.code or 0)
        printed = self.capsys.readouterr()
        return Done(code, printed.out, printed.err)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell."""
    return Shell(monkeypatch, capsys)


def test_an_account_is_added_listed_changed_and_disabled_without_showing_a_secret(
    fresh_database: str, shell: Shell
) -> None:
    common = TWIN | {"KASIR_DATABASE_URL": fresh_database}
    own = common | {"ADYEN_HMAC_KEY": KEY}
    lines = f"ADYEN_HMAC_KEY={OTHER_KEY}\n\nKASIR_API_KEY={API_KEY}\n"
    kasir = shell.run
    added = kasir("account", "add", NAME, "--from-stdin", stdin=lines, **common)
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


def test_a_change_seals_the_settings_with_the_current_key(
    fresh_database: str, shell: Shell
) -> None:
    earlier, later = "the-earlier-key-of-32-characters", "the-current-key-of-32-characters"
    common, kasir = TWIN | {"KASIR_DATABASE_URL": fresh_database}, shell.run
    line = f"ADYEN_HMAC_KEY={OTHER_KEY}\n"
    kasir("account", "add", NAME, "--from-stdin", stdin=line, KASIR_SECRET_KEY=earlier, **common)
    listed = [kasir("account", "list", KASIR_SECRET_KEY=later, **common).stdout]
    refused = kasir("account", "change", NAME, KASIR_SECRET_KEY=later, **common)
    kasir("account", "change", NAME, KASIR_SECRET_KEY=f"{later},{earlier}", **common)
    listed.append(kasir("account", "list", KASIR_SECRET_KEY=later, **common).stdout)

    assert (refused.returncode, is_one_line(refused.stderr)) == (1, True)
    assert "give the earlier key" in refused.stderr
    assert ["no KASIR_SECRET_KEY opens its settings" in text for text in listed] == [True, False]
    assert ["ADYEN_HMAC_KEY" in text for text in listed] == [False, True]


def test_an_account_whose_settings_no_key_decrypts_is_disabled_and_keeps_them(
    fresh_database: str, shell: Shell
) -> None:
    earlier, later = "the-earlier-key-of-32-characters", "the-current-key-of-32-characters"
    common, kasir = TWIN | {"KASIR_DATABASE_URL": fresh_database}, shell.run
    line = f"ADYEN_HMAC_KEY={OTHER_KEY}\n"
    kasir("account", "add", NAME, "--from-stdin", stdin=line, KASIR_SECRET_KEY=earlier, **common)
    disabled = kasir("account", "disable", NAME, KASIR_SECRET_KEY=later, **common)
    listed = [
        kasir("account", "list", KASIR_SECRET_KEY=secret, **common).stdout
        for secret in (later, earlier)
    ]

    assert (disabled.returncode, disabled.stderr) == (0, "")
    assert "disabled, no KASIR_SECRET_KEY opens its settings" in listed[0]
    assert re.search(rf"^{NAME} +disabled .*ADYEN_HMAC_KEY$", listed[1], re.MULTILINE)


def test_a_setting_or_a_name_that_cannot_be_used_is_refused_in_one_line(
    fresh_database: str, shell: Shell
) -> None:
    common = TWIN | {"KASIR_DATABASE_URL": fresh_database, "KASIR_API_KEY": API_KEY}
    good, kasir = f"ADYEN_HMAC_KEY={OTHER_KEY}\n", shell.run
    adding = ("account", "add", NAME, "--from-stdin")
    refused = {
        "no setting of an account": kasir(*adding, stdin="KASIR_PUBLIC_URL=x", **common),
        "NAME=VALUE": kasir(*adding, stdin="malformed", **common),
        "is not set in the environment": kasir("account", "add", NAME, "ADYEN_API_KEY", **common),
        "already": kasir("account", "add", "TwinMerchant", "--from-stdin", stdin=good, **common),
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
