"""What nobody finished is closed, so that it cannot be paid later unseen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

import msgspec

from kasir.adyen.calls import OWN_VERSION, change_key, payment_key
from kasir.clock import Clock
from kasir.errors import StillRunning
from kasir.ids import PaymentId
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.flow import Flow
from kasir.payments.payment import Payment
from kasir.payments.ports import Kind, Question
from kasir.payments.status import FINAL, Status

_LOOKED_AT_MAX: Final = 100


class _EndedError(Exception):
    """It ended while we were about to close it."""


class Payments(Protocol):
    """Where attempts are looked after."""

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Give a payment with its facts."""
        ...

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Give the payments of a shop's reference, newest first."""
        ...

    async def is_question(self, key: str) -> bool:
        """Whether a question of this key was written down."""
        ...

    async def add_facts(self, payment_id: PaymentId, facts: Sequence[Fact]) -> None:
        """Let a payment hear facts that no question brought."""
        ...


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes attempts that nobody finished, so that none can be paid later unseen.

    Adyen is asked to cancel by reference, since nobody knows the pspReference of a payment that
    never came back. A reference may have other payments, and `/cancels` cannot tell them apart: so
    while another one of it is open or paid, nothing is sent, and the attempt is only written off.
    Should it be paid after all, the notification says so, and good news absorbs.
    """

    flow: Flow
    payments: Payments
    clock: Clock
    merchant_account: str

    async def close(self, payment_id: PaymentId) -> None:
        """Close one attempt if it is still open. Doing it twice does no more than once."""
        payment = await self.payments.payment(payment_id)
        if payment is None or not _is_open(payment):
            return
        if payment.status in {Status.CREATED, Status.UNKNOWN}:
            # First hear whether it exists: what was never answered is asked again.
            with suppress(StillRunning):
                await self.flow.resume(payment_key(payment_id))
            payment = await self.payments.payment(payment_id)
            if payment is None or not _is_open(payment):
                return
            if payment.status is not Status.AWAITING_SHOPPER and not self._is_given_up(payment):
                return  # It is still being asked for; this comes up again.
        intent = payment.intent
        others = await self.payments.payments_of(intent.reference, _LOOKED_AT_MAX)
        if any(_is_in_the_way(other) for other in others if other.intent.id != intent.id):
            await self._write_off(payment, "not cancelled: its reference has another payment")
            return
        await self._cancel(payment)

    def _is_given_up(self, payment: Payment) -> bool:
        """Whether it can no longer be asked for: the provider may have forgotten its key."""
        lifetime = self.flow.patience.key_lifetime
        return self.clock.now() >= payment.intent.created_at + lifetime

    async def _cancel(self, payment: Payment) -> None:
        key = change_key(f"close-{payment.intent.id}")
        now = self.clock.now()
        question = Question(
            key=key,
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
        if await self.payments.is_question(key):
            # Asked before, and no TECHNICAL_CANCEL came of it since.
            await self._write_off(payment, "Adyen was asked to cancel it, and did not say it did")
            return
        kept = None
        with suppress(_EndedError, StillRunning):
            kept = await self.flow.change(question, _still_open)
        if kept and kept.status >= HTTPStatus.BAD_REQUEST:
            await self._write_off(payment, "there was nothing for Adyen to cancel")

    async def _write_off(self, payment: Payment, why: str) -> None:
        fact = Fact(
            key="closed",
            says=Says.EXPIRED,
            source=Source.KASIR,
            at=self.clock.now(),
            words=f"nobody finished it in time; {why}",
        )
        await self.payments.add_facts(payment.intent.id, [fact])


def _is_open(payment: Payment) -> bool:
    """Whether it can still be paid, as far as is known. Pending is the provider's to end."""
    return payment.status not in FINAL and payment.status is not Status.PENDING


def _is_in_the_way(other: Payment) -> bool:
    return other.status is Status.AUTHORISED or other.status not in FINAL


def _still_open(payment: Payment) -> Sequence[Fact]:
    """Let the cancel pass only while nobody finished the payment meanwhile."""
    if not _is_open(payment):
        raise _EndedError
    return []
