"""After an outage of any part, the shop gets no event that contradicts a payment's final event.

`make torture SEEDS=1-300` runs other seeds than the default ones.
"""

from __future__ import annotations

from typing import Final

import pytest

from chaos.outages import outage, simulation
from chaos.seeds import seeds

pytestmark = pytest.mark.long

DEFAULT_SEEDS: Final = range(1, 25)


@pytest.mark.parametrize("seed", seeds(DEFAULT_SEEDS))
async def test_no_final_event_is_taken_back_after_an_outage(postgres_dsn: str, seed: int) -> None:
    async with simulation(postgres_dsn, outage(seed)) as running:
        wrong = await running.run()

    assert wrong == [], "\n".join(wrong)
