"""Adyen's signatures: examples from its libraries, and examples with GoPay's values."""

from __future__ import annotations

from typing import Any

import pytest

from adyen_twin.protocol import signing
from twin_fixtures import KEY, OTHER_KEY


def item(signed_text: str) -> dict[str, Any]:
    """Return the item that has this text to sign: the values of its fields, joined by colons."""
    # The reference may contain colons.
    psp, original, merchant, *reference, value, currency, code, success = signed_text.split(":")
    fields = {
        "pspReference": psp,
        "merchantAccountCode": merchant,
        "merchantReference": ":".join(reference),
        "amount": {"value": int(value), "currency": currency},
        "eventCode": code,
        "success": success,
    }
    return fields | ({"originalReference": original} if original else {})


@pytest.mark.parametrize(
    ("key", "signed_text", "signature"),
    [
        (
            KEY,
            "7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true",
            "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
        ),
        (
            OTHER_KEY,
            r"T7FD4VM4D3RZNN82::AntoniStroinski:\\slashes are fun:1000:EUR:AUTHORISATION:true",
            "nIgT81gaB5oJpn2jPXupDq68iRo2wUlBsuYjtYfwKqo=",
        ),
        (
            OTHER_KEY,
            "M8NB66SBZSGLNK82::AntoniStroinski::slashes are fun:1000:EUR:AUTHORISATION:true",
            "2EQYm7YJpKO4EtHSPu55SQTyWf8dkW5u2nD1tJFpViA=",
        ),
        (
            KEY,
            "JQ9W9MGPDRX8GXD3::TestMerchant:ORDER-1001:25000:IDR:AUTHORISATION:true",
            "TArWO+4gxpzoRMvvQiQK+qr2wdCN5Bbs8NFT3yu8j5c=",
        ),
        (
            KEY,
            "TESTPSP000000001:JQ9W9MGPDRX8GXD3:TestMerchant:ORDER-1001:10000:IDR:REFUND:true",
            "xdDPtemLEtD4JcCXbRssoyf6d+8ccy+m2b3bn/QMazg=",
        ),
    ],
)
def test_an_item_is_signed_as_adyens_libraries_sign_it(
    key: str, signed_text: str, signature: str
) -> None:
    assert signing.sign_item(item(signed_text), key) == signature


def test_a_raw_body_is_signed_as_adyens_libraries_sign_it() -> None:
    body = (
        '{"createdAt":"2026-05-05T05:05:05+02:00","eventId":"JQ9W9MGPDRX8GXD3",'
        '"environment":"test","data":{"merchantAccount":"TestMerchant",'
        '"storedPaymentMethodId":"M5N7TQ4TG5PFWR50","type":"gopay_wallet",'
        '"operation":"created","shopperReference":"shopper-1"},"type":"recurring.token.created"}'
    )

    # The parts of the text above are joined without white space.
    assert len(body) == 284
    assert signing.sign_bytes(body.encode(), KEY) == "2w+RvBx8yCLp6X5bMm+kV80UyeBM5RCq9+qlk3ZySjU="
