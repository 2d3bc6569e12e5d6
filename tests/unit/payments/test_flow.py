"""Payments, details and changes are requested from a scripted provider, by a clock in the test."""

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
from kasir.payments.question import (
    CallResult,
    KeptAnswer,
    Kind,
    Question,
    ShopKey,
    Unanswered,
)
from kasir.payments.status import Status

TIMEOUTS = Timeouts(
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


def no_answer(question: Question) -> CallResult:
    fact = a_fact(Says.UNKNOWN, about=question.key)
    return CallResult(answer=None, facts=(fact,), error="Adyen answered with an error: HTTP 500.")


def body_of(kept: KeptAnswer | Unanswered) -> bytes | None:
    """The body of an answer; None if the outcome is unknown."""
    return kept.body if isinstance(kept, KeptAnswer) else None


class Setup:
    """A flow with a scripted provider, a payment book in memory and a fixed clock."""

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
            timeouts=TIMEOUTS,
        )

    async def pay(self, name: str = "pay_1", key: ShopKey | None = KEY) -> object:
        """Request a payment; return its id, and the answer's body or None."""
        payment_id, kept = await self.flow.pay(an_intent(name), a_question(name), key)
        return payment_id, body_of(kept)

    async def status(self, name: str = "pay_1") -> Status:
        """The status of a payment."""
        payment = await self.book.payment(an_intent(name).id)
        assert payment is not None
        return payment.status


async def test_a_payment_is_sent_to_the_provider_and_its_answer_returned() -> None:
    setup = Setup()

    assert await setup.pay() == ("pay_1", BODY)
    assert [question.key for question in setup.provider.asked] == ["kasir-pay_1"]
    assert await setup.status() == Status.AWAITING_SHOPPER


async def test_the_question_is_stored_before_it_is_sent() -> None:
    setup = Setup()
    payments_before_call: list[Payment | None] = []

    class StatusRecorder(ScriptedProvider):
        async def ask(self, question: Question) -> CallResult:
            payments_before_call.append(await setup.book.payment(an_intent().id))
            return await super().ask(question)

    flow = Flow(
        book=setup.book,
        provider=StatusRecorder(redirected),
        clock=setup.clock,
        chance=lambda: 0.5,
        timeouts=TIMEOUTS,
    )
    await flow.pay(an_intent(), a_question())

    assert [payment.status for payment in payments_before_call if payment] == [Status.CREATED]


async def test_the_same_shop_key_returns_the_first_answer_and_sends_nothing() -> None:
    setup = Setup()
    first, again = await setup.pay("pay_1"), await setup.pay("pay_2")

    assert again == first == ("pay_1", BODY)
    assert len(setup.provider.asked) == 1


async def test_the_same_shop_key_for_another_request_is_refused() -> None:
    setup = Setup()
    await setup.pay()
    with pytest.raises(KeyReused):
        await setup.pay("pay_2", ShopKey(key="shop-1", fingerprint=b"another"))

    assert len(setup.provider.asked) == 1


async def test_a_second_request_with_the_same_key_is_refused_while_the_first_runs() -> None:
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


async def test_without_an_answer_the_outcome_is_unknown_and_the_same_key_retries() -> None:
    setup = Setup(no_answer)
    unanswered = await setup.pay()
    unknown = await setup.status()
    setup.provider.answer = redirected
    result = await setup.pay("pay_2")

    assert unanswered == ("pay_1", None)
    assert unknown == Status.UNKNOWN
    assert result == ("pay_1", BODY)
    # The question is the same, so that the provider makes one payment.
    first, second = setup.provider.asked
    assert (first.key, first.body, first.path) == (second.key, second.body, second.path)
    assert await setup.status() == Status.AWAITING_SHOPPER


async def test_a_question_whose_sender_ended_is_sent_after_its_lease() -> None:
    setup = Setup()
    # The question was stored, and the process ended before it sent the question.
    await setup.book.open(an_intent(), a_question(), KEY)
    with pytest.raises(StillRunning):
        await setup.pay("pay_2")
    setup.clock.advance(TIMEOUTS.lease - timedelta(seconds=1))
    with pytest.raises(StillRunning):
        await setup.pay("pay_2")
    setup.clock.advance(timedelta(seconds=1))

    assert await setup.pay("pay_2") == ("pay_1", BODY)
    assert len(setup.provider.asked) == 1


async def test_only_one_of_two_callers_after_the_lease_sends_the_question() -> None:
    setup = Setup()
    await setup.book.open(an_intent(), a_question(), KEY)
    setup.clock.advance(TIMEOUTS.lease)
    setup.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(setup.flow.pay(an_intent("pay_2"), a_question("pay_2"), KEY))
    await setup.provider.was_asked.wait()
    with pytest.raises(StillRunning):
        await setup.pay("pay_3")
    setup.provider.may_answer.set()
    await first

    assert len(setup.provider.asked) == 1


class ChangingBook(MemoryBook):
    """A payment book that changes a question between reading and returning it, once."""

    def __init__(self) -> None:
        super().__init__()
        self.change: Callable[[Question], Awaitable[None]] | None = None

    async def question(self, key: str) -> tuple[Question, KeptAnswer | None]:
        """Read the question, change it once, and return it as it was read."""
        question, kept = await super().question(key)
        if self.change:
            change, self.change = self.change, None
            await change(question)
        return question, kept


async def test_a_question_that_is_released_after_a_second_request_read_it_is_sent_at_once() -> None:
    book = ChangingBook()
    setup = Setup(book=book)
    await book.open(an_intent(), a_question(), KEY)

    async def release(question: Question) -> None:
        with pytest.raises(ConnectionResetError):
            async with book.asking(question):
                raise ConnectionResetError

    book.change = release

    assert await setup.pay("pay_2") == ("pay_1", BODY)  # Never StillRunning.
    assert len(setup.provider.asked) == 1


async def test_a_question_that_is_answered_after_a_second_request_read_it_is_not_sent_again() -> (
    None
):
    book = ChangingBook()
    setup = Setup(book=book)
    await book.open(an_intent(), a_question(), KEY)

    async def answer(question: Question) -> None:
        await book.record(question, redirected(question), None)

    book.change = answer

    assert await setup.pay("pay_2") == ("pay_1", BODY)
    assert setup.provider.asked == []


async def test_a_question_that_is_taken_over_after_a_third_request_read_it_is_not_sent() -> None:
    book = ChangingBook()
    setup = Setup(book=book)
    await book.open(an_intent(), a_question(), KEY)
    setup.clock.advance(TIMEOUTS.lease)

    async def take_over(question: Question) -> None:
        assert await book.take_over(question, setup.clock.now())

    book.change = take_over
    with pytest.raises(StillRunning):
        await setup.pay("pay_3")

    assert setup.provider.asked == []


async def test_a_payment_is_resumed_by_its_own_key() -> None:
    setup = Setup(no_answer)
    await setup.pay()
    setup.provider.answer = redirected
    kept = await setup.flow.resume("kasir-pay_1")
    again = await setup.flow.resume("kasir-pay_1")

    assert isinstance(kept, KeptAnswer)
    assert (kept, kept.body) == (again, BODY)
    assert len(setup.provider.asked) == 2
    with pytest.raises(NotFound):
        await setup.flow.resume("kasir-unknown")


# Details.


def details_question(key: str = "kasir-det-1") -> Question:
    return a_question(key=key, kind=Kind.DETAILS, payment_id=None, path="/payments/details")


async def test_details_are_requested_once_and_answered_every_time() -> None:
    setup = Setup()
    answers = [await setup.flow.finish(details_question()) for _ in range(3)]

    assert [body_of(answer) for answer in answers] == [BODY] * 3
    assert len(setup.provider.asked) == 1


async def test_concurrent_requests_for_details_get_the_same_answer() -> None:
    setup = Setup()
    setup.provider.may_answer = asyncio.Event()
    requests = [asyncio.create_task(setup.flow.finish(details_question())) for _ in range(5)]
    await setup.provider.was_asked.wait()
    setup.provider.may_answer.set()
    answers = await asyncio.gather(*requests)

    assert [body_of(answer) for answer in answers] == [BODY] * 5
    assert len(setup.provider.asked) == 1


async def test_a_second_caller_waits_for_the_first_no_longer_than_its_timeout() -> None:
    setup = Setup()
    setup.provider.may_answer = asyncio.Event()
    first = asyncio.create_task(setup.flow.finish(details_question()))
    await setup.provider.was_asked.wait()
    second = asyncio.create_task(setup.flow.finish(details_question()))
    # This flow does not wait for the answer to another caller's request.
    impatient = Flow(
        book=setup.book,
        provider=setup.provider,
        clock=setup.clock,
        chance=lambda: 0.5,
        timeouts=Timeouts(
            lease=TIMEOUTS.lease,
            wait=timedelta(0),
            first_gap=TIMEOUTS.first_gap,
            longest_gap=TIMEOUTS.longest_gap,
            key_lifetime=TIMEOUTS.key_lifetime,
        ),
    )
    given_up = await impatient.finish(details_question())
    setup.provider.may_answer.set()

    assert given_up == Unanswered()
    assert [body_of(kept) for kept in await asyncio.gather(first, second)] == [BODY] * 2
    assert len(setup.provider.asked) == 1


async def test_details_without_an_answer_are_requested_again_for_the_next_caller() -> None:
    setup = Setup(no_answer)
    unanswered = await setup.flow.finish(details_question())
    setup.provider.answer = redirected
    result = await setup.flow.finish(details_question())

    assert unanswered == Unanswered("Adyen answered with an error: HTTP 500.")
    assert body_of(result) == BODY
    assert len(setup.provider.asked) == 2


# Changes.


async def test_a_change_that_is_not_allowed_is_not_sent() -> None:
    setup = Setup()
    await setup.pay()

    def refuse(_: Payment) -> list[Fact]:
        raise ValueError("not allowed")

    change = a_question(key="kasir-chg-1", kind=Kind.REFUNDS)
    with pytest.raises(ValueError, match="not allowed"):
        await setup.flow.change(change, refuse)

    assert len(setup.provider.asked) == 1


async def test_a_change_is_requested_once_per_shop_key() -> None:
    setup = Setup()
    await setup.pay()
    key = ShopKey(key="refund-1", fingerprint=b"x")
    answers = [
        await setup.flow.change(
            a_question(key=f"kasir-chg-{number}", kind=Kind.REFUNDS), lambda _: [], key
        )
        for number in range(3)
    ]

    assert [body_of(answer) for answer in answers] == [BODY] * 3
    assert [question.key for question in setup.provider.asked] == ["kasir-pay_1", "kasir-chg-0"]
