"""Work that many ask for at once, done once for all who asked before it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Together:
    """Lets few do the work at once. Who waited while it was done has it done, and does nothing.

    A run covers whoever asked before it began, if it ended well.
    """

    def __init__(self, work: Callable[[], Awaitable[object]], at_once: int) -> None:
        self._work = work
        self._room = asyncio.Semaphore(at_once)
        self._begun = 0
        self._done = 0

    async def __call__(self) -> None:
        """Do the work, or have it done."""
        asked = self._begun
        async with self._room:
            if self._done > asked:
                return
            self._begun += 1
            number = self._begun
            await self._work()
            self._done = max(self._done, number)
