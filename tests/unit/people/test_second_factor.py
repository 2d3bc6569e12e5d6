"""A code of the second factor belongs to a time step; one step early or late is accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from kasir.people.second_factor import app_uri, new_secret, step_of

NOW = datetime(2026, 11, 26, 5, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(
    ("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_is_right_in_its_step_and_in_the_next_to_it(steps: int, *, is_right: bool) -> None:
    code = pyotp.TOTP(SECRET).at(NOW + steps * STEP)
    expected = int(NOW.timestamp()) // 30 + steps

    assert step_of(SECRET, code, NOW) == (expected if is_right else None)


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "١٢٣٤٥٦", "0" * 100])
def test_a_code_that_is_none_is_wrong(code: str) -> None:
    assert step_of(SECRET, code, NOW) is None


def test_spaces_in_a_code_do_not_matter() -> None:
    code = pyotp.TOTP(SECRET).at(NOW)

    assert step_of(SECRET, f" {code[:3]} {code[3:]}", NOW) is not None


def test_the_address_for_the_app_names_kasir_and_the_person() -> None:
    secret = new_secret()
    uri = app_uri(secret, "sari@shop.example")

    assert uri.startswith("otpauth://totp/Kasir:sari")
    assert f"secret={secret}" in uri
    assert new_secret() != secret
