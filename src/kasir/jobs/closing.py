"""The use case of closing: attempts that nobody finished are cancelled at Adyen.

An attempt ends when Adyen says so, never by Kasir's clock: a shop that hears of an end and is paid
after all would sell its goods twice. Until Adyen says so, or it follows from what Adyen says, the
attempt stays open, and Adyen is asked again at growing intervals:
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
#: The error codes of `/cancels` that say that there is no such payment (a guess: docs/adyen.md).
#: Any other error is about the request or the key, and says nothing about the payment.
NOTHING_THERE: Final = frozenset({"167"})


class _EndedError(Exception):
    """The attempt ended while it was about to be closed."""


class Payments(Protocol):
    """Where payments are read and facts recorded."""

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Return a payment with its facts."""
        ...

    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Record facts of a payment that did not come with an answer."""
        ...


class OpenAttempts(Protocol):
    """What is known of attempts that nobody finished, and how far notifications have come."""

    async def put_off(self, payment_id: PaymentId, later: datetime) -> None:
        """Look at an attempt again later; nothing where it has ended."""
        ...

    async def deliveries(self) -> Deliveries:
        """How far the provider's notifications have come."""
        ...

    async def has_others(self, payment: Payment, since: datetime) -> bool:
        """Whether a cancel by reference might hit another payment than this one.

        One of ours that was made since then and is open or paid, or one that another system on the
        account was paid.
        """
        ...

    async def is_held(self, reference: str) -> bool:
        """Whether money came under a reference that may be ours, and nothing says whose it is."""
        ...

    async def give_up(self, key: str) -> None:
        """Stop asking a question that has no answer."""
        ...

    async def last_return(self, since: datetime) -> datetime | None:
        """When a shopper last came back since then with a result that no payment owns yet."""
        ...

    async def answered_at(self, changes: Sequence[str]) -> datetime | None:
        """When the provider said that one of these changes failed; None where it did not.

        It may have said so of another payment of the reference.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long closing waits for what.

    Attributes:
        late_after: After this long every notification has come, if none is late.
        clock_margin: How far Kasir's clock and the provider's may be apart.
        offer_lifetime_max: The longest that a shopper can pay an attempt without an end of its own.
        first_gap: How long after the first look that changed nothing the next one comes.
        longest_gap: The longest time between two looks: the gaps grow.
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
    """Closes attempts that nobody finished, so that none can be paid unnoticed later.

    Adyen is asked to cancel by reference, since Kasir knows no pspReference of a payment whose
    shopper never came back. A reference may have other payments, of ours or of another system on
    the account, and `/cancels` cannot tell them apart: while another one of it is open or paid,
    nothing is sent.

    A cancel that Adyen confirms ends the attempt: the notification says so. A cancel that failed
    says only that nothing is open: the attempt may have been paid a moment before. Adyen sends
    notifications in order, so the one about such a payment came before, or is late; if none is late
    and nothing came for a while, the attempt is written off. Where no cancel could be sent, it is
    written off when its time at the wallet is over and Adyen has sent notifications of things that
    happened well after that.
    """

    flow: Flow
    payments: Payments
    attempts: OpenAttempts
    clock: Clock
    merchant_account: str
    waits: Waits

    async def close(self, payment_id: PaymentId) -> None:
        """Close one attempt if it is still open. To repeat it changes nothing."""
        payment = await self.payments.payment(payment_id)
        if payment and _is_open(payment) and payment.status is not Status.AWAITING_SHOPPER:
            # First find out whether it exists: a question without an answer is asked again.
            with suppress(StillRunning):
                await self.flow.resume(payment_key(payment_id))
            payment = await self.payments.payment(payment_id)
        if payment is None or payment.status in FINAL:
            return
        asked, is_asked_now = await self._asked(payment), False
        if payment.status is Status.AWAITING_SHOPPER or self._is_given_up(payment):
            is_asked_now = await self._ask_or_end(payment, asked)
        soon = self.clock.now() + self.waits.first_gap
        # What was asked just now is answered soon, however old the attempt is.
        later = soon if is_asked_now else self._next_look(payment, asked)
        await self.attempts.put_off(payment_id, later)

    async def ask_again(self, key: str) -> None:
        """Ask a question again that had no answer; a cancel only while it is still safe.

        By now its reference may have another payment, which the cancel must not hit.
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
                    await self.attempts.give_up(key)  # Adyen may have forgotten its key by now.
                return
        await self.flow.ask_again(key)

    async def _ask_or_end(self, payment: Payment, asked: Sequence[_Asked]) -> bool:
        """Write an attempt off, or ask Adyen to cancel it; whether a cancel was sent."""
        known = await self.attempts.deliveries()
        cancel_failed_at = await self._cancel_failed_at(payment, asked)
        if await self._may_be_paid(payment, known):
            return False
        if not known.are_late(self.clock.now(), self.waits.late_after) and (
            why := await self._over(payment, asked, known, cancel_failed_at)
        ):
            await self._write_off(payment, why)
            return False
        may_ask = not cancel_failed_at and self._may_ask(payment, asked, known)
        if not may_ask or await self.attempts.has_others(payment, _ALWAYS):
            return False
        await self._cancel(payment, len(asked))
        return True

    async def _may_be_paid(self, payment: Payment, known: Deliveries) -> bool:
        """Whether something came that may be its money, without proof whose it is.

        A notice is held for its reference, or a shopper came back with a result that no
        notification has confirmed.
        """
        if await self.attempts.is_held(payment.intent.reference):
            return True
        returned_at = await self.attempts.last_return(payment.intent.created_at)
        return returned_at is not None and not known.cover(returned_at + self.waits.late_after)

    async def _over(
        self,
        payment: Payment,
        asked: Sequence[_Asked],
        known: Deliveries,
        cancel_failed_at: datetime | None,
    ) -> str:
        """Why an attempt is over although no notification ended it; empty where it is not."""
        if cancel_failed_at:
            over_at = payment.intent.close_at + self.waits.clock_margin
            settled_at = max(cancel_failed_at, over_at) + self.waits.late_after
            why = "Adyen had nothing open to cancel, and has notified of no payment"
            return why if self.clock.now() >= settled_at else ""
        if asked and self._is_given_up(payment):
            forgotten = known.cover(asked[-1].question.opened_at + self.waits.late_after)
            why = "Adyen never answered, has forgotten its key, and has notified of no payment"
            return why if forgotten else ""
        notified_by = await self._would_be_notified_by(payment)
        if known.cover(notified_by) and await self.attempts.has_others(payment, _ALWAYS):
            return (
                "it was not cancelled, for its reference has another payment; its time at the "
                "wallet was over long before the last thing that Adyen notified of"
            )
        return ""

    async def _cancel_failed_at(self, payment: Payment, asked: Sequence[_Asked]) -> datetime | None:
        """When Adyen said that there is nothing to cancel, and the wallet's time was over."""
        over_at = payment.intent.close_at
        late = [one for one in asked if one.question.opened_at >= over_at]
        keys = {one.question.key for one in late}
        names = {one.modification for one in payment.facts if one.about in keys} - {""}
        answered_at = await self.attempts.answered_at(sorted(names)) if names else None
        said = [one.question.opened_at for one in late if one.kept and _is_nothing(one.kept)]
        return min(filter(None, (answered_at, *said)), default=None)

    async def _would_be_notified_by(self, payment: Payment) -> datetime:
        """When the notification of an attempt paid at the last moment would have come."""
        intent = payment.intent
        question, _ = await self.flow.book.question(payment_key(intent.id))
        was_told = "sessionValidity" in msgspec.json.decode(question.body)
        latest = intent.created_at + self.waits.offer_lifetime_max
        over_at = intent.close_at if was_told else max(intent.close_at, latest)
        return over_at + self.waits.clock_margin + self.waits.late_after

    def _may_ask(self, payment: Payment, asked: Sequence[_Asked], known: Deliveries) -> bool:
        """Whether to send a cancel: the first one, or another where the last one had no effect."""
        if not asked:
            return True
        now, last = self.clock.now(), asked[-1]
        if now < last.question.opened_at + self.waits.first_gap:
            return False
        if last.kept is None:  # It is being asked again, while Adyen knows its key.
            return now >= last.question.opened_at + self.flow.timeouts.key_lifetime
        if last.question.opened_at < payment.intent.close_at <= now:
            return True
        lost = known.cover(last.question.opened_at + self.waits.late_after)
        return lost or now >= last.question.opened_at + self.waits.longest_gap

    def _is_given_up(self, payment: Payment) -> bool:
        """Whether it cannot be asked for any more: the provider may have forgotten its key."""
        lifetime = self.flow.timeouts.key_lifetime
        was_answered = payment.status not in {Status.CREATED, Status.UNKNOWN}
        return not was_answered and self.clock.now() >= payment.intent.created_at + lifetime

    def _next_look(self, payment: Payment, asked: Sequence[_Asked]) -> datetime:
        """When to look again: the gaps grow while the attempt is open."""
        now = self.clock.now()
        since = asked[0].question.opened_at if asked else payment.intent.close_at
        waited = (now - since) / 4
        return now + min(max(waited, self.waits.first_gap), self.waits.longest_gap)

    async def _asked(self, payment: Payment) -> Sequence[_Asked]:
        """The cancels that were sent for it, in order."""
        found: list[_Asked] = []
        with suppress(NotFound):
            while True:
                key = close_key(payment, len(found))
                found.append(_Asked(*await self.flow.book.question(key)))
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
class _Asked:
    """A cancel that was sent, and Adyen's answer, if there is one."""

    question: Question
    kept: KeptAnswer | None


def _is_nothing(kept: KeptAnswer) -> bool:
    """Whether an answer says that there is no such payment."""
    return (
        HTTPStatus.BAD_REQUEST <= kept.status < HTTPStatus.INTERNAL_SERVER_ERROR
        and Answer(kept.status, kept.body).error_code in NOTHING_THERE
    )


def _is_open(payment: Payment) -> bool:
    """Whether it can still be paid, as far as is known. Pending is the provider's to end."""
    return payment.status not in FINAL and payment.status is not Status.PENDING


def _still_open(payment: Payment) -> Sequence[Fact]:
    """Allow the cancel only while the payment is still open."""
    if not _is_open(payment):
        raise _EndedError
    return []
