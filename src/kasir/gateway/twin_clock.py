"""A test clock that follows the twin's clock, which can be moved forward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from kasir.clock import Clock, OffsetClock, SystemClock
from kasir.gateway.wire import Wire

#: The wait between two readings of the twin's clock, in seconds.
_FOLLOW_S: Final = 0.1


@asynccontextmanager
async def twin_clock(wire: Wire) -> AsyncIterator[Clock]:
    """A clock that follows the twin's clock with a delay of about a tenth of a second."""
    clock, machine = OffsetClock(), SystemClock()

    async def read() -> None:
        if twin_now := await wire.twin_now():
            clock.offset = twin_now - machine.now()

    async def follow() -> None:
        while True:
            await asyncio.sleep(_FOLLOW_S)
            await read()

    await read()  # Read first, so that nothing is stored with the machine's time.
    following = asyncio.create_task(follow())
    try:
        yield clock
    finally:
        following.cancel()
