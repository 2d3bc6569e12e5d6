"""The flow of a payment, with a scripted provider and a fixed clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from fakes import (
    FrozenClock,
    MemoryBook,
    ScriptedProvider,
    a_fact,
    a_question,
    an_answer,
    an_intent,
)
from kasir.errors import KeyReused, NotFound, StillRunning
from kasir.payments.facts import Fact, Says
from kasir.payments.flow import Flow, Timeouts
from kasir.payments.payment import Payment
from kasir.payments.question import CallResult, Kind, Question, ShopKey
from kasir.payments.status import Status

PATIENCE = Timeouts(
    lease=timedelta(seconds=40),
    wait=timedelta(seconds=45),
    first_gap=timedelta(seconds=2),
    longest_gap=timedelta(hours=1),
    key_lifetime=timedelta(days=7),
)
KEY = ShopKey(key="shop-1", fingerprint=b"one")
BODY = b'{"resultCode":"RedirectShopper"}'


def redirected(question: Question) -> CallResult:
    return an_answer(a_fact(Says.AWAITING_SHOPPER, about=question.key), body=BODY)


def silent(question: Question) -> CallResult:
    return CallResult(answer=None, facts=(a_fact(Says.UNKNOWN, about=question.key),))


class Road:
    """A flow with everything around it in a test's hands."""

    def __init__(self, answer: Callable[[Question], CallResult] = redirected) -> None:
        self.book, self.clock = MemoryBook(), FrozenClock()
        self.provider = ScriptedProvider(answer)
        self.flow = Flow(
            book=self.book,
            provider=self.provider,
            clock=self.clock,
            chance=lambda: 0.5,
            timeouts=PATIENCE,
        )

    async def pay(self, name: str = "pay_1", key: ShopKey | None = KEY) -> object:
        """Ask for a payment; give its id and the answer's bytes, or None."""
        paid, kept = await self.flow.pay(an_intent(name), a_question(name), key)
        return paid, kept.body if kept else None

    async def status(self, name: str = "pay_1") -> Status:
        """Where a payment stands."""
        payment = await self.book.payment(an_intent(name).id)
        assert payment is not None
        return payment.status


async def test_a_payment_is_asked_for_and_its_answer_given() -> None:
    road = Road()

    assert await road.pay() == ("pay_1", BODY)
    assert [question.key for question in road.provider.asked] == ["kasir-pay_1"]
    assert await road.status() == Status.AWAITING_SHOPPER


async def test_it_is_written_down_before_anybody_is_asked() -> None:
    road = Road()
    seen: list[Payment | None] = []

    class Watching(ScriptedProvider):
        async def ask(self, question: Question) -> CallResult:
            seen.append(await road.book.payment(an_intent().id))
            return await super().ask(question)

    flow = Flow(
        book=road.book,
        provider=Watching(redirected),
        clock=road.clock,
        chance=lambda: 0.5,
        timeouts=PATIENCE,
    )
    await flow.pay(an_intent(), a_question())

    assert [payment.status for payment in seen if payment] == [Status.CREATED]


async def test_the_same_shop_key_gives_the_first_answer_and_sends_nothing() -> None:
    road = Road()
    first, again = await road.pay("pay_1"), await road.pay("pay_2")

    assert again == first == ("pay_1", BODY)
    assert len(road.provider.asked) == 1


async def test_the_same_shop_key_for_something_else_is_refused() -> None:
    road = Road()
    await road.pay()
    with pytest.raises(KeyReused):
        await road.pay("pay_2", ShopKey(key="shop-1", fingerprint=b"another"))

    assert len(road.provider.asked) == 1


async def test_while_the_first_request_runs_the_second_is_refused() -> None:
    road = Road()
    road.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(road.flow.pay(an_intent(), a_question(), KEY))
    await road.provider.was_asked.wait()
    with pytest.raises(StillRunning):
        await road.pay("pay_2")
    road.provider.may_answer.set()
    await first

    assert len(road.provider.asked) == 1
    assert await road.pay("pay_3") == ("pay_1", BODY)


async def test_no_answer_is_an_unknown_outcome_and_the_same_key_sends_again() -> None:
    road = Road(silent)
    unheard = await road.pay()
    unknown = await road.status()
    road.provider.answer = redirected
    heard = await road.pay("pay_2")

    assert unheard == ("pay_1", None)
    assert unknown == Status.UNKNOWN
    assert heard == ("pay_1", BODY)
    # Word for word the same question: the provider sees one payment.
    first, second = road.provider.asked
    assert (first.key, first.body, first.path) == (second.key, second.body, second.path)
    assert await road.status() == Status.AWAITING_SHOPPER


async def test_a_question_whose_sender_is_gone_is_sent_again_after_its_lease() -> None:
    road = Road()
    await road.book.open(an_intent(), a_question(), KEY)  # And then the machine stopped.
    with pytest.raises(StillRunning):
        await road.pay("pay_2")
    road.clock.advance(PATIENCE.lease - timedelta(seconds=1))
    with pytest.raises(StillRunning):
        await road.pay("pay_2")
    road.clock.advance(timedelta(seconds=1))

    assert await road.pay("pay_2") == ("pay_1", BODY)
    assert len(road.provider.asked) == 1


async def test_of_two_callers_after_the_lease_one_sends() -> None:
    road = Road()
    await road.book.open(an_intent(), a_question(), KEY)
    road.clock.advance(PATIENCE.lease)
    road.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(road.flow.pay(an_intent("pay_2"), a_question("pay_2"), KEY))
    await road.provider.was_asked.wait()
    with pytest.raises(StillRunning):
        await road.pay("pay_3")
    road.provider.may_answer.set()
    await first

    assert len(road.provider.asked) == 1


async def test_a_payment_is_resumed_by_its_own_key() -> None:
    road = Road(silent)
    await road.pay()
    road.provider.answer = redirected
    kept = await road.flow.resume("kasir-pay_1")
    again = await road.flow.resume("kasir-pay_1")

    assert kept is not None
    assert (kept, kept.body) == (again, BODY)
    assert len(road.provider.asked) == 2
    with pytest.raises(NotFound):
        await road.flow.resume("kasir-nobody")


# Details.


def details(key: str = "kasir-det-1") -> Question:
    return a_question(key=key, kind=Kind.DETAILS, payment_id=None, path="/payments/details")


async def test_details_are_asked_once_and_answered_every_time() -> None:
    road = Road()
    answers = [await road.flow.finish(details()) for _ in range(3)]

    assert [kept.body for kept in answers if kept] == [BODY] * 3
    assert len(road.provider.asked) == 1


async def test_two_who_ask_for_details_at_once_get_the_one_answer() -> None:
    road = Road()
    road.provider.may_answer = asyncio.Event()
    asking = [asyncio.create_task(road.flow.finish(details())) for _ in range(5)]
    await road.provider.was_asked.wait()
    road.provider.may_answer.set()
    answers = await asyncio.gather(*asking)

    assert [kept.body for kept in answers if kept] == [BODY] * 5
    assert len(road.provider.asked) == 1


async def test_a_second_caller_waits_no_longer_than_its_timeout() -> None:
    road = Road()
    road.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(road.flow.finish(details()))
    await road.provider.was_asked.wait()
    second = asyncio.create_task(road.flow.finish(details()))
    # The lease is not over, but whoever waits has waited long enough: the clock of a page, say.
    hasty = Flow(
        book=road.book,
        provider=road.provider,
        clock=road.clock,
        chance=lambda: 0.5,
        timeouts=Timeouts(
            lease=PATIENCE.lease,
            wait=timedelta(0),
            first_gap=PATIENCE.first_gap,
            longest_gap=PATIENCE.longest_gap,
            key_lifetime=PATIENCE.key_lifetime,
        ),
    )
    given_up = await hasty.finish(details())
    road.provider.may_answer.set()

    assert given_up is None
    assert [kept.body for kept in await asyncio.gather(first, second) if kept] == [BODY] * 2
    assert len(road.provider.asked) == 1


async def test_details_without_an_answer_are_asked_again_by_whoever_comes_next() -> None:
    road = Road(silent)
    unheard = await road.flow.finish(details())
    road.provider.answer = redirected
    heard = await road.flow.finish(details())

    assert unheard is None
    assert heard is not None
    assert len(road.provider.asked) == 2


# Changes.


async def test_a_change_that_is_not_allowed_is_asked_of_nobody() -> None:
    road = Road()
    await road.pay()

    def refuse(_: Payment) -> list[Fact]:
        raise ValueError("not this one")

    change = a_question(key="kasir-chg-1", kind=Kind.REFUNDS)
    with pytest.raises(ValueError, match="not this one"):
        await road.flow.change(change, refuse)

    assert len(road.provider.asked) == 1


async def test_a_change_is_asked_once_per_shop_key() -> None:
    road = Road()
    await road.pay()
    key = ShopKey(key="refund-1", fingerprint=b"x")
    answers = [
        await road.flow.change(
            a_question(key=f"kasir-chg-{number}", kind=Kind.REFUNDS), lambda _: [], key
        )
        for number in range(3)
    ]

    assert [kept.body for kept in answers if kept] == [BODY] * 3
    assert [question.key for question in road.provider.asked] == ["kasir-pay_1", "kasir-chg-0"]
