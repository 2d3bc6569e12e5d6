"""PostgreSQL is restarted, crashes, and cuts its connections, while shops are selling.

Nobody restarts Kasir: server and worker recover by themselves, and what they acknowledged is kept.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from chaos.durable import CRASH, FAST, IMMEDIATE, durable
from chaos.seeds import seeds
from chaos.trade import trade

pytestmark = pytest.mark.long

SEED: Final = 20_261_124
#: So many calls of the shops lie between two cuts.
CALLS: Final = 20
#: More cuts than a pool has connections: whatever one of them leaks is missed in the end.
CUTS: Final = 24
RESTARTS: Final = (FAST, IMMEDIATE, CRASH) * 2
LEASE_S: Final = 60


@pytest.mark.parametrize("seed", seeds([SEED]))
async def test_nothing_acknowledged_is_lost_when_the_database_goes_away(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    blows = [*RESTARTS, *[None] * CUTS]
    chance.shuffle(blows)
    with durable() as database:
        async with trade(database.dsn, tmp_path, seed) as (system, shops):
            async with shops.open():
                for how in blows:
                    await shops.go_on(CALLS, until=chance.randint(1, CALLS))
                    if how is None:
                        await database.cut()
                    else:
                        database.restart(how)
                    await system.ready()
                    await shops.time_passes(LEASE_S)
            await shops.settle()
