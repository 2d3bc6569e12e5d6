"""The engine: runs due tasks and deliveries in the background, and advances the clock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

import aiohttp

from adyen_twin.core.state import ENDPOINT_NAMES, EndpointName
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import tasks
from adyen_twin.webhooks.delivery import Sender

#: A background loop checks for work at least this often, even if nothing changed.
CHECK_AGAIN_S: Final = 3600.0
#: The pause after an unexpected error, so that a loop does not repeat the error at once.
AFTER_FAILURE_S = 1.0

log = logging.getLogger(__name__)


class Engine:
    """Runs the tasks and deliveries that are due."""

    def __init__(self, twin: Twin, session: aiohttp.ClientSession) -> None:
        self.sender = Sender(twin, session)
        self._twin = twin
        self._advancing = asyncio.Lock()
        #: One event per background loop; it is set when there may be new work.
        self._change_events: list[asyncio.Event] = []
        self._background_tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Run tasks and deliveries in the background until `stop`."""
        self._twin.on_change = self._notify_loops
        loops = [self._loop(self._run_tasks, lambda: tasks.next_due(self._twin))]
        loops += [self._delivery_loop(name) for name in ENDPOINT_NAMES]
        self._background_tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """End what `start` began."""
        for task in self._background_tasks:
            task.cancel()
        await asyncio.gather(*self._background_tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run tasks and deliveries in the background during the block."""
        self.start()
        try:
            yield
        finally:
            await self.stop()

    async def advance(self, seconds: float) -> None:
        """Advance the clock, and run each task, delivery and retry at its due moment.

        When this method returns, all due tasks and deliveries are done, also those that other
        tasks caused.
        """
        async with self._advancing:
            target = self._twin.now() + seconds
            while True:
                await self._run_tasks()
                await self._deliver()
                moment = self._next_due()
                # Real time passes meanwhile, so the clock can be later than `target`.
                if moment is None or moment > max(target, self._twin.now()):
                    break
                self._twin.clock.advance_to(moment)
            self._twin.clock.advance_to(target)
            self._notify_loops()

    async def deliver_before_reply(self, reference: str) -> None:
        """Deliver the webhooks about payments with this merchantReference before an answer."""
        tasks.run_before_reply(self._twin, reference)
        await self._deliver()

    async def _run_tasks(self) -> None:
        tasks.run_due(self._twin)

    async def _deliver(self) -> None:
        await asyncio.gather(*(self.sender.deliver_due(name) for name in ENDPOINT_NAMES))

    def _next_due(self) -> float | None:
        moments = [tasks.next_due(self._twin), *map(self.sender.next_due, ENDPOINT_NAMES)]
        return min((moment for moment in moments if moment is not None), default=None)

    def _delivery_loop(self, name: EndpointName) -> Coroutine[Any, Any, None]:
        return self._loop(lambda: self.sender.deliver_due(name), lambda: self.sender.next_due(name))

    async def _loop(
        self, work: Callable[[], Awaitable[None]], next_due: Callable[[], float | None]
    ) -> None:
        changed = asyncio.Event()
        self._change_events.append(changed)
        while True:
            changed.clear()
            try:
                await work()
            except Exception:
                # A failed task must not end the loop.
                log.exception("a scheduled task failed")
                await asyncio.sleep(AFTER_FAILURE_S)
            due_at = next_due()
            wait_s = CHECK_AGAIN_S if due_at is None else due_at - self._twin.now()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(max(wait_s, 0.0), CHECK_AGAIN_S))

    def _notify_loops(self) -> None:
        for changed in self._change_events:
            changed.set()
