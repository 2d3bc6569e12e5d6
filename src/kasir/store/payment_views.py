"""The searches for payments that a person of the desk has saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kasir.store.database import Pool, queries

SQL: Final = queries("payment_views")


async def save(pool: Pool, person: str, name: str, query: str, most: int) -> bool:
    """Save a search under a name; False if the person has `most` views of other names already."""
    row = await SQL.save_payment_view(pool, person=person, name=name, query=query, most=most)
    return row is not None


async def remove(pool: Pool, person: str, name: str) -> bool:
    """Remove a saved search; False if there was none of this name."""
    return await SQL.remove_payment_view(pool, person=person, name=name) is not None


async def listed(pool: Pool, person: str) -> Sequence[tuple[str, str]]:
    """Return the names and the queries of a person's saved searches."""
    return [(row["name"], row["query"]) async for row in SQL.payment_views(pool, person=person)]
