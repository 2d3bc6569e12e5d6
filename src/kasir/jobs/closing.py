"""The use case of closing: unfinished attempts are cancelled at Adyen.

An attempt ends when Adyen reports it, never by Kasir's clock. If a shop received an end and was
paid after all, it would sell its goods twice. Until Adyen reports an end, or the end follows from
its reports, the attempt stays open, and Adyen is asked again at growing intervals:
docs/adr/0014-an-end-is-adyens-word.md.
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

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
#: The error codes of `/cancels` that mean that there is no such payment (a guess: docs/adyen.md).
#: Any other error is about the request or the key, and proves nothing about the payment.
NO_SUCH_PAYMENT: Final = frozenset({"167"})


class _EndedError(Exception):
    """The attempt ended while it was about to be closed."""


class Payments(Protocol):
    """Reads payments, and records facts."""

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment with its facts."""
        ...

    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Record facts of a payment that did not come with an answer."""
        ...


class OpenAttempts(Protocol):
    """Queries about unfinished attempts, and about how late notifications are."""

    async def postpone(self, payment_id: PaymentId, later: datetime) -> None:
        """Postpone the closing of an attempt to `later`; does nothing if it has ended."""
        ...

    async def deliveries(self) -> Deliveries:
        """Up to when the provider has notified, and whether its notifications are late."""
        ...

    async def has_others(self, payment: Payment, since: datetime) -> bool:
        """Whether a cancel by reference might hit another payment than this one.

        That is one of ours that was made since `since` and is open or paid, or a paid one of
        another system on the account.
        """
        ...

    async def is_held(self, reference: str) -> bool:
        """Whether a notice is held that reports money for this reference."""
        ...

    async def give_up(self, key: str) -> None:
        """Stop sending a question that has no answer."""
        ...

    async def last_return(self, since: datetime) -> datetime | None:
        """When a shopper last returned, from `since` on, with a result that no payment owns."""
        ...

    async def answered_at(self, changes: Sequence[str]) -> datetime | None:
        """When the provider first reported that one of these changes failed; None if never.

        The report may be about another payment with the same reference.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long closing waits.

    Attributes:
        late_after: How long after its event a notification comes at the latest, if none is late.
        clock_margin: The largest difference between Kasir's clock and the provider's.
        offer_lifetime_max: How long a shopper can pay an attempt that was sent without an end.
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
    """Closes unfinished attempts, so that none can be paid unnoticed later.

    Adyen is asked to cancel by reference, because Kasir knows no pspReference of a payment whose
    shopper never came back. A reference may have other payments, ours or another system's on the
    account, and `/cancels` does not distinguish them. While another payment of the reference is
    open or paid, nothing is sent.

    When Adyen confirms a cancel by a notification, the attempt ends. A failed cancel proves only
    that nothing is open, because the attempt may have been paid just before. Adyen sends
    notifications in order, so the one about such a payment came before, or is late. If none is late
    and none comes for a while, the attempt is written off. If no cancel could be sent, the attempt
    is written off when its time at the wallet is over and Adyen has sent notifications of events
    well after that.
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
            # First find out whether it exists, by sending its unanswered question again.
            with suppress(StillRunning):
                await self.flow.resume(payment_key(payment_id))
            payment = await self.payments.payment(payment_id)
        if payment is None or payment.status in FINAL:
            return
        cancels, is_cancel_sent = await self._cancels(payment), False
        if payment.status is Status.AWAITING_SHOPPER or self._is_given_up(payment):
            is_cancel_sent = await self._cancel_or_end(payment, cancels)
        soon = self.clock.now() + self.waits.first_gap
        # A cancel that was sent just now is answered soon, however old the attempt is.
        later = soon if is_cancel_sent else self._next_check(payment, cancels)
        await self.attempts.postpone(payment_id, later)

    async def ask_again(self, key: str) -> None:
        """Send an unanswered question again; a cancel only while it is still safe.

        Its reference may have another payment now, which the cancel must not hit.
        """
        question, kept = await self.flow.book.question(key)
        if question.kind is Kind.CANCELS_BY_REFERENCE and not kept and question.payment_id:
            payment = await self.payments.payment(question.payment_id)
            since = (
                _ALWAYS if payment and key.startswith(close_key(payment, 0)) else question.opened_at
            )
            if payment and await self.attempts.has_others(payment, since):
                lifetime = self.flow.timeouts.key_lifetime
                if self.clock.now() >= question.opened_at + lifetime:
                    await self.attempts.give_up(key)  # Adyen may have forgotten the key.
                return
        await self.flow.ask_again(key)

    async def _cancel_or_end(self, payment: Payment, cancels: Sequence[_Cancel]) -> bool:
        """Write an attempt off, or ask Adyen to cancel it; return whether a cancel was sent."""
        known = await self.attempts.deliveries()
        cancel_failed_at = await self._cancel_failed_at(payment, cancels)
        if await self._may_be_paid(payment, known):
            return False
        if not known.are_late(self.clock.now(), self.waits.late_after) and (
            why := await self._over(payment, cancels, known, cancel_failed_at)
        ):
            await self._write_off(payment, why)
            return False
        may_cancel = not cancel_failed_at and self._may_cancel(payment, cancels, known)
        if not may_cancel or await self.attempts.has_others(payment, _ALWAYS):
            return False
        await self._cancel(payment, len(cancels))
        return True

    async def _may_be_paid(self, payment: Payment, known: Deliveries) -> bool:
        """Whether a payment of this attempt may have been reported, without proof.

        A notice is held for its reference, or a shopper returned with a result that no
        notification has confirmed.
        """
        if await self.attempts.is_held(payment.intent.reference):
            return True
        returned_at = await self.attempts.last_return(payment.intent.created_at)
        return returned_at is not None and not known.cover(returned_at + self.waits.late_after)

    async def _over(
        self,
        payment: Payment,
        cancels: Sequence[_Cancel],
        known: Deliveries,
        cancel_failed_at: datetime | None,
    ) -> str:
        """Why an attempt is over although no notification ended it; empty if it is not over."""
        if cancel_failed_at:
            over_at = payment.intent.close_at + self.waits.clock_margin
            settled_at = max(cancel_failed_at, over_at) + self.waits.late_after
            why = "Adyen had nothing open to cancel, and has notified of no payment"
            return why if self.clock.now() >= settled_at else ""
        if cancels and self._is_given_up(payment):
            forgotten = known.cover(cancels[-1].question.opened_at + self.waits.late_after)
            why = "Adyen never answered, has forgotten its key, and has notified of no payment"
            return why if forgotten else ""
        notified_by = await self._would_be_notified_by(payment)
        if known.cover(notified_by) and await self.attempts.has_others(payment, _ALWAYS):
            return (
                "it was not cancelled, because its reference has another payment; its time at the "
                "wallet was over long before the newest event that Adyen notified of"
            )
        return ""

    async def _cancel_failed_at(
        self, payment: Payment, cancels: Sequence[_Cancel]
    ) -> datetime | None:
        """When a cancel first failed that was sent after the attempt's time at the wallet."""
        over_at = payment.intent.close_at
        late = [one for one in cancels if one.question.opened_at >= over_at]
        keys = {one.question.key for one in late}
        names = {one.modification for one in payment.facts if one.about in keys} - {""}
        answered_at = await self.attempts.answered_at(sorted(names)) if names else None
        refused_at = [
            one.question.opened_at for one in late if one.kept and _means_no_payment(one.kept)
        ]
        return min(filter(None, (answered_at, *refused_at)), default=None)

    async def _would_be_notified_by(self, payment: Payment) -> datetime:
        """When the notification of an attempt paid at the last moment would have come."""
        intent = payment.intent
        question, _ = await self.flow.book.question(payment_key(intent.id))
        had_end = "sessionValidity" in msgspec.json.decode(question.body)
        latest = intent.created_at + self.waits.offer_lifetime_max
        over_at = intent.close_at if had_end else max(intent.close_at, latest)
        return over_at + self.waits.clock_margin + self.waits.late_after

    def _may_cancel(self, payment: Payment, cancels: Sequence[_Cancel], known: Deliveries) -> bool:
        """Whether to send a cancel: the first one, or another if the last one had no effect."""
        if not cancels:
            return True
        now, last = self.clock.now(), cancels[-1]
        if now < last.question.opened_at + self.waits.first_gap:
            return False
        if last.kept is None:  # It is sent again for as long as Adyen knows its key.
            return now >= last.question.opened_at + self.flow.timeouts.key_lifetime
        if last.question.opened_at < payment.intent.close_at <= now:
            return True
        lost = known.cover(last.question.opened_at + self.waits.late_after)
        return lost or now >= last.question.opened_at + self.waits.longest_gap

    def _is_given_up(self, payment: Payment) -> bool:
        """Whether its question is not sent again: the provider may have forgotten the key."""
        lifetime = self.flow.timeouts.key_lifetime
        was_answered = payment.status not in {Status.CREATED, Status.UNKNOWN}
        return not was_answered and self.clock.now() >= payment.intent.created_at + lifetime

    def _next_check(self, payment: Payment, cancels: Sequence[_Cancel]) -> datetime:
        """When to check an attempt again: the waits grow while it is open."""
        now = self.clock.now()
        since = cancels[0].question.opened_at if cancels else payment.intent.close_at
        waited = (now - since) / 4
        return now + min(max(waited, self.waits.first_gap), self.waits.longest_gap)

    async def _cancels(self, payment: Payment) -> Sequence[_Cancel]:
        """The cancels that were sent for a payment, in order."""
        found: list[_Cancel] = []
        with suppress(NotFound):
            while True:
                key = close_key(payment, len(found))
                found.append(_Cancel(*await self.flow.book.question(key)))
        return found

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
    """A cancel that was sent, and Adyen's answer, if there is one."""

    question: Question
    kept: KeptAnswer | None


def _means_no_payment(kept: KeptAnswer) -> bool:
    """Whether an answer means that there is no such payment."""
    return (
        HTTPStatus.BAD_REQUEST <= kept.status < HTTPStatus.INTERNAL_SERVER_ERROR
        and Answer(kept.status, kept.body).error_code in NO_SUCH_PAYMENT
    )


def _is_open(payment: Payment) -> bool:
    """Whether a payment can still be paid; a pending one is ended only by the provider."""
    return payment.status not in FINAL and payment.status is not Status.PENDING


def _still_open(payment: Payment) -> Sequence[Fact]:
    """Allow the cancel only while the payment is still open."""
    if not _is_open(payment):
        raise _EndedError
    return []
