"""Changes of a payment, as Adyen's Checkout API has them: capture, refund, cancel, reverse.

What goes back never exceeds what was captured, nor what is captured what was authorised: each
asking is judged and written down under the payment's row lock, before Adyen hears of it, and what
is open counts for all it could take (`payments.sums`). Adyen answers 201 `received`; how it ended
comes by notification.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from kasir.adyen import checks
from kasir.adyen.calls import change_key
from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest, NotClaimedYet, cut
from kasir.ids import Ids
from kasir.money import Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.flow import Flow
from kasir.payments.payment import Payment
from kasir.payments.question import Decide, Kind, Question
from kasir.payments.status import FINAL
from kasir.payments.sums import Remaining, Sums, Why, sums
from kasir.requests.payments import (
    account_faults,
    answer_of,
    body_fields,
    key_faults,
    refuse,
    shop_key_of,
)

#: The word of Adyen's path, and what it asks.
PATHS: Final[Mapping[str, Kind]] = {
    "captures": Kind.CAPTURES,
    "refunds": Kind.REFUNDS,
    "cancels": Kind.CANCELS,
    "reversals": Kind.REVERSALS,
}
_WITH_AMOUNT: Final = frozenset({Kind.CAPTURES, Kind.REFUNDS})
_LOOKED_AT_MAX: Final = 100


class Payments(Protocol):
    """Where the payment that is to change is found."""

    async def payment_of_attempt(self, psp_reference: str) -> Payment | None:
        """Give the payment that an attempt at the provider belongs to."""
        ...

    async def original_of(self, name: str) -> tuple[str, str] | None:
        """Give the pspReference of the payment that owns a name, and the shop's reference of it.

        The name is a change's, or one that Adyen gave while nothing was paid; there may be no
        pspReference yet, which is then empty. None: no payment owns the name.
        """
        ...

    async def is_unclaimed(self, psp_reference: str) -> bool:
        """Whether an answer to a shopper's return named an attempt that no payment owns yet."""
        ...

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Give the payments of a shop's reference, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What a shop may do with a payment it has made."""

    flow: Flow
    payments: Payments
    ids: Ids
    clock: Clock
    merchant_account: str

    async def ask(
        self, kind: Kind, psp_reference: str, body: bytes, version: int, key: str | None
    ) -> Answer:
        """Ask for a change: `POST /payments/{psp}/captures|refunds|cancels|reversals`.

        Raises:
            InvalidRequest: A field is wrong, no payment of ours has this pspReference, or more
                would go back or be captured than there is; nothing was sent.
            NotClaimedYet: Adyen named it in an answer, and its notification is yet to come.
            KeyReused: The shop key came before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        fields = body_fields(body)
        refuse(
            key_faults(key), account_faults(fields, self.merchant_account), _faults(fields, kind)
        )
        payment = None
        if "\0" not in psp_reference:
            payment = await self.payments.payment_of_attempt(psp_reference)
            if payment is None and await self.payments.is_unclaimed(psp_reference):
                raise NotClaimedYet(psp_reference)
        if payment is None:
            raise InvalidRequest([await self._no_original(psp_reference)])
        path = f"/payments/{psp_reference}/{kind}"
        question = self._question(kind, payment, path, fields, version)
        decide = _DECIDES[kind](question, psp_reference, fields)
        kept = await self.flow.change(question, decide, shop_key_of(key, fields, path, version))
        return answer_of(kept)

    async def cancel_by_reference(self, body: bytes, version: int, key: str | None) -> Answer:
        """Undo a payment whose pspReference nobody knows yet: `POST /cancels`.

        Raises:
            InvalidRequest: A field is wrong, there is no payment of that reference, or money of
                it has gone back; nothing was sent.
            KeyReused: The shop key came before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        fields = body_fields(body)
        rule = checks.Text(most=80)
        refuse(
            key_faults(key),
            account_faults(fields, self.merchant_account),
            checks.required(fields, "paymentReference", "167", "give your reference of it."),
            checks.matching(fields, {"paymentReference": rule, "reference": rule}),
        )
        found = await self.payments.payments_of(fields["paymentReference"], _LOOKED_AT_MAX)
        if not found:
            raise InvalidRequest([_elsewhere("paymentReference", fields["paymentReference"])])
        still_open = [payment for payment in found if payment.status not in FINAL]
        question = self._question(
            Kind.CANCELS_BY_REFERENCE, (still_open or found)[0], "/cancels", fields, version
        )
        decide = _cancel(question, "", fields)
        kept = await self.flow.change(
            question, decide, shop_key_of(key, fields, "/cancels", version)
        )
        return answer_of(kept)

    async def _no_original(self, psp_reference: str) -> Fault:
        found = None
        if "\0" not in psp_reference:
            found = await self.payments.original_of(psp_reference)
        if found is None:
            return _elsewhere("paymentPspReference", psp_reference)
        name, reference = found
        cure = f"{psp_reference} belongs to the payment {name}; give {name} here."
        if not name:
            cure = f"nothing is paid under {psp_reference}; POST /cancels undoes {reference}."
        return Fault("paymentPspReference", cure, "167")

    def _question(
        self, kind: Kind, payment: Payment, path: str, fields: Mapping[str, Any], version: int
    ) -> Question:
        now = self.clock.now()
        account = fields.get("merchantAccount") or self.merchant_account
        return Question(
            key=change_key(self.ids.new("chg")),
            kind=kind,
            payment_id=payment.intent.id,
            version=version,
            path=path,
            body=msgspec.json.encode({**fields, "merchantAccount": account}),
            opened_at=now,
            asked_at=now,
        )


def _faults(fields: Mapping[str, Any], kind: Kind) -> Iterator[Fault]:
    yield from checks.matching(fields, {"reference": checks.Text(least=0, most=80)})
    if kind in _WITH_AMOUNT:
        yield from checks.amount_faults(fields.get("amount"))


def _elsewhere(field: str, name: str) -> Fault:
    cure = f"no payment of Kasir's is {cut(name)}; change payments made elsewhere at Adyen itself."
    return Fault(field, cure, "167")


def _money(fields: Mapping[str, Any]) -> Money:
    return Money(Currency(fields["amount"]["currency"]), fields["amount"]["value"])


def _fact(question: Question, says: Says, attempt: str, amount: Money | None = None) -> Fact:
    return Fact(
        key=f"asked:{question.key}",
        says=says,
        source=Source.SHOP,
        at=question.opened_at,
        about=question.key,
        psp_reference=attempt,
        amount=amount,
        words=question.kind,
    )


def _refund(question: Question, attempt: str, fields: Mapping[str, Any]) -> Decide:
    """Let a refund pass if, with all that left and all that may, no more than captured goes."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        _fits(wanted, _sums(payment).refundable(attempt), "refunded")
        return [_fact(question, Says.REFUND_ASKED, attempt, wanted)]

    return decide


def _reverse(question: Question, attempt: str, _: Mapping[str, Any]) -> Decide:
    """Let a reversal pass if nothing else takes money back: it always undoes the whole."""

    def decide(payment: Payment) -> Sequence[Fact]:
        room = _sums(payment).refundable(attempt)
        _whole(room, frozenset(room.held), "paymentPspReference")
        return [_fact(question, Says.REVERSAL_ASKED, attempt)]

    return decide


def _capture(question: Question, attempt: str, fields: Mapping[str, Any]) -> Decide:
    """Let a capture pass if, with all that were asked before it, no more than authorised is."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        _fits(wanted, _sums(payment).capturable(attempt), "captured")
        return [_fact(question, Says.CAPTURE_ASKED, attempt, wanted)]

    return decide


def _cancel(question: Question, attempt: str, _: Mapping[str, Any]) -> Decide:
    """Let a cancel pass if nothing takes money back; Adyen knows whether it can be done.

    Twice is no more than once. By reference, without an attempt, it is about every one.
    """

    def decide(payment: Payment) -> Sequence[Fact]:
        money = _sums(payment)
        for name in [attempt] if attempt else money.authorised:
            room = money.refundable(name)
            field = "paymentPspReference" if attempt else "paymentReference"
            _whole(room, room.held.keys() - {Why.CANCEL_OPEN}, field)
        return [_fact(question, Says.CANCEL_ASKED, attempt)]

    return decide


def _sums(payment: Payment) -> Sums:
    return sums(payment.intent, payment.facts)


def _fits(wanted: Money, room: Remaining, how: str) -> None:
    if wanted.minor_units > room.left.minor_units:
        held = f": {room}" if room.held else ""
        cure = f"at most {room.left.minor_units} {room.left.currency} can still be {how}{held}."
        raise InvalidRequest([Fault("amount.value", cure, "137")])


def _whole(room: Remaining, in_the_way: Collection[Why], field: str) -> None:
    """Refuse to undo the whole where something in the way takes a part of it, or may.

    `field` is where the caller named the payment.
    """
    if in_the_way:
        rest = f"; refund the other {left} instead" if (left := room.left.minor_units) else ""
        cure = f"it would undo the whole, and {room}{rest}."
        raise InvalidRequest([Fault(field, cure, "167")])


def _same_currency(wanted: Money, payment: Payment) -> None:
    currency = payment.intent.amount.currency
    if wanted.currency != currency:
        raise InvalidRequest([Fault("amount.currency", f"must be {currency}.", "138")])


_DECIDES: Final[Mapping[Kind, Callable[[Question, str, Mapping[str, Any]], Decide]]] = {
    Kind.CAPTURES: _capture,
    Kind.REFUNDS: _refund,
    Kind.CANCELS: _cancel,
    Kind.REVERSALS: _reverse,
}
