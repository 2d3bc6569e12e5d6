"""Examples of the acts on payments and on saved views."""

from __future__ import annotations

from typing import Final

from desk_client import Person
from desk_examples import Example
from fakes import a_fact, a_question, an_intent
from kasir.ids import PaymentId
from kasir.payments.facts import Says
from kasir.wiring import Parts

#: A key as the page of the second look has one.
KEY: Final = f"desk-{'0' * 32}"
_PAID: Final = {"attempt": "PSP-1", "confirmed": "yes", "key": KEY}


def parts_of(person: Person) -> Parts:
    """The parts of the app that a person's browser calls."""
    parts: Parts = person.http._transport.app.state.parts  # type: ignore[attr-defined]  # noqa: SLF001
    return parts


async def paid(person: Person) -> None:
    """Store a paid payment, which is captured by itself."""
    await _store(person)


async def authorised(person: Person) -> None:
    """Store a paid payment that is to be captured by hand."""
    await _store(person, captures_itself=False)


async def _store(person: Person, **changes: bool) -> None:
    book = parts_of(person).payments
    await book.open(an_intent("pay_1", **changes), a_question("pay_1"), None)
    await book.add_facts(PaymentId("pay_1"), [a_fact(Says.AUTHORISED, "PSP-1")])


async def _view(person: Person) -> None:
    await person.post("/desk/payments/views", name="refused", query="status=refused")


EXAMPLES: Final = (
    Example("payment.refund", "/desk/payments/pay_1/refund", {**_PAID, "value": "10.000"}, paid),
    Example(
        "payment.capture", "/desk/payments/pay_1/capture", {**_PAID, "value": "25000"}, authorised
    ),
    Example("payment.cancel", "/desk/payments/pay_1/cancel", _PAID, authorised),
    Example(
        "payment_view.save", "/desk/payments/views", {"name": "refused", "query": "status=refused"}
    ),
    Example("payment_view.remove", "/desk/payments/views/remove", {"name": "refused"}, _view),
)
