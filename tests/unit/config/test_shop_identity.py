"""The shop's identity: each setting and each pair of a link's metadata is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes import KEY
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.shop_identity import (
    ShopIdentity,
    identity_from,
    link_identity_faults,
    without_identity,
)

FULL = {
    "KASIR_SHOP_NAME": "Kopi & Co",
    "KASIR_SHOP_LOGO": "https://cdn.shop.example:8443/logo.png",
    "KASIR_SHOP_COLOUR": "#AA3300",
    "KASIR_SHOP_SUPPORT": "help@shop.example",
    "KASIR_SHOP_TERMS": "https://shop.example/terms?a=1",
}
IN_A_LINK = {
    "kasirShopName": "Toko Satu",
    "kasirShopLogo": "https://satu.example/logo.png",
    "kasirShopColour": "#00aa33",
    "kasirShopSupport": "+62 21 555 0100",
    "kasirShopTerms": "https://satu.example/terms",
}


def test_without_settings_the_identity_is_empty() -> None:
    settings = settings_from({"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY})

    assert settings.identity == ShopIdentity()
    assert settings.identity.support_link == settings.identity.logo_origin == ""


def test_every_setting_is_read() -> None:
    settings = settings_from({"ADYEN_ENVIRONMENT": "twin", "ADYEN_HMAC_KEY": KEY, **FULL})

    assert settings.identity == ShopIdentity(
        name="Kopi & Co",
        logo_url="https://cdn.shop.example:8443/logo.png",
        colour="#aa3300",
        support="help@shop.example",
        terms_url="https://shop.example/terms?a=1",
    )
    assert settings.identity.logo_origin == "https://cdn.shop.example:8443"


@pytest.mark.parametrize(
    ("support", "link"),
    [
        ("help@shop.example", "mailto:help@shop.example"),
        ("+62 (21) 555-0100", "tel:+62215550100"),
        ("0215550100", "tel:0215550100"),
        ("https://shop.example/help", "https://shop.example/help"),
    ],
)
def test_the_support_contact_can_be_clicked(support: str, link: str) -> None:
    assert identity_from({"KASIR_SHOP_SUPPORT": support}).support_link == link


BAD_ADDRESSES = [
    "http://shop.example/terms",
    "shop.example/terms",
    "https://",
    "https://user@shop.example/",
    "https://shop.example:port/",
    "https://[::1",
    "https://shop.example/a b",
    "https://shop.example/'",
    "https://shop.example;/",
    "https://kopi\N{LATIN SMALL LETTER E WITH ACUTE}.example/",
    "javascript:alert(1)",
    "https://shop.example/" + "x" * 1000,
]


@pytest.mark.parametrize(
    ("setting", "text", "cure"),
    [
        ("KASIR_SHOP_NAME", "n" * 61, "60 characters"),
        ("KASIR_SHOP_NAME", "two\nlines", "one line"),
        ("KASIR_SHOP_NAME", "a\N{RIGHT-TO-LEFT OVERRIDE}b", "one line"),
        ("KASIR_SHOP_COLOUR", "teal", "such as #0b6b5d"),
        ("KASIR_SHOP_COLOUR", "#abc", "such as #0b6b5d"),
        ("KASIR_SHOP_COLOUR", "#12345g", "such as #0b6b5d"),
        ("KASIR_SHOP_SUPPORT", "ask us", "an e-mail address"),
        ("KASIR_SHOP_SUPPORT", "a@b", "an e-mail address"),
        ("KASIR_SHOP_SUPPORT", "a@b.example?subject=x", "an e-mail address"),
        ("KASIR_SHOP_SUPPORT", "123", "an e-mail address"),
        *(("KASIR_SHOP_TERMS", address, "must ") for address in BAD_ADDRESSES),
        ("KASIR_SHOP_LOGO", "http://shop.example/logo.png", "full https address"),
        ("KASIR_SHOP_LOGO", "https://shop.example;x/logo.png", "full https address"),
    ],
)
def test_a_malformed_setting_is_named_with_its_cure(setting: str, text: str, cure: str) -> None:
    with pytest.raises(SettingError) as caught:
        identity_from({setting: text})

    assert setting in str(caught.value)
    assert cure in str(caught.value)


def test_a_file_that_is_no_logo_is_named_with_its_cure(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_text("<html></html>", encoding="ascii")
    with pytest.raises(SettingError) as caught:
        identity_from({"KASIR_SHOP_LOGO": str(path)})

    assert "KASIR_SHOP_LOGO" in str(caught.value)
    assert "give one of these" in str(caught.value)


def test_a_link_replaces_only_the_parts_that_it_has() -> None:
    own = identity_from(FULL)
    of_link = own.of_link({"metadata": {"kasirShopName": "Toko Satu", "basket": "7"}})

    assert (of_link.name, of_link.colour) == ("Toko Satu", "#aa3300")
    assert own.of_link({}) == own.of_link({"metadata": {}}) == own


def test_the_logo_of_a_link_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "logo.gif"
    path.write_bytes(b"GIF89a....")
    own = identity_from({"KASIR_SHOP_LOGO": str(path)})
    of_link = own.of_link({"metadata": IN_A_LINK})

    assert own.logo_file
    assert (of_link.logo_file, of_link.logo_url) == (None, "https://satu.example/logo.png")


def test_a_part_that_is_refused_today_is_left_out_of_an_older_link() -> None:
    own = identity_from(FULL)

    assert own.of_link({"metadata": {"kasirShopColour": "teal"}}) == own


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        (IN_A_LINK, None),
        ({"basket": "7"}, None),
        (None, None),
        (7, None),
        ({"kasirShopColor": "#00aa33"}, "metadata.kasirShopColor"),
        ({"kasirShopColour": "green"}, "metadata.kasirShopColour"),
        ({"kasirShopName": " "}, "metadata.kasirShopName"),
        ({"kasirShopLogo": "/etc/passwd"}, "metadata.kasirShopLogo"),
        ({"kasirShopTerms": "http://x.example"}, "metadata.kasirShopTerms"),
    ],
)
def test_the_identity_of_a_link_is_checked(metadata: Any, field: str | None) -> None:
    faults = [fault.field for fault in link_identity_faults({"metadata": metadata})]

    assert faults == ([field] if field else [])


def test_the_identity_is_not_a_part_of_the_metadata_for_adyen() -> None:
    assert without_identity(IN_A_LINK | {"basket": "7"}) == {"basket": "7"}
    assert without_identity(None) is None
