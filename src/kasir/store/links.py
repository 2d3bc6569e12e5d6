"""Payment links in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from kasir.ids import LinkId
from kasir.payments.links import Link
from kasir.store.database import Pool, queries

SQL: Final = queries("links")


class PostgresLinks:
    """Where payment links are kept. Every method is one commit."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, link: Link) -> None:
        """Write a link down."""
        await SQL.open_link(
            self._pool,
            id=link.id,
            request=msgspec.json.encode(link.request).decode(),
            created_at=link.created_at,
            expires_at=link.expires_at,
        )

    async def link(self, link_id: LinkId) -> Link | None:
        """Give a link."""
        row = await SQL.link(self._pool, id=link_id)
        if row is None:
            return None
        return Link(
            id=LinkId(row["id"]),
            request=msgspec.json.decode(row["request"]),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            expired_by_shop_at=row["expired_by_shop_at"],
        )

    async def expire(self, link_id: LinkId, now: datetime) -> None:
        """Withdraw a link; a link withdrawn before keeps its first moment."""
        await SQL.expire_link(self._pool, id=link_id, now=now)
