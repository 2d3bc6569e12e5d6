"""Work that many callers ask for at once, done once for all who asked before it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Together:
    """Runs the work for few callers at a time. A caller that waited while it was done returns.

    A run counts for every caller that asked before it began, unless it raised.
    """

    def __init__(self, work: Callable[[], Awaitable[object]], at_once: int) -> None:
        self._work = work
        self._room = asyncio.Semaphore(at_once)
        self._begun = 0
        self._done = 0

    async def __call__(self) -> None:
        """Do the work, or wait until it was done for this caller too."""
        asked = self._begun
        async with self._room:
            if self._done > asked:
                return
            self._begun += 1
            number = self._begun
            await self._work()
            self._done = max(self._done, number)
