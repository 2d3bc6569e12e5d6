"""What runs beside the requests: couriers, the agenda, and the clock's sudden leaps."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import aiohttp

from adyen_twin.core.state import Endpoint, EndpointName, Letter
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import agenda
from adyen_twin.webhooks.delivery import ENDPOINTS, PostOffice

#: A courier looks at its queue this often at least, though nobody rang.
LOOK_AGAIN_S = 3600.0
#: A fault of the twin's own is not run into again at once.
AFTER_FAILURE_S = 1.0

log = logging.getLogger(__name__)


class Engine:
    """Does what falls due, as time passes or as it is made to pass."""

    def __init__(self, twin: Twin, session: aiohttp.ClientSession) -> None:
        self._twin = twin
        self._post_office = PostOffice(twin, session)
        self._leaping = asyncio.Lock()
        self._bells: list[asyncio.Event] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background for as long as the block lasts."""
        self._twin.bell = self._ring
        chores = [self._keep_doing(self._run_errands, lambda: agenda.next_due(self._twin))]
        chores += [self._courier(name) for name in ENDPOINTS]
        tasks = [asyncio.create_task(chore) for chore in chores]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def advance(self, seconds: float) -> float:
        """Let time pass at once, doing each thing at its own moment. Return what time it is.

        Errands, deliveries and retries that fall due on the way are done before it returns,
        those that they give rise to included.
        """
        async with self._leaping:
            target = self._twin.now() + seconds
            while True:
                await self._do_due()
                moment = self._next_due()
                if moment is None or moment > max(target, self._twin.now()):
                    break
                self._twin.clock.advance_to(moment)
            self._twin.clock.advance_to(target)
            self._ring()
            return self._twin.now()

    async def hurry(self, reference: str) -> None:
        """Tell at once, and have heard, what is to be told of payments with this reference."""
        agenda.run_about(self._twin, reference)
        await self._deliver()

    async def post(self, endpoint: Endpoint, letter: Letter) -> tuple[int | None, str, str | None]:
        """Post one letter now, outside every queue."""
        return await self._post_office.post(endpoint, letter)

    async def _deliver(self) -> None:
        await asyncio.gather(*(self._post_office.deliver_due(name) for name in ENDPOINTS))

    async def _do_due(self) -> None:
        agenda.run_due(self._twin)
        await self._deliver()

    def _next_due(self) -> float | None:
        moments = [agenda.next_due(self._twin), *map(self._post_office.next_due, ENDPOINTS)]
        return min((moment for moment in moments if moment is not None), default=None)

    def _courier(self, name: EndpointName) -> Coroutine[Any, Any, None]:
        return self._keep_doing(
            lambda: self._post_office.deliver_due(name), lambda: self._post_office.next_due(name)
        )

    async def _run_errands(self) -> None:
        agenda.run_due(self._twin)

    async def _keep_doing(
        self, work: Callable[[], Awaitable[None]], next_due: Callable[[], float | None]
    ) -> None:
        bell = asyncio.Event()
        self._bells.append(bell)
        while True:
            bell.clear()
            try:
                await work()
            except Exception:
                # One errand that fails must not end all that come after it, nor spin.
                log.exception("an errand failed")
                await asyncio.sleep(AFTER_FAILURE_S)
            due_at = next_due()
            wait_s = LOOK_AGAIN_S if due_at is None else due_at - self._twin.now()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), min(max(wait_s, 0.0), LOOK_AGAIN_S))

    def _ring(self) -> None:
        for bell in self._bells:
            bell.set()
