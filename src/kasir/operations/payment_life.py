"""Everything that happened to one payment, in order, and what can still be done with it.

Behind most entries is a message: a call to Adyen, its answer, a notification, or an event for the
shop. Entries have the ids of these messages, and `message` returns one with its secrets hidden.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kasir.adyen.checks import INT64_MAX
from kasir.adyen.notifications import item_from
from kasir.errors import KasirError, NotFound, SettingError
from kasir.gateway import meanings
from kasir.gateway.charged_tokens import charged_token
from kasir.ids import PaymentId
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.ledger.tokens import Tokens
from kasir.operations import plain_words
from kasir.operations.masking import masked, without_sensitive
from kasir.payments.facts import Fact
from kasir.payments.payment import Payment
from kasir.payments.question import Kind
from kasir.payments.sums import Sums, Why, sums
from kasir.shop_events.shapes import AmountOut, Moment, PaymentOut, shown
from kasir.store import payment_life
from kasir.store.database import Pool
from kasir.store.deliveries import Try
from kasir.store.inbox import NoticeKind
from kasir.store.payment_life import CallRow, EventRow, NoticeRow, SealedMessage
from kasir.store.vault import Vault
from kasir.tokens.model import Token

#: The most calls, notices and events of one payment that are read; the oldest of each.
_ROWS_MAX: Final = 500
#: The kinds of messages; the id of a message is its kind, a hyphen and the name of what it is.
_REQUEST, _ANSWER, _NOTICE, _EVENT = "request", "answer", "notice", "event"
#: The kinds of calls that a fact of the shop's request precedes, so that they need no entry.
_ASKED: Final = "asked:"
#: The order of entries of the same moment.
_ORDER: Final = ("call", "fact", "event")


class LifeEntry(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """One thing that happened: a `call` to Adyen, a `fact`, or an `event` for the shop.

    `says` is the fact's meaning, the kind of the call, or the type of the event; `text` is the same
    in plain words. `message` is the id of the message behind it.
    """

    kind: str
    at: Moment
    source: str
    says: str
    text: str
    message: str = ""
    psp_reference: str = ""
    modification: str = ""
    amount: AmountOut | None = None
    #: Adyen's or Kasir's own text.
    words: str = ""
    #: Of an event: the state of its delivery, and every try.
    state: str = ""
    tries: Sequence[Try] = ()


class AttemptLeft(msgspec.Struct, rename="camel", kw_only=True):
    """What can still be requested of one paid attempt; each `…Why` says what holds the rest."""

    psp_reference: str
    refundable: int
    refundable_why: str
    capturable: int
    capturable_why: str
    cancellable: bool


class PaymentLife(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A payment, everything that happened to it, oldest first, and what can be done with it."""

    payment: PaymentOut
    entries: list[LifeEntry]
    attempts: list[AttemptLeft]
    #: Kasir's own id of the token that the payment made or charged.
    token: str = ""
    subscription: str = ""
    #: The number of the subscription's period.
    period: int = 0


class PaymentMessage(msgspec.Struct, rename="camel", kw_only=True):
    """A message behind a payment, with secrets and personal data hidden.

    `name` is the path of a call, the event code of a notification, or the type of an event. A body
    that was deleted, or that no key decrypts, is null; `why` says so.
    """

    id: str
    at: Moment
    name: str
    body: Any
    status: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class PaymentLives:
    """The lives of an account's payments."""

    pool: Pool
    vault: Vault
    payments: PostgresPaymentBook
    tokens: Tokens

    async def life(self, payment_id: str) -> PaymentLife:
        """Return a payment's life. The number of statements does not depend on its length.

        Raises:
            NotFound: There is no such payment.
        """
        payment = await self.payments.payment(PaymentId(payment_id))
        if payment is None:
            raise NotFound("payment", payment_id)
        calls = await payment_life.calls_of(self.pool, payment_id, _ROWS_MAX)
        notices = await payment_life.notices_of(self.pool, payment_id, _ROWS_MAX)
        events = await payment_life.events_of(self.pool, payment_id, _ROWS_MAX)
        token = await self._token(payment, calls)
        subscription, period = await payment_life.renewal_of(self.pool, payment_id) or ("", 0)
        entries = [
            *_call_entries(payment, calls),
            *_fact_entries(payment, calls, self._notice_keys(notices)),
            *(_event_entry(event) for event in events),
        ]
        return PaymentLife(
            payment=shown(payment),
            entries=sorted(entries, key=lambda one: (one.at, _ORDER.index(one.kind))),
            attempts=left_of(payment),
            token=token.id if token else "",
            subscription=subscription,
            period=period,
        )

    async def message(self, payment_id: str, message_id: str) -> PaymentMessage:
        """Return a message behind a payment, with its secrets hidden.

        Raises:
            NotFound: The payment has no such message.
        """
        kind, _, name = message_id.partition("-")
        find = _FINDERS.get(kind)
        found = await find(self.pool, payment_id, name) if find else None
        if found is None:
            raise NotFound("message", message_id)
        body, why = self._body(found)
        return PaymentMessage(
            id=message_id, at=found.at, name=found.name, body=body, status=found.status, why=why
        )

    def _body(self, found: SealedMessage) -> tuple[Any, str]:
        if not found.sealed_body:
            return None, "Its body was deleted some time after it was read."
        try:
            return masked(self.vault.open(found.sealed_body)), ""
        except SettingError as error:
            return None, str(error)

    def _notice_keys(self, notices: Sequence[NoticeRow]) -> dict[str, str]:
        """The message of each fact's key, of the facts that notices told."""
        keys: dict[str, str] = {}
        for notice in notices:
            if notice.kind is NoticeKind.STANDARD and notice.sealed_item:
                with suppress(KasirError, ValueError, RecursionError):
                    item = item_from(self.vault.open(notice.sealed_item)).storable()
                    if fact := meanings.of_item(item):
                        keys[fact.key] = f"{_NOTICE}-{notice.id}"
        return keys

    async def _token(self, payment: Payment, calls: Sequence[CallRow]) -> Token | None:
        """The token that a payment made or charged; None without one."""
        intent = payment.intent
        if not (intent.model and intent.shopper_reference):
            return None
        names = {fact.psp_reference for fact in payment.facts}
        known = await self.tokens.of(intent.shopper_reference)
        if made := next((one for one in known if one.summary.first_psp_reference in names), None):
            return made
        with suppress(SettingError, NotFound, StopIteration):
            key = next(call.key for call in calls if call.kind is Kind.PAYMENTS)
            question, _ = await self.payments.question(key)
            return await charged_token(question, self.tokens)
        return None


def left_of(payment: Payment) -> list[AttemptLeft]:
    """What can still be requested of each paid attempt of a payment."""
    payment_sums = sums(payment.intent, payment.facts)
    return [_left(payment_sums, attempt) for attempt in sorted(payment_sums.authorised)]


def _left(payment_sums: Sums, attempt: str) -> AttemptLeft:
    refundable, capturable = payment_sums.refundable(attempt), payment_sums.capturable(attempt)
    # As requests.changes decides: a cancel undoes the whole, so nothing else may hold a part of it.
    is_whole = not refundable.held.keys() - {Why.CANCEL_OPEN}
    is_paid = payment_sums.authorised[attempt] > 0
    return AttemptLeft(
        psp_reference=attempt,
        refundable=refundable.left.minor_units,
        refundable_why=str(refundable),
        capturable=capturable.left.minor_units if is_paid else 0,
        capturable_why=str(capturable),
        cancellable=is_paid and is_whole,
    )


def _call_entries(payment: Payment, calls: Sequence[CallRow]) -> Iterator[LifeEntry]:
    """The calls to Adyen, without those of which the facts have the request of the shop."""
    asked = {fact.about for fact in payment.facts if fact.key.startswith(_ASKED)}
    for call in calls:
        if call.key not in asked:
            yield LifeEntry(
                kind="call",
                at=call.opened_at,
                source="kasir",
                says=call.kind,
                text=plain_words.CALLS[call.kind],
                message=f"{_REQUEST}-{call.key}",
            )


def _fact_entries(
    payment: Payment, calls: Sequence[CallRow], notices: Mapping[str, str]
) -> Iterator[LifeEntry]:
    answered = {call.key for call in calls if call.status is not None}
    for fact in payment.facts:
        yield LifeEntry(
            kind="fact",
            at=fact.at,
            source=fact.source,
            says=fact.says,
            text=plain_words.FACTS[fact.says],
            message=_message_of(fact, answered, notices),
            psp_reference=fact.psp_reference,
            modification=fact.modification,
            amount=AmountOut(fact.amount.currency, fact.amount.minor_units)
            if fact.amount
            else None,
            words=without_sensitive(fact.words),
        )


def _message_of(fact: Fact, answered: set[str], notices: Mapping[str, str]) -> str:
    """The id of the message behind a fact; empty if there is none, or it is not this payment's."""
    if fact.about:
        if fact.key.startswith(_ASKED):
            return f"{_REQUEST}-{fact.about}"
        is_answer = fact.about in answered and not fact.key.startswith("unknown:")
        return f"{_ANSWER}-{fact.about}" if is_answer else ""
    # A mismatch and a doubt have the notice's key within their own: `amount_mismatch:KEY:AMOUNT`.
    return next(
        (message for key, message in notices.items() if key in {fact.key, _inner_key(fact.key)}), ""
    )


def _inner_key(key: str) -> str:
    prefix, _, rest = key.partition(":")
    if prefix == "amount_mismatch":
        return rest.rpartition(":")[0]
    return rest if prefix == "needs_attention" else key


def _event_entry(event: EventRow) -> LifeEntry:
    return LifeEntry(
        kind="event",
        at=event.at,
        source="kasir",
        says=event.type,
        text=plain_words.TOLD.format(type=event.type),
        message=f"{_EVENT}-{event.name}",
        state=event.state or "",
        tries=[Try(one.at, one.status, without_sensitive(one.error)) for one in event.tries],
    )


async def _notice(pool: Pool, payment_id: str, name: str) -> SealedMessage | None:
    is_id = name.isascii() and name.isdigit() and len(name) < len(str(INT64_MAX))
    return await payment_life.notice(pool, payment_id, int(name)) if is_id else None


_Finder = Callable[[Pool, str, str], Awaitable[SealedMessage | None]]
_FINDERS: Final[Mapping[str, _Finder]] = {
    _REQUEST: payment_life.request,
    _ANSWER: payment_life.answer,
    _NOTICE: _notice,
    _EVENT: payment_life.event,
}
