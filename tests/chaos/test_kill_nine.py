"""`kill -9` of the server and of one of two workers, again and again, while shops are selling.

Whatever is killed at whatever moment: in the end Kasir's ledger is the twin's, every payment is
there once, what was answered to a shop or to the twin is kept, and the shops heard all of it.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from chaos.durable import durable
from chaos.programs import SERVER
from chaos.seeds import seeds
from chaos.trade import trade

pytestmark = pytest.mark.long

SEED: Final = 20_261_123
KILLS: Final = 30
#: So many calls of the shops lie between two kills.
CALLS: Final = 30
#: Who is killed: the server, a worker, or the server with a worker.
VICTIMS: Final = (
    *([SERVER],) * 3,
    ["worker-0"],
    ["worker-1"],
    [SERVER, "worker-0"],
)
#: Longer than a lease of Kasir's, so that what a dead one left half done is taken over.
LEASE_S: Final = 60


@pytest.mark.parametrize("seed", seeds([SEED]))
async def test_nothing_is_lost_or_doubled_when_programs_are_killed(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    with durable() as database:
        async with trade(database.dsn, tmp_path, seed) as (system, shops):
            async with shops.open():
                for _ in range(KILLS):
                    await shops.go_on(CALLS, until=chance.randint(1, CALLS))
                    victims = chance.choice(VICTIMS)
                    for name in victims:
                        system.kill(name)
                    for name in victims:
                        system.start(name)
                    await system.ready()
                    await shops.time_passes(LEASE_S)
            await shops.settle()
