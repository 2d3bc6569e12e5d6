"""The contract of `payments.flow.PaymentBook`: its fake and its PostgreSQL version pass it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

import pytest
import pytest_asyncio

from fakes import NOW, MemoryBook, a_fact, a_question, an_answer, an_intent
from kasir.errors import KeyReused, NotFound
from kasir.ids import PaymentId
from kasir.money import IDR, Money
from kasir.payments.facts import Fact, Says
from kasir.payments.flow import PaymentBook
from kasir.payments.matching import Clues
from kasir.payments.payment import Intent, Payment
from kasir.payments.question import CallResult, KeptAnswer, Kind, Question, ShopKey
from kasir.payments.status import Status
from opened_kasir import a_database, kasir_on

#: A time after `NOW`, at which `a_question` is opened and asked.
LATER = NOW + timedelta(minutes=1)


class Book(PaymentBook, Protocol):
    """A `PaymentBook` whose stored payments a test can read."""

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment, or None if it does not exist."""

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Return at most `limit` payments of a reference, newest first."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres_book(postgres_dsn: str) -> AsyncIterator[Book]:
    async with a_database(postgres_dsn) as database, kasir_on(database) as kasir:
        yield kasir.payments


@pytest.fixture(params=["memory", "postgres"])
def book(request: pytest.FixtureRequest) -> Book:
    tested: Book = (
        MemoryBook() if request.param == "memory" else request.getfixturevalue("postgres_book")
    )
    return tested


@pytest.fixture
def name() -> str:
    """The id of this test's payment; it is unique, so that the tests can share a database."""
    return f"pay_{secrets.token_hex(6)}"


def opening(name: str, **changes: object) -> tuple[Intent, Question]:
    """The intent of a payment, and the question that requests it."""
    return an_intent(name, **({"reference": f"ORDER-{name}"} | changes)), a_question(name)


def shop_key(name: str, fingerprint: bytes = b"one") -> ShopKey:
    """A shop's idempotency key; the fingerprint stands for the request's content."""
    return ShopKey(key=f"shop-{name}", fingerprint=fingerprint)


def details(name: str, payment_id: PaymentId | None = None) -> Question:
    """The question for the result of a payment, after the shopper's return."""
    return a_question(
        name,
        key=f"kasir-det-{name}",
        kind=Kind.DETAILS,
        payment_id=payment_id,
        path="/payments/details",
        body=b'{"details":{"redirectResult":"x"}}',
    )


def refund(name: str, number: int = 1) -> Question:
    """The question that requests a refund; `number` makes its key unique."""
    path = f"/payments/PSP-{name}/refunds"
    return a_question(name, key=f"kasir-chg-{name}-{number}", kind=Kind.REFUNDS, path=path)


async def payment_in(book: Book, name: str) -> Payment:
    payment = await book.payment(PaymentId(name))
    assert payment is not None
    return payment


# Opening.


async def test_an_opened_payment_is_stored_unchanged(book: Book, name: str) -> None:
    intent, question = opening(name, shopper_reference="shopper-1", captures_itself=False)
    first = await book.open(intent, question, None)
    payment, stored = await payment_in(book, name), await book.question(question.key)

    assert first is None
    assert payment.intent == intent
    assert (payment.status, payment.facts) == (Status.CREATED, ())
    assert stored == (question, None)


async def test_a_repeated_shop_key_returns_the_first_question_and_stores_nothing(
    book: Book, name: str
) -> None:
    intent, question = opening(name)
    await book.open(intent, question, shop_key(name))
    other, other_question = opening(f"{name}-2", reference=intent.reference)
    first = await book.open(other, other_question, shop_key(name))

    assert first == question
    assert await book.payment(other.id) is None
    with pytest.raises(NotFound):
        await book.question(other_question.key)


async def test_a_shop_key_with_another_fingerprint_is_refused(book: Book, name: str) -> None:
    await book.open(*opening(name), shop_key(name))
    other, other_question = opening(f"{name}-2")
    with pytest.raises(KeyReused):
        await book.open(other, other_question, shop_key(name, b"another"))

    assert await book.payment(other.id) is None


async def test_without_a_shop_key_every_opening_makes_a_payment(book: Book, name: str) -> None:
    for number in (1, 2):
        await book.open(*opening(f"{name}-{number}", reference=name), None)

    assert len(await book.payments_of(name, 10)) == 2


async def test_twenty_concurrent_openings_with_one_key_make_one_payment(
    book: Book, name: str
) -> None:
    async def open_as(number: int) -> Question | None:
        intent, question = opening(f"{name}-{number}", reference=name)
        return await book.open(intent, question, shop_key(name))

    answers = await asyncio.gather(*(open_as(number) for number in range(20)))
    (payment,) = await book.payments_of(name, 100)

    # Only the opening that made the payment returned None; the number of the opening is in the id.
    assert answers.count(None) == 1
    assert {first.payment_id for first in answers if first} == {payment.intent.id}
    assert answers.index(None) == int(payment.intent.id.rpartition("-")[2])


# Questions.


async def test_a_question_is_opened_once(book: Book, name: str) -> None:
    question = details(name)
    opened = [await book.open_question(question) for _ in range(3)]

    assert opened == [True, False, False]
    assert await book.question(question.key) == (question, None)


async def test_one_of_twenty_concurrent_callers_opens_a_question(book: Book, name: str) -> None:
    opened = await asyncio.gather(*(book.open_question(details(name)) for _ in range(20)))

    assert sorted(opened) == [False] * 19 + [True]


async def test_a_question_that_was_not_opened_is_not_found(book: Book, name: str) -> None:
    with pytest.raises(NotFound):
        await book.question(f"kasir-{name}")


async def test_one_of_twenty_concurrent_callers_takes_a_question_over(
    book: Book, name: str
) -> None:
    question = details(name)
    await book.open_question(question)
    moments = [LATER + timedelta(seconds=number) for number in range(20)]
    successes = await asyncio.gather(*(book.take_over(question, moment) for moment in moments))
    stored, _ = await book.question(question.key)

    assert successes.count(True) == 1
    assert stored.asked_at == moments[successes.index(True)]


async def test_a_caller_with_an_outdated_asked_at_does_not_take_a_question_over(
    book: Book, name: str
) -> None:
    question = details(name)
    await book.open_question(question)
    first = await book.take_over(question, LATER)
    outdated = await book.take_over(question, LATER + timedelta(minutes=1))
    current = await book.take_over(replace(question, asked_at=LATER), LATER + timedelta(minutes=2))

    assert (first, outdated, current) == (True, False, True)


async def test_an_answered_question_is_not_taken_over(book: Book, name: str) -> None:
    question = details(name)
    await book.open_question(question)
    await book.record(question, an_answer(), None)

    assert await book.take_over(question, LATER) is False


async def test_a_question_that_does_not_exist_is_not_taken_over(book: Book, name: str) -> None:
    assert await book.take_over(details(name), LATER) is False


# Recording.


async def test_an_answer_is_stored_unchanged_and_its_facts_are_recorded(
    book: Book, name: str
) -> None:
    intent, question = opening(name)
    fact = a_fact(
        Says.AUTHORISED,
        f"PSP-{name}",
        about=question.key,
        amount=Money(IDR, 25_000),
        words="é\n",
    )
    body = b'{ "resultCode" : "Authorised",\n "caf\xc3\xa9":1}'
    stored = KeptAnswer(status=200, body=body, psp_reference=f"PSP-{name}")
    await book.open(intent, question, None)
    await book.record(question, CallResult(answer=stored, facts=(fact,)), None)
    payment = await payment_in(book, name)

    assert (await book.question(question.key))[1] == stored
    assert payment.facts == (fact,)
    assert payment.status == Status.AUTHORISED
    assert payment.summary.psp_reference == f"PSP-{name}"
    assert payment.summary.captured == Money(IDR, 25_000)


@pytest.mark.parametrize("says", [Says.AWAITING_SHOPPER, Says.AUTHORISED, Says.REFUSED])
async def test_an_answer_with_the_opened_intent_is_recorded_like_any_other(
    book: Book, name: str, says: Says
) -> None:
    recorded = []  # The payment's summary and the stored answer, with and without the intent.
    for number, has_intent in enumerate((True, False)):
        intent, question = opening(f"{name}-{number}", shopper_reference=f"shopper-{name}")
        attempt = f"PSP-{name}-{number}"
        fact = a_fact(says, attempt, at=LATER, amount=Money(IDR, 25_000), words="é\n")
        await book.open(intent, question, None)
        result = an_answer(fact, body=b'{"caf\xc3\xa9":1}')
        await book.record(question, result, None, intent if has_intent else None)
        payment = await payment_in(book, f"{name}-{number}")
        _, stored = await book.question(question.key)
        assert payment.facts == (fact,)
        assert payment.summary.psp_reference == attempt
        recorded.append((replace(payment.summary, psp_reference=""), stored))

    with_intent, without_intent = recorded
    assert with_intent == without_intent
    assert with_intent[1] == result.answer


@pytest.mark.parametrize("meanwhile", [Says.AUTHORISED, Says.NOTED, Says.AWAITING_SHOPPER])
async def test_a_fact_recorded_before_the_first_answer_is_not_lost_by_it(
    book: Book, name: str, meanwhile: Says
) -> None:
    intent, question = opening(name)
    early = a_fact(meanwhile, f"PSP-{name}")
    late = a_fact(Says.AWAITING_SHOPPER, about=question.key)
    await book.open(intent, question, None)
    details_question = details(name)
    await book.open_question(details_question)
    result = CallResult(
        answer=None,
        facts=(early,),
        clues=Clues(attempt=f"PSP-{name}", reference=intent.reference, amount=intent.amount),
    )
    await book.record(details_question, result, None)
    await book.record(question, an_answer(late), None, intent)
    payment = await payment_in(book, name)

    assert payment.facts == (early, late)
    is_paid = meanwhile is Says.AUTHORISED
    assert payment.status == (Status.AUTHORISED if is_paid else Status.AWAITING_SHOPPER)
    assert (await book.question(question.key))[1] == an_answer().answer


async def test_of_twenty_concurrent_first_answers_one_is_stored(book: Book, name: str) -> None:
    intent, question = opening(name)
    fact = a_fact(Says.AWAITING_SHOPPER, about=question.key)
    await book.open(intent, question, None)
    results = (an_answer(fact, body=b'{"number":%d}' % number) for number in range(20))
    await asyncio.gather(*(book.record(question, each, None, intent) for each in results))
    _, stored = await book.question(question.key)
    await book.record(question, an_answer(fact, body=b"{}"), None, intent)

    assert (await payment_in(book, name)).facts == (fact,)
    assert stored is not None
    assert (await book.question(question.key))[1] == stored


async def test_a_second_answer_does_not_replace_the_first(book: Book, name: str) -> None:
    intent, question = opening(name)
    await book.open(intent, question, None)
    await book.record(question, an_answer(body=b'{"first":1}'), None)
    await book.record(question, an_answer(body=b'{"second":1}'), None)
    _, stored = await book.question(question.key)

    assert stored is not None
    assert stored.body == b'{"first":1}'


async def test_a_fact_recorded_twice_keeps_its_first_content(book: Book, name: str) -> None:
    intent, question = opening(name)
    fact = a_fact(Says.AWAITING_SHOPPER, about=question.key)
    await book.open(intent, question, None)
    await book.record(question, an_answer(fact), None)
    await book.record(question, an_answer(replace(fact, words="again"), fact), None)

    assert (await payment_in(book, name)).facts == (fact,)


async def test_facts_are_returned_in_the_order_of_their_recording(book: Book, name: str) -> None:
    intent, question = opening(name)
    await book.open(intent, question, None)
    expected = [Says.AWAITING_SHOPPER, Says.REFUSED, Says.AUTHORISED, Says.NOTED]
    for number, says in enumerate(expected):
        # The times of the facts are in the opposite order.
        fact = a_fact(says, f"PSP-{name}", at=NOW - timedelta(hours=number))
        await book.record(question, an_answer(fact), None)

    assert [fact.says for fact in (await payment_in(book, name)).facts] == expected


async def test_an_answer_without_facts_is_stored_and_changes_nothing_else(
    book: Book, name: str
) -> None:
    intent, question = opening(name)
    await book.open(intent, question, None)
    await book.record(question, an_answer(), None)

    assert (await payment_in(book, name)).status == Status.CREATED
    assert (await book.question(question.key))[1] == an_answer().answer


async def test_without_an_answer_the_question_is_released_and_the_outcome_is_unknown(
    book: Book, name: str
) -> None:
    intent, question = opening(name)
    no_answer = CallResult(answer=None, facts=(a_fact(Says.UNKNOWN, about=question.key),))
    await book.open(intent, question, None)
    await book.record(question, no_answer, LATER)
    released, answer = await book.question(question.key)

    assert answer is None
    # The `asked_at` of a released question is long ago, so that any caller may take it over.
    assert released.asked_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert released.tries == 1
    assert (await payment_in(book, name)).status == Status.UNKNOWN
    assert await book.take_over(released, LATER) is True


async def test_a_timeout_of_the_first_caller_does_not_release_a_question_taken_over(
    book: Book, name: str
) -> None:
    intent, question = opening(name)
    no_answer = CallResult(answer=None, facts=())
    await book.open(intent, question, None)
    await book.take_over(question, LATER)
    # The first caller's call times out while the second caller still waits for its answer.
    await book.record(question, no_answer, None)
    stored, _ = await book.question(question.key)

    assert (stored.asked_at, stored.tries) == (LATER, 0)


async def test_a_timeout_after_the_answer_changes_nothing(book: Book, name: str) -> None:
    intent, question = opening(name)
    await book.open(intent, question, None)
    await book.record(question, an_answer(a_fact(Says.REFUSED, "P", about=question.key)), None)
    no_answer = CallResult(answer=None, facts=(a_fact(Says.UNKNOWN, about=question.key),))
    await book.record(question, no_answer, None)

    assert (await payment_in(book, name)).status == Status.REFUSED
    assert (await book.question(question.key))[1] == an_answer().answer


async def test_the_facts_of_twenty_concurrent_answers_are_all_recorded(
    book: Book, name: str
) -> None:
    intent, question = opening(name)
    await book.open(intent, question, None)
    facts = [a_fact(Says.AUTHORISED, f"PSP-{name}-{number:02}") for number in range(20)]
    await asyncio.gather(*(book.record(question, an_answer(fact), None) for fact in facts))
    payment = await payment_in(book, name)

    assert set(payment.facts) == set(facts)
    # Each of the twenty attempts counts as paid.
    assert payment.summary.captured == Money(IDR, 20 * 25_000)


async def test_an_answer_to_details_finds_its_payment_by_reference_and_amount(
    book: Book, name: str
) -> None:
    intent, _ = opening(name)
    await book.open(intent, a_question(name), None)
    question = details(name)
    await book.open_question(question)
    fact = a_fact(Says.AUTHORISED, f"PSP-{name}", about=question.key)
    clues = Clues(attempt=f"PSP-{name}", reference=intent.reference, amount=intent.amount)
    result = replace(an_answer(fact), clues=clues)
    await book.record(question, result, None)

    assert (await payment_in(book, name)).status == Status.AUTHORISED
    assert (await book.question(question.key))[0].payment_id == intent.id


async def test_an_answer_to_details_of_another_amount_is_assigned_to_no_payment(
    book: Book, name: str
) -> None:
    intent, _ = opening(name)
    await book.open(intent, a_question(name), None)
    question = details(name)
    await book.open_question(question)
    fact = a_fact(Says.AUTHORISED, f"PSP-{name}", about=question.key)
    clues = Clues(attempt=f"PSP-{name}", reference=intent.reference, amount=Money(IDR, 1))
    result = replace(an_answer(fact), clues=clues)
    await book.record(question, result, None)

    assert (await payment_in(book, name)).status == Status.CREATED
    assert (await book.question(question.key))[1] == result.answer


async def test_an_answer_that_matches_two_payments_is_assigned_to_neither(
    book: Book, name: str
) -> None:
    for number in (1, 2):
        await book.open(*opening(f"{name}-{number}", reference=name), None)
    question = details(name)
    await book.open_question(question)
    fact = a_fact(Says.AUTHORISED, f"PSP-{name}", about=question.key)
    clues = Clues(attempt=f"PSP-{name}", reference=name, amount=Money(IDR, 25_000))
    result = replace(an_answer(fact), clues=clues)
    await book.record(question, result, None)

    assert {payment.status for payment in await book.payments_of(name, 10)} == {Status.CREATED}
    assert (await book.question(question.key))[1] == result.answer


async def test_an_answer_to_details_without_a_reference_is_assigned_to_no_payment(
    book: Book, name: str
) -> None:
    intent, _ = opening(name)
    await book.open(intent, a_question(name), None)
    question = details(name)
    await book.open_question(question)
    fact = a_fact(Says.AUTHORISED, f"PSP-{name}", about=question.key)
    result = replace(an_answer(fact), clues=Clues(attempt=f"PSP-{name}", pays=True))
    await book.record(question, result, None)

    assert (await payment_in(book, name)).status == Status.CREATED
    assert (await book.question(question.key))[0].payment_id is None


async def test_an_answer_to_details_is_assigned_to_the_payment_that_owns_its_attempt(
    book: Book, name: str
) -> None:
    await paid(book, name)
    question = details(name)
    await book.open_question(question)
    fact = a_fact(Says.AUTHORISED, f"PSP-{name}", about=question.key)
    result = replace(an_answer(fact), clues=Clues(attempt=f"PSP-{name}", pays=True))
    await book.record(question, result, None)

    assert fact in (await payment_in(book, name)).facts
    assert (await book.question(question.key))[0].payment_id == PaymentId(name)


async def test_an_answer_does_not_claim_a_psp_reference_that_another_payment_owns(
    book: Book, name: str
) -> None:
    await paid(book, name)
    intent, question = opening(f"{name}-2")
    await book.open(intent, question, None)
    fact = a_fact(Says.AUTHORISED, f"PSP-{name}", about=question.key, amount=intent.amount)
    clues = Clues(attempt=f"PSP-{name}", payment_id=intent.id, amount=intent.amount, pays=True)
    result = replace(an_answer(fact), clues=clues)
    await book.record(question, result, None, intent)
    first, second = [await payment_in(book, each) for each in (name, f"{name}-2")]

    assert (first.status, second.status) == (Status.AUTHORISED, Status.CREATED)
    # Both payments need attention; the answer is stored.
    assert [payment.facts[-1].says for payment in (first, second)] == [Says.NEEDS_ATTENTION] * 2
    assert (await book.question(question.key))[1] == result.answer


async def test_an_answer_of_another_amount_is_not_authorised(book: Book, name: str) -> None:
    intent, question = opening(name)
    await book.open(intent, question, None)
    other_amount = Money(IDR, 1)
    fact = a_fact(Says.AUTHORISED, f"PSP-{name}", about=question.key, amount=other_amount)
    clues = Clues(attempt=f"PSP-{name}", payment_id=intent.id, amount=other_amount, pays=True)
    await book.record(question, replace(an_answer(fact), clues=clues), None, intent)
    payment = await payment_in(book, name)

    assert payment.status == Status.PENDING
    assert [fact.says for fact in payment.facts] == [Says.AMOUNT_MISMATCH]
    assert payment.summary.captured == Money(IDR, 0)


# Payments.


async def test_a_payment_that_does_not_exist_is_none(book: Book, name: str) -> None:
    assert await book.payment(PaymentId(name)) is None
    assert list(await book.payments_of(name, 10)) == []


async def test_payments_are_returned_newest_first_and_up_to_the_limit(
    book: Book, name: str
) -> None:
    for number in range(5):
        created_at = NOW + timedelta(seconds=number)
        await book.open(*opening(f"{name}-{number}", reference=name, created_at=created_at), None)
    payments = await book.payments_of(name, 3)

    assert [payment.intent.id for payment in payments] == [f"{name}-{n}" for n in (4, 3, 2)]


# Changes.


class NotAllowed(Exception):
    """Raised by a test's `decide`."""


def refuse(_: Payment) -> NoReturn:
    """A `decide` that refuses every change."""
    raise NotAllowed


def refund_asked(question: Question, value: int) -> Fact:
    """The fact that the shop requested a refund of this many rupiah."""
    money = Money(IDR, value)
    return a_fact(Says.REFUND_ASKED, about=question.key, amount=money, modification="")


async def paid(book: Book, name: str) -> None:
    """Open a payment, and record that it is authorised."""
    intent, question = opening(name)
    await book.open(intent, question, None)
    await book.record(question, an_answer(a_fact(Says.AUTHORISED, f"PSP-{name}")), None)


async def test_a_change_is_stored_with_the_facts_of_the_decision(book: Book, name: str) -> None:
    await paid(book, name)
    question = refund(name)
    first = await book.open_change(question, lambda _: [refund_asked(question, 10_000)], None)
    (requested,) = (await payment_in(book, name)).summary.refunds

    assert first is None
    assert (requested.name, requested.amount) == (question.key, Money(IDR, 10_000))
    assert await book.question(question.key) == (question, None)


async def test_a_refused_change_writes_nothing(book: Book, name: str) -> None:
    await paid(book, name)
    before = await payment_in(book, name)
    with pytest.raises(NotAllowed):
        await book.open_change(refund(name), refuse, shop_key(name))

    assert await payment_in(book, name) == before
    with pytest.raises(NotFound):
        await book.question(refund(name).key)
    # The shop key was not stored: it can be used with another fingerprint.
    question = refund(name)
    assert await book.open_change(question, lambda _: [], shop_key(name, b"other")) is None


async def test_a_change_requested_again_with_its_key_is_not_decided_again(
    book: Book, name: str
) -> None:
    await paid(book, name)
    question = refund(name)
    await book.open_change(question, lambda _: [refund_asked(question, 1)], shop_key(name))
    first = await book.open_change(refund(name, 2), refuse, shop_key(name))

    assert first == question
    with pytest.raises(KeyReused):
        await book.open_change(refund(name, 3), refuse, shop_key(name, b"another"))


async def test_a_change_of_a_payment_that_does_not_exist_is_not_found(
    book: Book, name: str
) -> None:
    with pytest.raises(NotFound):
        await book.open_change(refund(name), lambda _: [], None)


async def test_fifty_concurrent_refunds_never_exceed_the_captured_amount(
    book: Book, name: str
) -> None:
    await paid(book, name)

    async def ask(number: int) -> bool:
        """Request a refund of 10,000 rupiah; returns whether it was allowed."""
        question = refund(name, number)

        def decide(payment: Payment) -> Sequence[Fact]:
            requested = sum(one.amount.minor_units for one in payment.summary.refunds)
            if requested + 10_000 > payment.summary.captured.minor_units:
                raise NotAllowed
            return [refund_asked(question, 10_000)]

        try:
            await book.open_change(question, decide, None)
        except NotAllowed:
            return False
        return True

    allowed = await asyncio.gather(*(ask(number) for number in range(50)))

    # The payment is 25,000 rupiah, so two refunds of 10,000 fit.
    assert allowed.count(True) == 2
    assert len((await payment_in(book, name)).summary.refunds) == 2
