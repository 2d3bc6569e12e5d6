"""Tokens in PostgreSQL: one per account, shopper and stored payment method, by constraint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from kasir.clock import Clock
from kasir.ids import Ids
from kasir.ledger.payments import Moved, wake
from kasir.shop_events.event_policy import EventType, token_events
from kasir.shop_events.shapes import shown_token
from kasir.store.database import Connection, Pool, once_more, queries
from kasir.store.outbox import Outbox, OutgoingEvent
from kasir.store.vault import Vault
from kasir.tokens.model import (
    Token,
    TokenFact,
    TokenName,
    TokenNews,
    TokenSays,
    TokenStanding,
    TokenState,
    fold,
    not_before,
)

SQL: Final = queries("tokens")


@dataclass(frozen=True, slots=True)
class TokenLedger:
    """How a token hears: facts in, standing and events out, in the caller's transaction."""

    ids: Ids
    clock: Clock
    vault: Vault
    outbox: Outbox

    async def hear(self, connection: Connection, news: Sequence[TokenNews]) -> frozenset[str]:
        """Let tokens hear facts, each token once and in a fixed order.

        Returns:
            The shoppers whose subscriptions may go on for it: the caller wakes them, once it has
            locked all that it locks before subscriptions.
        """
        about: dict[TokenName, list[TokenNews]] = {}
        for said in news:
            about.setdefault(said.name, []).append(said)
        names = sorted(about, key=lambda name: (name.shopper_reference, name.stored_id))
        heard = [name for name in names if await self._hear_one(connection, name, about[name])]
        return frozenset(name.shopper_reference for name in heard)

    async def _hear_one(
        self, connection: Connection, name: TokenName, news: Sequence[TokenNews]
    ) -> bool:
        """Let one token hear facts; whether any was new."""
        token_id = await self._claim(connection, name, news)
        rows = SQL.facts_of(connection, token_id=token_id)
        before = {row["key"]: _fact(row) async for row in rows}
        new = {
            said.fact.key: not_before(said.fact, before.values())
            for said in news
            if said.fact.key not in before
        }
        if not new:
            return False
        after = before | new
        for fact in new.values():
            await SQL.add_fact(connection, token_id=token_id, **_columns(fact))
        standing = fold(after.values())
        await SQL.write_standing(
            connection,
            id=token_id,
            state=standing.state,
            first_psp_reference=standing.first_psp_reference,
            created_at=standing.created_at,
            is_sure=standing.is_sure,
        )
        events = token_events([*before.values()], [*after.values()])
        if events:
            row = await SQL.token(connection, id=token_id)
            await self._tell(connection, token_of(row, self.vault), events)
        return True

    async def _claim(
        self, connection: Connection, name: TokenName, news: Sequence[TokenNews]
    ) -> str:
        row = await SQL.claim(
            connection,
            id=self.ids.new("tok"),
            merchant_account=name.merchant_account,
            shopper_reference=name.shopper_reference,
            stored_hash=hash_of(name.stored_id),
            sealed_id=self.vault.seal(name.stored_id.encode()),
            method=next((said.method for said in news if said.method), ""),
            created_at=min(said.fact.at for said in news),
        )
        return str(row["id"])

    async def _tell(
        self, connection: Connection, token: Token, events: Sequence[EventType]
    ) -> None:
        tellings = [OutgoingEvent(token.id, event, shown_token(token)) for event in events]
        await self.outbox.write(connection, tellings)


class Tokens:
    """The tokens Kasir knows. Every method is one commit."""

    def __init__(self, pool: Pool, ledger: TokenLedger, vault: Vault) -> None:
        self._pool = pool
        self._ledger = ledger
        self._vault = vault

    async def of(self, shopper_reference: str) -> list[Token]:
        """Give a shopper's tokens, newest first, disabled ones too."""
        rows = SQL.tokens_of(self._pool, shopper_reference=shopper_reference)
        return [token_of(row, self._vault) async for row in rows]

    async def stored_as(self, stored_id: str) -> list[Token]:
        """Give the tokens that the provider calls by this name, whosever they are."""
        rows = SQL.tokens_stored_as(self._pool, stored_hash=hash_of(stored_id))
        return [token_of(row, self._vault) async for row in rows]

    @once_more
    async def hear(self, news: Sequence[TokenNews]) -> None:
        """Let tokens hear facts."""
        async with self._pool.acquire() as connection, connection.transaction():
            shoppers = await self._ledger.hear(connection, news)
            await wake(connection, Moved(shoppers), self._ledger.clock.now())

    async def looks(self, shopper_reference: str) -> int:
        """How often this shopper's tokens were held against the provider's list."""
        return int(await SQL.looks(self._pool, shopper_reference=shopper_reference) or 0)

    async def looked(self, shopper_reference: str, look_at: datetime) -> None:
        """Say when to look again."""
        await SQL.looked(self._pool, shopper_reference=shopper_reference, look_at=look_at)

    async def watched(self, most: int) -> list[str]:
        """Give shoppers whose tokens are looked after, those due first."""
        return [row["shopper_reference"] async for row in SQL.watched(self._pool, most=most)]


def hash_of(stored_id: str) -> bytes:
    """What finds a token without telling it."""
    return sha256(stored_id.encode()).digest()


def token_of(row: Any, vault: Vault) -> Token:
    """A token, from its row."""
    return Token(
        id=row["id"],
        name=TokenName(
            merchant_account=row["merchant_account"],
            shopper_reference=row["shopper_reference"],
            stored_id=vault.open(row["sealed_id"]).decode(),
        ),
        method=row["method"],
        standing=TokenStanding(
            state=TokenState(row["state"]),
            first_psp_reference=row["first_psp_reference"],
            created_at=row["created_at"],
            is_sure=row["is_sure"],
        ),
        model=row["model"],
    )


def _columns(fact: TokenFact) -> dict[str, Any]:
    return {
        "key": fact.key,
        "says": fact.says,
        "source": fact.source,
        "at": fact.at,
        "psp_reference": fact.psp_reference,
    }


def _fact(row: Any) -> TokenFact:
    return TokenFact(
        key=row["key"],
        says=TokenSays(row["says"]),
        source=row["source"],
        at=row["at"],
        psp_reference=row["psp_reference"],
    )
