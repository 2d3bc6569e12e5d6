"""Every setting is shown, and a secret never."""

from __future__ import annotations

import re
from pathlib import Path

from kasir.operations.shown_settings import KINDS, Kind, shown_address

ROOT = Path(__file__).resolve().parents[3]


def test_every_documented_setting_has_its_kind() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `((?:ADYEN|KASIR)_\w+)` \|", page, re.MULTILINE))

    assert len(documented) > 30
    assert documented - KINDS.keys() == set()


def test_keys_secrets_and_passwords_are_secret() -> None:
    secret = re.compile(r"_(KEY|SECRET|PASSWORD)$")

    assert [name for name in KINDS if secret.search(name) and KINDS[name] is not Kind.SECRET] == []


def test_an_address_is_shown_without_its_secrets() -> None:
    shown = shown_address("https://user:pass@shop.example:8443/events?token=x#y")

    assert shown == "https://shop.example:8443/events"
    assert shown_address(None) == ""
