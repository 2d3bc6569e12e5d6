"""Changes of a payment by Adyen's Checkout API: capture, refund, cancel, reverse.

No more is refunded than was captured, and no more is captured than was authorised. Each request is
checked and stored under the payment's row lock before it is sent to Adyen. An open request counts
with the most that it could take (`payments.sums`). Adyen answers 201 `received`, and sends the
result in a notification.
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

#: The last part of Adyen's path, and the change that it requests.
PATHS: Final[Mapping[str, Kind]] = {
    "captures": Kind.CAPTURES,
    "refunds": Kind.REFUNDS,
    "cancels": Kind.CANCELS,
    "reversals": Kind.REVERSALS,
}
_WITH_AMOUNT: Final = frozenset({Kind.CAPTURES, Kind.REFUNDS})
#: `POST /cancels` reads at most this many payments of a reference, the newest ones.
_READ_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class ChangeRequests:
    """The changes of a payment that a shop can request."""

    flow: Flow
    payments: PostgresPaymentBook
    ids: Ids
    clock: Clock
    merchant_account: str

    async def ask(
        self,
        kind: Kind,
        psp_reference: str,
        body: bytes,
        version: int,
        key: str | None,
        *,
        is_typed: bool = False,
    ) -> Answer:
        """Request a change: `POST /payments/{psp}/captures|refunds|cancels|reversals`.

        With `is_typed` it is a typed call of the library. That names a payment by Kasir's id, and
        is the same call if meanwhile the payment has another pspReference.

        Raises:
            InvalidRequest: A field is wrong, no payment of Kasir's has this pspReference, or the
                amount is more than what can be refunded or captured; nothing was sent.
            NotClaimedYet: Adyen's answer named this pspReference, but its notification was not read
                yet.
            KeyReused: The shop key was used before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        fields = with_number(body_fields(body))
        refuse(
            key_faults(key), account_faults(fields, self.merchant_account), _faults(fields, kind)
        )
        payment = await self.payments.payment_of_attempt(psp_reference)
        if payment is None and await self.payments.is_unclaimed(psp_reference):
            raise NotClaimedYet(psp_reference)
        if payment is None:  # Its notification may have been read between the two queries.
            payment = await self.payments.payment_of_attempt(psp_reference)
        if payment is None:
            reject([await self._no_original(psp_reference)])
        path = f"/payments/{psp_reference}/{kind}"
        question = self._question(kind, payment, path, fields, version)
        decide = _DECIDES[kind](question, psp_reference, fields)
        shop_key = shop_key_of(key, fields, path, version)
        if is_typed:
            shop_key = shop_key_of(key, fields, f"/{payment.intent.id}/{kind}", None)
        kept_answer = await self.flow.change(question, decide, shop_key)
        return answer_of(kept_answer)

    async def cancel_by_reference(self, body: bytes, version: int, key: str | None) -> Answer:
        """Undo a payment whose pspReference is not known yet: `POST /cancels`.

        Raises:
            InvalidRequest: A field is wrong, there is no payment with that reference, or a part of
                the payment was refunded; nothing was sent.
            KeyReused: The shop key was used before with another body.
            StillRunning: The first request with this shop key has no answer yet.
        """
        fields = body_fields(body)
        text_rule = checks.Text(most=80)
        refuse(
            key_faults(key),
            account_faults(fields, self.merchant_account),
            checks.required(fields, "paymentReference", "167", "give your reference of it."),
            checks.matching(fields, {"paymentReference": text_rule, "reference": text_rule}),
        )
        payments_found = await self.payments.payments_of(fields["paymentReference"], _READ_MAX)
        if not payments_found:
            reject([_elsewhere("paymentReference", fields["paymentReference"])])
        open_payments = [payment for payment in payments_found if payment.status not in FINAL]
        question = self._question(
            Kind.CANCELS_BY_REFERENCE,
            (open_payments or payments_found)[0],
            "/cancels",
            fields,
            version,
        )
        decide = _cancel(question, "", fields)
        kept_answer = await self.flow.change(
            question, decide, shop_key_of(key, fields, "/cancels", version)
        )
        return answer_of(kept_answer)

    async def _no_original(self, psp_reference: str) -> Fault:
        """The fault for a pspReference that is not that of a payment, but perhaps of a change."""
        found = await self.payments.original_of(psp_reference)
        if found is None:
            return _elsewhere("paymentPspReference", psp_reference)
        original, reference = found
        cure = f"{psp_reference} belongs to the payment {original}; give {original} here."
        if not original:
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
    """The fault for a reference, `name`, that no payment of Kasir's has."""
    cure = f"no payment of Kasir's is {cut(name)}; change payments made elsewhere at Adyen itself."
    return Fault(field, cure, "167")


def _money(fields: Fields) -> Money:
    return Money(Currency(fields["amount"]["currency"]), fields["amount"]["value"])


def _fact(question: Question, says: Says, attempt: str, amount: Money | None = None) -> Fact:
    """The fact that the shop requested a change of the attempt with that pspReference."""
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
    """Allow a refund if the sum of all refunds, open ones too, is at most the captured amount."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        _refuse_unless_left(wanted, _sums(payment).refundable(attempt), "refunded")
        return [_fact(question, Says.REFUND_ASKED, attempt, wanted)]

    return decide


def _reverse(question: Question, attempt: str, _: Fields) -> Decide:
    """Allow a reversal if no other change took money back or may do so.

    The reason is that a reversal undoes the whole payment.
    """

    def decide(payment: Payment) -> Sequence[Fact]:
        remaining = _sums(payment).refundable(attempt)
        _refuse_unless_whole(remaining, frozenset(remaining.held), "paymentPspReference")
        return [_fact(question, Says.REVERSAL_ASKED, attempt)]

    return decide


def _capture(question: Question, attempt: str, fields: Fields) -> Decide:
    """Allow a capture if the sum of all captures is at most the authorised amount."""
    wanted = _money(fields)

    def decide(payment: Payment) -> Sequence[Fact]:
        _same_currency(wanted, payment)
        _refuse_unless_left(wanted, _sums(payment).capturable(attempt), "captured")
        return [_fact(question, Says.CAPTURE_ASKED, attempt, wanted)]

    return decide


def _cancel(question: Question, attempt: str, _: Fields) -> Decide:
    """Allow a cancel if no other change took money back or may do so.

    Adyen decides whether the payment can be cancelled. A second cancel is allowed, because it
    changes nothing. An empty `attempt` means a cancel by reference, which cancels every attempt.
    """

    def decide(payment: Payment) -> Sequence[Fact]:
        payment_sums = _sums(payment)
        for psp_reference in [attempt] if attempt else payment_sums.authorised:
            remaining = payment_sums.refundable(psp_reference)
            field = "paymentPspReference" if attempt else "paymentReference"
            _refuse_unless_whole(remaining, remaining.held.keys() - {Why.CANCEL_OPEN}, field)
        return [_fact(question, Says.CANCEL_ASKED, attempt)]

    return decide


def _sums(payment: Payment) -> Sums:
    return sums(payment.intent, payment.facts)


def _refuse_unless_left(wanted: Money, remaining: Remaining, verb: str) -> None:
    """Refuse an amount that is more than what is left. `verb` is a word of the message."""
    left = remaining.left
    if wanted.minor_units > left.minor_units:
        held = f": {remaining}" if remaining.held else ""
        cure = f"at most {left.minor_units} {left.currency} can still be {verb}{held}."
        reject([Fault("amount.value", cure, "137")])


def _refuse_unless_whole(remaining: Remaining, reasons: Collection[Why], field: str) -> None:
    """Refuse to undo the whole payment if another change took a part of it, or may do so.

    `reasons` names these changes; `field` is the field in which the caller named the payment.
    """
    if reasons:
        rest = f"; refund the other {left} instead" if (left := remaining.left.minor_units) else ""
        cure = f"it would undo the whole, and {remaining}{rest}."
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
