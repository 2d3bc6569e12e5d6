"""Runs work once for all callers that called before the run began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Together:
    """Runs `work` at most `at_once` times at the same time; other callers wait.

    A run that does not raise an error serves every caller that called before the run began.
    """

    def __init__(self, work: Callable[[], Awaitable[object]], at_once: int) -> None:
        self._work = work
        self._slots = asyncio.Semaphore(at_once)
        self._begun = 0
        self._done = 0

    async def __call__(self) -> None:
        """Run the work, or wait for a run that serves this caller."""
        begun_before = self._begun
        async with self._slots:
            if self._done > begun_before:
                return
            self._begun += 1
            number = self._begun
            await self._work()
            self._done = max(self._done, number)
