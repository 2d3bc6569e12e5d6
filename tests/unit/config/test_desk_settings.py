"""The settings of the desk."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kasir.desk_settings import DeskSettings, desk_from
from kasir.errors import SettingError

HEADER, ADDRESSES = "KASIR_DESK_PROXY_HEADER", "KASIR_DESK_PROXY_ADDRESSES"


def test_the_desk_is_on_and_trusts_no_proxy_by_default() -> None:
    assert desk_from({}) == DeskSettings(is_on=True)
    assert not desk_from({}).trusts("127.0.0.1")


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [
        ("10.0.0.5", True),
        ("10.0.0.6", False),
        ("10.0.1.77", True),
        ("::ffff:10.0.0.5", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("", False),
        ("10.0.0.5, 1.2.3.4", False),
    ],
)
def test_a_proxy_is_trusted_by_its_address(host: str, *, is_trusted: bool) -> None:
    desk = desk_from({HEADER: "X-User", ADDRESSES: "10.0.0.5, 10.0.1.0/24,2001:db8::/32"})

    assert desk.trusts(host) is is_trusted


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"KASIR_DESK": "no"}, "KASIR_DESK"),
        ({HEADER: "X-User"}, ADDRESSES),
        ({ADDRESSES: "10.0.0.5"}, HEADER),
        ({HEADER: "X User", ADDRESSES: "10.0.0.5"}, HEADER),
        ({HEADER: "X-User", ADDRESSES: "proxy.local"}, ADDRESSES),
        ({HEADER: "X-User", ADDRESSES: "10.0.0.5/8"}, ADDRESSES),
    ],
)
def test_a_malformed_setting_is_named(env: Mapping[str, str], named: str) -> None:
    with pytest.raises(SettingError) as raised:
        desk_from(env)

    assert raised.value.name == named
