"""Whitespace around a header's value is not part of the value."""

from __future__ import annotations

import secrets

import pytest

from fakes import payment_body
from kasir.requests.fields import key_faults
from raw_http import Caller

LINK = {
    "reference": "LINK-1",
    "amount": {"currency": "IDR", "value": 25_000},
    "returnUrl": "https://shop.example/",
}
#: Whitespace around a key, which replaces the braces.
SPACED = ["{} ", " {}", "{}\t", " \t {} \t "]


@pytest.mark.parametrize("spaced", SPACED)
async def test_a_key_with_whitespace_around_it_is_the_same_key(caller: Caller, spaced: str) -> None:
    key = secrets.token_hex(8)
    body = payment_body(reference=key)
    first = await caller.post("/v72/payments", body, key=key)
    again = await caller.post("/v72/payments", body, key=spaced.format(key))
    links = [
        (await caller.post("/v72/paymentLinks", LINK, key=f"l{spelling}")).json["id"]
        for spelling in (key, spaced.format(key).lstrip())
    ]

    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert again.headers["idempotency-key"] == key
    assert len(await caller.twin_payments(key)) == 1
    assert links[0] == links[1]


async def test_a_key_of_whitespace_alone_is_refused(caller: Caller) -> None:
    before = await caller.row_counts()
    response = await caller.post("/v72/payments", payment_body(), key="   ")

    assert response.status == 422
    assert "Idempotency-Key" in response.json["message"]
    assert await caller.row_counts() == before


async def test_whitespace_within_a_key_is_part_of_it(caller: Caller) -> None:
    key = secrets.token_hex(8)
    body = payment_body(reference=key)
    for spaced in (f"a {key}", f"a  {key}"):
        assert (await caller.post("/v72/payments", body, key=spaced)).status == 200

    assert len(await caller.twin_payments(key)) == 2


async def test_an_api_key_with_whitespace_around_it_is_accepted(caller: Caller) -> None:
    response = await caller.call(
        "GET", "/api/payments?reference=x", api_key=f" {caller.system.api_key} "
    )

    assert response.status == 200


@pytest.mark.parametrize("key", ["a\0b", "a\nb", "a\x7fb", "a\ud83db"])
def test_the_error_for_a_control_character_in_a_key_names_the_header(key: str) -> None:
    (fault,) = key_faults(key)

    assert fault.field == "Idempotency-Key"
    assert "control" in fault.cure


@pytest.mark.parametrize("key", ["a", "a" * 64, "order 7", "a\tb", "naïve", "a\xa0b"])
def test_any_other_header_value_is_a_valid_key(key: str) -> None:
    assert list(key_faults(key)) == []
