"""Kasir's app inside another program: what is that program's is left alone."""

from __future__ import annotations

import gc

from door import door


async def test_opened_again_and_again_it_leaves_the_memory_to_its_host(
    fresh_database: str,
) -> None:
    before = gc.get_freeze_count()
    for _ in range(2):
        async with door(fresh_database) as client:
            assert (await client.get("/health/ready")).status_code == 200

    assert gc.get_freeze_count() == before
