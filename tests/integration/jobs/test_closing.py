"""An unfinished attempt ends only when Adyen reports it, never by our clock alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import msgspec
import pytest
from aiohttp import web

from fake_server import FakeServer, serving
from fakes import KEY, NOW, envelope, notification_item, payment_body
from kasir.clock import Clock
from kasir.ids import LinkId, PaymentId
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.payment import Payment
from kasir.requests.payment_links import LinkAttempt
from kasir.webhooks.receiving import receive
from kasir.wiring import Parts
from opened_kasir import kasir_on

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


class ManualClock(Clock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        """Return the time that the test set."""
        return self.at


class ClosingShop:
    """A Kasir with a fake Adyen whose answer to `/cancels` a test sets.

    Attributes:
        cancels: The idempotency keys of the cancels that Adyen received.
        answer: The status and body of the answer; None confirms the receipt.
    """

    def __init__(self, kasir: Parts, clock: ManualClock, fake_server: FakeServer) -> None:
        self.kasir = kasir
        self.clock = clock
        self.cancels: list[str] = []
        self.answer: tuple[int, dict[str, Any]] | None = None
        self.fake_server = fake_server
        fake_server.handler = self._answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/cancels"):
            url = "https://wallet.example/pay"
            action = {"type": "redirect", "method": "GET", "url": url}
            return web.json_response({"resultCode": "RedirectShopper", "action": action})
        self.cancels.append(self.fake_server.asked[-1][1]["idempotency-key"])
        psp_reference = f"CANCEL{len(self.cancels)}"
        status, body = self.answer or (201, {"status": "received", "pspReference": psp_reference})
        if status == 0:  # No answer.
            raise ConnectionResetError
        return web.json_response(body, status=status)

    async def attempt(self, reference: str = "ORDER-1001", **changes: Any) -> PaymentId:
        """Create a payment that sends the shopper to the wallet."""
        body = msgspec.json.encode(payment_body(reference=reference, **changes))
        _, payment_id = await self.kasir.checkout.payments(body, 72)
        return payment_id

    async def try_to_close(self, payment_id: PaymentId, after: timedelta) -> Payment:
        """Advance the clock, close an attempt if possible, and return its payment."""
        self.clock.at += after
        await self.kasir.closing.close(payment_id)
        return await self.payment(payment_id)

    async def payment(self, payment_id: PaymentId) -> Payment:
        """Read a payment."""
        found = await self.kasir.payments.payment(payment_id)
        assert found
        return found

    async def notify(self, event: str, psp_reference: str, **changes: Any) -> None:
        """Receive a notification; `ago`, a change, is the time since it happened (default: 0)."""
        happened = self.clock.at - changes.pop("ago", timedelta())
        fields = {"additionalData": {}, **changes}
        item = notification_item(
            eventCode=event, pspReference=psp_reference, eventDate=happened.isoformat(), **fields
        )
        await receive(
            envelope(item),
            is_form=False,
            keys=[bytes.fromhex(KEY)],
            inbox=self.kasir.inbox,
            received_at=self.clock.at,
        )
        await self.kasir.reader.read_all()

    async def fail_cancel(self, number: int = 1, **changes: Any) -> None:
        """Receive a notification that the cancel with this number failed."""
        fields = {"success": "false", "originalReference": f"PSP{number}", **changes}
        await self.notify("TECHNICAL_CANCEL", f"CANCEL{number}", **fields)

    async def events(self, payment_id: PaymentId) -> list[str]:
        """Write the events that are due; return the types of all events of a payment."""
        await replace(self.kasir.due, enqueue=_nothing).look()
        rows = await self.kasir.pool.fetch(
            "SELECT type FROM event WHERE subject = $1 ORDER BY id", payment_id
        )
        return [row["type"] for row in rows]


async def _nothing(*_: object) -> None:
    """Enqueue nothing."""


@pytest.fixture
async def shop(fresh_database: str) -> AsyncIterator[ClosingShop]:
    """A shop on a fresh database."""
    async with closing_shop(fresh_database) as opened:
        yield opened


@asynccontextmanager
async def closing_shop(database: str) -> AsyncIterator[ClosingShop]:
    clock = ManualClock()
    async with (
        serving() as fake_server,
        kasir_on(database, clock=clock, ADYEN_TWIN_URL=fake_server.url) as kasir,
    ):
        yield ClosingShop(kasir, clock, fake_server)


async def test_a_cancel_that_adyen_never_confirms_does_not_end_an_attempt(
    shop: ClosingShop,
) -> None:
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=HOUR)
    statuses = {(await shop.try_to_close(attempt, after=6 * HOUR)).status.value for _ in range(20)}

    assert statuses == {"awaiting_shopper"}
    assert await shop.events(attempt) == []


async def test_adyen_is_asked_again_less_often_while_it_reports_nothing(shop: ClosingShop) -> None:
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=HOUR)
    counts = []
    for _ in range(5):  # Days, with a try at each half hour.
        for _ in range(48):
            await shop.try_to_close(attempt, after=HOUR / 2)
        counts.append(len(shop.cancels))
    cancels_per_day = [after - before for before, after in pairwise(counts)]

    assert cancels_per_day == [1, 1, 1, 1]
    assert len(set(shop.cancels)) == len(shop.cancels)


@pytest.mark.parametrize(
    ("status", "code"), [(401, "000"), (403, "010"), (422, "901"), (422, "187"), (400, "702")]
)
async def test_an_answer_that_refuses_our_request_does_not_change_the_payment(
    shop: ClosingShop, status: int, code: str
) -> None:
    shop.answer = (status, {"status": status, "errorCode": code, "message": "no"})
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=HOUR)
    payment = await shop.try_to_close(attempt, after=HOUR)

    assert payment.status.value == "awaiting_shopper"


async def test_the_answer_that_there_is_no_such_payment_ends_an_attempt_after_a_delay(
    shop: ClosingShop,
) -> None:
    shop.answer = (422, {"status": 422, "errorCode": "167", "message": "none"})
    attempt = await shop.attempt()
    early = await shop.try_to_close(attempt, after=HOUR)
    late = await shop.try_to_close(attempt, after=16 * MINUTE)

    assert (early.status.value, late.status.value) == ("awaiting_shopper", "expired")


async def test_a_failed_cancel_ends_an_attempt_after_a_delay(shop: ClosingShop) -> None:
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=HOUR)
    await shop.fail_cancel()
    early = await shop.try_to_close(attempt, after=5 * MINUTE)
    late = await shop.try_to_close(attempt, after=10 * MINUTE)

    assert (early.status.value, late.status.value) == ("awaiting_shopper", "expired")


async def test_no_attempt_expires_while_adyen_delivers_old_notifications(shop: ClosingShop) -> None:
    attempt, other = await shop.attempt(), await shop.attempt("ORDER-2")
    await shop.try_to_close(attempt, after=HOUR)
    shop.clock.at += 3 * HOUR
    await shop.fail_cancel(ago=3 * HOUR)
    await shop.notify("AUTHORISATION", "PSP7", merchantReference="ORDER-2", ago=2 * HOUR)
    early = await shop.try_to_close(attempt, after=MINUTE)
    late = await shop.try_to_close(attempt, after=15 * MINUTE)

    assert (early.status.value, late.status.value) == ("awaiting_shopper", "expired")
    assert (await shop.payment(other)).status.value == "authorised"


async def test_a_failed_cancel_sent_while_the_wallet_was_open_does_not_end_an_attempt(
    shop: ClosingShop,
) -> None:
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=10 * MINUTE)
    await shop.fail_cancel()
    payment = await shop.try_to_close(attempt, after=HOUR)

    assert payment.status.value == "awaiting_shopper"
    assert len(shop.cancels) == 2


async def test_an_attempt_beside_another_payment_ends_after_adyen_reports_later_events(
    shop: ClosingShop,
) -> None:
    validity = (NOW + HOUR).isoformat()
    attempt = await shop.attempt(sessionValidity=validity)
    other = await shop.attempt()
    await shop.notify("AUTHORISATION", "PSP2", additionalData=metadata_of(other))
    early = await shop.try_to_close(attempt, after=5 * HOUR)
    await shop.attempt("ORDER-9")
    await shop.notify("AUTHORISATION", "PSP9", merchantReference="ORDER-9")
    late = await shop.try_to_close(attempt, after=MINUTE)

    assert (early.status.value, late.status.value) == ("awaiting_shopper", "expired")
    assert shop.cancels == []


async def test_an_attempt_without_a_session_end_beside_another_payment_ends_after_a_day(
    shop: ClosingShop,
) -> None:
    attempt, other = await shop.attempt(), await shop.attempt()
    shop.clock.at += 23 * HOUR
    await shop.notify("AUTHORISATION", "PSP2", additionalData=metadata_of(other))
    early = await shop.try_to_close(attempt, after=MINUTE)
    shop.clock.at += 2 * HOUR
    await shop.notify("REFUND", "REFUND2", originalReference="PSP2")
    late = await shop.try_to_close(attempt, after=MINUTE)

    assert (early.status.value, late.status.value) == ("awaiting_shopper", "expired")


async def test_a_cancel_without_an_answer_is_not_repeated_after_a_newer_attempt(
    shop: ClosingShop,
) -> None:
    attempt = await shop.attempt()
    shop.answer = (500, {})
    await shop.try_to_close(attempt, after=HOUR)
    unanswered = list(shop.cancels)
    await shop.attempt()
    shop.answer = None
    shop.clock.at += HOUR
    await shop.kasir.closing.ask_again(f"kasir-close-{attempt}")

    assert shop.cancels == unanswered


async def test_a_shops_cancel_without_an_answer_is_not_repeated_after_a_newer_attempt(
    shop: ClosingShop,
) -> None:
    await shop.attempt()
    shop.answer = (500, {})
    body = json.dumps({"paymentReference": "ORDER-1001"}).encode()
    await shop.kasir.changes.cancel_by_reference(body, 72, None)
    (unanswered,) = shop.cancels
    shop.clock.at += MINUTE
    await shop.attempt()
    shop.answer = None
    shop.clock.at += HOUR
    await shop.kasir.closing.ask_again(unanswered)

    assert shop.cancels == [unanswered]


async def test_a_refusal_due_while_kasir_was_down_waits_for_the_notifications_in_adyens_queue(
    shop: ClosingShop,
) -> None:
    attempt, other = await shop.attempt(), await shop.attempt("ORDER-2")
    await shop.notify("AUTHORISATION", "PSP1", success="false")
    shop.clock.at += 3 * HOUR  # Kasir is down, and Adyen's queue grows.
    events_before = await shop.events(attempt)
    await shop.notify("AUTHORISATION", "PSP3", ago=2 * HOUR, additionalData=metadata_of(attempt))
    await shop.notify("AUTHORISATION", "PSP2", merchantReference="ORDER-2")

    assert events_before == []
    assert await shop.events(attempt) == ["payment.authorised"]
    assert await shop.events(other) == ["payment.authorised"]


async def test_a_refusal_is_reported_in_time_when_kasir_was_not_down(shop: ClosingShop) -> None:
    attempt = await shop.attempt()
    await shop.notify("AUTHORISATION", "PSP1", success="false")
    shop.clock.at += 9 * MINUTE
    early = await shop.events(attempt)
    shop.clock.at += 2 * MINUTE

    assert (early, await shop.events(attempt)) == ([], ["payment.refused"])


async def test_a_refusal_does_not_wait_longer_than_adyens_queue_can_be_delayed(
    shop: ClosingShop,
) -> None:
    attempt = await shop.attempt()
    await shop.notify("AUTHORISATION", "PSP1", success="false")
    shop.clock.at += 9 * HOUR

    assert await shop.events(attempt) == ["payment.refused"]


async def test_an_attempt_whose_request_did_not_reach_adyen_expires_after_its_key(
    shop: ClosingShop,
) -> None:
    # The only fact is that the outcome is unknown.
    fact = Fact(key="u", says=Says.UNKNOWN, source=Source.KASIR, at=NOW, about="nothing")
    attempt = await shop.attempt()
    await shop.kasir.pool.execute("DELETE FROM fact")
    await shop.kasir.payments.add_facts(attempt, [fact])
    await shop.try_to_close(attempt, after=7 * DAY)
    early = await shop.try_to_close(attempt, after=HOUR)
    await shop.attempt("ORDER-2")
    await shop.notify("AUTHORISATION", "PSP2", merchantReference="ORDER-2")
    late = await shop.try_to_close(attempt, after=MINUTE)

    assert (early.status.value, late.status.value) == ("unknown", "expired")


async def test_an_attempt_opened_while_its_link_is_withdrawn_is_closed_and_has_no_action(
    shop: ClosingShop,
) -> None:
    created = await shop.kasir.links.create(
        json.dumps(
            {
                "reference": "LINK-1",
                "amount": {"currency": "IDR", "value": 25_000},
                "returnUrl": "https://shop.example/back",
            }
        ).encode()
    )
    link_id = LinkId(created.json()["id"])
    found = await shop.kasir.links.find(link_id)
    await shop.kasir.links.update(link_id, b'{"status": "expired"}')
    link_attempt = LinkAttempt(name="first", browser_info=payment_body()["browserInfo"])
    answer, payment_id = await shop.kasir.links.pay(
        found.link, link_attempt, lambda _: "https://kasir.example/back"
    )

    assert "action" not in answer.json()
    assert shop.cancels == [f"kasir-close-{payment_id}"]


@pytest.mark.parametrize("method", ["visa", "gopay_wallet"])
async def test_a_payment_of_another_system_under_our_reference_is_not_cancelled(
    shop: ClosingShop, method: str
) -> None:
    attempt = await shop.attempt()
    # The shopper left GoPay and paid the order by card, or by GoPay in another system.
    amount = {"currency": "IDR", "value": 25_001}
    await shop.notify("AUTHORISATION", "CARD", paymentMethod=method, amount=amount)
    payment = await shop.try_to_close(attempt, after=2 * HOUR)
    again = await shop.try_to_close(attempt, after=2 * HOUR)

    assert shop.cancels == []
    assert (payment.status, again.status) == ("awaiting_shopper", "awaiting_shopper")


async def test_a_refused_card_under_our_reference_does_not_prevent_the_cancel(
    shop: ClosingShop,
) -> None:
    attempt = await shop.attempt()
    await shop.notify("AUTHORISATION", "CARD", paymentMethod="visa", success="false")
    await shop.try_to_close(attempt, after=2 * HOUR)

    assert len(shop.cancels) == 1


async def test_a_held_notification_of_our_payment_is_no_payment_of_another_system(
    shop: ClosingShop,
) -> None:
    first = await shop.attempt()
    second = await shop.attempt()
    # Kasir holds this notification, because it may belong to either payment.
    await shop.notify("AUTHORISATION", "PSP1")
    await shop.notify("CAPTURE", "C1", originalReference="PSP1", additionalData=metadata_of(first))
    await shop.kasir.reader.read_all()
    paid = await shop.payment(first)
    foreign_payments = await shop.kasir.pool.fetchval(
        "SELECT count(*) FROM notice WHERE paid_reference IS NOT NULL"
    )

    assert (paid.status, foreign_payments) == ("authorised", 0)
    assert (await shop.payment(second)).status == "awaiting_shopper"


async def test_an_attempt_closed_late_is_checked_again_soon(shop: ClosingShop) -> None:
    attempt = await shop.attempt()
    await shop.try_to_close(attempt, after=2 * DAY)  # Kasir was down.
    due_at = await shop.kasir.pool.fetchval(
        "SELECT close_due_at FROM payment WHERE id = $1", attempt
    )

    assert len(shop.cancels) == 1
    assert due_at <= shop.clock.at + HOUR


def metadata_of(payment_id: PaymentId) -> dict[str, str]:
    """The additional data in which Adyen returns our payment id."""
    return {"metadata.kasirPaymentId": payment_id}
