"""PostgreSQL restarts, crashes and ends its connections while shops make payments.

The test does not restart Kasir. The server and the workers recover, and no acknowledged data is
lost.
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
#: The number of shop calls between two failures.
CALLS: Final = 20
#: More than the connections of a pool: if each cut leaked a connection, the pool would be empty.
CUTS: Final = 24
#: The signals with which PostgreSQL is stopped before a restart.
RESTARTS: Final = (FAST, IMMEDIATE, CRASH) * 2
#: In seconds, longer than Kasir's lease: the time after which interrupted work is taken over.
LEASE_S: Final = 60


@pytest.mark.parametrize("seed", seeds([SEED]))
async def test_nothing_acknowledged_is_lost_when_the_database_fails(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    # None: all connections are cut.
    failures = [*RESTARTS, *[None] * CUTS]
    chance.shuffle(failures)
    with durable() as database:
        async with trade(database.dsn, tmp_path, seed) as (system, shops):
            async with shops.open():
                for restart_signal in failures:
                    await shops.go_on(CALLS, until=chance.randint(1, CALLS))
                    if restart_signal is None:
                        await database.cut()
                    else:
                        database.restart(restart_signal)
                    await system.ready()
                    await shops.time_passes(LEASE_S)
            await shops.settle()
