"""What Kasir sends to Adyen for a shop's request, and which answer the shop gets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from fakes import NOW, CountedIds, FrozenClock, MemoryBook, payment_body
from kasir.adyen.calls import Call
from kasir.adyen.environments import Environment, addresses
from kasir.adyen.replies import Answer
from kasir.errors import InvalidRequest, KeyReused
from kasir.gateway.provider import Adyen
from kasir.gateway.wire import NoAnswer, Wire
from kasir.ids import PaymentId
from kasir.ledger.tokens import Tokens
from kasir.limits import Limits
from kasir.payments.flow import Flow, Timeouts
from kasir.payments.status import Status
from kasir.requests.payments import PaymentRequests
from kasir.tokens.model import Token

REDIRECT = b'{"resultCode":"RedirectShopper","action":{"type":"redirect"},"new":[1]}'
AUTHORISED = b'{"resultCode":"Authorised","pspReference":"PSP","merchantReference":"ORDER-1001"}'


class ScriptedWire(Wire):
    """A wire that sends nothing and returns scripted answers in order, the last one repeatedly."""

    def __init__(self, *answers: Answer | NoAnswer) -> None:
        super().__init__(addresses(Environment.TWIN, twin_url="http://nowhere"), "key", Limits())
        self._answers = list(answers)
        self.sent: list[Call] = []

    async def send(self, call: Call) -> Answer | NoAnswer:
        """Record the call, and return the next answer."""
        self.sent.append(call)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class NoTokens:
    """A ledger without tokens."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Return none."""
        return []


class Setup:
    """Payment requests that use a scripted wire."""

    def __init__(self, *answers: Answer | NoAnswer, tries_max: int = 1) -> None:
        self.wire = ScriptedWire(*(answers or (Answer(200, REDIRECT, "OFFER"),)))
        self.book, self.clock = MemoryBook(), FrozenClock()
        timeouts = Timeouts(
            lease=timedelta(seconds=40),
            wait=timedelta(0),
            first_gap=timedelta(seconds=2),
            longest_gap=timedelta(hours=1),
            key_lifetime=timedelta(days=7),
        )
        provider = Adyen(self.wire, self.clock, tries_max, tries_s_max=60.0)
        self.checkout = PaymentRequests(
            flow=Flow(
                book=self.book,
                provider=provider,
                clock=self.clock,
                chance=lambda: 0.5,
                timeouts=timeouts,
            ),
            wire=self.wire,
            ids=CountedIds(),
            clock=self.clock,
            merchant_account="TwinMerchant",
            attempt_lifetime=timedelta(hours=1),
            tokens=cast("Tokens", NoTokens()),
        )

    async def pay(self, *, key: str | None = None, version: int = 72, **changes: Any) -> Answer:
        """Make a payment; a change of None leaves its field out."""
        body = json.dumps(payment_body(**changes)).encode()
        answer, _ = await self.checkout.payments(body, version, key)
        return answer

    async def details(self, result: str = "X6XtfGC3!Y") -> Answer:
        """Request the details of a return with this redirect result."""
        body = json.dumps({"details": {"redirectResult": result}, "paymentData": "x"}).encode()
        return await self.checkout.details(body, 72)

    def sent(self, number: int = -1) -> Any:
        """The fields of a call that was sent to Adyen, of the last one by default."""
        return json.loads(self.wire.sent[number].body)

    async def status(self, number: int = 1) -> Status:
        """The status of a payment."""
        payment = await self.book.payment(PaymentId(f"pay_{number}"))
        assert payment is not None
        return payment.status


async def test_a_payments_fields_are_passed_on_unchanged() -> None:
    setup = Setup()
    extra: dict[str, Any] = {
        "lineItems": [{"id": "gayo", "quantity": 1, "colour": "brown"}],
        "shopperName": {"firstName": "Siti", "lastName": "Aminah"},
        "somethingNew": {"deep": [1, None, "é"]},
        "metadata": {"basket": "7"},
    }
    answer = await setup.pay(**extra)
    (call,) = setup.wire.sent

    assert answer == Answer(200, REDIRECT, "OFFER")
    assert setup.sent() == payment_body(**extra) | {
        "metadata": {"basket": "7", "kasirPaymentId": "pay_1"}
    }
    assert (call.path, call.version, call.key) == ("/payments", 72, "kasir-pay_1")


async def test_a_missing_merchant_account_is_filled_in_and_the_version_is_kept() -> None:
    setup = Setup()
    await setup.pay(merchantAccount=None, version=71)

    assert setup.sent()["merchantAccount"] == "TwinMerchant"
    assert setup.sent()["metadata"] == {"kasirPaymentId": "pay_1"}
    assert setup.wire.sent[0].version == 71


async def test_full_metadata_is_passed_on_unchanged() -> None:
    setup, full = Setup(), {str(number): "v" for number in range(20)}
    await setup.pay(metadata=full)

    assert setup.sent()["metadata"] == full


async def test_adyen_gets_kasirs_own_key_and_not_the_shops() -> None:
    setup = Setup()
    await setup.pay(key="shop-1")
    await setup.pay(key="shop-1")

    assert [call.key for call in setup.wire.sent] == ["kasir-pay_1"]
    with pytest.raises(KeyReused):
        await setup.pay(key="shop-1", reference="OTHER")


async def test_json_in_another_order_and_spacing_is_the_same_request() -> None:
    setup, body = Setup(), payment_body()
    spaced = json.dumps(dict(reversed(body.items())), indent=2).encode()
    await setup.pay(key="shop-1")
    answer, payment_id = await setup.checkout.payments(spaced, 72, "shop-1")

    assert (answer.body, payment_id) == (REDIRECT, "pay_1")
    assert len(setup.wire.sent) == 1


@pytest.mark.parametrize(
    "failure",
    [
        NoAnswer("TimeoutError"),
        Answer(500, b"<html>"),
        Answer(503, b'{"errorCode":"703"}', transient=True),
        Answer(409, b'{"errorCode":"704"}'),
        Answer(422, b'{"errorCode":"704"}'),
        Answer(200, b""),
    ],
)
async def test_an_unknown_outcome_is_answered_with_adyens_transient_error(
    failure: Answer | NoAnswer,
) -> None:
    setup = Setup(failure)
    answer = await setup.pay(key="shop-1")

    assert (answer.status, answer.transient) == (503, True)
    assert answer.json()["errorCode"] == "703"
    assert "same Idempotency-Key" in answer.json()["message"]
    assert await setup.status() == Status.UNKNOWN


async def test_after_a_transient_error_the_call_is_retried_at_once_under_the_same_key() -> None:
    transient_error = Answer(503, b'{"errorCode":"703"}', transient=True)
    setup = Setup(transient_error, Answer(200, AUTHORISED), tries_max=3)
    answer = await setup.pay()

    assert answer.body == AUTHORISED
    assert [(call.key, call.body) for call in setup.wire.sent] == [
        ("kasir-pay_1", setup.wire.sent[0].body)
    ] * 2
    assert await setup.status() == Status.AUTHORISED


async def test_transient_errors_to_every_try_leave_the_outcome_unknown() -> None:
    setup = Setup(Answer(503, b'{"errorCode":"703"}', transient=True), tries_max=3)
    answer = await setup.pay()

    assert (answer.status, answer.transient) == (503, True)
    assert {call.key for call in setup.wire.sent} == {"kasir-pay_1"}
    assert len(setup.wire.sent) == 3
    assert await setup.status() == Status.UNKNOWN


async def test_after_an_unknown_outcome_the_same_body_is_sent_under_the_same_key() -> None:
    setup = Setup(NoAnswer("TimeoutError"), Answer(200, REDIRECT))
    await setup.pay(key="shop-1")
    answer = await setup.pay(key="shop-1")
    first, second = setup.wire.sent

    assert answer.body == REDIRECT
    assert (first.key, first.body) == (second.key, second.body)
    assert await setup.status() == Status.AWAITING_SHOPPER


async def test_an_error_of_adyens_is_passed_on_to_the_shop_unchanged() -> None:
    body = b'{"status":422,"errorCode":"905","message":"m","errorType":"configuration"}'
    setup = Setup(Answer(422, body, "PSP"))
    answer = await setup.pay()

    assert answer == Answer(422, body, "PSP")
    assert await setup.status() == Status.FAILED


async def test_an_invalid_request_is_neither_sent_nor_stored() -> None:
    setup = Setup()
    with pytest.raises(InvalidRequest) as caught:
        await setup.pay(channel=None, browserInfo=None, reference="r" * 81)

    assert sorted(fault.field for fault in caught.value.faults) == [
        "browserInfo",
        "channel",
        "reference",
    ]
    assert setup.wire.sent == []
    assert await setup.book.payment(PaymentId("pay_1")) is None


# Details.


@pytest.mark.parametrize("given", ["X6XtfGC3!Y+/=", "X6XtfGC3%21Y%2B%2F%3D"])
async def test_a_redirect_result_is_sent_decoded_once_and_the_rest_unchanged(given: str) -> None:
    setup = Setup(Answer(200, AUTHORISED))
    answer = await setup.details(given)
    (call,) = setup.wire.sent

    assert answer.body == AUTHORISED
    assert setup.sent() == {"details": {"redirectResult": "X6XtfGC3!Y+/="}, "paymentData": "x"}
    assert call.path == "/payments/details"
    assert call.key is not None
    assert len(call.key) <= 64


async def test_details_are_requested_once_for_any_number_of_returns() -> None:
    setup = Setup(Answer(200, AUTHORISED))
    answers = [await setup.details() for _ in range(3)]

    assert {answer.body for answer in answers} == {AUTHORISED}
    assert len(setup.wire.sent) == 1


@pytest.mark.parametrize(
    "failure", [NoAnswer("TimeoutError"), Answer(422, b'{"errorCode":"704"}'), Answer(502, b"")]
)
async def test_details_without_an_answer_get_the_result_code_received(
    failure: Answer | NoAnswer,
) -> None:
    setup = Setup(failure)
    answer = await setup.details()

    assert (answer.status, answer.json()) == (200, {"resultCode": "Received"})


# Methods.


async def test_methods_are_requested_with_the_fields_gopay_needs() -> None:
    listed = b'{"paymentMethods":[{"type":"gopay_wallet"}]}'
    setup = Setup(Answer(200, listed))
    body = b'{"channel":"Web","amount":{"value":25000},"somethingNew":1}'
    answer = await setup.checkout.payment_methods(body, 72)
    (call,) = setup.wire.sent

    assert answer.body == listed
    assert setup.sent() == {
        "merchantAccount": "TwinMerchant",
        "countryCode": "ID",
        "channel": "Web",
        "amount": {"currency": "IDR", "value": 25_000},
        "somethingNew": 1,
    }
    assert (call.path, call.key) == ("/paymentMethods", None)


async def test_a_field_that_the_shop_gives_is_not_filled_in() -> None:
    setup = Setup(Answer(200, b'{"paymentMethods":[]}'))
    given = {
        "merchantAccount": "TwinMerchant",
        "countryCode": "NL",
        "amount": {"currency": "EUR", "value": 1},
    }
    await setup.checkout.payment_methods(json.dumps(given).encode(), 72)

    assert setup.sent() == given


async def test_methods_without_an_answer_are_a_transient_error() -> None:
    answer = await Setup(NoAnswer("TimeoutError")).checkout.payment_methods(b"{}", 72)

    assert (answer.status, answer.transient) == (503, True)


async def test_an_attempt_is_closed_at_the_shops_time_or_after_a_default_time() -> None:
    setup = Setup()
    later = NOW + timedelta(minutes=10)
    await setup.pay()
    await setup.pay(sessionValidity=later.isoformat())
    payments = [await setup.book.payment(PaymentId(f"pay_{number}")) for number in (1, 2)]

    assert [payment.intent.close_at for payment in payments if payment] == [
        NOW + timedelta(hours=1),
        later,
    ]


async def test_an_attempt_is_closed_early_enough_to_add_a_year_to_the_time() -> None:
    setup = Setup()
    await setup.pay(sessionValidity="9999-12-31T23:59:59Z")
    payment = await setup.book.payment(PaymentId("pay_1"))

    assert payment
    # Kasir adds waits to this time; the sum must not exceed the latest possible time.
    assert payment.intent.close_at + timedelta(days=365) > NOW + timedelta(days=365)
