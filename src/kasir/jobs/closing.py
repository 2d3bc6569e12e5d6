"""The use case of closing: cancels unfinished attempts at Adyen.

An attempt ends when Adyen reports its end, never by Kasir's clock. If Kasir reported the end of an
attempt that is paid later, the shop could sell its goods twice. Until Adyen reports an end, or the
end follows from Adyen's reports, the attempt stays open, and Kasir checks the attempt at growing
intervals: docs/adr/0014-an-end-is-adyens-word.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, Protocol, Self

import msgspec

from kasir.adyen.calls import OWN_VERSION, payment_key
from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import NotFound, StillRunning
from kasir.gateway.close_calls import close_key
from kasir.ids import PaymentId
from kasir.limits import Limits
from kasir.payments.deliveries import Deliveries
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.flow import Flow
from kasir.payments.payment import Payment
from kasir.payments.question import KeptAnswer, Kind, Question
from kasir.payments.status import FINAL, Status

#: The argument `since` of `OpenAttempts.has_others` with which all other payments count.
_EVER: Final = datetime.min.replace(tzinfo=UTC)
#: The error codes of `/cancels` by which there is no such payment (GUESS: docs/adyen.md). Any other
#: error is about the request or the API key, and proves nothing about the payment.
NO_SUCH_PAYMENT: Final = frozenset({"167"})


class _EndedError(Exception):
    """The attempt ended while it was about to be closed."""


class Payments(Protocol):
    """Reads payments, and records facts."""

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment with its facts; None if there is none with this id."""
        ...

    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Record facts of a payment that are not from an answer."""
        ...


class OpenAttempts(Protocol):
    """Queries about unfinished attempts, and about how late notifications are."""

    async def postpone(self, payment_id: PaymentId, later: datetime) -> None:
        """Postpone the closing of an attempt to `later`; does nothing if it has ended."""
        ...

    async def deliveries(self) -> Deliveries:
        """Return the state of the provider's queue of notifications."""
        ...

    async def has_others(self, payment: Payment, since: datetime) -> bool:
        """Whether a cancel by reference might cancel another payment than this one.

        Two kinds of payments with the same merchant reference count: an open or paid payment that
        Kasir made since `since`, and a paid payment of another system on the merchant account.
        """
        ...

    async def is_held(self, reference: str) -> bool:
        """Whether a notice in the state HELD reports that this merchant reference was paid."""
        ...

    async def give_up(self, key: str) -> None:
        """Stop sending the unanswered question with this idempotency key."""
        ...

    async def last_return(self, since: datetime) -> datetime | None:
        """When a shopper last returned from an attempt whose pspReference no payment owns.

        Only returns at `since` or later count. None if there is no such return.
        """
        ...

    async def answered_at(self, changes: Sequence[str]) -> datetime | None:
        """When the provider first reported that one of these changes failed; None if never.

        Args:
            changes: The pspReferences of the changes. The report may be about another payment with
                the same merchant reference.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long closing waits.

    Attributes:
        late_after: A notification that comes longer than this after its event is late.
        clock_margin: The largest difference between Kasir's clock and the provider's.
        offer_lifetime_max: How long a shopper can pay an attempt that was sent without a
            `sessionValidity`.
        first_gap: The wait between the first two checks of an attempt; later waits are longer.
        longest_gap: The longest wait between two checks.
    """

    late_after: timedelta
    clock_margin: timedelta
    offer_lifetime_max: timedelta
    first_gap: timedelta
    longest_gap: timedelta

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """The waits in these limits."""
        return cls(
            late_after=timedelta(seconds=limits.late_after_s),
            clock_margin=timedelta(seconds=limits.clock_margin_s),
            offer_lifetime_max=timedelta(seconds=limits.offer_lifetime_max_s),
            first_gap=timedelta(seconds=limits.due_again_s),
            longest_gap=timedelta(seconds=limits.close_again_longest_s),
        )


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes unfinished attempts, so that no attempt can be paid unnoticed later.

    Kasir cancels by merchant reference, because Kasir knows no pspReference of a payment whose
    shopper did not return. Other payments may have the same merchant reference: payments of
    Kasir's, or of another system on the merchant account. `/cancels` does not distinguish them. So
    Kasir sends no cancel while another payment with the merchant reference is open or paid.

    When a notification confirms the cancel, the attempt ends. A failed cancel proves only that
    nothing is open, because the attempt may have been paid just before. Adyen sends notifications
    in order, so the notification of such a payment has come already, or is late. If no notification
    is late, and none reports a payment for a while, the attempt is written off. If no cancel could
    be sent, the attempt is written off when the shopper can no longer pay it and Adyen has sent
    notifications of much later events.
    """

    flow: Flow
    payments: Payments
    attempts: OpenAttempts
    clock: Clock
    merchant_account: str
    waits: Waits

    async def close(self, payment_id: PaymentId) -> None:
        """Close one attempt if it is still open. A repeated call changes nothing."""
        payment = await self.payments.payment(payment_id)
        if payment and _is_open(payment) and payment.status is not Status.AWAITING_SHOPPER:
            # First retry an unanswered call, to find out whether Adyen has the payment.
            with suppress(StillRunning):
                await self.flow.resume(payment_key(payment_id))
            payment = await self.payments.payment(payment_id)
        if payment is None or payment.status in FINAL:
            return
        cancels = await self._cancels(payment)
        is_cancel_sent = False
        if payment.status is Status.AWAITING_SHOPPER or self._is_given_up(payment):
            is_cancel_sent = await self._cancel_or_end(payment, cancels)
        soon = self.clock.now() + self.waits.first_gap
        # The result of a cancel that was sent just now comes soon, however old the attempt is.
        later = soon if is_cancel_sent else self._next_check(payment, cancels)
        await self.attempts.postpone(payment_id, later)

    async def ask_again(self, key: str) -> None:
        """Send an unanswered question again.

        A cancel by reference is not sent while it might cancel another payment with the same
        merchant reference. If the cancel closes an attempt, every other payment counts. If the shop
        requested the cancel, only payments that Kasir made after the request count.
        """
        question, kept = await self.flow.book.question(key)
        if question.kind is Kind.CANCELS_BY_REFERENCE and not kept and question.payment_id:
            payment = await self.payments.payment(question.payment_id)
            is_closing = payment is not None and key.startswith(close_key(payment, 0))
            since = _EVER if is_closing else question.opened_at
            if payment and await self.attempts.has_others(payment, since):
                lifetime = self.flow.timeouts.key_lifetime
                if self.clock.now() >= question.opened_at + lifetime:
                    await self.attempts.give_up(key)  # Adyen may have forgotten the key.
                return
        await self.flow.ask_again(key)

    async def _cancel_or_end(self, payment: Payment, cancels: Sequence[_Cancel]) -> bool:
        """Write an attempt off, send a cancel, or do neither; return whether a cancel was sent."""
        deliveries = await self.attempts.deliveries()
        cancel_failed_at = await self._cancel_failed_at(payment, cancels)
        if await self._may_be_paid(payment, deliveries):
            return False
        if not deliveries.are_late(self.clock.now(), self.waits.late_after) and (
            why := await self._why_over(payment, cancels, deliveries, cancel_failed_at)
        ):
            await self._write_off(payment, why)
            return False
        may_cancel = not cancel_failed_at and self._may_cancel(payment, cancels, deliveries)
        if not may_cancel or await self.attempts.has_others(payment, _EVER):
            return False
        await self._cancel(payment, len(cancels))
        return True

    async def _may_be_paid(self, payment: Payment, deliveries: Deliveries) -> bool:
        """Whether there is a sign, but no proof, that this attempt was paid.

        Such a sign is a held notice of a payment with the same merchant reference. Another one is
        the return of a shopper, while the notification about that return may still come.
        """
        if await self.attempts.is_held(payment.intent.reference):
            return True
        returned_at = await self.attempts.last_return(payment.intent.created_at)
        return returned_at is not None and not deliveries.cover(returned_at + self.waits.late_after)

    async def _why_over(
        self,
        payment: Payment,
        cancels: Sequence[_Cancel],
        deliveries: Deliveries,
        cancel_failed_at: datetime | None,
    ) -> str:
        """Why an attempt is over although no notification ended it; empty if it is not over."""
        if cancel_failed_at:
            payable_until = payment.intent.close_at + self.waits.clock_margin
            settled_at = max(cancel_failed_at, payable_until) + self.waits.late_after
            why = "Adyen had nothing open to cancel, and has notified of no payment"
            return why if self.clock.now() >= settled_at else ""
        if cancels and self._is_given_up(payment):
            is_silent = deliveries.cover(cancels[-1].question.opened_at + self.waits.late_after)
            why = "Adyen never answered, has forgotten its key, and has notified of no payment"
            return why if is_silent else ""
        notified_by = await self._would_be_notified_by(payment)
        if deliveries.cover(notified_by) and await self.attempts.has_others(payment, _EVER):
            return (
                "it was not cancelled, because its reference has another payment; its time at the "
                "wallet was over long before the newest event that Adyen notified of"
            )
        return ""

    async def _cancel_failed_at(
        self, payment: Payment, cancels: Sequence[_Cancel]
    ) -> datetime | None:
        """When a cancel of an attempt first failed; None if no cancel has failed.

        Only cancels that were sent after the attempt's closing time count.
        """
        counted = [one for one in cancels if one.question.opened_at >= payment.intent.close_at]
        keys = {one.question.key for one in counted}
        psp_references = {fact.modification for fact in payment.facts if fact.about in keys} - {""}
        answered_at = (
            await self.attempts.answered_at(sorted(psp_references)) if psp_references else None
        )
        refused_at = [
            one.question.opened_at for one in counted if one.kept and _means_no_payment(one.kept)
        ]
        return min(filter(None, (answered_at, *refused_at)), default=None)

    async def _would_be_notified_by(self, payment: Payment) -> datetime:
        """Until when a notification would have come if the attempt was paid at the last moment."""
        intent = payment.intent
        question, _ = await self.flow.book.question(payment_key(intent.id))
        has_end = bool(msgspec.json.decode(question.body).get("sessionValidity"))
        longest = intent.created_at + self.waits.offer_lifetime_max
        payable_until = intent.close_at if has_end else max(intent.close_at, longest)
        return payable_until + self.waits.clock_margin + self.waits.late_after

    def _may_cancel(
        self, payment: Payment, cancels: Sequence[_Cancel], deliveries: Deliveries
    ) -> bool:
        """Whether to send a cancel: the first cancel, or another one if the last had no effect."""
        if not cancels:
            return True
        now, last = self.clock.now(), cancels[-1]
        if now < last.question.opened_at + self.waits.first_gap:
            return False
        if last.kept is None:  # `ask_again` retries this cancel while Adyen remembers the key.
            return now >= last.question.opened_at + self.flow.timeouts.key_lifetime
        if last.question.opened_at < payment.intent.close_at <= now:
            return True
        is_lost = deliveries.cover(last.question.opened_at + self.waits.late_after)
        return is_lost or now >= last.question.opened_at + self.waits.longest_gap

    def _is_given_up(self, payment: Payment) -> bool:
        """Whether the payment's call is unanswered and too old to be sent again.

        The provider may have forgotten the idempotency key by now.
        """
        lifetime = self.flow.timeouts.key_lifetime
        was_answered = payment.status not in {Status.CREATED, Status.UNKNOWN}
        return not was_answered and self.clock.now() >= payment.intent.created_at + lifetime

    def _next_check(self, payment: Payment, cancels: Sequence[_Cancel]) -> datetime:
        """When to check an attempt again. The waits grow while the attempt is open."""
        now = self.clock.now()
        since = cancels[0].question.opened_at if cancels else payment.intent.close_at
        waited = (now - since) / 4
        return now + min(max(waited, self.waits.first_gap), self.waits.longest_gap)

    async def _cancels(self, payment: Payment) -> Sequence[_Cancel]:
        """The cancels that were sent to close a payment, in order."""
        cancels: list[_Cancel] = []
        with suppress(NotFound):  # Raised by `question` after the last cancel.
            while True:
                key = close_key(payment, len(cancels))
                cancels.append(_Cancel(*await self.flow.book.question(key)))
        return cancels

    async def _cancel(self, payment: Payment, number: int) -> None:
        now = self.clock.now()
        question = Question(
            key=close_key(payment, number),
            kind=Kind.CANCELS_BY_REFERENCE,
            payment_id=payment.intent.id,
            version=OWN_VERSION,
            path="/cancels",
            body=msgspec.json.encode(
                {
                    "merchantAccount": self.merchant_account,
                    "paymentReference": payment.intent.reference,
                }
            ),
            opened_at=now,
            asked_at=now,
        )
        with suppress(_EndedError, StillRunning):
            await self.flow.change(question, _still_open)

    async def _write_off(self, payment: Payment, why: str) -> None:
        fact = Fact(
            key="closed",
            says=Says.EXPIRED,
            source=Source.KASIR,
            at=self.clock.now(),
            words=f"nobody finished it in time: {why}",
        )
        await self.payments.add_facts(payment.intent.id, [fact])


@dataclass(frozen=True, slots=True)
class _Cancel:
    """A cancel that was sent, and Adyen's stored answer, if there is one."""

    question: Question
    kept: KeptAnswer | None


def _means_no_payment(kept: KeptAnswer) -> bool:
    """Whether Adyen answered that there is no such payment."""
    return (
        HTTPStatus.BAD_REQUEST <= kept.status < HTTPStatus.INTERNAL_SERVER_ERROR
        and Answer(kept.status, kept.body).error_code in NO_SUCH_PAYMENT
    )


def _is_open(payment: Payment) -> bool:
    """Whether a payment may be closed. Only the provider ends a pending payment."""
    return payment.status not in FINAL and payment.status is not Status.PENDING


def _still_open(payment: Payment) -> Sequence[Fact]:
    """Allow the cancel only while the payment is still open. No fact is recorded."""
    if not _is_open(payment):
        raise _EndedError
    return []
