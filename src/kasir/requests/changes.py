"""Changes of a payment, as Adyen's Checkout API has them: capture, refund, cancel, reverse.

No more is refunded than was captured, and no more captured than was authorised: each request is
judged and stored under the payment's row lock, before it is sent to Adyen, and a request that is
open counts with all it could take (`payments.sums`). Adyen answers 201 `received`; the outcome
comes by notification.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from kasir.adyen import checks
from kasir.adyen.calls import change_key
from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import Fault, NotClaimedYet, cut
from kasir.ids import Ids
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.money import Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.flow import Flow
from kasir.payments.payment import Payment
from kasir.payments.question import Decide, Kind, Question
from kasir.payments.status import FINAL
from kasir.payments.sums import Remaining, Sums, Why, sums
from kasir.requests.fields import (
    Fields,
    account_faults,
    body_fields,
    key_faults,
    refuse,
    reject,
    shop_key_of,
    with_number,
)
from kasir.requests.payments import answer_of

#: The last part of Adyen's path, and which change it asks for.
PATHS: Final[Mapping[str, Kind]] = {
    "captures": Kind.CAPTURES,
    "refunds": Kind.REFUNDS,
    "cancels": Kind.CANCELS,
    "reversals": Kind.REVERSALS,
}
_WITH_AMOUNT: Final = frozenset({Kind.CAPTURES, Kind.REFUNDS})
_LOOKED_AT_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class ChangeRequests:
    """What a shop may do with a payment it has made."""

    flow: Flow
    payments: PostgresPaymentBook
    ids: Ids
    clock: Clock
    merchant_account: str

    async def ask(
        self, kind: Kind, psp_reference: str, body: bytes, version: int, key: str | None
    ) -> Answer:
        """Ask for a change: `POST /payments/{psp}/captures|refunds|cancels|reversals`.

        Raises:
            InvalidRequest: A field is wrong, no payment of ours has this pspReference, or more
                would be refunded or captured than there is; nothing was sent.
            NotClaimedYet: Adyen named it in an answer, and its notification has not come yet.
            KeyReused: The shop key came before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        fields = with_number(body_fields(body))
        refuse(
            key_faults(key), account_faults(fields, self.merchant_account), _faults(fields, kind)
        )
        payment = await self.payments.payment_of_attempt(psp_reference)
        if payment is None and await self.payments.is_unclaimed(psp_reference):
            raise NotClaimedYet(psp_reference)
        if payment is None:
            reject([await self._no_original(psp_reference)])
        path = f"/payments/{psp_reference}/{kind}"
        question = self._question(kind, payment, path, fields, version)
        decide = _DECIDES[kind](question, psp_reference, fields)
        kept = await self.flow.change(question, decide, shop_key_of(key, fields, path, version))
        return answer_of(kept)

    async def cancel_by_reference(self, body: bytes, version: int, key: str | None) -> Answer:
        """Undo a payment whose pspReference nobody knows yet: `POST /cancels`.

        Raises:
            InvalidRequest: A field is wrong, there is no payment of that reference, or a part of
                it was refunded; nothing was sent.
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
            reject([_elsewhere("paymentReference", fields["paymentReference"])])
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
        found = await self.payments.original_of(psp_reference)
        if found is None:
            return _elsewhere("paymentPspReference", psp_reference)
        name, reference = found
        cure = f"{psp_reference} belongs to the payment {name}; give {name} here."
        if not name:
            cure = f"nothing is paid under {psp_reference}; POST /cancels undoes {reference}."
        return Fault("paymentPspReference", cure, "167")

    def _question(
        self, kind: Kind, payment: Payment, path: str, fields: Fields, version: int
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


def _faults(fields: Fields, kind: Kind) -> Iterator[Fault]:
    yield from checks.matching(fields, {"reference": checks.Text(least=0, most=80)})
    if kind in _WITH_AMOUNT:
        yield from checks.amount_faults(fields.get("amount"))


def _elsewhere(field: str, name: str) -> Fault:
    cure = f"no payment of Kasir's is {cut(name)}; change payments made elsewhere at Adyen itself."
    return Fault(field, cure, "167")


def _money(fields: Fields) -> Money:
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


def _refund(question: Question, attempt: str, fields: Fields) -> Decide:
    """Allow a refund if it and all refunds before it, open ones too, are within the captured."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        _fits(wanted, _sums(payment).refundable(attempt), "refunded")
        return [_fact(question, Says.REFUND_ASKED, attempt, wanted)]

    return decide


def _reverse(question: Question, attempt: str, _: Fields) -> Decide:
    """Allow a reversal if nothing else takes money back: it always undoes the whole."""

    def decide(payment: Payment) -> Sequence[Fact]:
        room = _sums(payment).refundable(attempt)
        _whole(room, frozenset(room.held), "paymentPspReference")
        return [_fact(question, Says.REVERSAL_ASKED, attempt)]

    return decide


def _capture(question: Question, attempt: str, fields: Fields) -> Decide:
    """Allow a capture if it and all captures before it are within the authorised amount."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        _fits(wanted, _sums(payment).capturable(attempt), "captured")
        return [_fact(question, Says.CAPTURE_ASKED, attempt, wanted)]

    return decide


def _cancel(question: Question, attempt: str, _: Fields) -> Decide:
    """Allow a cancel if nothing takes money back; Adyen knows whether it can be done.

    A second cancel does no more than the first. Without an attempt it is by reference, and about
    every attempt.
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
        reject([Fault("amount.value", cure, "137")])


def _whole(room: Remaining, in_the_way: Collection[Why], field: str) -> None:
    """Refuse to undo the whole where another change takes a part of it, or may.

    `field` is the field in which the caller named the payment.
    """
    if in_the_way:
        rest = f"; refund the other {left} instead" if (left := room.left.minor_units) else ""
        cure = f"it would undo the whole, and {room}{rest}."
        reject([Fault(field, cure, "167")])


def _same_currency(wanted: Money, payment: Payment) -> None:
    currency = payment.intent.amount.currency
    if wanted.currency != currency:
        reject([Fault("amount.currency", f"must be {currency}.", "138")])


_DECIDES: Final[Mapping[Kind, Callable[[Question, str, Fields], Decide]]] = {
    Kind.CAPTURES: _capture,
    Kind.REFUNDS: _refund,
    Kind.CANCELS: _cancel,
    Kind.REVERSALS: _reverse,
}
