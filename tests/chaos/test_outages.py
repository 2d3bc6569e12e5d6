"""Whoever was away, and for how long: no end that a shop is told is taken back.

`make torture SEEDS=1-300` runs other seeds than usual.
"""

from __future__ import annotations

from typing import Final

import pytest

from chaos.outages import outage, world
from chaos.seeds import seeds

pytestmark = pytest.mark.long

USUAL: Final = range(1, 25)


@pytest.mark.parametrize("seed", seeds(USUAL))
async def test_no_end_is_told_that_is_taken_back_whoever_was_away(
    postgres_dsn: str, seed: int
) -> None:
    async with world(postgres_dsn, outage(seed)) as away:
        wrong = await away.run()

    assert wrong == [], "\n".join(wrong)
