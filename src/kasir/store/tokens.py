"""SQL statements and rows of tokens, of their facts and of the shoppers who have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from kasir.store.database import Connection, Pool, queries
from kasir.store.vault import Vault
from kasir.tokens.model import Token, TokenFact, TokenName, TokenSays, TokenState, TokenSummary

SQL: Final = queries("tokens")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to insert, unless it exists.

    Attributes:
        id: Kasir's id of the token.
        name: The ids that identify the token at the provider.
        method: The provider's name of the wallet; may be empty.
        created_at: The time of the token's first fact.
    """

    id: str
    name: TokenName
    method: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TokenChange:
    """The new facts and the new summary of one token that the transaction has locked."""

    id: str
    facts: tuple[TokenFact, ...]
    summary: TokenSummary


async def claim(connection: Connection, vault: Vault, tokens: Sequence[NewToken]) -> list[str]:
    """Insert tokens that are new, lock all, and return Kasir's ids of the tokens in the same order.

    All callers must sort the tokens in the same way, and give each token once, so that two
    transactions cannot deadlock.
    """
    names = [token.name for token in tokens]
    hashes = [_hash_of(name.stored_id) for name in names]
    rows = SQL.claim(
        connection,
        ids=[token.id for token in tokens],
        merchant_accounts=[name.merchant_account for name in names],
        shopper_references=[name.shopper_reference for name in names],
        stored_hashes=hashes,
        sealed_ids=[vault.seal(name.stored_id.encode()) for name in names],
        methods=[token.method for token in tokens],
        created_ats=[token.created_at for token in tokens],
    )
    ids = {
        (row["merchant_account"], row["shopper_reference"], row["stored_hash"]): str(row["id"])
        async for row in rows
    }
    return [
        ids[name.merchant_account, name.shopper_reference, stored_hash]
        for name, stored_hash in zip(names, hashes, strict=True)
    ]


async def facts_of(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, TokenFact]]:
    """Return the facts of each token, by the token's id and then by the fact's `key`."""
    facts: dict[str, dict[str, TokenFact]] = {token_id: {} for token_id in ids}
    async for row in SQL.facts_of(connection, token_ids=ids):
        facts[row["token_id"]][row["key"]] = _fact_of(row)
    return facts


async def write(connection: Connection, changes: Sequence[TokenChange]) -> None:
    """Write changes of tokens that the transaction has locked, in one statement."""
    facts = [(change.id, fact) for change in changes for fact in change.facts]
    await SQL.write_changes(
        connection,
        token_ids=[token_id for token_id, _ in facts],
        keys=[fact.key for _, fact in facts],
        says=[fact.says for _, fact in facts],
        sources=[fact.source for _, fact in facts],
        ats=[fact.at for _, fact in facts],
        psp_references=[fact.psp_reference for _, fact in facts],
        ids=[change.id for change in changes],
        states=[change.summary.state for change in changes],
        first_psp_references=[change.summary.first_psp_reference for change in changes],
        created_ats=[change.summary.created_at for change in changes],
        are_sure=[change.summary.is_sure for change in changes],
    )


async def find(connection: Connection | Pool, vault: Vault, ids: Sequence[str]) -> dict[str, Token]:
    """Return tokens by their ids; ids without a token are left out."""
    rows = SQL.tokens(connection, ids=ids)
    return {row["id"]: token_of(row, vault) async for row in rows}


async def of_shopper(pool: Pool, vault: Vault, shopper_reference: str) -> list[Token]:
    """Return a shopper's tokens, including disabled tokens, newest first."""
    rows = SQL.tokens_of(pool, shopper_reference=shopper_reference)
    return [token_of(row, vault) async for row in rows]


async def stored_as(pool: Pool, vault: Vault, stored_id: str) -> list[Token]:
    """Return the tokens with this id at the provider, of any shopper."""
    rows = SQL.tokens_stored_as(pool, stored_hash=_hash_of(stored_id))
    return [token_of(row, vault) async for row in rows]


async def watch(connection: Connection, shopper_reference: str, compare_at: datetime) -> None:
    """Schedule a comparison of a shopper's tokens with the provider's list, for `compare_at`.

    If a comparison is scheduled for an earlier time, that time is kept. The count of comparisons
    becomes 0.
    """
    await SQL.watch(connection, shopper_reference=shopper_reference, compare_at=compare_at)


async def comparisons(pool: Pool, shopper_reference: str) -> int:
    """How often a shopper's tokens were compared with the provider's list since `watch`."""
    return int(await SQL.comparisons(pool, shopper_reference=shopper_reference) or 0)


async def count_comparison(pool: Pool, shopper_reference: str, compare_at: datetime) -> None:
    """Count a comparison with the provider's list; the next comparison is due at `compare_at`."""
    await SQL.count_comparison(pool, shopper_reference=shopper_reference, compare_at=compare_at)


async def watched(pool: Pool, most: int) -> list[str]:
    """Return the shoppers whose next comparison with the provider's list is earliest."""
    return [row["shopper_reference"] async for row in SQL.watched(pool, most=most)]


def token_of(row: Mapping[str, Any], vault: Vault) -> Token:
    """A token, from its row."""
    return Token(
        id=row["id"],
        name=TokenName(
            merchant_account=row["merchant_account"],
            shopper_reference=row["shopper_reference"],
            stored_id=vault.open(row["sealed_id"]).decode(),
        ),
        method=row["method"],
        summary=TokenSummary(
            state=TokenState(row["state"]),
            first_psp_reference=row["first_psp_reference"],
            created_at=row["created_at"],
            is_sure=row["is_sure"],
        ),
        model=row["model"],
    )


def _hash_of(stored_id: str) -> bytes:
    """A hash by which a token is found; it does not reveal the provider's id of the token."""
    return sha256(stored_id.encode()).digest()


def _fact_of(row: Mapping[str, Any]) -> TokenFact:
    return TokenFact(
        key=row["key"],
        says=TokenSays(row["says"]),
        source=row["source"],
        at=row["at"],
        psp_reference=row["psp_reference"],
    )
