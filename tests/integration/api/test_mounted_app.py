"""Kasir's app mounted in another program leaves that program's settings alone."""

from __future__ import annotations

import gc

from in_process_app import in_process_app


async def test_the_app_leaves_the_garbage_collector_to_its_host(
    fresh_database: str,
) -> None:
    before = gc.get_freeze_count()
    for _ in range(2):
        async with in_process_app(fresh_database) as client:
            assert (await client.get("/health/ready")).status_code == 200

    assert gc.get_freeze_count() == before
