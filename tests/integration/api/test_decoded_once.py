"""Kasir decodes the JSON of a shop's request once, and that of Adyen's reply once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from fake_server import plain, serving
from fakes import BROWSER, NOW, payment_body
from kasir.adyen import texts
from kasir.adyen.calls import OWN_VERSION
from kasir.money import IDR, Money
from kasir.python_api.messages import charge_fields
from kasir.python_api.requests import ChargeRequest
from kasir.python_api.results import Token
from opened_kasir import kasir_on
from served import Served, served

REQUEST, REPLY = "request", "reply"


@dataclass
class CountingDecoder:
    """Decodes JSON as Kasir's decoder does, and records whether each text is a request or reply."""

    decoder: msgspec.json.Decoder[Any]
    decoded: list[str] = field(default_factory=list)

    def decode(self, raw: bytes) -> Any:
        """Decode JSON; only Adyen's replies have a result code, a list of methods or an error."""
        fields = self.decoder.decode(raw)
        is_reply = {"resultCode", "paymentMethods", "errorCode"} & set(fields)
        self.decoded.append(REPLY if is_reply else REQUEST)
        return fields

    def take(self) -> list[str]:
        """The kind of each text that was decoded since the last call of this method."""
        kinds, self.decoded = self.decoded, []
        return kinds


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> CountingDecoder:
    """Replaces Kasir's only JSON decoder (tests/tidy/test_one_way_in.py) by one that counts."""
    decoder = CountingDecoder(msgspec.json.Decoder())
    monkeypatch.setattr(texts, "_STRICT", decoder)
    return decoder


def result_of(location: str) -> str:
    """The redirectResult in the URL to which the wallet sent the shopper."""
    return parse_qs(urlsplit(location).query)["redirectResult"][0]


async def wallet_of(kasir: Served, **changes: Any) -> str:
    """Start a payment; returns the wallet's URL."""
    body = payment_body(returnUrl="https://shop.example/", **changes)
    wallet: str = (await kasir.post("/v72/payments", body))["action"]["url"]
    return wallet


async def test_a_payment_and_its_details_decode_each_text_once(
    fresh_database: str, counting: CountingDecoder
) -> None:
    async with served(fresh_database) as kasir:
        wallet = await wallet_of(kasir, reference="ORDER")
        decoded_for_payment = counting.take()
        redirect = await kasir.twin.shopper(wallet)
        details = {"details": {"redirectResult": result_of(redirect["location"])}}
        answer = await kasir.post("/v72/payments/details", details)

    assert answer["resultCode"] == "Authorised"
    assert decoded_for_payment == [REQUEST, REPLY]
    assert counting.take() == [REQUEST, REPLY]


async def test_an_attempt_on_the_form_and_its_return_decode_the_reply_only(
    fresh_database: str, counting: CountingDecoder
) -> None:
    async with served(fresh_database) as kasir:
        link = await kasir.link()
        counting.take()  # Forget what the link decoded.
        wallet = await kasir.start(link)
        decoded_for_attempt = counting.take()
        redirect = await kasir.twin.shopper(wallet)
        await kasir.visit(kasir.on_this_server(redirect["location"]))

    # A posted form is not JSON. Adyen replied with the payment methods and with the payment.
    assert decoded_for_attempt == [REPLY, REPLY]
    assert counting.take() == [REPLY]


async def test_a_sign_up_decodes_each_text_once(
    fresh_database: str, counting: CountingDecoder
) -> None:
    async with served(fresh_database) as kasir:
        plan = {
            "reference": "PLAN",
            "amount": {"currency": "IDR", "value": 50_000},
            "interval": {"unit": "month", "count": 1},
        }
        created = await kasir.post("/api/plans", plan)
        counting.take()  # Forget what the plan decoded.
        body = {
            "plan": created["id"],
            "shopperReference": f"shopper-{secrets.token_hex(4)}",
            "returnUrl": "https://shop.example/return",
            "channel": "Web",
            "browserInfo": BROWSER,
        }
        signed_up = await kasir.post("/api/subscriptions", body)

    assert signed_up["payment"]["resultCode"] == "RedirectShopper"
    assert counting.take() == [REQUEST, REPLY]


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        pytest.param(200, b'{"resultCode":"Authorised","pspReference":"PSP-1"}', id="paid"),
        pytest.param(422, b'{"errorCode":"803","errorType":"validation"}', id="no such token"),
        pytest.param(500, b'{"errorCode":"905","errorType":"internal"}', id="unknown"),
    ],
)
async def test_a_charge_decodes_the_reply_only(
    fresh_database: str, counting: CountingDecoder, status: int, reply: bytes
) -> None:
    token = Token(
        id="tok_1",
        shopper_reference="s-1",
        is_active=True,
        model=None,
        created_at=NOW,
        stored_id="TOKEN",
    )
    request = ChargeRequest(
        token=token,
        amount=Money(IDR, 1_000),
        reference="CHARGE",
        return_url="https://shop.example/",
    )
    async with (
        serving() as adyen,
        kasir_on(fresh_database, ADYEN_TWIN_URL=adyen.url) as kasir,
    ):
        adyen.handler = plain(status, reply)
        answer, _ = await kasir.checkout.pay(charge_fields(request), OWN_VERSION)

    assert answer.json()
    assert counting.take() == [REPLY]
