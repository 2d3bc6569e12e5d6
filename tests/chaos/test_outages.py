"""No final event is taken back after an outage, whatever was unavailable and for how long.

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
async def test_no_final_event_is_taken_back_after_an_outage(postgres_dsn: str, seed: int) -> None:
    async with world(postgres_dsn, outage(seed)) as outage_world:
        wrong = await outage_world.run()

    assert wrong == [], "\n".join(wrong)
