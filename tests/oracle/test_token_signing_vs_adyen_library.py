"""Kasir, the twin and Adyen's own Python library make the same signatures of raw bytes."""

from __future__ import annotations

from Adyen.util import generate_payload_sig, is_valid_hmac_payload
from hypothesis import example, given
from hypothesis import strategies as st

from adyen_twin.protocol import signing
from fakes import OTHER_KEY
from kasir.adyen.signing import key_from_hex, sign
from kasir.adyen.token_notifications import is_signed
from twin_fixtures import RunningTwin, Shop, token_shop, twin
from twin_openapi import needs_openapi, token_webhook_faults

__all__ = ["token_shop", "twin"]

#: Any body of a webhook, and any key of 32 bytes as hexadecimal text.
bodies = st.binary(max_size=600) | st.text(max_size=200).map(lambda text: text.encode())
keys = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(bodies, keys)
@example(b"", "00" * 32)
@example(b"\r\n\0\xff", "FF" * 32)
def test_kasir_the_twin_and_the_library_make_the_same_signature_of_any_bytes(
    body: bytes, key: str
) -> None:
    theirs = generate_payload_sig(body, key).decode()

    assert sign(body, key_from_hex(key)) == theirs
    assert signing.sign_bytes(body, key) == theirs
    assert is_signed(body, theirs, [key_from_hex(key)]) is True


@given(bodies, keys, st.data())
def test_kasir_and_the_library_refuse_changed_bytes(
    body: bytes, key: str, data: st.DataObject
) -> None:
    signature = signing.sign_bytes(body, key)
    changed = data.draw(bodies.filter(lambda other: other != body))

    assert is_valid_hmac_payload(signature, key, body)
    assert not is_valid_hmac_payload(signature, key, changed)
    assert is_signed(changed, signature, [key_from_hex(key)]) is False


@given(bodies, keys, keys)
def test_kasir_and_the_library_refuse_another_key(body: bytes, key: str, other: str) -> None:
    signature = signing.sign_bytes(body, key)

    assert bool(is_valid_hmac_payload(signature, other, body)) is (key == other)
    assert is_signed(body, signature, [key_from_hex(other)]) is (key == other)


async def notified_kinds(twin: RunningTwin, token_shop: Shop) -> list[str]:
    """Make the twin send each kind of token webhook in both JSON formats.

    Return the kinds of all received webhooks, in the order of their arrival.
    """
    for json_format in ("compact", "spaced"):
        await twin.control("PUT", "knobs", {"tokensSpelled": json_format, "tokensCharged": "both"})
        shopper = f"pembeli-é-{json_format}"
        await twin.saved(shopperReference=shopper)
        token = await twin.saved(shopperReference=shopper)
        await twin.saved("CardOnFile", shopperReference=shopper)
        await twin.settle(60)
        await twin.control("POST", f"tokens/{token}", {"do": "disable"})
        await twin.settle()
    return [webhook.body["type"].rsplit(".", 1)[1] for webhook in token_shop.received]


async def test_the_library_and_kasir_accept_every_signature_of_the_twin(
    twin: RunningTwin, token_shop: Shop
) -> None:
    kinds = await notified_kinds(twin, token_shop)

    assert sorted(kinds) == sorted(["created", "alreadyExisting", "updated", "disabled"] * 2)
    for webhook in token_shop.received:
        signature = webhook.headers["hmacsignature"]
        assert is_valid_hmac_payload(signature, OTHER_KEY, webhook.raw)
        assert is_signed(webhook.raw, signature, [key_from_hex(OTHER_KEY)]) is True


@needs_openapi
async def test_every_token_webhook_of_the_twin_matches_adyens_schema(
    twin: RunningTwin, token_shop: Shop
) -> None:
    kinds = await notified_kinds(twin, token_shop)

    # Four kinds, each in two JSON formats.
    assert len(set(kinds)) == 4
    assert [token_webhook_faults(webhook.body) for webhook in token_shop.received] == [[]] * 8
    # The schema check finds a missing field, so it can fail.
    invalid = token_shop.received[0].body
    del invalid["data"]["storedPaymentMethodId"]
    assert token_webhook_faults(invalid) != []
