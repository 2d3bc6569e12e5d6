"""A token whose notification does not sign it is checked against Adyen's list before a charge."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from fake_server import FakeServer, serving
from fakes import KEY, NOW, OTHER_KEY, envelope, notification_item
from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.signing import key_from_hex, sign
from kasir.money import IDR, Money
from kasir.python_api.messages import charge_fields
from kasir.python_api.requests import ChargeRequest
from kasir.python_api.results import token_of
from kasir.webhooks.receiving import receive, receive_token
from kasir.wiring import Parts
from opened_kasir import kasir_on

SHOPPER: Final = "shopper-1"
TOKEN: Final = "TOKENTOKENTOKEN1"


@dataclass
class Adyen:
    """A fake Adyen that lists the tokens that a test sets, and authorises every charge."""

    fake_server: FakeServer
    kasir: Parts
    listed: list[str] = field(default_factory=list)
    has_list: bool = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a call; without a list, answer the GET with 502."""
        if request.method == "GET" and not self.has_list:
            return web.Response(status=502, body=b"<html>")
        if request.method == "GET":
            rows = [{"id": name, "type": "gopay_wallet"} for name in self.listed]
            return web.json_response({"storedPaymentMethods": rows})
        return web.json_response({"resultCode": "Authorised", "pspReference": "PSP-CHARGE"})

    @property
    def calls(self) -> list[str]:
        """The HTTP methods of the calls: GET asks for the list, POST charges."""
        return [line.split(" ")[0] for line, _, _ in self.fake_server.asked]

    async def report_by_authorisation(self, **changes: Any) -> None:
        """Send an AUTHORISATION, whose signature does not cover the token and its shopper."""
        extra = {
            "tokenization.storedPaymentMethodId": TOKEN,
            "tokenization.shopperReference": SHOPPER,
            "tokenization.store.operationType": "created",
        }
        await self._post(notification_item(additionalData=extra, **changes))

    async def report_by_contract(self) -> None:
        """Send a RECURRING_CONTRACT, whose signature covers the token but not its shopper."""
        await self._post(
            notification_item(
                eventCode="RECURRING_CONTRACT",
                pspReference=TOKEN,
                originalReference="PSP-FIRST",
                additionalData={"shopperReference": SHOPPER},
            )
        )

    async def report_by_token_webhook(self) -> None:
        """Send a token notification, whose signature covers the whole body."""
        data = {
            "merchantAccount": "TwinMerchant",
            "shopperReference": SHOPPER,
            "storedPaymentMethodId": TOKEN,
            "type": "gopay_wallet",
        }
        fields = {
            "type": "recurring.token.created",
            "eventId": "PSP-FIRST",
            "createdAt": "2026-11-23T10:00:00Z",
            "data": data,
        }
        body, key = json.dumps(fields).encode(), key_from_hex(OTHER_KEY)
        await receive_token(
            body,
            signature=sign(body, key),
            keys=[key],
            inbox=self.kasir.inbox,
            received_at=NOW,
        )
        await self.kasir.reader.read_all()

    async def _post(self, item: dict[str, Any]) -> None:
        await receive(
            envelope(item),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=self.kasir.inbox,
            received_at=NOW,
        )
        await self.kasir.reader.read_all()


@pytest.fixture
async def adyen(fresh_database: str) -> AsyncIterator[Adyen]:
    async with (
        serving() as fake_server,
        kasir_on(
            fresh_database, ADYEN_TWIN_URL=fake_server.url, ADYEN_TOKEN_HMAC_KEY=OTHER_KEY
        ) as kasir,
    ):
        fake_adyen = Adyen(fake_server, kasir)
        fake_server.handler = fake_adyen.answer
        yield fake_adyen


async def charge(kasir: Parts, key: str = "charge-1") -> tuple[int, Mapping[str, Any], str]:
    """Charge the only token; return the status, the answer and the payment's status."""
    (token,) = await kasir.tokens.of(SHOPPER)
    request = ChargeRequest(
        token=token_of(token),
        amount=Money(IDR, 25_000),
        reference="CHARGE-1",
        return_url="https://shop.example/",
    )
    answer, payment_id = await kasir.checkout.pay(charge_fields(request), OWN_VERSION, key)
    payment = await kasir.payments.payment(payment_id)
    assert payment is not None
    return answer.status, answer.json(), payment.status


@pytest.mark.parametrize("report", ["report_by_authorisation", "report_by_contract"])
async def test_a_token_that_adyen_does_not_list_is_not_charged(adyen: Adyen, report: str) -> None:
    await getattr(adyen, report)()
    with capture_logs() as logs:
        status, answer, payment_status = await charge(adyen.kasir)
    (token,) = await adyen.kasir.tokens.of(SHOPPER)

    assert adyen.calls == ["GET"]
    assert (status, answer["errorCode"], payment_status) == (422, "803", "failed")
    assert token.is_active is False
    assert [(line["event"], line["token"]) for line in logs] == [
        ("a token is not on Adyen's list", token.id)
    ]
    assert TOKEN not in repr(logs)


@pytest.mark.parametrize("report", ["report_by_authorisation", "report_by_contract"])
async def test_a_token_that_adyen_lists_is_checked_once_and_charged(
    adyen: Adyen, report: str
) -> None:
    await getattr(adyen, report)()
    adyen.listed = [TOKEN]
    first = await charge(adyen.kasir)
    await charge(adyen.kasir, "charge-2")

    assert adyen.calls == ["GET", "POST", "POST"]
    assert (first[0], first[1]["resultCode"]) == (200, "Authorised")


async def test_a_token_from_the_token_webhook_is_charged_without_a_check(adyen: Adyen) -> None:
    await adyen.report_by_authorisation()
    await adyen.report_by_token_webhook()
    status, _, _ = await charge(adyen.kasir)

    assert (adyen.calls, status) == (["POST"], 200)


async def test_while_adyens_list_is_unavailable_nothing_is_sent_and_the_check_is_repeated(
    adyen: Adyen,
) -> None:
    await adyen.report_by_authorisation()
    adyen.has_list = False
    with capture_logs() as logs:
        status, answer, payment_status = await charge(adyen.kasir)
    calls = [*adyen.calls]
    adyen.has_list, adyen.listed = True, [TOKEN]
    again = await charge(adyen.kasir)

    assert set(calls) == {"GET"}
    assert (status, answer["errorCode"], payment_status) == (503, "703", "unknown")
    assert [line["event"] for line in logs] == ["a token could not be checked"]
    assert (again[0], again[1]["resultCode"]) == (200, "Authorised")
    assert adyen.calls.count("POST") == 1


async def test_a_charge_that_may_have_been_sent_stays_unknown_when_its_token_is_not_listed(
    adyen: Adyen,
) -> None:
    await adyen.report_by_authorisation()
    adyen.has_list = False
    await charge(adyen.kasir)
    adyen.has_list = True
    status, _, payment_status = await charge(adyen.kasir)

    assert (status, payment_status) == (503, "unknown")
    assert "POST" not in adyen.calls


async def test_a_notification_that_does_not_sign_the_token_enables_no_removed_token(
    adyen: Adyen,
) -> None:
    await adyen.report_by_token_webhook()
    adyen.fake_server.handler = _answer_204
    query = {"shopperReference": SHOPPER, "merchantAccount": "TwinMerchant"}
    await adyen.kasir.stored.remove(TOKEN, query, version=72)
    adyen.fake_server.handler, adyen.fake_server.asked = adyen.answer, []
    await adyen.report_by_authorisation(eventDate="2099-01-01T00:00:00Z")
    status, answer, _ = await charge(adyen.kasir)

    assert (adyen.calls, status, answer["errorCode"]) == (["GET"], 422, "803")


async def _answer_204(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)
