"""Payments, facts and questions in PostgreSQL: the book that `payments.flow` writes in.

Once-only is a constraint here, never an `if`: the shop's key, the question's key and the fact's
key are primary keys, and the code reads what the database let in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from kasir.errors import KeyReused, NotFound
from kasir.ids import LinkId, PaymentId
from kasir.money import Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.fold import fold
from kasir.payments.matching import Candidate, match
from kasir.payments.payment import Intent, Payment, Standing
from kasir.payments.ports import Heard, Kept, Question, ShopKey
from kasir.payments.status import Status
from kasir.store.database import Connection, Pool, queries

SQL: Final = queries("payments")

_CANDIDATES_MAX: Final = 10_000


class PostgresBook:
    """The book of payments. Every method is one commit, except those that take a connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(
        self, intent: Intent, question: Question, shop_key: ShopKey | None
    ) -> Question | None:
        """Write an intent and its question down; see `payments.ports.Book.open`."""
        row = _opening(intent, question)
        if shop_key is None:
            await SQL.open_payment(self._pool, **row)
            return None
        shop = {"shop_key": shop_key.key, "fingerprint": shop_key.fingerprint}
        if await SQL.open_payment_once(self._pool, **shop, **row):
            return None
        first = await SQL.shop_key(self._pool, key=shop_key.key)
        if first["fingerprint"] != shop_key.fingerprint:
            raise KeyReused(shop_key.key)
        return question_of(first)

    async def open_question(self, question: Question) -> bool:
        """Write a question down; False where one with its key is there already."""
        opened = await SQL.open_question(
            self._pool,
            key=question.key,
            kind=question.kind,
            payment_id=question.payment_id,
            version=question.version,
            path=question.path,
            body=question.body,
            asked_at=question.asked_at,
        )
        return opened is not None

    async def question(self, key: str) -> tuple[Question, Kept | None]:
        """Give a question and its kept answer, if it has one."""
        row = await SQL.question(self._pool, key=key)
        if row is None:
            raise NotFound("question", key)
        return question_of(row), _kept(row)

    async def take_over(self, question: Question, now: datetime) -> bool:
        """Claim an unanswered question: True if nobody asked it since `question.asked_at`."""
        taken = await SQL.take_over(
            self._pool, key=question.key, asked_at=question.asked_at, now=now
        )
        return taken is not None

    async def hear(self, question: Question, heard: Heard) -> None:
        """Keep the answer and the facts, and write the payment's new standing with them."""
        async with self._pool.acquire() as connection, connection.transaction():
            payment_id = question.payment_id
            if (question.kind == "details" and heard.reference) or not payment_id:
                # Whoever returned may have brought another payment's result: the answer decides.
                payment_id = await self._told_apart(connection, heard)
            if payment_id and heard.facts:
                await hear(connection, {payment_id: heard.facts})
            if heard.answer is None:
                await SQL.release(connection, key=question.key, asked_at=question.asked_at)
                return
            await SQL.keep_answer(
                connection,
                key=question.key,
                status=heard.answer.status,
                answer=heard.answer.body,
                answer_psp=heard.answer.psp_reference,
                payment_id=payment_id,
                psp_reference=heard.news.psp_reference if heard.news else "",
            )

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        """Give a payment with its facts."""
        row = await SQL.payment(self._pool, id=payment_id)
        return (await self._with_facts([row]))[0] if row else None

    async def payments_of(self, reference: str, limit: int) -> Sequence[Payment]:
        """Give the payments of a shop's reference with their facts, newest first."""
        return await self._with_facts(
            [row async for row in SQL.payments_of(self._pool, reference=reference, most=limit)]
        )

    async def payments_of_link(self, link_id: LinkId, limit: int) -> Sequence[Payment]:
        """Give the payments made through a link with their facts, newest first."""
        return await self._with_facts(
            [row async for row in SQL.payments_of_link(self._pool, link_id=link_id, most=limit)]
        )

    async def _told_apart(self, connection: Connection, heard: Heard) -> PaymentId | None:
        if not heard.news or not heard.reference:
            return None
        found = await candidates(connection, [heard.reference])
        return match(heard.news, found.get(heard.reference, ()))

    async def _with_facts(self, rows: Sequence[Any]) -> list[Payment]:
        ids = [row["id"] for row in rows]
        facts: dict[str, list[Fact]] = {payment_id: [] for payment_id in ids}
        if ids:
            async for row in SQL.facts_of(self._pool, payment_ids=ids):
                facts[row["payment_id"]].append(_fact(row))
        return [replace(_payment(row), facts=tuple(facts[row["id"]])) for row in rows]


async def candidates(
    connection: Connection, references: Sequence[str]
) -> dict[str, list[Candidate]]:
    """The payments of each reference, with the attempts known to be theirs."""
    found: dict[str, list[Candidate]] = {}
    async for row in SQL.candidates(connection, references_=references, most=_CANDIDATES_MAX):
        candidate = Candidate(PaymentId(row["id"]), frozenset(row["psp_references"]))
        found.setdefault(row["reference"], []).append(candidate)
    return found


async def hear(connection: Connection, news: Mapping[PaymentId, Sequence[Fact]]) -> None:
    """Add facts and write what all facts now come to, inside the caller's transaction."""
    # Locked first, and the facts read after: so they are all there are, and stay so.
    rows = [row async for row in SQL.lock_payments(connection, ids=list(news))]
    known: dict[str, dict[str, Fact]] = {row["id"]: {} for row in rows}
    async for row in SQL.facts_of(connection, payment_ids=list(known)):
        known[row["payment_id"]][row["key"]] = _fact(row)
    fresh: list[tuple[str, Fact]] = []
    standings: list[tuple[str, Standing]] = []
    for row in rows:
        facts = known[row["id"]]
        new = {fact.key: fact for fact in news[row["id"]] if fact.key not in facts}
        if new:
            fresh += [(row["id"], fact) for fact in new.values()]
            standings.append(
                (row["id"], fold(_payment(row).intent, [*facts.values(), *new.values()]))
            )
    if fresh:
        await SQL.add_facts(connection, **_columns(fresh))
        await SQL.write_standings(
            connection,
            ids=[payment_id for payment_id, _ in standings],
            statuses=[standing.status for _, standing in standings],
            psp_references=[standing.psp_reference for _, standing in standings],
            captureds=[standing.captured.minor_units for _, standing in standings],
            refundeds=[standing.refunded.minor_units for _, standing in standings],
        )


def _columns(facts: Sequence[tuple[str, Fact]]) -> dict[str, list[Any]]:
    """Facts as the columns that one INSERT takes."""
    amounts = [fact.amount for _, fact in facts]
    return {
        "payment_ids": [payment_id for payment_id, _ in facts],
        "keys": [fact.key for _, fact in facts],
        "says": [fact.says for _, fact in facts],
        "sources": [fact.source for _, fact in facts],
        "ats": [fact.at for _, fact in facts],
        "abouts": [fact.about for _, fact in facts],
        "psp_references": [fact.psp_reference for _, fact in facts],
        "currencies": [amount.currency if amount else None for amount in amounts],
        "minor_units": [amount.minor_units if amount else None for amount in amounts],
        "words": [fact.words for _, fact in facts],
    }


def _opening(intent: Intent, question: Question) -> dict[str, Any]:
    return {
        "id": intent.id,
        "reference": intent.reference,
        "currency": intent.amount.currency,
        "minor_units": intent.amount.minor_units,
        "method": intent.method,
        "return_url": intent.return_url,
        "shopper_reference": intent.shopper_reference,
        "link_id": intent.link_id,
        "created_at": intent.created_at,
        "status": Status.CREATED,
        "key": question.key,
        "version": question.version,
        "path": question.path,
        "body": question.body,
    }


def question_of(row: Any) -> Question:
    """A question, from its row."""
    payment_id = row["payment_id"]
    return Question(
        key=row["key"],
        kind=row["kind"],
        payment_id=PaymentId(payment_id) if payment_id else None,
        version=row["version"],
        path=row["path"],
        body=row["body"],
        asked_at=row["asked_at"],
    )


def _kept(row: Any) -> Kept | None:
    if row["status"] is None:
        return None
    return Kept(status=row["status"], body=row["answer"], psp_reference=row["answer_psp"])


def _fact(row: Any) -> Fact:
    amount = (
        Money(Currency(row["currency"]), row["minor_units"])
        if row["minor_units"] is not None
        else None
    )
    return Fact(
        key=row["key"],
        says=Says(row["says"]),
        source=Source(row["source"]),
        at=row["at"],
        about=row["about"],
        psp_reference=row["psp_reference"],
        amount=amount,
        words=row["words"],
    )


def _payment(row: Any) -> Payment:
    currency = Currency(row["currency"])
    return Payment(
        intent=Intent(
            id=PaymentId(row["id"]),
            reference=row["reference"],
            amount=Money(currency, row["minor_units"]),
            method=row["method"],
            return_url=row["return_url"],
            created_at=row["created_at"],
            shopper_reference=row["shopper_reference"],
            link_id=LinkId(row["link_id"]) if row["link_id"] else None,
        ),
        status=Status(row["status"]),
        psp_reference=row["psp_reference"],
        captured=Money(currency, row["captured"]),
        refunded=Money(currency, row["refunded"]),
    )
