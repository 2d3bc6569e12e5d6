"""A test clock: the twin's, which may be moved forward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from kasir.clock import Clock, OffsetClock, SystemClock
from kasir.gateway.wire import Wire

#: How often it looks at the twin's.
_FOLLOW_S: Final = 0.1


@asynccontextmanager
async def twin_clock(wire: Wire) -> AsyncIterator[Clock]:
    """A clock that goes with the twin's: a month forward there is a month here, a moment later."""
    clock, own = OffsetClock(), SystemClock()

    async def look() -> None:
        if twin_now := await wire.twin_now():
            clock.offset = twin_now - own.now()

    async def follow() -> None:
        while True:
            await asyncio.sleep(_FOLLOW_S)
            await look()

    await look()  # So that nothing is ever stamped with another time.
    following = asyncio.create_task(follow())
    try:
        yield clock
    finally:
        following.cancel()
