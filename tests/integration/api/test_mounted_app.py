"""Kasir's app leaves the garbage collector of a program that mounts it unchanged."""

from __future__ import annotations

import gc

from in_process_app import in_process_app


async def test_a_mounted_app_does_not_freeze_the_garbage_collector(
    fresh_database: str,
) -> None:
    before = gc.get_freeze_count()
    for _ in range(2):
        async with in_process_app(fresh_database) as client:
            assert (await client.get("/health/ready")).status_code == 200

    assert gc.get_freeze_count() == before
