"""Records facts of tokens, and reads the recorded tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kasir.clock import Clock
from kasir.ids import Ids
from kasir.ledger.payments import Changed, schedule_subscriptions
from kasir.shop_events.event_policy import EventType, token_events
from kasir.shop_events.shapes import shown_token
from kasir.store import tokens
from kasir.store.database import Connection, Pool, retried, transaction
from kasir.store.outbox import Outbox, OutgoingEvent
from kasir.store.tokens import NewToken, TokenChange
from kasir.store.vault import Vault
from kasir.tokens.model import Token, TokenFact, TokenName, TokenReport, fold, not_before


@dataclass(frozen=True, slots=True)
class TokenLedger:
    """Records facts of tokens, in the caller's transaction.

    Attributes:
        ids: Makes Kasir's ids of tokens.
        clock: Kasir's time.
        vault: Encrypts the provider's ids of tokens.
        outbox: Stores the shop's events.
    """

    ids: Ids
    clock: Clock
    vault: Vault
    outbox: Outbox

    async def record(
        self, connection: Connection, reports: Sequence[TokenReport]
    ) -> frozenset[str]:
        """Record facts of tokens: lock all tokens, read their facts, write the new facts.

        The number of statements does not depend on the number of tokens or facts.

        Returns:
            The shoppers whose tokens have new facts. The caller schedules their subscriptions,
            after it has locked everything else.
        """
        by_token = _by_token(reports)
        if not by_token:
            return frozenset()
        locked = await self._lock(connection, by_token)
        known = await tokens.facts_of(connection, list(locked.values()))
        entries = [
            entry
            for name, token_id in locked.items()
            if (entry := _entry(token_id, known[token_id], by_token[name]))
        ]
        if entries:
            await tokens.write(connection, [entry.change for entry in entries])
            await self._write_events(connection, entries)
        changed = {entry.change.id for entry in entries}
        return frozenset(
            name.shopper_reference for name, token_id in locked.items() if token_id in changed
        )

    async def _lock(
        self, connection: Connection, by_token: Mapping[TokenName, Sequence[TokenReport]]
    ) -> dict[TokenName, str]:
        """Lock tokens, and create new tokens; return Kasir's id of each token."""
        new = [
            NewToken(
                id=self.ids.new("tok"),
                name=name,
                method=next((report.method for report in reports if report.method), ""),
                created_at=min(report.fact.at for report in reports),
            )
            for name, reports in by_token.items()
        ]
        return dict(zip(by_token, await tokens.claim(connection, self.vault, new), strict=True))

    async def _write_events(self, connection: Connection, entries: Sequence[_Entry]) -> None:
        ids = [entry.change.id for entry in entries if entry.events]
        if not ids:
            return
        found = await tokens.find(connection, self.vault, ids)
        await self.outbox.write(
            connection,
            [
                OutgoingEvent(entry.change.id, event, shown_token(found[entry.change.id]))
                for entry in entries
                for event in entry.events
            ],
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """The rows to write for one token, and the shop's events about it."""

    change: TokenChange
    events: tuple[EventType, ...]


def _entry(
    token_id: str, known: dict[str, TokenFact], reports: Sequence[TokenReport]
) -> _Entry | None:
    """The rows to write for these facts of one token; None if no fact is new."""
    facts = (report.fact for report in reports)
    new = {fact.key: not_before(fact, known.values()) for fact in facts if fact.key not in known}
    if not new:
        return None
    after = [*(known | new).values()]
    change = TokenChange(token_id, tuple(new.values()), fold(after))
    return _Entry(change, tuple(token_events([*known.values()], after)))


def _by_token(reports: Sequence[TokenReport]) -> dict[TokenName, list[TokenReport]]:
    """The reports about each token, in the order in which every process locks tokens."""
    by_token: dict[TokenName, list[TokenReport]] = {}
    for report in sorted(reports, key=_lock_order):
        by_token.setdefault(report.name, []).append(report)
    return by_token


def _lock_order(report: TokenReport) -> tuple[str, str]:
    return report.name.shopper_reference, report.name.stored_id


class Tokens:
    """The recorded tokens. Every method is one commit."""

    def __init__(self, pool: Pool, ledger: TokenLedger, vault: Vault) -> None:
        self._pool = pool
        self._ledger = ledger
        self._vault = vault

    async def of(self, shopper_reference: str) -> list[Token]:
        """Return a shopper's tokens, including disabled tokens, newest first."""
        return await tokens.of_shopper(self._pool, self._vault, shopper_reference)

    async def find(self, token_id: str) -> Token | None:
        """Return a token by Kasir's own id."""
        return (await tokens.find(self._pool, self._vault, [token_id])).get(token_id)

    async def stored_as(self, stored_id: str) -> list[Token]:
        """Return the tokens with this id at the provider, of any shopper."""
        return await tokens.stored_as(self._pool, self._vault, stored_id)

    @retried
    async def record(self, reports: Sequence[TokenReport]) -> None:
        """Record facts of tokens, and schedule their shoppers' subscriptions."""
        async with transaction(self._pool) as connection:
            shoppers = await self._ledger.record(connection, reports)
            await schedule_subscriptions(connection, Changed(shoppers), self._ledger.clock.now())

    async def comparisons(self, shopper_reference: str) -> int:
        """How many times a shopper's tokens were compared with the provider's list."""
        return await tokens.comparisons(self._pool, shopper_reference)

    async def count_comparison(self, shopper_reference: str, compare_at: datetime) -> None:
        """Count a comparison with the provider's list; the next one is due at `compare_at`."""
        await tokens.count_comparison(self._pool, shopper_reference, compare_at)

    async def watched(self, most: int) -> list[str]:
        """Return at most `most` shoppers whose tokens are compared with the provider's list.

        The shopper whose next comparison is due first is first.
        """
        return await tokens.watched(self._pool, most)
