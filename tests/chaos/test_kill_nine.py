"""Repeated `kill -9` of the server and of one of two workers while shops make payments.

At the end Kasir's ledger matches the twin's, and every payment exists once. Everything that Kasir
acknowledged is stored, and the shops have received every event.
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
#: The number of shop calls between two kills.
CALLS: Final = 30
#: The programs that are killed at the same time: the server, a worker, or both.
KILLED_TOGETHER: Final = (
    *([SERVER],) * 3,
    ["worker-0"],
    ["worker-1"],
    [SERVER, "worker-0"],
)
#: In seconds, longer than Kasir's lease: the time after which the unfinished work of a killed
#: process is taken over.
LEASE_S: Final = 60


@pytest.mark.parametrize("seed", seeds([SEED]))
async def test_no_payment_or_event_is_lost_or_doubled_when_programs_are_killed(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    with durable() as database:
        async with trade(database.dsn, tmp_path, seed) as (system, shops):
            async with shops.open():
                for _ in range(KILLS):
                    await shops.go_on(CALLS, until=chance.randint(1, CALLS))
                    killed = chance.choice(KILLED_TOGETHER)
                    for name in killed:
                        system.kill(name)
                    for name in killed:
                        system.start(name)
                    await system.ready()
                    await shops.time_passes(LEASE_S)
            await shops.settle()
