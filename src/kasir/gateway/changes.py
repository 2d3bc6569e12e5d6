"""Changes of a payment, as Adyen's Checkout API has them: capture, refund, cancel, reverse.

The sum of refunds asked for never exceeds what was captured: each asking is judged and written
down under the payment's row lock, before Adyen hears of it. Adyen answers 201 `received`; how it
ended comes by notification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from kasir.adyen import checks
from kasir.adyen.calls import change_key
from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest, NotClaimedYet
from kasir.gateway.checkout import (
    account_faults,
    answer_of,
    body_fields,
    key_faults,
    refuse,
    shop_key_of,
)
from kasir.ids import Ids
from kasir.money import Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.flow import Flow
from kasir.payments.fold import refundable
from kasir.payments.payment import Payment
from kasir.payments.ports import Decide, Kind, Question
from kasir.payments.status import FINAL

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
                would be refunded than was captured; nothing was sent.
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
            raise InvalidRequest([_no_original(psp_reference)])
        path = f"/payments/{psp_reference}/{kind}"
        question = self._question(kind, payment, path, fields, version)
        decide = _DECIDES[kind](question, fields)
        kept = await self.flow.change(question, decide, shop_key_of(key, fields, path, version))
        return answer_of(kept)

    async def cancel_by_reference(self, body: bytes, version: int, key: str | None) -> Answer:
        """Undo a payment whose pspReference nobody knows yet: `POST /cancels`.

        Raises:
            InvalidRequest: A field is wrong, or there is no payment of that reference.
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
            raise InvalidRequest([_no_original(fields["paymentReference"])])
        still_open = [payment for payment in found if payment.status not in FINAL]
        question = self._question(
            Kind.CANCELS_BY_REFERENCE, (still_open or found)[0], "/cancels", fields, version
        )
        decide = _note(question, fields)
        kept = await self.flow.change(
            question, decide, shop_key_of(key, fields, "/cancels", version)
        )
        return answer_of(kept)

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


def _no_original(name: str) -> Fault:
    cure = f"no payment of Kasir's is {name}; change payments made elsewhere at Adyen itself."
    return Fault("paymentPspReference", cure, "167")


def _money(fields: Mapping[str, Any]) -> Money:
    return Money(Currency(fields["amount"]["currency"]), fields["amount"]["value"])


def _fact(question: Question, says: Says, amount: Money | None) -> Fact:
    return Fact(
        key=f"asked:{question.key}",
        says=says,
        source=Source.SHOP,
        at=question.opened_at,
        about=question.key,
        amount=amount,
        words=question.kind,
    )


def _refund(question: Question, fields: Mapping[str, Any]) -> Decide:
    """Let a refund pass if, with all that were asked before it, no more than captured goes back."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        left = refundable(payment)
        if wanted.minor_units > left.minor_units:
            cure = f"at most {left.minor_units} {left.currency} can still be refunded."
            raise InvalidRequest([Fault("amount.value", cure, "137")])
        return [_fact(question, Says.REFUND_ASKED, wanted)]

    return decide


def _reverse(question: Question, _: Mapping[str, Any]) -> Decide:
    """Let a reversal pass if nothing was refunded: it always undoes the whole."""

    def decide(payment: Payment) -> Sequence[Fact]:
        whole, left = payment.standing.captured, refundable(payment)
        if whole != left:
            cure = f"it is refunded in part; refund the other {left.minor_units} instead."
            raise InvalidRequest([Fault("paymentPspReference", cure, "167")])
        if not whole.minor_units:
            return [_fact(question, Says.NOTED, None)]
        return [_fact(question, Says.REFUND_ASKED, whole)]

    return decide


def _capture(question: Question, fields: Mapping[str, Any]) -> Decide:
    """Let a capture pass if it takes no more than the payment is of."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        most = payment.intent.amount.minor_units
        if wanted.minor_units > most:
            raise InvalidRequest([Fault("amount.value", f"must be at most {most}.", "137")])
        return [_fact(question, Says.NOTED, wanted)]

    return decide


def _note(question: Question, _: Mapping[str, Any]) -> Decide:
    """Let it pass: Adyen knows whether it can be done."""
    return lambda _: [_fact(question, Says.NOTED, None)]


def _same_currency(wanted: Money, payment: Payment) -> None:
    currency = payment.intent.amount.currency
    if wanted.currency != currency:
        raise InvalidRequest([Fault("amount.currency", f"must be {currency}.", "138")])


_DECIDES: Final[Mapping[Kind, Callable[[Question, Mapping[str, Any]], Decide]]] = {
    Kind.CAPTURES: _capture,
    Kind.REFUNDS: _refund,
    Kind.CANCELS: _note,
    Kind.REVERSALS: _reverse,
}
