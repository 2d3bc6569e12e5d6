"""What Adyen hears of a shop's request, word for word; what the shop hears of Adyen's answer."""

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
from kasir.gateway.wire import Silence, Wire
from kasir.ids import PaymentId
from kasir.ledger.tokens import Tokens
from kasir.limits import Limits
from kasir.payments.flow import Flow, Patience
from kasir.payments.status import Status
from kasir.requests.payments import PaymentRequests
from kasir.tokens.model import Token

REDIRECT = b'{"resultCode":"RedirectShopper","action":{"type":"redirect"},"new":[1]}'
AUTHORISED = b'{"resultCode":"Authorised","pspReference":"PSP","merchantReference":"ORDER-1001"}'


class ScriptedWire(Wire):
    """A wire that answers as it is told, in turn and then always the last, and goes nowhere."""

    def __init__(self, *answers: Answer | Silence) -> None:
        super().__init__(addresses(Environment.TWIN, twin_url="http://nowhere"), "key", Limits())
        self._answers = list(answers)
        self.sent: list[Call] = []

    async def send(self, call: Call) -> Answer | Silence:
        """Note the call down, and answer."""
        self.sent.append(call)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class NoTokens:
    """A shop whose shoppers have saved nothing."""

    async def stored_as(self, stored_id: str) -> Sequence[Token]:
        """Give none."""
        return []


class Counter:
    """Payment requests with a scripted wire behind it."""

    def __init__(self, *answers: Answer | Silence, tries_max: int = 1) -> None:
        self.wire = ScriptedWire(*(answers or (Answer(200, REDIRECT, "OFFER"),)))
        self.book, self.clock = MemoryBook(), FrozenClock()
        patience = Patience(
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
                patience=patience,
            ),
            wire=self.wire,
            ids=CountedIds(),
            clock=self.clock,
            merchant_account="TwinMerchant",
            attempt_lifetime=timedelta(hours=1),
            tokens=cast("Tokens", NoTokens()),
        )

    async def pay(self, *, key: str | None = None, version: int = 72, **changes: Any) -> Answer:
        """Have a payment made; a change of None leaves its field out."""
        body = json.dumps(payment_body(**changes)).encode()
        answer, _ = await self.checkout.payments(body, version, key)
        return answer

    async def details(self, result: str = "X6XtfGC3!Y") -> Answer:
        """Ask what became of it."""
        body = json.dumps({"details": {"redirectResult": result}, "paymentData": "x"}).encode()
        return await self.checkout.details(body, 72)

    def said(self, number: int = -1) -> Any:
        """What Adyen heard."""
        return json.loads(self.wire.sent[number].body)

    async def status(self, number: int = 1) -> Status:
        """Where a payment stands."""
        payment = await self.book.payment(PaymentId(f"pay_{number}"))
        assert payment is not None
        return payment.status


async def test_a_payment_goes_on_in_the_shops_own_words() -> None:
    counter = Counter()
    more: dict[str, Any] = {
        "lineItems": [{"id": "gayo", "quantity": 1, "colour": "brown"}],
        "shopperName": {"firstName": "Siti", "lastName": "Aminah"},
        "somethingNew": {"deep": [1, None, "é"]},
        "metadata": {"basket": "7"},
    }
    answer = await counter.pay(**more)
    (call,) = counter.wire.sent

    assert answer == Answer(200, REDIRECT, "OFFER")
    assert counter.said() == payment_body(**more) | {
        "metadata": {"basket": "7", "kasirPaymentId": "pay_1"}
    }
    assert (call.path, call.version, call.key) == ("/payments", 72, "kasir-pay_1")


async def test_the_account_is_filled_in_and_the_version_kept() -> None:
    counter = Counter()
    await counter.pay(merchantAccount=None, version=71)

    assert counter.said()["merchantAccount"] == "TwinMerchant"
    assert counter.said()["metadata"] == {"kasirPaymentId": "pay_1"}
    assert counter.wire.sent[0].version == 71


async def test_metadata_that_is_full_is_left_alone() -> None:
    counter, full = Counter(), {str(number): "v" for number in range(20)}
    await counter.pay(metadata=full)

    assert counter.said()["metadata"] == full


async def test_the_shops_key_stays_with_us_and_adyen_hears_one_of_ours() -> None:
    counter = Counter()
    await counter.pay(key="shop-1")
    await counter.pay(key="shop-1")

    assert [call.key for call in counter.wire.sent] == ["kasir-pay_1"]
    with pytest.raises(KeyReused):
        await counter.pay(key="shop-1", reference="OTHER")


async def test_an_order_and_spacing_of_json_are_no_other_body() -> None:
    counter, body = Counter(), payment_body()
    spaced = json.dumps(dict(reversed(body.items())), indent=2).encode()
    await counter.pay(key="shop-1")
    answer, paid = await counter.checkout.payments(spaced, 72, "shop-1")

    assert (answer.body, paid) == (REDIRECT, "pay_1")
    assert len(counter.wire.sent) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Silence("TimeoutError"),
        Answer(500, b"<html>"),
        Answer(503, b'{"errorCode":"703"}', transient=True),
        Answer(409, b'{"errorCode":"704"}'),
        Answer(422, b'{"errorCode":"704"}'),
        Answer(200, b""),
    ],
)
async def test_an_unknown_outcome_is_adyens_own_transient_error(trouble: Answer | Silence) -> None:
    counter = Counter(trouble)
    answer = await counter.pay(key="shop-1")

    assert (answer.status, answer.transient) == (503, True)
    assert answer.json()["errorCode"] == "703"
    assert "same Idempotency-Key" in answer.json()["message"]
    assert await counter.status() == Status.UNKNOWN


async def test_where_adyen_says_not_now_it_is_asked_again_at_once_under_the_same_key() -> None:
    not_now = Answer(503, b'{"errorCode":"703"}', transient=True)
    counter = Counter(not_now, Answer(200, AUTHORISED), tries_max=3)
    answer = await counter.pay()

    assert answer.body == AUTHORISED
    assert [(call.key, call.body) for call in counter.wire.sent] == [
        ("kasir-pay_1", counter.wire.sent[0].body)
    ] * 2
    assert await counter.status() == Status.AUTHORISED


async def test_what_says_not_now_to_every_try_leaves_the_outcome_unknown() -> None:
    counter = Counter(Answer(503, b'{"errorCode":"703"}', transient=True), tries_max=3)
    answer = await counter.pay()

    assert (answer.status, answer.transient) == (503, True)
    assert {call.key for call in counter.wire.sent} == {"kasir-pay_1"}
    assert len(counter.wire.sent) == 3
    assert await counter.status() == Status.UNKNOWN


async def test_after_an_unknown_outcome_the_same_words_are_sent_under_the_same_key() -> None:
    counter = Counter(Silence("TimeoutError"), Answer(200, REDIRECT))
    await counter.pay(key="shop-1")
    answer = await counter.pay(key="shop-1")
    first, second = counter.wire.sent

    assert answer.body == REDIRECT
    assert (first.key, first.body) == (second.key, second.body)
    assert await counter.status() == Status.AWAITING_SHOPPER


async def test_a_refusal_of_adyens_reaches_the_shop_unchanged() -> None:
    body = b'{"status":422,"errorCode":"905","message":"m","errorType":"configuration"}'
    counter = Counter(Answer(422, body, "PSP"))
    answer = await counter.pay()

    assert answer == Answer(422, body, "PSP")
    assert await counter.status() == Status.FAILED


async def test_a_bad_request_is_sent_to_nobody_and_written_down_nowhere() -> None:
    counter = Counter()
    with pytest.raises(InvalidRequest) as caught:
        await counter.pay(channel=None, browserInfo=None, reference="r" * 81)

    assert sorted(fault.field for fault in caught.value.faults) == [
        "browserInfo",
        "channel",
        "reference",
    ]
    assert counter.wire.sent == []
    assert await counter.book.payment(PaymentId("pay_1")) is None


# Details.


@pytest.mark.parametrize("given", ["X6XtfGC3!Y+/=", "X6XtfGC3%21Y%2B%2F%3D"])
async def test_details_go_out_decoded_once_and_otherwise_as_they_came(given: str) -> None:
    counter = Counter(Answer(200, AUTHORISED))
    answer = await counter.details(given)
    (call,) = counter.wire.sent

    assert answer.body == AUTHORISED
    assert counter.said() == {"details": {"redirectResult": "X6XtfGC3!Y+/="}, "paymentData": "x"}
    assert call.path == "/payments/details"
    assert call.key is not None
    assert len(call.key) <= 64


async def test_details_are_asked_once_however_often_the_shopper_returns() -> None:
    counter = Counter(Answer(200, AUTHORISED))
    answers = [await counter.details() for _ in range(3)]

    assert {answer.body for answer in answers} == {AUTHORISED}
    assert len(counter.wire.sent) == 1


@pytest.mark.parametrize(
    "trouble", [Silence("TimeoutError"), Answer(422, b'{"errorCode":"704"}'), Answer(502, b"")]
)
async def test_details_that_nobody_answers_are_received_and_never_704(
    trouble: Answer | Silence,
) -> None:
    counter = Counter(trouble)
    answer = await counter.details()

    assert (answer.status, answer.json()) == (200, {"resultCode": "Received"})


# Methods.


async def test_methods_are_asked_for_with_what_gopay_needs() -> None:
    listed = b'{"paymentMethods":[{"type":"gopay_wallet"}]}'
    counter = Counter(Answer(200, listed))
    body = b'{"channel":"Web","amount":{"value":25000},"somethingNew":1}'
    answer = await counter.checkout.payment_methods(body, 72)
    (call,) = counter.wire.sent

    assert answer.body == listed
    assert counter.said() == {
        "merchantAccount": "TwinMerchant",
        "countryCode": "ID",
        "channel": "Web",
        "amount": {"currency": "IDR", "value": 25_000},
        "somethingNew": 1,
    }
    assert (call.path, call.key) == ("/paymentMethods", None)


async def test_what_the_shop_says_itself_is_not_filled_in() -> None:
    counter = Counter(Answer(200, b'{"paymentMethods":[]}'))
    said = {
        "merchantAccount": "TwinMerchant",
        "countryCode": "NL",
        "amount": {"currency": "EUR", "value": 1},
    }
    await counter.checkout.payment_methods(json.dumps(said).encode(), 72)

    assert counter.said() == said


async def test_methods_that_nobody_answers_for_are_a_transient_error() -> None:
    answer = await Counter(Silence("TimeoutError")).checkout.payment_methods(b"{}", 72)

    assert (answer.status, answer.transient) == (503, True)


async def test_an_attempt_is_closed_when_the_shop_says_or_after_a_while() -> None:
    counter = Counter()
    later = NOW + timedelta(minutes=10)
    await counter.pay()
    await counter.pay(sessionValidity=later.isoformat())
    made = [await counter.book.payment(PaymentId(f"pay_{number}")) for number in (1, 2)]

    assert [payment.intent.close_at for payment in made if payment] == [
        NOW + timedelta(hours=1),
        later,
    ]


async def test_an_attempt_that_a_shop_lets_be_paid_for_ages_ends_while_time_can_be_told() -> None:
    counter = Counter()
    await counter.pay(sessionValidity="9999-12-31T23:59:59Z")
    made = await counter.book.payment(PaymentId("pay_1"))

    assert made
    # Whoever looks after it adds waits to its end.
    assert made.intent.close_at + timedelta(days=365) > NOW + timedelta(days=365)
