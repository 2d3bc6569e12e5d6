"""Runs work once for all callers that asked for it before it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Together:
    """Runs `work` for at most `at_once` callers at a time; the others wait.

    A run also counts for every caller that asked before it began, unless it raised.
    """

    def __init__(self, work: Callable[[], Awaitable[object]], at_once: int) -> None:
        self._work = work
        self._slots = asyncio.Semaphore(at_once)
        self._begun = 0
        self._done = 0

    async def __call__(self) -> None:
        """Run the work, or wait for a run that counts for this caller."""
        asked = self._begun
        async with self._slots:
            if self._done > asked:
                return
            self._begun += 1
            number = self._begun
            await self._work()
            self._done = max(self._done, number)
