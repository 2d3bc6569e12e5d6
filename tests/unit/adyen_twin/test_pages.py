"""The addresses that a phone can open."""

from __future__ import annotations

import pytest

from adyen_twin.gopay import pages


@pytest.mark.parametrize(
    ("url", "can_open"),
    [
        ("http://127.0.0.1:8700", False),
        ("http://localhost:8700", False),
        ("http://[::1]:8700", False),
        ("http://192.168.1.7:8700", True),
        ("https://twin.shop.example", True),
    ],
)
def test_a_phone_can_open_every_address_except_loopback(url: str, can_open: bool) -> None:
    assert pages.reaches_phone(url) is can_open
