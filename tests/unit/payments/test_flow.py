"""The flow of a payment, with a scripted provider and a fixed clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
from kasir.payments.question import CallResult, KeptAnswer, Kind, Question, ShopKey
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


class Setup:
    """A flow with everything around it in a test's hands."""

    def __init__(
        self,
        answer: Callable[[Question], CallResult] = redirected,
        book: MemoryBook | None = None,
    ) -> None:
        self.book, self.clock = book or MemoryBook(), FrozenClock()
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
        """The status of a payment."""
        payment = await self.book.payment(an_intent(name).id)
        assert payment is not None
        return payment.status


async def test_a_payment_is_asked_for_and_its_answer_given() -> None:
    setup = Setup()

    assert await setup.pay() == ("pay_1", BODY)
    assert [question.key for question in setup.provider.asked] == ["kasir-pay_1"]
    assert await setup.status() == Status.AWAITING_SHOPPER


async def test_the_question_is_stored_before_it_is_sent() -> None:
    setup = Setup()
    seen: list[Payment | None] = []

    class Watching(ScriptedProvider):
        async def ask(self, question: Question) -> CallResult:
            seen.append(await setup.book.payment(an_intent().id))
            return await super().ask(question)

    flow = Flow(
        book=setup.book,
        provider=Watching(redirected),
        clock=setup.clock,
        chance=lambda: 0.5,
        timeouts=PATIENCE,
    )
    await flow.pay(an_intent(), a_question())

    assert [payment.status for payment in seen if payment] == [Status.CREATED]


async def test_the_same_shop_key_gives_the_first_answer_and_sends_nothing() -> None:
    setup = Setup()
    first, again = await setup.pay("pay_1"), await setup.pay("pay_2")

    assert again == first == ("pay_1", BODY)
    assert len(setup.provider.asked) == 1


async def test_the_same_shop_key_for_something_else_is_refused() -> None:
    setup = Setup()
    await setup.pay()
    with pytest.raises(KeyReused):
        await setup.pay("pay_2", ShopKey(key="shop-1", fingerprint=b"another"))

    assert len(setup.provider.asked) == 1


async def test_while_the_first_request_runs_the_second_is_refused() -> None:
    setup = Setup()
    setup.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(setup.flow.pay(an_intent(), a_question(), KEY))
    await setup.provider.was_asked.wait()
    with pytest.raises(StillRunning):
        await setup.pay("pay_2")
    setup.provider.may_answer.set()
    await first

    assert len(setup.provider.asked) == 1
    assert await setup.pay("pay_3") == ("pay_1", BODY)


async def test_no_answer_is_an_unknown_outcome_and_the_same_key_sends_again() -> None:
    setup = Setup(silent)
    unanswered = await setup.pay()
    unknown = await setup.status()
    setup.provider.answer = redirected
    result = await setup.pay("pay_2")

    assert unanswered == ("pay_1", None)
    assert unknown == Status.UNKNOWN
    assert result == ("pay_1", BODY)
    # Word for word the same question: the provider sees one payment.
    first, second = setup.provider.asked
    assert (first.key, first.body, first.path) == (second.key, second.body, second.path)
    assert await setup.status() == Status.AWAITING_SHOPPER


async def test_a_question_whose_sender_ended_is_sent_again_after_its_lease() -> None:
    setup = Setup()
    await setup.book.open(an_intent(), a_question(), KEY)  # And then the machine stopped.
    with pytest.raises(StillRunning):
        await setup.pay("pay_2")
    setup.clock.advance(PATIENCE.lease - timedelta(seconds=1))
    with pytest.raises(StillRunning):
        await setup.pay("pay_2")
    setup.clock.advance(timedelta(seconds=1))

    assert await setup.pay("pay_2") == ("pay_1", BODY)
    assert len(setup.provider.asked) == 1


async def test_of_two_callers_after_the_lease_one_sends() -> None:
    setup = Setup()
    await setup.book.open(an_intent(), a_question(), KEY)
    setup.clock.advance(PATIENCE.lease)
    setup.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(setup.flow.pay(an_intent("pay_2"), a_question("pay_2"), KEY))
    await setup.provider.was_asked.wait()
    with pytest.raises(StillRunning):
        await setup.pay("pay_3")
    setup.provider.may_answer.set()
    await first

    assert len(setup.provider.asked) == 1


class ChangingBook(MemoryBook):
    """A book whose question changes once, between the reading of it and the decision about it."""

    def __init__(self) -> None:
        super().__init__()
        self.change: Callable[[Question], Awaitable[None]] | None = None

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Return the question as it was before the change."""
        known = await super().question(key)
        if self.change:
            change, self.change = self.change, None
            await change(known[0])
        return known


async def test_a_question_that_is_released_while_a_second_request_looks_is_sent_at_once() -> None:
    book = ChangingBook()
    setup = Setup(book=book)
    await book.open(an_intent(), a_question(), KEY)

    async def release(known: Question) -> None:
        with pytest.raises(ConnectionResetError):
            async with book.asking(known):
                raise ConnectionResetError

    book.change = release

    assert await setup.pay("pay_2") == ("pay_1", BODY)  # Never StillRunning.
    assert len(setup.provider.asked) == 1


async def test_a_question_that_is_answered_while_a_second_request_looks_gives_that_answer() -> None:
    book = ChangingBook()
    setup = Setup(book=book)
    await book.open(an_intent(), a_question(), KEY)

    async def answer(known: Question) -> None:
        await book.record(known, redirected(known), None)

    book.change = answer

    assert await setup.pay("pay_2") == ("pay_1", BODY)
    assert setup.provider.asked == []


async def test_a_question_that_is_taken_over_while_a_third_request_looks_is_sent_once() -> None:
    book = ChangingBook()
    setup = Setup(book=book)
    await book.open(an_intent(), a_question(), KEY)
    setup.clock.advance(PATIENCE.lease)

    async def take_over(known: Question) -> None:
        assert await book.take_over(known, setup.clock.now())

    book.change = take_over
    with pytest.raises(StillRunning):
        await setup.pay("pay_3")

    assert setup.provider.asked == []


async def test_a_payment_is_resumed_by_its_own_key() -> None:
    setup = Setup(silent)
    await setup.pay()
    setup.provider.answer = redirected
    kept = await setup.flow.resume("kasir-pay_1")
    again = await setup.flow.resume("kasir-pay_1")

    assert kept is not None
    assert (kept, kept.body) == (again, BODY)
    assert len(setup.provider.asked) == 2
    with pytest.raises(NotFound):
        await setup.flow.resume("kasir-nobody")


# Details.


def details(key: str = "kasir-det-1") -> Question:
    return a_question(key=key, kind=Kind.DETAILS, payment_id=None, path="/payments/details")


async def test_details_are_asked_once_and_answered_every_time() -> None:
    setup = Setup()
    answers = [await setup.flow.finish(details()) for _ in range(3)]

    assert [kept.body for kept in answers if kept] == [BODY] * 3
    assert len(setup.provider.asked) == 1


async def test_two_concurrent_requests_for_details_get_the_same_answer() -> None:
    setup = Setup()
    setup.provider.may_answer = asyncio.Event()
    asking = [asyncio.create_task(setup.flow.finish(details())) for _ in range(5)]
    await setup.provider.was_asked.wait()
    setup.provider.may_answer.set()
    answers = await asyncio.gather(*asking)

    assert [kept.body for kept in answers if kept] == [BODY] * 5
    assert len(setup.provider.asked) == 1


async def test_a_second_caller_waits_no_longer_than_its_timeout() -> None:
    setup = Setup()
    setup.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(setup.flow.finish(details()))
    await setup.provider.was_asked.wait()
    second = asyncio.create_task(setup.flow.finish(details()))
    # The lease is not over, but the caller has waited for its timeout.
    hasty = Flow(
        book=setup.book,
        provider=setup.provider,
        clock=setup.clock,
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
    setup.provider.may_answer.set()

    assert given_up is None
    assert [kept.body for kept in await asyncio.gather(first, second) if kept] == [BODY] * 2
    assert len(setup.provider.asked) == 1


async def test_details_without_an_answer_are_asked_again_by_the_next_caller() -> None:
    setup = Setup(silent)
    unanswered = await setup.flow.finish(details())
    setup.provider.answer = redirected
    result = await setup.flow.finish(details())

    assert unanswered is None
    assert result is not None
    assert len(setup.provider.asked) == 2


# Changes.


async def test_a_change_that_is_not_allowed_is_not_sent() -> None:
    setup = Setup()
    await setup.pay()

    def refuse(_: Payment) -> list[Fact]:
        raise ValueError("not this one")

    change = a_question(key="kasir-chg-1", kind=Kind.REFUNDS)
    with pytest.raises(ValueError, match="not this one"):
        await setup.flow.change(change, refuse)

    assert len(setup.provider.asked) == 1


async def test_a_change_is_asked_once_per_shop_key() -> None:
    setup = Setup()
    await setup.pay()
    key = ShopKey(key="refund-1", fingerprint=b"x")
    answers = [
        await setup.flow.change(
            a_question(key=f"kasir-chg-{number}", kind=Kind.REFUNDS), lambda _: [], key
        )
        for number in range(3)
    ]

    assert [kept.body for kept in answers if kept] == [BODY] * 3
    assert [question.key for question in setup.provider.asked] == ["kasir-pay_1", "kasir-chg-0"]
