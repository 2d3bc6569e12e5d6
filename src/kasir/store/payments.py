"""SQL statements and rows of payments, of their facts and of the pspReferences that they own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from kasir.ids import LinkId, PaymentId
from kasir.money import Currency, Money
from kasir.payments.facts import DisputeDetails, Fact, Says, Source
from kasir.payments.payment import Intent, Payment
from kasir.payments.status import FINAL, Status
from kasir.store.database import Connection, Pool, is_undone, queries

SQL: Final = queries("payments")

#: The primary key of the table with the one payment that owns each pspReference.
_ONE_OWNER: Final = "psp_reference_pkey"


@dataclass(frozen=True, slots=True)
class LockedRow:
    """A payment's row, locked until the transaction ends.

    Attributes:
        intent: The part of the payment that never changes.
        told_status: The last status that an event reported to the shop.
        tell_at: When the held-back event is to be written; None if no event is held back.
    """

    intent: Intent
    told_status: Status
    tell_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The new facts and the new summary of one payment that the transaction has locked.

    Attributes:
        payment: The payment with the summary of all its facts, old and new.
        told_status: The last status that an event reported to the shop.
        tell_at: When the held-back event is to be written; None if no event is held back.
        facts: The new facts.
        claims: The pspReferences that the payment did not own before.
    """

    payment: Payment
    told_status: Status
    tell_at: datetime | None
    facts: tuple[Fact, ...] = ()
    claims: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """The answer of the provider that has a payment's first fact.

    Attributes:
        question_key: The idempotency key of the answered question.
        status: The HTTP status.
        sealed_body: The body, encrypted.
        psp_reference: The `pspReference` header of the answer.
        attempt: The pspReference of the attempt in the answer; empty if there is none.
    """

    question_key: str
    status: int
    sealed_body: bytes
    psp_reference: str
    attempt: str


async def lock(connection: Connection, ids: Sequence[PaymentId]) -> list[LockedRow]:
    """Lock payments in the order of their ids, and return their rows."""
    return [
        LockedRow(intent_of(row), Status(row["told_status"]), row["tell_at"])
        async for row in SQL.lock_payments(connection, ids=ids)
    ]


async def facts_of(
    connection: Connection | Pool, payment_ids: Sequence[str]
) -> dict[str, list[Fact]]:
    """Return the facts of each payment, in the order in which they were recorded."""
    facts: dict[str, list[Fact]] = {payment_id: [] for payment_id in payment_ids}
    if facts:
        async for row in SQL.facts_of(connection, payment_ids=list(facts)):
            facts[row["payment_id"]].append(_fact_of(row))
    return facts


async def write(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes of payments that the transaction has locked, in one statement.

    Raises:
        UniqueViolation: Another payment owns a claimed pspReference; see `is_name_taken`.
    """
    if changes:
        columns = _fact_columns(changes) | _summary_columns(changes) | _claim_columns(changes)
        await SQL.write_changes(connection, **columns)


async def write_first(
    connection: Connection | Pool, change: Change, answer: FirstAnswer, now: datetime
) -> bool:
    """Write a payment's first fact and the answer with that fact, in one statement.

    The statement also makes the turns of the shopper's subscriptions due, and marks the notices
    with a claimed pspReference unread.

    Returns:
        Whether the fact and the answer were written. False if another fact was recorded before.

    Raises:
        UniqueViolation: Another payment owns a claimed pspReference; see `is_name_taken`.
    """
    (fact,) = change.facts
    intent = change.payment.intent
    written = await SQL.record_first(
        connection,
        id=intent.id,
        status=change.payment.status,
        attempt=change.payment.summary.psp_reference,
        told_status=change.told_status,
        tell_at=change.tell_at,
        shopper=intent.shopper_reference,
        now=now,
        fact=fact.key,
        says=fact.says,
        source=fact.source,
        at=fact.at,
        about=fact.about,
        psp_reference=fact.psp_reference,
        modification=fact.modification,
        currency=fact.amount.currency if fact.amount else None,
        minor_units=fact.amount.minor_units if fact.amount else None,
        words=fact.words,
        names=sorted(change.claims),
        question=answer.question_key,
        answer_status=answer.status,
        answer=answer.sealed_body,
        answer_psp=answer.psp_reference,
        of_attempt=answer.attempt,
    )
    return written is not None


async def candidates(
    connection: Connection,
    *,
    names: Sequence[str],
    ids: Sequence[str],
    references: Sequence[str],
    most: int,
) -> list[tuple[PaymentId, str | None]]:
    """Return the payments that messages may belong to, without locking the payments.

    Args:
        connection: The caller's transaction.
        names: The pspReferences in the messages.
        ids: Kasir's ids of payments in the messages.
        references: The merchant references in the messages.
        most: How many of the newest payments of each merchant reference are returned.

    Returns:
        Pairs of a payment's id and the pspReference by which the payment was found. The
        pspReference is None if the payment was found by its id or its merchant reference.
    """
    rows = SQL.candidates(connection, names=names, ids=ids, references_=references, most=most)
    return [(PaymentId(row["id"]), row["name"]) async for row in rows]


async def intent(pool: Pool, payment_id: PaymentId) -> Intent | None:
    """Return a payment's intent; None if there is no payment with this id."""
    row = await SQL.payment(pool, id=payment_id)
    return intent_of(row) if row else None


async def intent_of_attempt(pool: Pool, psp_reference: str) -> Intent | None:
    """Return the intent of the payment that owns the attempt with this pspReference, if any."""
    row = await SQL.payment_of_attempt(pool, psp_reference=psp_reference)
    return intent_of(row) if row else None


async def intents_of_reference(pool: Pool, reference: str, most: int) -> list[Intent]:
    """Return the intents of the newest payments with a merchant reference, newest first."""
    rows = SQL.payments_of(pool, reference=reference, most=most)
    return [intent_of(row) async for row in rows]


async def intents_of_link(pool: Pool, link_id: LinkId, most: int) -> list[Intent]:
    """Return the intents of a link's newest payments, and of older ones that decide its status."""
    rows = SQL.payments_of_link(pool, link_id=link_id, most=most, ended=sorted(FINAL))
    return [intent_of(row) async for row in rows]


async def disputed_intents(pool: Pool, after: str, most: int) -> list[Intent]:
    """Return the intents of payments with a dispute, newest first, after that with the id `after`.

    An empty `after` begins with the newest.
    """
    return [intent_of(row) async for row in SQL.disputed_payments(pool, after=after, most=most)]


async def original_of(pool: Pool, name: str) -> tuple[str, str] | None:
    """Return the pspReference and the merchant reference of the payment that owns `name`.

    `name` is a pspReference of the payment or of one of its changes. None if nobody owns `name`.
    """
    row = await SQL.original_of(pool, name=name)
    return (row["original"], row["reference"]) if row else None


def is_name_taken(error: Exception) -> bool:
    """Whether the database refused the claim of a pspReference that another payment owns."""
    return (
        isinstance(error, asyncpg.UniqueViolationError)
        and getattr(error, "constraint_name", "") == _ONE_OWNER
    )


def is_transient(error: Exception) -> bool:
    """Whether a retry may succeed, because it sees the commit of the other transaction."""
    return is_name_taken(error) or is_undone(error)


def names_in(facts: Iterable[Fact]) -> frozenset[str]:
    """The pspReferences in facts: of attempts and of changes."""
    return frozenset(
        name for fact in facts for name in (fact.psp_reference, fact.modification) if name
    )


def opening_columns(intent: Intent) -> dict[str, Any]:
    """The columns of a new payment."""
    return {
        "id": intent.id,
        "reference": intent.reference,
        "currency": intent.amount.currency,
        "minor_units": intent.amount.minor_units,
        "method": intent.method,
        "return_url": intent.return_url,
        "shopper_reference": intent.shopper_reference,
        "link_id": intent.link_id,
        "captures_itself": intent.captures_itself,
        "model": intent.model,
        "consent": intent.consent,
        "created_at": intent.created_at,
        "close_at": intent.close_at,
        "status": Status.CREATED,
    }


def intent_of(row: Mapping[str, Any]) -> Intent:
    """An intent, from its row."""
    return Intent(
        id=PaymentId(row["id"]),
        reference=row["reference"],
        amount=Money(Currency(row["currency"]), row["minor_units"]),
        method=row["method"],
        return_url=row["return_url"],
        created_at=row["created_at"],
        close_at=row["close_at"],
        captures_itself=row["captures_itself"],
        model=row["model"],
        consent=row["consent"],
        shopper_reference=row["shopper_reference"],
        link_id=LinkId(row["link_id"]) if row["link_id"] else None,
    )


def _fact_columns(changes: Sequence[Change]) -> dict[str, list[Any]]:
    """New facts, as the columns of one INSERT."""
    facts = [(change.payment.intent.id, fact) for change in changes for fact in change.facts]
    amounts = [fact.amount for _, fact in facts]
    return {
        "payment_ids": [payment_id for payment_id, _ in facts],
        "keys": [fact.key for _, fact in facts],
        "says": [fact.says for _, fact in facts],
        "sources": [fact.source for _, fact in facts],
        "ats": [fact.at for _, fact in facts],
        "abouts": [fact.about for _, fact in facts],
        "psp_references": [fact.psp_reference for _, fact in facts],
        "modifications": [fact.modification for _, fact in facts],
        "currencies": [amount.currency if amount else None for amount in amounts],
        "minor_units": [amount.minor_units if amount else None for amount in amounts],
        "words": [fact.words for _, fact in facts],
        "disputes": [_as_json(fact.dispute) for _, fact in facts],
    }


def _as_json(details: DisputeDetails | None) -> str | None:
    return msgspec.json.encode(details).decode() if details else None


def _details_of(text: str | None) -> DisputeDetails | None:
    return msgspec.json.decode(text, type=DisputeDetails) if text else None


def _claim_columns(changes: Sequence[Change]) -> dict[str, list[Any]]:
    """Claimed pspReferences and their owners, sorted so that two transactions cannot deadlock."""
    claims = sorted(
        (psp_reference, change.payment.intent.id)
        for change in changes
        for psp_reference in change.claims
    )
    return {
        "claims": [psp_reference for psp_reference, _ in claims],
        "claimants": [payment_id for _, payment_id in claims],
    }


def _summary_columns(changes: Sequence[Change]) -> dict[str, list[Any]]:
    summaries = [change.payment.summary for change in changes]
    return {
        "ids": [change.payment.intent.id for change in changes],
        "statuses": [summary.status for summary in summaries],
        "attempts": [summary.psp_reference for summary in summaries],
        "captureds": [summary.captured.minor_units for summary in summaries],
        "refundeds": [summary.refunded.minor_units for summary in summaries],
        "are_disputed": [summary.is_disputed for summary in summaries],
        "are_given_back": [summary.is_given_back for summary in summaries],
        "told_statuses": [change.told_status for change in changes],
        "tell_ats": [change.tell_at for change in changes],
        "are_final": [summary.status in FINAL for summary in summaries],
    }


def _fact_of(row: Mapping[str, Any]) -> Fact:
    amount = None
    if row["minor_units"] is not None:
        amount = Money(Currency(row["currency"]), row["minor_units"])
    return Fact(
        key=row["key"],
        says=Says(row["says"]),
        source=Source(row["source"]),
        at=row["at"],
        about=row["about"],
        psp_reference=row["psp_reference"],
        modification=row["modification"],
        amount=amount,
        words=row["words"],
        dispute=_details_of(row["dispute"]),
    )
