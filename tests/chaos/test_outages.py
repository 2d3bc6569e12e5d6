"""Whoever was away, and for how long: no end that a shop is told is taken back.

`KASIR_OUTAGE_SEEDS=17,18` or `=1-300` runs other seeds than usual.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

from chaos.outages import outage, world

USUAL: Final = range(1, 25)


def _seeds() -> list[int]:
    chosen = os.environ.get("KASIR_OUTAGE_SEEDS")
    if not chosen:
        return list(USUAL)
    first, _, last = chosen.partition("-")
    return list(range(int(first), int(last) + 1)) if last else [int(n) for n in chosen.split(",")]


@pytest.mark.parametrize("seed", _seeds())
async def test_no_end_is_told_that_is_taken_back_whoever_was_away(
    postgres_dsn: str, seed: int
) -> None:
    async with world(postgres_dsn, outage(seed)) as away:
        wrong = await away.run()

    assert wrong == [], "\n".join(wrong)
