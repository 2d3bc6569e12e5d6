"""Payment links in PostgreSQL. A link's request may name the shopper, so it is encrypted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from kasir.errors import KeyReused
from kasir.ids import LinkId, PaymentId
from kasir.payments.links import Link
from kasir.payments.question import ShopKey
from kasir.payments.status import Status
from kasir.store.database import Connection, Pool, queries, retried
from kasir.store.vault import Vault

SQL: Final = queries("links")
DUE: Final = queries("due")


async def write(
    connection: Connection | Pool, vault: Vault, link: Link, shop_key: ShopKey | None = None
) -> bool:
    """Write a link; False if its shop key was used before, and nothing was written."""
    opened = await SQL.open_link(
        connection,
        id=link.id,
        sealed_request=vault.seal(msgspec.json.encode(link.request)),
        created_at=link.created_at,
        expires_at=link.expires_at,
        shop_key=shop_key.key if shop_key else None,
        fingerprint=shop_key.fingerprint if shop_key else None,
    )
    return opened is not None


async def write_all(connection: Connection, vault: Vault, links: Sequence[Link]) -> None:
    """Write links that Kasir itself makes, in the caller's transaction."""
    if links:
        await SQL.open_links(
            connection,
            ids=[link.id for link in links],
            sealed_requests=[vault.seal(msgspec.json.encode(link.request)) for link in links],
            created_ats=[link.created_at for link in links],
            expires_ats=[link.expires_at for link in links],
        )


async def withdraw_all(connection: Connection, link_ids: Sequence[str], now: datetime) -> None:
    """Withdraw links, and make their open attempts due to be closed, except locked attempts.

    For a caller that has locked a subscription, because such a caller must not wait for the lock of
    a payment.
    """
    await SQL.expire_links(connection, ids=link_ids, now=now)
    await DUE.close_free_attempts_of(connection, link_ids=link_ids, now=now)


async def marks(
    pool: Pool, link_ids: Collection[LinkId], payment_ids: Collection[PaymentId]
) -> dict[LinkId, str]:
    """Return a mark for each link: a text that changes if the link or its payments change.

    Args:
        pool: The database.
        link_ids: The links.
        payment_ids: Payments of these links whose changes count even if they are not the newest.
    """
    rows = SQL.marks(pool, link_ids=sorted(link_ids), payment_ids=sorted(payment_ids))
    return {LinkId(row["id"]): row["mark"] async for row in rows}


class PostgresLinks:
    """Payment links. Every method is one commit."""

    def __init__(self, pool: Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault

    async def open(self, link: Link, shop_key: ShopKey | None) -> LinkId:
        """Write a link, once per shop key.

        Returns:
            The link's id, or the id of the earlier link with this shop key.

        Raises:
            KeyReused: The shop key was first used with another body.
        """
        if await write(self._pool, self._vault, link, shop_key) or shop_key is None:
            return link.id
        first = await SQL.link_of_key(self._pool, shop_key=shop_key.key)
        if first["fingerprint"] != shop_key.fingerprint:
            raise KeyReused(shop_key.key)
        return LinkId(first["id"])

    async def link(self, link_id: LinkId) -> Link | None:
        """Return a link; None if there is none with this id."""
        row = await SQL.link(self._pool, id=link_id)
        return self._link_of(row) if row else None

    async def newest(self, before: str, most: int) -> list[tuple[Link, frozenset[Status]]]:
        """Return links, newest first, each with the statuses of its payments.

        If `before` is not empty, only links that are older than the one with this id are returned.
        """
        rows = SQL.links(self._pool, before=before, most=most)
        return [
            (self._link_of(row), frozenset(Status(status) for status in row["statuses"]))
            async for row in rows
        ]

    @retried
    async def expire(self, link_id: LinkId, now: datetime) -> None:
        """Withdraw a link, and make its open attempts due to be closed.

        A link that is withdrawn already keeps the time of its withdrawal.
        """
        # Two commits, so that the link is not locked during the wait for payments: docs/adr/0015.
        # A process that opens an attempt after the first commit sees the withdrawal. The second
        # commit closes attempts that were opened earlier.
        await SQL.expire_links(self._pool, ids=[link_id], now=now)
        await DUE.close_attempts_of(self._pool, link_id=link_id, now=now)

    async def seal(self, most: int) -> int:
        """Encrypt at most `most` links that an earlier version did not encrypt; return how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = [row async for row in SQL.clear_links(connection, most=most)]
            if rows:
                sealed = [self._vault.seal(row["request"].encode()) for row in rows]
                ids = [row["id"] for row in rows]
                await SQL.seal_links(connection, ids=ids, sealed_requests=sealed)
        return len(rows)

    async def is_withdrawn(self, link_id: LinkId) -> bool:
        """Whether a link was withdrawn. Waits for a transaction that is withdrawing the link.

        A withdrawal that begins later closes every attempt that was opened before this call.
        """
        return bool(await SQL.is_withdrawn(self._pool, id=link_id))

    def _link_of(self, row: Any) -> Link:
        sealed = row["sealed_request"]
        return Link(
            id=LinkId(row["id"]),
            request=msgspec.json.decode(self._vault.open(sealed) if sealed else row["request"]),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            expired_by_shop_at=row["expired_by_shop_at"],
        )
