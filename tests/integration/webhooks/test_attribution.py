"""Answers and notifications are attributed to the right payment, or to none.

Here, a message is an answer of Adyen's or a notification. A pspReference belongs to at most one
payment, although other systems use the same merchant references, a shopper returns to the URL of
another payment, or two messages arrive at the same time.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from fakes import KEY, NOW, a_question, an_intent, envelope, notification_item
from kasir.adyen.replies import Answer
from kasir.adyen.signing import key_from_hex
from kasir.gateway import meanings
from kasir.money import IDR, Money
from kasir.payments.payment import Intent, Payment
from kasir.payments.question import Kind, Question
from kasir.payments.status import Status
from kasir.webhooks.receiving import receive
from kasir.wiring import Parts

PRICE: Final = 25_000


class Account:
    """Opens payments in Kasir, and gives it answers and notifications as Adyen would."""

    def __init__(self, kasir: Parts) -> None:
        self.kasir = kasir
        self.reference = f"ORDER-{secrets.token_hex(6)}"

    def psp(self) -> str:
        """A new pspReference."""
        return secrets.token_hex(8).upper()

    async def open_payment(self, value: int = PRICE, **changes: Any) -> Intent:
        """Open a payment of `value` rupiah whose shopper is redirected to the wallet."""
        payment_id = f"pay_{self.psp()}"
        intent = an_intent(
            payment_id,
            amount=Money(IDR, value),
            **({"reference": self.reference, "created_at": self.kasir.clock.now()} | changes),
        )
        question = a_question(payment_id)
        await self.kasir.payments.open(intent, question, None)
        redirect = b'{"resultCode":"RedirectShopper"}'
        await self.answers(question, Answer(200, redirect, psp_reference=self.psp()))
        return intent

    async def answers(self, question: Question, answer: Answer) -> None:
        """Record this answer of Adyen's to this question."""
        result = meanings.of_reply(question, answer, NOW)
        await self.kasir.payments.record(question, result, None)

    async def shopper_returns(self, psp: str) -> None:
        """A shopper returns; Adyen's answer has a result code and this pspReference, no more."""
        key = f"kasir-det-{secrets.token_hex(6)}"
        question = a_question(
            key=key, kind=Kind.DETAILS, payment_id=None, path="/payments/details", body=b"{}"
        )
        await self.kasir.payments.open_question(question)
        body = f'{{"resultCode":"Authorised","pspReference":"{psp}"}}'
        await self.answers(question, Answer(200, body.encode()))

    async def receives(self, psp: str, *, echo: str = "", **changes: Any) -> None:
        """Kasir receives a notification, as `posts` describes it, and a worker reads it."""
        await self.posts(psp, echo=echo, **changes)
        await self.kasir.reader.read_all()

    async def posts(self, psp: str, *, echo: str = "", **changes: Any) -> None:
        """Adyen posts a notification.

        Args:
            psp: Its pspReference.
            echo: Kasir's payment id in its metadata; without it, there is no metadata.
            changes: Other fields of the notification.
        """
        extra = {"metadata.kasirPaymentId": echo} if echo else {}
        fields = {
            "pspReference": psp,
            "merchantReference": self.reference,
            "additionalData": extra,
            "amount": {"currency": "IDR", "value": PRICE},
        }
        await receive(
            envelope(notification_item(**(fields | changes))),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=self.kasir.inbox,
            received_at=NOW,
        )

    async def payment(self, intent: Intent) -> Payment:
        """The payment as it is stored."""
        payment = await self.kasir.payments.payment(intent.id)
        assert payment is not None
        return payment

    async def status(self, intent: Intent) -> Status:
        """The status of a payment."""
        return (await self.payment(intent)).status

    async def all_events(self, intent: Intent) -> list[str]:
        """The types of all events of a payment."""
        rows = await self.kasir.pool.fetch(
            "SELECT type FROM event WHERE subject = $1 ORDER BY id", intent.id
        )
        return [row["type"] for row in rows]

    async def notice(self, psp: str) -> tuple[str, str, str | None]:
        """The state, error and payment id of the last notice with this pspReference."""
        row = await self.kasir.pool.fetchrow(
            "SELECT state, error, payment_id FROM notice WHERE $1 = ANY (names) "
            "ORDER BY id DESC LIMIT 1",
            psp,
        )
        assert row is not None
        return row["state"], row["error"], row["payment_id"]

    async def owners(self, *psp_references: str) -> list[str]:
        """The ids of the payments with a fact that has one of these pspReferences."""
        rows = await self.kasir.pool.fetch(
            "SELECT DISTINCT payment_id FROM fact "
            "WHERE psp_reference = ANY ($1) OR modification = ANY ($1)",
            psp_references,
        )
        return [row["payment_id"] for row in rows]


@pytest.fixture
def account(kasir: Parts) -> Account:
    return Account(kasir)


# A shopper's return does not prove which payment was paid.


async def test_a_return_with_the_result_of_a_cheap_payment_does_not_pay_an_expensive_one(
    account: Account,
) -> None:
    cheap, expensive = await account.open_payment(1), await account.open_payment(900_000)
    psp = account.psp()
    await account.shopper_returns(psp)
    before = await account.status(cheap), await account.status(expensive)
    await account.receives(psp, echo=cheap.id, amount={"currency": "IDR", "value": 1})

    assert before == (Status.AWAITING_SHOPPER, Status.AWAITING_SHOPPER)
    assert (await account.status(cheap), await account.status(expensive)) == (
        Status.AUTHORISED,
        Status.AWAITING_SHOPPER,
    )
    # The fact "details", from the return, now belongs to the cheap payment.
    sources = {fact.source.value for fact in (await account.payment(cheap)).facts}
    assert sources == {"reply", "details", "notification"}


async def test_a_return_after_the_notification_belongs_to_the_notified_payment(
    account: Account,
) -> None:
    first, second = await account.open_payment(), await account.open_payment()
    psp = account.psp()
    await account.receives(psp, echo=first.id)
    await account.shopper_returns(psp)

    assert await account.owners(psp) == [first.id]
    assert await account.status(second) == Status.AWAITING_SHOPPER


# Other systems on the merchant account.

#: In rupiah.
AMOUNTS: Final = [1, 10_000, 99_000, 0, PRICE]


@pytest.mark.parametrize("value", AMOUNTS)
@pytest.mark.parametrize("method", ["visa", "gopay_wallet"])
async def test_a_payment_of_another_system_with_our_reference_does_not_change_ours(
    account: Account, method: str, value: int
) -> None:
    ours = await account.open_payment()
    await account.receives(account.psp(), echo=ours.id)
    before, events_before = await account.payment(ours), await account.all_events(ours)
    psp = account.psp()
    amount = {"currency": "IDR", "value": value}
    await account.receives(psp, paymentMethod=method, amount=amount)

    state, why, owner = await account.notice(psp)
    may_be_ours = method == "gopay_wallet" and value == PRICE
    assert (state, owner) == ("held" if may_be_ours else "foreign", None)
    after = await account.payment(ours)
    assert (after.status, after.summary) == (before.status, before.summary)
    assert bool(why) is may_be_ours
    new_events = ["payment.needs_attention"] if may_be_ours else []
    assert await account.all_events(ours) == [*events_before, *new_events]


@pytest.mark.parametrize("value", [1, 0, 99_000])
async def test_a_payment_of_another_system_before_ours_is_paid_changes_nothing(
    account: Account, value: int
) -> None:
    ours = await account.open_payment()
    for method in ("visa", "gopay_wallet", None):
        amount = {"currency": "IDR", "value": value}
        await account.receives(account.psp(), paymentMethod=method, amount=amount)

    assert await account.status(ours) == Status.AWAITING_SHOPPER
    assert await account.all_events(ours) == []


@pytest.mark.parametrize("value", [-PRICE, " 25_000 ", "", None, "25000.0"])
async def test_an_invalid_amount_is_held(account: Account, value: object) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    # None stands for an amount with neither currency nor value.
    amount = {"currency": "" if value is None else "IDR", "value": value or ""}
    await account.receives(psp, echo=ours.id, amount=amount)
    state, why, _ = await account.notice(psp)

    assert (state, bool(why)) == ("held", True)
    assert await account.status(ours) == Status.AWAITING_SHOPPER


#: Pairs of event code and `success`. None of them reports that a payment was paid.
CHANGES: Final = [
    ("REFUND", "true"),
    ("CHARGEBACK", "true"),
    ("CAPTURE", "true"),
    ("CAPTURE_FAILED", "true"),
    ("CANCELLATION", "true"),
    ("TECHNICAL_CANCEL", "true"),
    ("CANCEL_OR_REFUND", "true"),
    ("REFUND_FAILED", "true"),
    ("SECOND_CHARGEBACK", "true"),
    ("AUTHORISATION", "false"),
    ("OFFER_CLOSED", "true"),
]


@pytest.mark.parametrize("has_original", [True, False])
@pytest.mark.parametrize(("code", "success"), CHANGES)
async def test_a_notification_about_another_systems_payment_changes_nothing(
    account: Account, code: str, success: str, *, has_original: bool
) -> None:
    ours = await account.open_payment()
    await account.receives(account.psp(), echo=ours.id)
    before = await account.payment(ours)
    psp = account.psp()
    await account.receives(
        psp,
        eventCode=code,
        success=success,
        paymentMethod="visa",
        originalReference=account.psp() if has_original else None,
    )
    after = await account.payment(ours)

    assert after == before
    assert (await account.notice(psp))[0] == "foreign"


async def test_an_original_reference_on_an_authorisation_is_ignored(account: Account) -> None:
    first, second = await account.open_payment(), await account.open_payment()
    known, psp = account.psp(), account.psp()
    await account.receives(known, echo=first.id)
    await account.receives(psp, echo=second.id, originalReference=known)

    assert await account.owners(psp) == [second.id]
    assert await account.status(second) == Status.AUTHORISED


# An amount that differs from the requested one.


@pytest.mark.parametrize("value", [1, 0, PRICE - 1, PRICE + 1])
async def test_another_amount_leaves_our_payment_pending_and_is_reported_once(
    account: Account, value: int
) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    for _ in range(2):  # Adyen sends the notification twice.
        await account.receives(psp, echo=ours.id, amount={"currency": "IDR", "value": value})
    payment = await account.payment(ours)
    state, why, owner = await account.notice(psp)

    assert (payment.status, payment.summary.captured.minor_units) == (Status.PENDING, 0)
    assert (await account.all_events(ours)).count("payment.amount_mismatch") == 1
    assert "payment.authorised" not in await account.all_events(ours)
    assert (state, owner) == ("held", ours.id)
    assert str(value) in why
    assert str(PRICE) in why


# Messages without Kasir's payment id.


async def test_a_message_belongs_to_the_only_open_payment_of_its_reference(
    account: Account,
) -> None:
    ours = await account.open_payment()
    await account.receives(account.psp())

    assert await account.status(ours) == Status.AUTHORISED


async def test_a_message_that_fits_two_open_payments_is_held_and_both_get_an_event(
    account: Account,
) -> None:
    both = [await account.open_payment() for _ in range(2)]
    psp = account.psp()
    await account.receives(psp)
    state, why, _ = await account.notice(psp)

    assert (state, account.reference in why) == ("held", True)
    assert [await account.status(ours) for ours in both] == [Status.AWAITING_SHOPPER] * 2
    assert [await account.all_events(ours) for ours in both] == [["payment.needs_attention"]] * 2


async def test_a_held_message_is_attributed_when_a_payment_owns_its_psp_reference(
    account: Account,
) -> None:
    first, second = await account.open_payment(), await account.open_payment()
    psp = account.psp()
    await account.receives(psp)
    refund = {"eventCode": "REFUND", "originalReference": psp, "success": "false"}
    await account.receives(account.psp(), echo=second.id, **refund)
    await account.kasir.reader.read_all()

    assert (await account.notice(psp))[0] == "read"
    assert await account.status(second) == Status.AUTHORISED
    assert await account.status(first) == Status.AWAITING_SHOPPER


async def test_an_authorisation_after_a_refusal_is_held_and_the_shop_gets_an_event(
    account: Account,
) -> None:
    ours = await account.open_payment()
    await account.receives(account.psp(), echo=ours.id, success="false", reason="Refused")
    psp = account.psp()
    await account.receives(psp)

    assert await account.status(ours) == Status.REFUSED
    assert (await account.notice(psp))[0] == "held"
    assert "payment.needs_attention" in await account.all_events(ours)


async def test_a_late_authorisation_with_kasirs_payment_id_counts(account: Account) -> None:
    ours = await account.open_payment()
    await account.receives(account.psp(), echo=ours.id, success="false", reason="Refused")
    await account.receives(account.psp(), echo=ours.id)

    assert await account.status(ours) == Status.AUTHORISED


async def test_a_message_with_a_payment_id_of_another_kasir_is_foreign(account: Account) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    await account.receives(psp, echo="pay_ANOTHER")

    assert await account.status(ours) == Status.AWAITING_SHOPPER
    assert (await account.notice(psp))[0] == "foreign"


async def test_a_psp_reference_of_one_payment_with_the_id_of_another_is_held(
    account: Account,
) -> None:
    first, second = await account.open_payment(), await account.open_payment()
    psp = account.psp()
    await account.receives(psp, echo=first.id)
    await account.receives(psp, echo=second.id, eventDate="2026-05-05T06:05:05+02:00")

    assert await account.owners(psp) == [first.id]
    assert await account.status(second) == Status.AWAITING_SHOPPER
    assert (await account.notice(psp))[0] == "held"


# Two messages at the same time.

#: Gives Kasir one message with this pspReference. The two intents are the first and the second.
Arrival = Callable[[Account, Intent, Intent, str], Awaitable[None]]


async def _notify_of_first(account: Account, first: Intent, _: Intent, psp: str) -> None:
    await account.receives(psp, echo=first.id)


async def _notify_of_second(account: Account, _: Intent, second: Intent, psp: str) -> None:
    """Receive a notification with another date, so that it is not a repeat of the first one's."""
    await account.receives(
        psp,
        echo=second.id,
        merchantReference=second.reference,
        eventDate="2026-05-05T06:05:05+02:00",
    )


async def _notify_of_second_by_reference(
    account: Account, _: Intent, second: Intent, psp: str
) -> None:
    """Receive a notification with another date and without Kasir's payment id."""
    await account.receives(
        psp, merchantReference=second.reference, eventDate="2026-05-05T07:05:05+02:00"
    )


async def _return_of_shopper(account: Account, _: Intent, __: Intent, psp: str) -> None:
    await account.shopper_returns(psp)


async def _answer_to_first(account: Account, first: Intent, _: Intent, psp: str) -> None:
    body = f'{{"resultCode":"Authorised","pspReference":"{psp}"}}'
    await account.answers(a_question(first.id), Answer(200, body.encode()))


async def _notify_of_capture(account: Account, _: Intent, second: Intent, psp: str) -> None:
    """Receive a capture of the attempt, with the id of the second payment."""
    await account.receives(
        account.psp(),
        echo=second.id,
        eventCode="CAPTURE",
        originalReference=psp,
        merchantReference=second.reference,
    )


PAIRS: Final[dict[str, tuple[Arrival, Arrival]]] = {
    "a notification and a return": (_notify_of_first, _return_of_shopper),
    "two notifications with two ids": (_notify_of_first, _notify_of_second),
    "two notifications, one without an id": (_notify_of_first, _notify_of_second_by_reference),
    "an answer and a notification with another id": (_answer_to_first, _notify_of_second),
    "an answer and a return": (_answer_to_first, _return_of_shopper),
    "a change and a notification": (_notify_of_capture, _notify_of_first),
    "a change and an answer": (_notify_of_capture, _answer_to_first),
}
#: How often each pair of messages is tried.
_TRIES: Final = 25


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("same_reference", [True, False])
async def test_concurrent_messages_never_give_a_psp_reference_two_owners(
    account: Account, pair: str, *, same_reference: bool
) -> None:
    references = []
    for number in range(_TRIES):
        account.reference = f"ORDER-{secrets.token_hex(6)}"
        first = await account.open_payment()
        suffix = "" if same_reference else "-B"
        second = await account.open_payment(reference=account.reference + suffix)
        psp = account.psp()
        references.append(psp)
        arrivals = PAIRS[pair] if number % 2 else tuple(reversed(PAIRS[pair]))
        await asyncio.gather(*(arrive(account, first, second, psp) for arrive in arrivals))
        await account.kasir.reader.read_all()
        paid = [await account.status(ours) is Status.AUTHORISED for ours in (first, second)]

        assert paid.count(True) <= 1
    owners = [await account.owners(psp) for psp in references]

    assert [ids for ids in owners if len(ids) > 1] == []
    unread = "SELECT count(*) FROM notice WHERE state = 'unread'"
    assert await account.kasir.pool.fetchval(unread) == 0


async def test_every_psp_reference_of_a_fact_is_owned_by_its_payment(account: Account) -> None:
    wrong = await account.kasir.pool.fetch(
        "SELECT payment_id, used FROM fact, unnest(ARRAY[psp_reference, modification]) AS used "
        "WHERE used <> '' AND NOT EXISTS (SELECT FROM psp_reference AS owned "
        "WHERE owned.name = used AND owned.payment_id = fact.payment_id)"
    )

    assert wrong == []
